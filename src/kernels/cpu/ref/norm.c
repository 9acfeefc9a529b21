#include "kernels/cpu/norm.h"

#include <math.h>

static float forward(size_t n, float eps, const float *gain, struct mat x, const float *h,
                     struct mat out)
{
    double squares = 0;
    float r;

    for (size_t i = 0; i < n; i++)
        squares += (double)mat_get(x, 0, i) * mat_get(x, 0, i);
    r = (float)(1 / sqrt(squares / (double)n + eps));
    for (size_t i = 0; i < n; i++)
        mat_set(out, 0, i, (h ? h[i] : 0) + gain[i] * mat_get(x, 0, i) * r);
    return r;
}

static void backward(size_t n, const float *gain, struct mat x, float r, struct mat dy,
                     struct mat dx, bool add, float *dgain)
{
    double sum = 0;
    float along;

    for (size_t i = 0; i < n; i++)
        sum += (double)mat_get(dy, 0, i) * gain[i] * mat_get(x, 0, i);
    along = (float)(sum / (double)n) * r * r;
    for (size_t i = 0; i < n; i++) {
        float xi = mat_get(x, 0, i), dyi = mat_get(dy, 0, i);
        float d = r * (dyi * gain[i] - xi * along);

        dgain[i] += dyi * xi * r;
        mat_set(dx, 0, i, (add ? mat_get(dx, 0, i) : 0) + d);
    }
}

const struct norm_ops norm_ops_ref = {forward, backward};
