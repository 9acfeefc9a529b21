/* base/memory_limit - how much more memory the control groups of this process allow. */
#ifndef BASE_MEMORY_LIMIT_H
#define BASE_MEMORY_LIMIT_H

#include <stdint.h>

/* Bytes, with those of its files that the kernel would give up for it; UINT64_MAX: there is no
 * limit. `root` is in front of /proc and /sys. Both versions of control groups are known. */
uint64_t memory_limit_left(const char *root);

#endif
