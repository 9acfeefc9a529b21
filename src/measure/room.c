/* measure: its first module comes next */
typedef int measure_room;
