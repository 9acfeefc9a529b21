/* probe/gpu_product - a product of large matrices on a GPU, by cuBLASLt. */
#ifndef PROBE_GPU_PRODUCT_H
#define PROBE_GPU_PRODUCT_H

#include "probe/cuda_library.h"

#define GPU_PRODUCT_WORKSPACE ((size_t)32 << 20) /* what NVIDIA advises for Hopper */

/* C = A^T B, all n x n, of bf16 or, where the GPU has none, fp16, with fp32 sums. */
struct gpu_product {
    const struct cublaslt_library *library;
    const char *type; /* "bf16", "fp16" */
    size_t n;
    uint64_t a, b, c, workspace; /* the caller's memory on the GPU */
    void *handle, *desc, *layout;
    struct cublaslt_matmul_result how;
};

/* On the GPU whose context is the calling thread's. Returns 0 or a negative errno with a sentence;
 * then, too, gpu_product_done frees what was made. */
int gpu_product_init(struct gpu_product *product, struct err *err);
void gpu_product_done(struct gpu_product *product);

/* Put one product in the stream. */
int gpu_product_run(const struct gpu_product *product, struct CUstream_st *stream, struct err *err);

static inline double gpu_product_flop(const struct gpu_product *product)
{
    return 2.0 * (double)product->n * (double)product->n * (double)product->n;
}

#endif
