/* Processes that speak by UCX over TCP on one host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BACKEND      "ucx"
#define BACKEND_NAME "ucx over tcp"
#define MEETING_US   150000
#include "backend_tests.h"

#include <dlfcn.h>

int main(void)
{
    (void)setenv("UCX_NET_DEVICES", "lo", 1);
    if (!dlopen("libucp.so.0", RTLD_NOW)) {
        (void)printf("skipped: no UCX: %s\n", dlerror());
        return 77;
    }
    return run_backend_tests();
}
