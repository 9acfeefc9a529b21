/* kernels/cpu/vector/vec - one vector type for the code of this folder, which CMake compiles once
 * for each level with VECTOR_LEVEL set: AVX2 has 8 lanes of fp32, AVX-512 has 16. */
#ifndef KERNELS_CPU_VECTOR_VEC_H
#define KERNELS_CPU_VECTOR_VEC_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

/* LEVEL(rms_ops) is rms_ops_avx2, rms_ops_avx512, rms_ops_avx512bf16. */
#define LEVEL_PASTE2(name, level) name##_##level
#define LEVEL_PASTE(name, level)  LEVEL_PASTE2(name, level)
#define LEVEL(name)               LEVEL_PASTE(name, VECTOR_LEVEL)

#ifdef __AVX512F__
typedef __m512 vf; /* a vector of floats: the one typedef, since every level has its own type */
#define VF_LANES 16
#else
typedef __m256 vf;
#define VF_LANES 8
#endif

#endif
