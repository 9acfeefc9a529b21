#include "host/ib_sysfs.h"

#include "host/ib_facts.h"
#include "host/scan.h"
#include "host/sysdir.h"

#include <errno.h>
#include <stdio.h>

#define GID_TYPE_MAX 8

/* Files of the device's folder, then of the port's. */
static const struct ib_row device_files[] = {
    {"fw_ver", "fw", IB_TEXT, FACT_CONFIG},
    {"board_id", "psid", IB_TEXT, FACT_CONFIG},
    {"hca_type", "hca_type", IB_TEXT, FACT_CONFIG},
    {"node_guid", "node_guid", IB_GUID, FACT_IDENTITY},
    {"sys_image_guid", "sys_image_guid", IB_GUID, FACT_IDENTITY},
    {"node_type", "node_type", IB_TEXT, FACT_CONFIG},
};

static const struct ib_row port_files[] = {
    {"state", "state", IB_STATE, FACT_CONFIG},  {"phys_state", "phys_state", IB_PHYS, FACT_CONFIG},
    {"rate", "", IB_RATE, FACT_CONFIG},         {"link_layer", "link_layer", IB_TEXT, FACT_CONFIG},
    {"lid", "lid", IB_NUMBER, FACT_IDENTITY},   {"sm_lid", "sm_lid", IB_NUMBER, FACT_IDENTITY},
    {"sm_sl", "sm_sl", IB_NUMBER, FACT_CONFIG}, {"cap_mask", "cap_mask", IB_TEXT, FACT_CONFIG},
};

/* Counters of traffic say nothing of faults, and their values never repeat. */
static const char *const traffic[] = {"*_data",         "*_packets",   "rx_*_requests",
                                      "rx_dct_connect", "*_packets_*", "*_bytes"};

/* A port that is being read, and its paths. */
struct port {
    struct sysdir sysdir;
    struct str device, number;  /* "mlx5_0", "1" */
    struct str device_dir, dir; /* with a '/' at the end */
};

/* "<anything>/mlx5_0/ports/1/state" */
static bool port_of(const char *path, struct port *port)
{
    struct str rest = str_of(path), parts[5] = {{0}};
    size_t count = 0;
    const char *begin;

    if (!str_ends(rest, "/state"))
        return false;
    while (count < ARRAY_LEN(parts) && rest.len) {
        const char *slash = memrchr(rest.p, '/', rest.len);

        begin = slash ? slash + 1 : rest.p;
        parts[count++] = str_range(begin, rest.p + rest.len);
        rest.len = slash ? (size_t)(slash - rest.p) : 0;
    }
    if (count < 4 || !str_is(parts[2], "ports") || !parts[3].len ||
        parts[3].len > SCAN_NAME_MAX / 2 || !parts[1].len || parts[1].len > 3)
        return false;
    port->device = parts[3];
    port->number = parts[1];
    port->device_dir = str_range(path, parts[2].p);
    port->dir = str_range(path, parts[0].p);
    return true;
}

static void files_read(struct fact_builder *b, struct port *port, struct str dir,
                       const struct ib_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct tree_entry *entry = sysdir_find(&port->sysdir, dir, rows[i].key);
        struct str value;

        if (!entry || entry->link)
            continue;
        value = sysdir_value(entry);
        if (value.len)
            ib_add(b, &rows[i], sysdir_note(&port->sysdir, rows[i].key, value), value);
    }
}

/* "tc/<port>/traffic_class" of the device: "Global tclass=106". */
static void traffic_class_read(struct fact_builder *b, struct port *port)
{
    static const struct ib_row row = {"", "traffic_class", IB_TEXT, FACT_CONFIG};
    char path[32];
    const struct tree_entry *entry;
    struct str value;

    (void)snprintf(path, sizeof(path), "tc/%.*s/traffic_class", STR_ARG(port->number));
    entry = sysdir_find(&port->sysdir, port->device_dir, path);
    value = entry && !entry->link ? sysdir_value(entry) : (struct str){0};
    if (value.len)
        ib_add(b, &row, sysdir_note(&port->sysdir, path, value), value);
}

static void pci_read(struct fact_builder *b, struct port *port, uint64_t bdf)
{
    char text[BDF_TEXT_MAX];

    bdf_print(bdf, text);
    fact_text(b, FACT_IDENTITY, sysdir_note(&port->sysdir, "device", str_of(text)),
              fact_key(b, STR(""), STR("pci")), str_of(text));
}

