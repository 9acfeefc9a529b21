/* Placeholder of the room, so that it configures. */
extern const char room_data[];
const char room_data[] = "data";
