extern const char room_trainer[];
const char room_trainer[] = "trainer";
