#include "tensor/random.h"

#include "tensor/real.h"

#include <math.h>

#define ROUNDS 10

void random_block(uint64_t seed, uint32_t step, uint32_t stream, uint64_t index, uint32_t out[4])
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), step, stream};

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t a = (uint64_t)c[0] * 0xD2511F53, b = (uint64_t)c[2] * 0xCD9E8D57;

        c[0] = (uint32_t)(b >> 32) ^ c[1] ^ key[0];
        c[1] = (uint32_t)b;
        c[2] = (uint32_t)(a >> 32) ^ c[3] ^ key[1];
        c[3] = (uint32_t)a;
        key[0] += 0x9E3779B9;
        key[1] += 0xBB67AE85;
    }
    for (int i = 0; i < 4; i++)
        out[i] = c[i];
}

uint32_t random_u32(uint64_t seed, uint32_t step, uint32_t stream, uint64_t index)
{
    uint32_t words[4];

    random_block(seed, step, stream, index / 4, words);
    return words[index % 4];
}

/* Words 2 i and 2 i + 1 of a block as one. */
static uint64_t pair(const uint32_t words[4], uint64_t i)
{
    return (uint64_t)words[i * 2] << 32 | words[i * 2 + 1];
}

double random_unit(uint64_t seed, uint32_t step, uint32_t stream, uint64_t index)
{
    uint32_t words[4];

    random_block(seed, step, stream, index / 2, words);
    return (double)(pair(words, index % 2) >> 11) * 0x1p-53;
}

/* A quotient of polynomials, `up` and `down` of eight coefficients each, the lowest first. */
struct quotient {
    double up[8], down[8];
};

static double quotient_at(const struct quotient *quotient, double x)
{
    double up = quotient->up[7], down = quotient->down[7];

    for (int i = 7; i-- > 0;) {
        up = up * x + quotient->up[i];
        down = down * x + quotient->down[i];
    }
    return up / down;
}

/* AS 241, PPND16. */
static const struct quotient middle = {
    {3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
     1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
     3.3430575583588128105e+4, 2.5090809287301226727e+3},
    {1, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
     2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
     5.2264952788528545610e+3}};
static const struct quotient tail = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9}};
static const struct quotient far_tail = {
    {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7},
    {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15}};

/* The x below which a normal number falls with probability p, 0 < p < 1. */
static double normal_inverse(double p)
{
    double from_half = p - 0.5, r, x;

    if (from_half >= -0.425 && from_half <= 0.425)
        return from_half * quotient_at(&middle, 0.180625 - from_half * from_half);
    r = sqrt(-real_log(from_half < 0 ? p : 1 - p)); /* sqrt is exact everywhere */
    x = r <= 5 ? quotient_at(&tail, r - 1.6) : quotient_at(&far_tail, r - 5);
    return from_half < 0 ? -x : x;
}

static double normal_of(uint64_t bits)
{
    return normal_inverse(((double)(bits >> 12) + 0.5) * 0x1p-52);
}

double random_normal(uint64_t seed, uint32_t step, uint32_t stream, uint64_t index)
{
    uint32_t words[4];

    random_block(seed, step, stream, index / 2, words);
    return normal_of(pair(words, index % 2));
}

void random_normals(uint64_t seed, uint32_t step, uint32_t stream, uint64_t first, size_t count,
                    double scale, float *out)
{
    uint32_t words[4];

    for (size_t i = 0; i < count; i++) {
        uint64_t index = first + i;

        if (i == 0 || index % 2 == 0)
            random_block(seed, step, stream, index / 2, words);
        out[i] = (float)(scale * normal_of(pair(words, index % 2)));
    }
}
