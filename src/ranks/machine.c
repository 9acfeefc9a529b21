#include "ranks/machine.h"
