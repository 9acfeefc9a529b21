/* Placeholder of the room, so that it configures. */
extern const char room_train[];
const char room_train[] = "train";
