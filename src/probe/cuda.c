#include "probe/cuda.h"

#include "base/cpulist.h"
#include "base/file.h"
#include "probe/cpus.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SYS_TEXT_MAX 65536

static int find_gpu(struct cuda *cuda, size_t index, struct err *err)
{
    struct cuda_gpu *gpu = &cuda->gpus[index];
    int r = CUDA_CALL(cuda->library, err, cuDeviceGet, &gpu->device, (int)index);

    if (r == 0)
        r = CUDA_CALL(cuda->library, err, cuDeviceGetPCIBusId, gpu->pci, sizeof(gpu->pci),
                      gpu->device);
    if (r < 0)
        return err_wrap(err, r, "gpu%zu", index);
    for (char *p = gpu->pci; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return 0;
}

int cuda_open(struct cuda *cuda, struct err *err)
{
    int count = 0, r;

    *cuda = (struct cuda){0};
    r = cuda_library_load(&cuda->library, err);
    if (r == 0)
        r = CUDA_CALL(cuda->library, err, cuDeviceGetCount, &count);
    if (r < 0)
        return r;
    if (count > CUDA_GPUS_MAX)
        return err_set(err, -E2BIG, "%d GPUs are more than %d", count, CUDA_GPUS_MAX);
    for (; r == 0 && cuda->gpu_count < (size_t)count; cuda->gpu_count++)
        r = find_gpu(cuda, cuda->gpu_count, err);
    return r;
}

void cuda_close(struct cuda *cuda)
{
    for (size_t i = 0; i < cuda->gpu_count; i++)
        if (cuda->gpus[i].context)
            (void)cuda->library->cuDevicePrimaryCtxRelease(cuda->gpus[i].device);
    *cuda = (struct cuda){0};
}

int cuda_use(struct cuda *cuda, size_t gpu, struct err *err)
{
    struct cuda_gpu *it = &cuda->gpus[gpu];
    int r = 0;

    if (!it->context)
        r = CUDA_CALL(cuda->library, err, cuDevicePrimaryCtxRetain, &it->context, it->device);
    if (r == 0)
        r = CUDA_CALL(cuda->library, err, cuCtxSetCurrent, it->context);
    return r;
}

int cuda_alloc(struct cuda *cuda, size_t gpu, size_t bytes, void **out, struct err *err)
{
    uint64_t memory = 0;
    int r = cuda_use(cuda, gpu, err);

    if (r == 0)
        r = CUDA_CALL(cuda->library, err, cuMemAlloc, &memory, bytes);
    *out = (void *)(uintptr_t)memory;
    return r < 0 ? err_wrap(err, r, "gpu%zu", gpu) : 0;
}

void cuda_free(struct cuda *cuda, size_t gpu, void *memory)
{
    if (memory && cuda_use(cuda, gpu, NULL) == 0)
        (void)cuda->library->cuMemFree((uint64_t)(uintptr_t)memory);
}

/* ---- where they are ---- */

struct spot {
    char path[PATH_MAX]; /* below /sys/devices; "": nowhere */
    int64_t numa;        /* -1: none */
};

__attribute__((format(printf, 2, 3))) static struct spot spot_of(const char *root,
                                                                 const char *format, ...)
{
    struct spot spot = {.numa = -1};
    char link[PATH_MAX], file[PATH_MAX + 16], *text;
    size_t len, at;
    va_list args;

    at = (size_t)snprintf(link, sizeof(link), "%.1024s/sys/", root);
    va_start(args, format);
    (void)vsnprintf(link + at, sizeof(link) - at, format, args);
    va_end(args);
    if (!realpath(link, spot.path)) {
        spot.path[0] = '\0';
        return spot;
    }
    (void)snprintf(file, sizeof(file), "%s/numa_node", spot.path);
    if (file_read(file, SYS_TEXT_MAX, &text, &len, NULL) == 0) {
        if (str_to_i64(str_trim((struct str){text, len}), 10, &spot.numa) < 0)
            spot.numa = -1;
        free(text);
    }
    return spot;
}

/* Folders that both paths begin with. */
static int shared_folders(const char *a, const char *b)
{
    int folders = 0;

    for (size_t i = 0;; i++) {
        bool a_ends = a[i] == '/' || !a[i], b_ends = b[i] == '/' || !b[i];

        if (a_ends && b_ends)
            folders++;
        if (!a[i] || a[i] != b[i])
            return folders;
    }
}

int cuda_nearest(const struct cuda *cuda, const char *root, const char *port)
{
    int name = (int)strcspn(port, ":"), best = -ENODEV, most = -1;
    struct spot here = spot_of(root, "class/infiniband/%.*s/device", name, port);

    if (!here.path[0])
        here = spot_of(root, "class/net/%s/device", port);
    if (!here.path[0])
        return -ENODEV;
    for (size_t i = 0; i < cuda->gpu_count; i++) {
        struct spot gpu = spot_of(root, "bus/pci/devices/%s", cuda->gpus[i].pci);
        int near =
            2 * shared_folders(here.path, gpu.path) + (here.numa >= 0 && gpu.numa == here.numa);

        if (near > most) {
            most = near;
            best = (int)i;
        }
    }
    return best;
}

static void allow(const struct cpulist *list)
{
    size_t bytes = CPU_ALLOC_SIZE(CPULIST_CPUS_MAX);
    cpu_set_t *set = CPU_ALLOC(CPULIST_CPUS_MAX);

    if (!set)
        return;
    CPU_ZERO_S(bytes, set);
    for (unsigned cpu = 0; cpu < CPULIST_CPUS_MAX; cpu++)
        if (cpulist_has(list, cpu))
            CPU_SET_S(cpu, bytes, set);
    (void)sched_setaffinity(0, bytes, set);
    CPU_FREE(set);
}

void cuda_bind(const struct cuda *cuda, const char *root, size_t gpu, struct cpulist *before)
{
    struct cpulist near = {0}, far;
    char path[PATH_MAX], *text;
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/local_cpulist", root,
                   cuda->gpus[gpu].pci);
    if (cpus_allowed(before, NULL) < 0 || file_read(path, SYS_TEXT_MAX, &text, &len, NULL) < 0)
        return;
    if (cpulist_read(&near, str_trim((struct str){text, len}))) {
        far = *before;
        cpulist_remove(&far, &near);
        near = *before;
        cpulist_remove(&near, &far);
        allow(&near); /* none of ours: the kernel refuses the empty set */
    }
    free(text);
}

void cuda_unbind(const struct cpulist *before)
{
    allow(before);
}
