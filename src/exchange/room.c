/* Placeholder of the room, so that it configures. */
extern const char room_exchange[];
const char room_exchange[] = "exchange";
