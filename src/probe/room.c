/* probe: its first module comes next */
typedef int probe_room;
