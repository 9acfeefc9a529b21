#include "probe/gpu_product.h"

#include "base/str.h"

#include <errno.h>

static const struct {
    const char *name;
    int type;
} types[] = {{"bf16", CUBLAS_R_16BF}, {"fp16", CUBLAS_R_16F}};

static int make(struct gpu_product *it, int type, struct err *err)
{
    static const int transposed = CUBLAS_OP_T; /* the form that is fastest on every generation */
    const struct cublaslt_library *lib = it->library;
    uint64_t workspace = GPU_PRODUCT_WORKSPACE;
    void *preference = NULL;
    int r, count = 0;

    r = CUBLASLT_CALL(lib, err, cublasLtMatmulDescCreate, &it->desc, CUBLAS_COMPUTE_32F,
                      CUBLAS_R_32F);
    if (r == 0)
        r = CUBLASLT_CALL(lib, err, cublasLtMatmulDescSetAttribute, it->desc,
                          CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof(transposed));
    if (r == 0)
        r = CUBLASLT_CALL(lib, err, cublasLtMatrixLayoutCreate, &it->layout, type, it->n, it->n,
                          (int64_t)it->n);
    if (r == 0)
        r = CUBLASLT_CALL(lib, err, cublasLtMatmulPreferenceCreate, &preference);
    if (r == 0)
        r = CUBLASLT_CALL(lib, err, cublasLtMatmulPreferenceSetAttribute, preference,
                          CUBLASLT_PREF_WORKSPACE_BYTES, &workspace, sizeof(workspace));
    if (r == 0)
        r = CUBLASLT_CALL(lib, err, cublasLtMatmulAlgoGetHeuristic, it->handle, it->desc,
                          it->layout, it->layout, it->layout, it->layout, preference, 1, &it->how,
                          &count);
    if (r == 0 && (count < 1 || it->how.state != 0))
        r = err_set(err, -ENOTSUP, "cublasLtMatmulAlgoGetHeuristic: it knows no way");
    if (preference)
        (void)lib->cublasLtMatmulPreferenceDestroy(preference);
    return r;
}

static void unmake(struct gpu_product *it)
{
    if (it->desc)
        (void)it->library->cublasLtMatmulDescDestroy(it->desc);
    if (it->layout)
        (void)it->library->cublasLtMatrixLayoutDestroy(it->layout);
    it->desc = it->layout = NULL;
}

int gpu_product_init(struct gpu_product *product, struct err *err)
{
    int r = cublaslt_library_load(&product->library, err);

    if (r == 0)
        r = CUBLASLT_CALL(product->library, err, cublasLtCreate, &product->handle);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        product->type = types[i].name;
        unmake(product);
        r = make(product, types[i].type, err);
        if (r != -ENOTSUP)
            break;
    }
    return r;
}

void gpu_product_done(struct gpu_product *product)
{
    unmake(product);
    if (product->handle)
        (void)product->library->cublasLtDestroy(product->handle);
    product->handle = NULL;
}

int gpu_product_run(const struct gpu_product *product, struct CUstream_st *stream, struct err *err)
{
    static const float one = 1, zero = 0;

    return CUBLASLT_CALL(product->library, err, cublasLtMatmul, product->handle, product->desc,
                         &one, product->a, product->layout, product->b, product->layout, &zero,
                         product->c, product->layout, product->c, product->layout,
                         product->how.algo, product->workspace, GPU_PRODUCT_WORKSPACE, stream);
}
