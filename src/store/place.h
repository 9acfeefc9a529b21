/* store/place - the folder of the state: made with its rights, looked at for what is odd. */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include "base/err.h"

/* Make `path` and what is missing above it, all 0700. What is there keeps its rights. */
int place_make(const char *path, struct err *err);

#endif
