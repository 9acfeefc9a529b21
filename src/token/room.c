/* Placeholder of the room, so that it configures. */
extern const char room_token[];
const char room_token[] = "token";
