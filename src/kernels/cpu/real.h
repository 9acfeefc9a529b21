/* kernels/cpu/real - exp, log, tanh, sin and cos in double, in plain arithmetic: a few units in the
 * last place, and the same bits on every machine, which libm does not promise. */
#ifndef KERNELS_CPU_REAL_H
#define KERNELS_CPU_REAL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define REAL_LN2 0.693147180559945309417

static inline double real_exp(double x)
{
    /* ln 2 in two parts: k times the first, which ends in 21 zero bits, is exact */
    static const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
    double k, r, sum = 1;

    if (!(x < 709.78))
        return x != x ? x : (double)INFINITY;
    if (x < -745.2)
        return 0;
    k = floor(x * (1 / REAL_LN2) + 0.5);
    r = (x - k * ln2_high) - k * ln2_low;
    for (int i = 14; i > 0; i--) /* r^15 / 15! is below 1e-19 for |r| <= ln 2 / 2 */
        sum = 1 + sum * r / i;
    return ldexp(sum, (int)k);
}

/* x > 0 */
static inline double real_log(double x)
{
    int exponent;
    double m = frexp(x, &exponent), s, s2, sum = 0;

    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    s = (m - 1) / (m + 1); /* |s| < 0.172: log m = 2 atanh s */
    s2 = s * s;
    for (int i = 25; i > 0; i -= 2)
        sum = sum * s2 + 1.0 / i;
    return exponent * REAL_LN2 + 2 * s * sum;
}

static inline double real_tanh(double x)
{
    double e;

    if (fabs(x) < 1e-4) /* where the quotient loses its digits */
        return x - x * x * x / 3;
    if (fabs(x) > 20)
        return x < 0 ? -1 : 1;
    e = real_exp(2 * x);
    return (e - 1) / (e + 1);
}

/* |x| < 1e6: pi / 2 in two parts, of which the first has 33 bits, so that its multiples are exact.
 */
static inline void real_sincos(double x, double *sin_out, double *cos_out)
{
    static const double half_pi_high = 0x1.921fb544p0, half_pi_low = 0x1.0b4611a626331p-34;
    double n = floor(x * 0.63661977236758134308 + 0.5), r, r2, s = 1, c = 1;

    r = (x - n * half_pi_high) - n * half_pi_low;
    r2 = r * r;
    for (int i = 18; i > 0; i -= 2) { /* Taylor, |r| <= pi / 4 */
        s = 1 - s * r2 / (i * (i + 1));
        c = 1 - c * r2 / (i * (i - 1));
    }
    s *= r;
    switch ((int64_t)n & 3) {
    case 0:
        *sin_out = s;
        *cos_out = c;
        return;
    case 1:
        *sin_out = c;
        *cos_out = -s;
        return;
    case 2:
        *sin_out = -s;
        *cos_out = -c;
        return;
    default:
        *sin_out = -c;
        *cos_out = s;
    }
}

#endif
