#include "kernels/cpu/vector/vec.h"

extern const char LEVEL(vector_level)[];
const char LEVEL(vector_level)[] = "";
