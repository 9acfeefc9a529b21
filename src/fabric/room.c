/* fabric: its first module comes next */
typedef int fabric_room;
