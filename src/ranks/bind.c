#include "ranks/bind.h"

#include "base/file.h"
#include "base/str.h"
#include "ranks/no_udev.h"

#include <errno.h>
#include <hwloc.h>
#include <hwloc/glibc-sched.h>
#include <stdlib.h>

#define UNITS_MAX 65536

/* hwloc would load its plugins (for GPUs, X11) from where Debian has them; into a static program
 * they bring another libc. The variable is the user's, ranks get it as it was. */
static int init_without_plugins(hwloc_topology_t *topology)
{
    static const char name[] = "HWLOC_PLUGINS_PATH";
    const char *given = getenv(name);
    char *before = given ? strdup(given) : NULL;
    int r = given && !before ? -1 : setenv(name, "/nonexistent", 1);

    if (r == 0)
        r = hwloc_topology_init(topology);
    if (before)
        (void)setenv(name, before, 1);
    else if (!given)
        (void)unsetenv(name);
    free(before);
    return r;
}

static int load(const struct bind_wish *wish, hwloc_topology_t *topology, struct err *err)
{
    no_udev();
    if (init_without_plugins(topology) < 0)
        return err_set(err, -ENOMEM, "no memory for the topology");
    if (wish->synthetic && hwloc_topology_set_synthetic(*topology, wish->synthetic) < 0) {
        hwloc_topology_destroy(*topology);
        return err_set(err, -EINVAL, "%s is no description of a topology", wish->synthetic);
    }
    if (hwloc_topology_load(*topology) < 0) {
        hwloc_topology_destroy(*topology);
        return err_set(err, -EIO, "the topology of CPUs cannot be read: %s", strerror(errno));
    }
    return 0;
}

/* hwloc leaves out what a cpuset control group forbids; taskset's mask is left to us. */
static void keep_allowed(hwloc_topology_t topology)
{
    hwloc_bitmap_t mask = hwloc_bitmap_alloc();

    if (mask && hwloc_topology_is_thissystem(topology) &&
        hwloc_get_cpubind(topology, mask, HWLOC_CPUBIND_PROCESS) == 0 && !hwloc_bitmap_iszero(mask))
        (void)hwloc_topology_restrict(topology, mask, 0);
    hwloc_bitmap_free(mask);
}

static hwloc_obj_type_t unit_of(hwloc_topology_t topology, const struct bind_wish *wish)
{
    unsigned cores = (unsigned)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);

    if (wish->how == JOB_BIND_NUMA)
        return HWLOC_OBJ_NUMANODE;
    if (wish->how == JOB_BIND_SOCKET && hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE) > 0)
        return HWLOC_OBJ_PACKAGE;
    if (wish->how == JOB_BIND_SOCKET)
        return HWLOC_OBJ_MACHINE;
    return wish->nproc <= cores ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
}

static int set_of(struct arena *arena, hwloc_topology_t topology, hwloc_const_bitmap_t cpus,
                  size_t bytes, cpu_set_t **set)
{
    *set = arena_alloc(arena, bytes);
    if (!*set)
        return -ENOMEM;
    return hwloc_cpuset_to_glibc_sched_affinity(topology, cpus, *set, bytes) < 0 ? -EINVAL : 0;
}

/* Rank i of n gets units [i*U/n, (i+1)*U/n), at least one. */
static int by_units(struct arena *arena, hwloc_topology_t topology, const struct bind_wish *wish,
                    struct bind_plan *plan)
{
    hwloc_obj_type_t type = unit_of(topology, wish);
    int found = hwloc_get_nbobjs_by_type(topology, type);
    hwloc_obj_t *units = found > 0 ? arena_alloc(arena, (size_t)found * sizeof(*units)) : NULL;
    hwloc_bitmap_t cpus = hwloc_bitmap_alloc();
    uint64_t count = 0;
    int r = !cpus ? -ENOMEM : 0;

    for (int i = 0; units && i < found && i < UNITS_MAX;
         i++) { /* a NUMA node may be memory alone */
        units[count] = hwloc_get_obj_by_type(topology, type, (unsigned)i);
        count += !hwloc_bitmap_iszero(units[count]->cpuset);
    }
    if (r == 0 && !count)
        r = -ENODEV;
    for (uint32_t i = 0; r == 0 && i < wish->nproc; i++) {
        uint64_t first = count * i / wish->nproc, end = count * (i + 1) / wish->nproc;

        hwloc_bitmap_zero(cpus);
        do
            (void)hwloc_bitmap_or(cpus, cpus, units[first]->cpuset);
        while (++first < end);
        r = set_of(arena, topology, cpus, plan->set_bytes, &plan->sets[i]);
    }
    hwloc_bitmap_free(cpus);
    return r;
}

/* The CPUs next to a device, as the kernel says: "0-15,64-79". Empty when it does not say. */
static void cpus_near(struct arena *arena, const char *root, const char *address,
                      hwloc_bitmap_t cpus)
{
    const char *path =
        arena_printf(arena, "%s/sys/bus/pci/devices/%s/local_cpulist", root, address);
    char *text;
    size_t len;

    hwloc_bitmap_zero(cpus);
    if (!path || file_read(path, 65536, &text, &len, NULL) < 0)
        return;
    while (len && text[len - 1] == '\n')
        text[--len] = '\0';
    if (!len || hwloc_bitmap_list_sscanf(cpus, text) < 0)
        hwloc_bitmap_zero(cpus);
    free(text);
}

/* A GPU whose place is not known leaves its rank where it is. */
static int by_gpus(struct arena *arena, hwloc_topology_t topology, const struct bind_wish *wish,
                   struct bind_plan *plan)
{
    hwloc_const_bitmap_t all = hwloc_topology_get_allowed_cpuset(topology);
    hwloc_bitmap_t cpus = hwloc_bitmap_alloc();
    int r = cpus ? 0 : -ENOMEM;

    for (uint32_t i = 0; r == 0 && i < wish->nproc; i++) {
        size_t first, count;

        gpus_of_rank(wish->gpus, i, wish->nproc, &first, &count);
        if (!count || !wish->gpus->addresses[first])
            continue;
        cpus_near(arena, wish->root, wish->gpus->addresses[first], cpus);
        (void)hwloc_bitmap_and(cpus, cpus, all);
        if (!hwloc_bitmap_iszero(cpus))
            r = set_of(arena, topology, cpus, plan->set_bytes, &plan->sets[i]);
    }
    hwloc_bitmap_free(cpus);
    return r;
}

int bind_plan(struct arena *arena, const struct bind_wish *wish, struct bind_plan *plan,
              struct err *err)
{
    hwloc_topology_t topology;
    int r;

    *plan = (struct bind_plan){.sets = arena_alloc(arena, wish->nproc * sizeof(*plan->sets))};
    if (!plan->sets)
        return err_set(err, -ENOMEM, "no memory for the binding");
    if (wish->how == JOB_BIND_NONE)
        return 0;
    if (wish->how == JOB_BIND_GPU && !wish->gpus->count)
        return err_set(err, -ENODEV, "bind gpu: there is no GPU here");
    r = load(wish, &topology, err);
    if (r < 0)
        return r;
    keep_allowed(topology);
    plan->set_bytes =
        CPU_ALLOC_SIZE(hwloc_bitmap_last(hwloc_topology_get_complete_cpuset(topology)) + 1);
    r = wish->how == JOB_BIND_GPU ? by_gpus(arena, topology, wish, plan)
                                  : by_units(arena, topology, wish, plan);
    hwloc_topology_destroy(topology);
    if (r < 0)
        return err_set(err, r, "the CPUs cannot be shared out: %s", strerror(-r));
    return 0;
}
