/* Placeholder of the room, so that it configures. */
extern const char room_kernels[];
const char room_kernels[] = "kernels";
