/* Placeholder of the room, so that it configures. */
extern const char room_coll[];
const char room_coll[] = "coll";
