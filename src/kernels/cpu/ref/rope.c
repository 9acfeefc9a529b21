#include "kernels/cpu/rope.h"

static void turn(enum dtype type, void *x, size_t half, const float *cos_row, const float *sin_row,
                 float sign)
{
    struct mat m = mat_of(type, x, 0);

    for (size_t j = 0; j < half; j++) {
        float a = mat_get(m, 0, j), b = mat_get(m, 0, j + half), s = sign * sin_row[j];

        mat_set(m, 0, j, a * cos_row[j] - b * s);
        mat_set(m, 0, j + half, b * cos_row[j] + a * s);
    }
}

const struct rope_ops rope_ops_ref = {turn};
