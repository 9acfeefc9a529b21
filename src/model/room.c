/* Placeholder of the room, so that it configures. */
extern const char room_model[];
const char room_model[] = "model";
