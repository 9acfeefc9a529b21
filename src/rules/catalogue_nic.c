#include "rules/check.h"

const struct catalogue catalogue_nic = {NULL, 0};
