#include "probe/cuda_library.h"

#include "base/str.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#define CUDA_NAME "libcuda.so.1" /* the driver's own, whatever CUDA is installed */

static struct cuda_library cuda;
static void *cuda_handle;

static int find_functions(struct err *err)
{
#define CUDA_FIND(name, symbol, args)                                                              \
    cuda.name = (__typeof__(cuda.name))dlsym(cuda_handle, symbol);                                 \
    if (!cuda.name)                                                                                \
        return err_set(err, -ENOENT, CUDA_NAME " has no %s: its driver is too old", symbol);
    CUDA_FUNCTIONS(CUDA_FIND)
#undef CUDA_FIND
    return 0;
}

int cuda_library_load(const struct cuda_library **out, struct err *err)
{
    int r;

    *out = &cuda;
    (void)setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 0); /* else the fastest comes first */
    if (!cuda_handle)
        cuda_handle = dlopen(CUDA_NAME, RTLD_NOW | RTLD_LOCAL);
    if (!cuda_handle)
        return err_set(err, -ENOENT, "the NVIDIA driver's library can't be loaded: %s", dlerror());
    r = find_functions(err);
    return r < 0 ? r : CUDA_CALL(&cuda, err, cuInit, 0); /* which may be called again */
}

int cuda_check(const struct cuda_library *library, int result, const char *call, struct err *err)
{
    const char *text = NULL;

    if (result == 0)
        return 0;
    if (library->cuGetErrorString(result, &text) != 0 || !text)
        text = "unknown error";
    return err_set(err, result == CUDA_NO_DEVICE ? -ENODEV : -EIO, "%s: %s (%d)", call, text,
                   result);
}

int cublaslt_library_load(const struct cublaslt_library **out, struct err *err)
{
    static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12",
                                        "libcublasLt.so.11"};
    static struct cublaslt_library library;
    static void *handle;

    *out = &library;
    for (size_t i = 0; i < ARRAY_LEN(names) && !handle; i++)
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(err, -ENOENT, "libcublasLt.so (13, 12 or 11) can't be loaded: %s",
                       dlerror());
#define CUBLASLT_FIND(name, args)                                                                  \
    library.name = (__typeof__(library.name))dlsym(handle, #name);                                 \
    if (!library.name)                                                                             \
        return err_set(err, -ENOENT, "libcublasLt has no %s", #name);
    CUBLASLT_FUNCTIONS(CUBLASLT_FIND)
#undef CUBLASLT_FIND
    return 0;
}

int cublaslt_check(int status, const char *call, struct err *err)
{
    if (status == 0)
        return 0;
    return err_set(err, status == CUBLAS_NOT_SUPPORTED ? -ENOTSUP : -EIO, "%s: status %d", call,
                   status);
}
