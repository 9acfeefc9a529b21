#include "rules/check.h"

const struct catalogue catalogue_os = {NULL, 0};
