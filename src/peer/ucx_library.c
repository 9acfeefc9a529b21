#include "peer/ucx_library.h"

#include "base/str.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

/* UCX 1.13 takes these from the environment alone, some while it is loaded. Its warnings would go
 * to our standard output; its handlers would take over SIGSEGV and the like; its hooks on mmap are
 * for RDMA caches of its own, which we don't rely on. A silent TCP connection is known as dead in 5
 * s. What the user has set wins. */
static const struct {
    const char *name, *value;
} settings[] = {
    {"UCX_LOG_LEVEL", "fatal"}, {"UCX_HANDLE_ERRORS", "none"}, {"UCX_ERROR_SIGNALS", ""},
    {"UCX_MEM_EVENTS", "n"},    {"UCX_TCP_KEEPIDLE", "2s"},    {"UCX_TCP_KEEPINTVL", "1s"},
    {"UCX_TCP_KEEPCNT", "3"},
};

int ucx_library_load(const struct ucx_library **out, struct err *err)
{
    static struct ucx_library library;
    static void *handle;

    *out = &library;
    if (handle)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        (void)setenv(settings[i].name, settings[i].value, 0);
    handle = dlopen("libucp.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(err, -ENOENT,
                       "ranks on several hosts need UCX: install the package libucx0 (%s)",
                       dlerror());
#define UCX_FIND(name)                                                                             \
    library.name = (__typeof__(name) *)dlsym(handle, #name);                                       \
    if (!library.name) {                                                                           \
        (void)dlclose(handle);                                                                     \
        handle = NULL;                                                                             \
        return err_set(err, -ENOENT, "libucp.so.0 has no %s: UCX 1.13 or newer is needed", #name); \
    }
    UCX_FUNCTIONS(UCX_FIND)
#undef UCX_FIND
    return 0;
}
