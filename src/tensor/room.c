/* Placeholder of the room, so that it configures. */
extern const char room_tensor[];
const char room_tensor[] = "tensor";
