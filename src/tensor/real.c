#include "tensor/real.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NOT_A_NUMBER __builtin_nan("")
#define INFINITE     __builtin_inf()

/* ln 2 and pi / 2 in parts: a small integer times the first is exact. */
#define LN2_HIGH  0x1.62e42fee00000p-1
#define LN2_LOW   0x1.a39ef35793c76p-33
#define PI_2_HIGH 0x1.921fb54400000p+0
#define PI_2_MID  0x1.0b4611a600000p-34
#define PI_2_LOW  0x1.3198a2e037073p-69

/* 1.5 * 2^52: added and taken away again, it rounds to the nearest integer, ties to even. */
#define ROUNDER 0x1.8p52

static double round_even(double x)
{
    return (x + ROUNDER) - ROUNDER;
}

/* 2^n, n in [-1022, 1023]. */
static double power2(int n)
{
    uint64_t bits = (uint64_t)(n + 1023) << 52;
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static double polynomial(double x, const double *c, size_t count)
{
    double sum = c[count - 1];

    for (size_t i = count - 1; i-- > 0;)
        sum = sum * x + c[i];
    return sum;
}

/* exp(r) - 1 for |r| <= 0.35, by its series: the next term is below 1e-17 of r. */
static double expm1_near(double r)
{
    static const double c[] = {1.0 / 2,         1.0 / 6,          1.0 / 24,
                               1.0 / 120,       1.0 / 720,        1.0 / 5040,
                               1.0 / 40320.,    1.0 / 362880.,    1.0 / 3628800.,
                               1.0 / 39916800., 1.0 / 479001600., 1.0 / 6227020800.};

    return r + r * r * polynomial(r, c, sizeof(c) / sizeof(*c));
}

/* x = n ln 2 + r */
static double exp_parts(double x, double *n)
{
    *n = round_even(x * 1.4426950408889634);
    return (x - *n * LN2_HIGH) - *n * LN2_LOW;
}

double real_exp(double x)
{
    double n, p;
    int half;

    if (!(x > -745.2))
        return x != x ? x : 0;
    if (x > 709.8)
        return INFINITE;
    p = 1 + expm1_near(exp_parts(x, &n));
    half = (int)n / 2; /* in two factors: 2^1024 and 2^-1074 are no normal numbers */
    return p * power2(half) * power2((int)n - half);
}

double real_expm1(double x)
{
    double n, p;

    if (!(x > -40 && x < 700))
        return x != x ? x : real_exp(x) - 1;
    p = expm1_near(exp_parts(x, &n));
    return power2((int)n) * p + (power2((int)n) - 1);
}

double real_tanh(double x)
{
    double t;

    if (x > 20 || x < -20)
        return x > 0 ? 1 : -1;
    if (x < 0)
        return -real_tanh(-x);
    t = real_expm1(2 * x);
    return x == 0 ? x : t / (t + 2);
}

/* log(1 + f) = 2 atanh(s) with s = f / (2 + f), |s| <= 0.172. */
static double log_near(double f)
{
    static const double c[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                               2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};
    double s = f / (2 + f), square = s * s;

    return f - s * (f - square * polynomial(square, c, sizeof(c) / sizeof(*c)));
}

double real_log(double x)
{
    uint64_t bits;
    int n = 0;

    if (!(x > 0))
        return x == 0 ? -INFINITE : NOT_A_NUMBER;
    if (x == INFINITE)
        return x;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        n = -54;
    }
    memcpy(&bits, &x, sizeof(bits));
    n += (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffff) | (uint64_t)1023 << 52;
    memcpy(&x, &bits, sizeof(x));
    if (x > 1.4142135623730951) {
        x /= 2;
        n++;
    }
    return n * LN2_HIGH + (log_near(x - 1) + n * LN2_LOW);
}

double real_pow(double x, double y)
{
    return real_exp(y * real_log(x));
}

static double sine_near(double r)
{
    static const double c[] = {
        -1.0 / 6,         1.0 / 120,         -1.0 / 5040,          1.0 / 362880.,
        -1.0 / 39916800., 1.0 / 6227020800., -1.0 / 1307674368000.};

    return r + r * (r * r) * polynomial(r * r, c, sizeof(c) / sizeof(*c));
}

static double cosine_near(double r)
{
    static const double c[] = {
        1.0 / 24,         -1.0 / 720,          1.0 / 40320.,         -1.0 / 3628800.,
        1.0 / 479001600., -1.0 / 87178291200., 1.0 / 20922789888000.};
    double square = r * r;

    return 1 - (square / 2 - square * square * polynomial(square, c, sizeof(c) / sizeof(*c)));
}

void real_sincos(double x, double *sine, double *cosine)
{
    double n, r, s, c;
    int quadrant;

    if (!(x > -0x1p30 && x < 0x1p30)) {
        *sine = *cosine = NOT_A_NUMBER;
        return;
    }
    n = round_even(x * 0.6366197723675814);
    r = ((x - n * PI_2_HIGH) - n * PI_2_MID) - n * PI_2_LOW;
    s = sine_near(r);
    c = cosine_near(r);
    quadrant = (int)n & 3;
    *sine = quadrant & 1 ? c : s;
    *cosine = quadrant & 1 ? s : c;
    if (quadrant & 2)
        *sine = -*sine;
    if (quadrant == 1 || quadrant == 2)
        *cosine = -*cosine;
}
