/* probe/cuda_library - NVIDIA's driver library and cuBLASLt, looked for at run time: neither they
 * nor their headers are needed to build. */
#ifndef PROBE_CUDA_LIBRARY_H
#define PROBE_CUDA_LIBRARY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Only pointers to these are passed about. */
struct CUctx_st;
struct CUstream_st;
struct CUevent_st;

enum {
    CUDA_NO_DEVICE = 100,
    CUDA_PEER_ACCESS_ALREADY_ENABLED = 704,
    CUDA_EVENT_DEFAULT = 0,
    CUDA_STREAM_NON_BLOCKING = 1
};

/* What is used of libcuda.so.1, each by the name under which it exports the function's present
 * form. All return 0 or an error's number. Device memory is a number, as in CUdeviceptr. */
#define CUDA_FUNCTIONS(X)                                                                          \
    X(cuInit, "cuInit", (unsigned flags))                                                          \
    X(cuGetErrorString, "cuGetErrorString", (int error, const char **text))                        \
    X(cuDeviceGetCount, "cuDeviceGetCount", (int *count))                                          \
    X(cuDeviceGet, "cuDeviceGet", (int *device, int ordinal))                                      \
    X(cuDeviceGetPCIBusId, "cuDeviceGetPCIBusId", (char *id, int bytes, int device))               \
    X(cuDeviceCanAccessPeer, "cuDeviceCanAccessPeer", (int *can, int device, int peer))            \
    X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain",                                        \
      (struct CUctx_st * *context, int device))                                                    \
    X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (int device))                     \
    X(cuCtxSetCurrent, "cuCtxSetCurrent", (struct CUctx_st * context))                             \
    X(cuCtxEnablePeerAccess, "cuCtxEnablePeerAccess", (struct CUctx_st * peer, unsigned flags))    \
    X(cuMemGetInfo, "cuMemGetInfo_v2", (size_t * free_bytes, size_t * bytes))                      \
    X(cuMemAlloc, "cuMemAlloc_v2", (uint64_t * memory, size_t bytes))                              \
    X(cuMemFree, "cuMemFree_v2", (uint64_t memory))                                                \
    X(cuMemHostAlloc, "cuMemHostAlloc", (void **memory, size_t bytes, unsigned flags))             \
    X(cuMemFreeHost, "cuMemFreeHost", (void *memory))                                              \
    X(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2",                                                   \
      (uint64_t to, const void *from, size_t bytes, struct CUstream_st *stream))                   \
    X(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2",                                                   \
      (void *to, uint64_t from, size_t bytes, struct CUstream_st *stream))                         \
    X(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2",                                                   \
      (uint64_t to, uint64_t from, size_t bytes, struct CUstream_st * stream))                     \
    X(cuMemcpyPeerAsync, "cuMemcpyPeerAsync",                                                      \
      (uint64_t to, struct CUctx_st * to_context, uint64_t from, struct CUctx_st * from_context,   \
       size_t bytes, struct CUstream_st * stream))                                                 \
    X(cuStreamCreate, "cuStreamCreate", (struct CUstream_st * *stream, unsigned flags))            \
    X(cuStreamDestroy, "cuStreamDestroy_v2", (struct CUstream_st * stream))                        \
    X(cuStreamSynchronize, "cuStreamSynchronize", (struct CUstream_st * stream))                   \
    X(cuEventCreate, "cuEventCreate", (struct CUevent_st * *event, unsigned flags))                \
    X(cuEventDestroy, "cuEventDestroy_v2", (struct CUevent_st * event))                            \
    X(cuEventRecord, "cuEventRecord", (struct CUevent_st * event, struct CUstream_st * stream))    \
    X(cuEventSynchronize, "cuEventSynchronize", (struct CUevent_st * event))                       \
    X(cuEventElapsedTime, "cuEventElapsedTime",                                                    \
      (float *ms, struct CUevent_st *begin, struct CUevent_st *end))