/* GID 0 ends in the port's GUID; the types of all GIDs, each once; the first network device. */
static void gids_read(struct fact_builder *b, struct port *port)
{
    static const struct ib_row guid = {"gids/0", "port_guid", IB_GUID, FACT_IDENTITY};
    const struct tree_entry *entry = sysdir_find(&port->sysdir, port->dir, "gids/0");
    struct str types[GID_TYPE_MAX], value;
    struct buf joined = {0};
    size_t count, seen = 0;

    if (entry && !entry->link) {
        value = sysdir_value(entry);
        if (value.len == 39 && str_starts(value, "fe80:"))
            ib_add(b, &guid, sysdir_note(&port->sysdir, "gids/0", value), str_skip(value, 20));
    }
    entry = sysdir_under(&port->sysdir, port->dir, "gid_attrs/types/", &count);
    for (size_t i = 0; i < count && seen < GID_TYPE_MAX; i++) {
        size_t k = 0;

        value = sysdir_value(&entry[i]);
        while (k < seen && !str_eq(types[k], value))
            k++;
        if (!value.len || k < seen)
            continue;
        types[seen++] = value;
        buf_printf(&joined, "%s%.*s", joined.len ? ", " : "", STR_ARG(value));
    }
    if (joined.len && !joined.failed) {
        value = (struct str){joined.p, joined.len};
        fact_text(b, FACT_CONFIG, sysdir_note(&port->sysdir, "gid_attrs/types", value),
                  fact_key(b, STR(""), STR("gid_types")), value);
    }
    buf_done(&joined);
    entry = sysdir_under(&port->sysdir, port->dir, "gid_attrs/ndevs/", &count);
    for (size_t i = 0; i < count; i++) {
        value = sysdir_value(&entry[i]);
        if (!value.len)
            continue;
        fact_text(b, FACT_LABEL, sysdir_note(&port->sysdir, "gid_attrs/ndevs", value),
                  fact_key(b, STR(""), STR("netdev")), value);
        break;
    }
}

static enum fact_class counter_class(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(traffic); i++)
        if (str_glob(traffic[i], name))
            return FACT_VOLATILE;
    return FACT_STATE;
}

static unsigned counters_read(struct fact_builder *b, struct port *port, const char *folder)
{
    size_t count;
    const struct tree_entry *entry = sysdir_under(&port->sysdir, port->dir, folder, &count);
    unsigned added = 0;

    for (size_t i = 0; i < count; i++) {
        struct str name = str_skip(str_of(entry[i].path), port->dir.len + strlen(folder));
        struct str value = sysdir_value(&entry[i]);
        int64_t number;

        /* lifespan is how often the driver refreshes the others. */
        if (entry[i].link || !name.len || name.len > SCAN_NAME_MAX ||
            memchr(name.p, '/', name.len) || str_is(name, "lifespan") ||
            str_to_i64(value, 10, &number) < 0)
            continue;
        fact_number(b, counter_class(name),
                    sysdir_note(&port->sysdir, entry[i].path + port->dir.len, value),
                    fact_key(b, STR(""), name), number, STR(""));
        added++;
    }
    return added;
}

static void port_read(struct node *node, struct port *port, uint32_t first_source)
{
    struct fact_builder *b = node->builder;
    uint32_t subject = ib_subject(node, port->device, port->number);
    const struct fact_block *facts, *counters;
    bool has_pci, has_counters;
    uint64_t bdf = 0;
    uint16_t source;

    if (!subject || sysdir_seen(node, subject, first_source))
        return;
    has_pci = sysdir_pci(&port->sysdir, port->device_dir, &bdf);
    fact_begin(b, STR("ib"));
    files_read(b, port, port->device_dir, device_files, ARRAY_LEN(device_files));
    if (has_pci)
        pci_read(b, port, bdf);
    files_read(b, port, port->dir, port_files, ARRAY_LEN(port_files));
    gids_read(b, port);
    traffic_class_read(b, port);
    facts = fact_end(b);
    fact_begin(b, STR("ibcount"));
    has_counters = counters_read(b, port, "counters/") > 0;
    has_counters |= counters_read(b, port, "hw_counters/") > 0;
    counters = fact_end(b);

    source = sysdir_source(&port->sysdir, node, port->dir, "sysfs-ib");
    node_attach(node, subject, facts, source, 1);
    if (has_counters)
        node_attach(node, subject, counters, source, 1);
    if (has_pci)
        ib_set_pci(node, subject, bdf);
}

int ib_sysfs_parse(struct node *node, const struct tree *tree, struct err *err)
{
    uint32_t first_source = node->source_count;
    struct port port = {.sysdir = {.tree = tree}};
    unsigned ports = 0;

    for (size_t i = 0; i < tree->count && ports < IB_PORTS_MAX && node_ok(node) == 0; i++) {
        if (tree->entries[i].link || !port_of(tree->entries[i].path, &port))
            continue;
        sysdir_clear(&port.sysdir);
        port_read(node, &port, first_source);
        ports++;
    }
    sysdir_done(&port.sysdir);
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the RDMA ports") : 0;
}
