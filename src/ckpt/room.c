/* Placeholder of the room, so that it configures. */
extern const char room_ckpt[];
const char room_ckpt[] = "ckpt";