struct cuda_library {
#define CUDA_MEMBER(name, symbol, args) int(*name) args;
    CUDA_FUNCTIONS(CUDA_MEMBER)
#undef CUDA_MEMBER
};

/* It stays loaded; GPUs are numbered as PCI numbers them, unless the user says otherwise. Returns
 * 0, -ENOENT (no such library, or too old), or as cuda_check (it does not start): with a sentence.
 */
int cuda_library_load(const struct cuda_library **out, struct err *err);

/* -EIO with "CALL: the library's own words" unless `result` is 0; -ENODEV: there is no GPU. */
int cuda_check(const struct cuda_library *library, int result, const char *call, struct err *err);

/* The same of a call by the library's own name: CUDA_CALL(lib, err, cuMemFree, memory). */
#define CUDA_CALL(library, err, name, ...)                                                         \
    cuda_check(library, (library)->name(__VA_ARGS__), #name, err)

/* cuBLASLt, of which these opaque things are made by its own calls. */
struct cublaslt_matmul_result { /* cublasLtMatmulHeuristicResult_t, the same since CUDA 10.1 */
    uint64_t algo[8];
    size_t workspace_bytes;
    int state;
    float waves;
    int reserved[4];
};

enum {
    CUBLAS_R_32F = 0,
    CUBLAS_R_16F = 2,
    CUBLAS_R_16BF = 14,
    CUBLAS_COMPUTE_32F = 68,
    CUBLASLT_MATMUL_DESC_TRANSA = 3,
    CUBLASLT_PREF_WORKSPACE_BYTES = 1,
    CUBLAS_OP_T = 1,
    CUBLAS_NOT_SUPPORTED = 15
};

#define CUBLASLT_FUNCTIONS(X)                                                                      \
    X(cublasLtCreate, (void **handle))                                                             \
    X(cublasLtDestroy, (void *handle))                                                             \
    X(cublasLtMatmulDescCreate, (void **desc, int compute, int scale))                             \
    X(cublasLtMatmulDescDestroy, (void *desc))                                                     \
    X(cublasLtMatmulDescSetAttribute, (void *desc, int name, const void *value, size_t bytes))     \
    X(cublasLtMatrixLayoutCreate,                                                                  \
      (void **layout, int type, uint64_t rows, uint64_t columns, int64_t leading))                 \
    X(cublasLtMatrixLayoutDestroy, (void *layout))                                                 \
    X(cublasLtMatmulPreferenceCreate, (void **preference))                                         \
    X(cublasLtMatmulPreferenceDestroy, (void *preference))                                         \
    X(cublasLtMatmulPreferenceSetAttribute,                                                        \
      (void *preference, int name, const void *value, size_t bytes))                               \
    X(cublasLtMatmulAlgoGetHeuristic,                                                              \
      (void *handle, void *desc, void *a, void *b, void *c, void *d, void *preference, int wanted, \
       struct cublaslt_matmul_result *results, int *count))                                        \
    X(cublasLtMatmul, (void *handle, void *desc, const void *alpha, uint64_t a, void *a_layout,    \
                       uint64_t b, void *b_layout, const void *beta, uint64_t c, void *c_layout,   \
                       uint64_t d, void *d_layout, const uint64_t *algo, uint64_t workspace,       \
                       size_t workspace_bytes, struct CUstream_st *stream))

struct cublaslt_library {
#define CUBLASLT_MEMBER(name, args) int(*name) args;
    CUBLASLT_FUNCTIONS(CUBLASLT_MEMBER)
#undef CUBLASLT_MEMBER
};

/* Returns 0, or -ENOENT with a sentence that names the library. */
int cublaslt_library_load(const struct cublaslt_library **out, struct err *err);

/* -EIO with "CALL: status NUMBER" unless it is 0; -ENOTSUP when that is CUBLAS_NOT_SUPPORTED. */
int cublaslt_check(int status, const char *call, struct err *err);

#define CUBLASLT_CALL(library, err, name, ...)                                                     \
    cublaslt_check((library)->name(__VA_ARGS__), #name, err)

#endif
