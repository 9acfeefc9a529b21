#include "rules/check.h"

const struct catalogue catalogue_host = {NULL, 0};
