/* data/check - is a folder of token shards whole? */
#ifndef DATA_CHECK_H
#define DATA_CHECK_H

#include "base/err.h"

#include <stdint.h>

/* Read every file of the folder. `wrong` is called with a sentence about each that is damaged or
 * missing; *files: how many were looked at. Returns how many are wrong, or a negative errno: the
 * folder holds no finished build, or can't be read. */
int data_check(const char *folder, void (*wrong)(void *arg, const char *sentence), void *arg,
               uint64_t *files, struct err *err);

#endif
