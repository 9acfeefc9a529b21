/* tensor/random - random numbers without a state: each is a function of (seed, step, stream, index)
 * by Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11), so that
 * neither the number of ranks nor the order of work changes them. Plain IEEE arithmetic and no
 * libm: the same bits on every machine. */
#ifndef TENSOR_RANDOM_H
#define TENSOR_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a number is for; a tensor's own number is added to RANDOM_INIT. */
enum random_stream {
    RANDOM_SHUFFLE = 1,
    RANDOM_SOURCE,
    RANDOM_SAMPLE,
    RANDOM_INIT = 1 << 16,
};

/* Block number `index` of four words. */
void random_block(uint64_t seed, uint32_t step, uint32_t stream, uint64_t index, uint32_t out[4]);

/* Word `index` of the stream. */
uint32_t random_u32(uint64_t seed, uint32_t step, uint32_t stream, uint64_t index);

/* Uniform in [0, 1), 53 bits. */
double random_unit(uint64_t seed, uint32_t step, uint32_t stream, uint64_t index);

/* Standard normal: the inverse of the distribution (Wichura 1988, AS 241: 1e-15 of the value) at
 * one of 2^52 evenly spaced points, so the tails end at 8.2. */
double random_normal(uint64_t seed, uint32_t step, uint32_t stream, uint64_t index);

/* out[i] = scale * normal number first + i, rounded to float. */
void random_normals(uint64_t seed, uint32_t step, uint32_t stream, uint64_t first, size_t count,
                    double scale, float *out);

#endif
