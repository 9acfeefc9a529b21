#include "rules/check.h"

const struct catalogue catalogue_gpu = {NULL, 0};
