#include "probe/card.h"

#include "base/file.h"
#include "probe/cpus.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAMES_MAX   4096 /* in a folder of sysfs */
#define VALUE_BYTES 4096 /* a page is what sysfs gives at most */
#define ARENA_BYTES (16u << 20)
#define NVIDIA      "0x10de"

struct reader {
    struct arena *arena;
    const char *root;
    struct card *card;
};

static const char *path_of(const struct reader *reader, const char *folder, const char *name)
{
    const char *path = arena_printf(reader->arena, "%s/%s", folder, name);

    return path ? path : "";
}

/* One file's text without its newline; empty when it can't be read. */
static struct str value(const struct reader *reader, const char *folder, const char *name)
{
    char *text;
    const char *copy;
    size_t len;

    if (file_read(path_of(reader, folder, name), VALUE_BYTES, &text, &len, NULL) < 0)
        return (struct str){"", 0};
    copy = arena_copy(reader->arena, text, len);
    free(text);
    return str_trim((struct str){copy ? copy : "", copy ? len : 0});
}

static int64_t number(const struct reader *reader, const char *folder, const char *name,
                      int64_t otherwise)
{
    int64_t n;

    return str_to_i64(value(reader, folder, name), 10, &n) == 0 ? n : otherwise;
}

static int32_t numa_of(const struct reader *reader, const char *folder)
{
    int64_t numa = number(reader, folder, "numa_node", -1);

    return numa >= 0 && numa < CPUS_NUMA_MAX ? (int32_t)numa : -1;
}

static void add(const struct reader *reader, const struct device *device)
{
    struct card *card = reader->card;

    if (card->device_count < CARD_DEVICES_MAX)
        card->devices[card->device_count++] = *device;
}

static long list(const struct reader *reader, const char *folder, const char *const **names)
{
    return file_list(reader->arena, folder, NAMES_MAX, names, NULL);
}

/* "400 Gb/sec (4X NDR)" to bytes a second. */
static double ib_rate(struct str text)
{
    struct str word;
    double gigabits;

    return str_word(&text, &word) && str_to_double(word, &gigabits) == 0 && gigabits > 0
               ? gigabits * 1e9 / 8
               : 0;
}

static void add_ports(const struct reader *reader, const char *adapter, const char *folder)
{
    const char *const *ports;
    const char *all = path_of(reader, folder, "ports");
    long count = list(reader, all, &ports);

    for (long i = 0; i < count; i++) {
        const char *port = path_of(reader, all, ports[i]);
        struct device device = {.kind = DEVICE_RDMA,
                                .up = str_starts(value(reader, port, "state"), "4:"),
                                .rate = ib_rate(value(reader, port, "rate")),
                                .numa = numa_of(reader, path_of(reader, folder, "device"))};

        (void)snprintf(device.name, sizeof(device.name), "%s:%s", adapter, ports[i]);
        add(reader, &device);
    }
}

static void add_rdma(const struct reader *reader)
{
    const char *const *names;
    const char *all = path_of(reader, reader->root, "sys/class/infiniband");
    long count = list(reader, all, &names);

    for (long i = 0; i < count; i++)
        add_ports(reader, names[i], path_of(reader, all, names[i]));
}

/* Display and 3D controllers of NVIDIA's, in the order of their addresses. */
static void add_gpus(const struct reader *reader)
{
    const char *const *names;
    const char *all = path_of(reader, reader->root, "sys/bus/pci/devices");
    long count = list(reader, all, &names);
    unsigned gpus = 0;

    for (long i = 0; i < count; i++) {
        const char *at = path_of(reader, all, names[i]);
        struct str class = value(reader, at, "class");
        struct device device = {.kind = DEVICE_GPU, .up = true, .numa = numa_of(reader, at)};

        if (!str_is(value(reader, at, "vendor"), NVIDIA) ||
            !(str_starts(class, "0x0300") || str_starts(class, "0x0302")))
            continue;
        (void)snprintf(device.name, sizeof(device.name), "gpu%u", gpus++);
        add(reader, &device);
    }
}

/* A driver may say -1 for the speed that it does not know; virtual ones can't be read. */
static void add_nets(const struct reader *reader, bool with_hardware)
{
    const char *const *names;
    const char *all = path_of(reader, reader->root, "sys/class/net");
    long count = list(reader, all, &names);

    for (long i = 0; i < count; i++) {
        const char *at = path_of(reader, all, names[i]), *hardware = path_of(reader, at, "device");
        int64_t megabits = number(reader, at, "speed", 0);
        struct device device = {.kind = DEVICE_NET,
                                .up = str_is(value(reader, at, "operstate"), "up"),
                                .rate = megabits > 0 ? (double)megabits * 1e6 / 8 : 0,
                                .numa = numa_of(reader, hardware)};

        if (number(reader, at, "type", 0) == ARPHRD_LOOPBACK ||
            (access(hardware, F_OK) == 0) != with_hardware)
            continue;
        (void)snprintf(device.name, sizeof(device.name), "%s", names[i]);
        add(reader, &device);
    }
}

static int add_cpus(const struct reader *reader, struct err *err)
{
    struct cpulist allowed;
    struct cpus cpus;
    int r = cpus_allowed(&allowed, err);

    if (r == 0)
        r = cpus_read(reader->arena, reader->root, &allowed, &cpus, err);
    if (r < 0)
        return r;
    reader->card->cpus = cpulist_count(&allowed);
    reader->card->numa_nodes = (uint32_t)cpus.numa_count;
    return 0;
}

static void add_boot(const struct reader *reader)
{
    const char *folder = path_of(reader, reader->root, "proc/sys/kernel/random");
    struct str boot = value(reader, folder, "boot_id");

    str_keep(reader->card->boot, sizeof(reader->card->boot), boot);
}

int card_collect(const char *root, struct card *out, struct err *err)
{
    struct reader reader = {arena_new(ARENA_BYTES), root, out};
    int r;

    if (!reader.arena)
        return err_set(err, -ENOMEM, "no memory for the card");
    *out = (struct card){0};
    if (gethostname(out->host, sizeof(out->host)) < 0 || !out->host[0])
        (void)snprintf(out->host, sizeof(out->host), "?");
    out->host[sizeof(out->host) - 1] = '\0';
    add_boot(&reader);
    r = add_cpus(&reader, err);
    add_rdma(&reader);
    add_gpus(&reader);
    add_nets(&reader, true);
    add_nets(&reader, false);
    arena_free(reader.arena);
    return r;
}
