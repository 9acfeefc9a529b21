/* kernels/cut - the sums by which work is cut into items. */
#ifndef KERNELS_CUT_H
#define KERNELS_CUT_H

#include <stddef.h>

static inline size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Parts of `part` each that hold n; the last may be smaller. */
static inline size_t parts_of(size_t n, size_t part)
{
    return (n + part - 1) / part;
}

static inline size_t round_up(size_t n, size_t unit)
{
    return parts_of(n, unit) * unit;
}

#endif
