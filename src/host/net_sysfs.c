#include "host/net_sysfs.h"

#include "host/net_facts.h"
#include "host/scan.h"
#include "host/sysdir.h"

#include <errno.h>

static const struct {
    const char *file, *name;
    bool number;
    enum fact_class class;
} files[] = {
    {"mtu", "mtu", true, FACT_CONFIG},
    {"speed", "speed_mbs", true, FACT_CONFIG}, /* -1 while the link is down */
    {"duplex", "duplex", false, FACT_CONFIG},
    {"operstate", "state", false, FACT_STATE},
    {"address", "mac", false, FACT_IDENTITY},
    {"tx_queue_len", "tx_queue_len", true, FACT_CONFIG},
    {"qos/trust", "trust", false, FACT_CONFIG},
};

static void files_read(struct fact_builder *b, struct sysdir *sysdir, struct str dir)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const struct tree_entry *entry = sysdir_find(sysdir, dir, files[i].file);
        struct str value;
        uint32_t line, key;
        int64_t number;

        if (!entry || entry->link)
            continue;
        value = sysdir_value(entry);
        if (!value.len || (files[i].number && (str_to_i64(value, 10, &number) < 0 || number < 0)))
            continue;
        line = sysdir_note(sysdir, files[i].file, value);
        key = fact_key(b, STR(""), str_of(files[i].name));
        if (files[i].number)
            fact_number(b, files[i].class, line, key, number, STR(""));
        else
            fact_text(b, files[i].class, line, key, value);
    }
}

/* The driver: the last part of the link device/driver, or DRIVER= of the uevent. */
static struct str driver_of(const struct sysdir *sysdir, struct str dir)
{
    const struct tree_entry *entry = sysdir_find(sysdir, dir, "device/driver");
    struct str rest, line;
    const char *slash;

    if (entry && entry->link && entry->bytes.len) {
        slash = memrchr(entry->bytes.p, '/', entry->bytes.len);
        return slash ? str_range(slash + 1, entry->bytes.p + entry->bytes.len) : entry->bytes;
    }
    entry = sysdir_find(sysdir, dir, "device/uevent");
    rest = entry ? entry->bytes : (struct str){0};
    while (str_line(&rest, &line))
        if (str_starts(line, "DRIVER="))
            return str_trim(str_skip(line, 7));
    return (struct str){0};
}

/* The bond or bridge that an interface belongs to. */
static void master_read(struct fact_builder *b, struct sysdir *sysdir, struct str dir)
{
    const struct tree_entry *entry = sysdir_find(sysdir, dir, "master");
    const char *slash;
    struct str name;

    if (!entry || !entry->link || !entry->bytes.len)
        return;
    slash = memrchr(entry->bytes.p, '/', entry->bytes.len);
    name = slash ? str_range(slash + 1, entry->bytes.p + entry->bytes.len) : entry->bytes;
    if (name.len && name.len <= SCAN_NAME_MAX)
        fact_text(b, FACT_CONFIG, sysdir_note(sysdir, "master", name),
                  fact_key(b, STR(""), STR("master")), name);
}

/* ECN of RoCE, a flag for each priority: "0 0 0 1 0 0 0 0". `side` is "roce_np" or "roce_rp". */
static void ecn_read(struct fact_builder *b, struct sysdir *sysdir, struct str dir,
                     const char *side, const char *name)
{
    struct buf path = {0}, joined = {0};
    const struct tree_entry *entry;
    struct str value;
    size_t count;

    buf_printf(&path, "ecn/%s/enable/", side);
    entry = path.failed ? NULL : sysdir_under(sysdir, dir, path.p, &count);
    for (size_t i = 0; entry && i < count && i < 8; i++) {
        value = sysdir_value(&entry[i]);
        buf_printf(&joined, "%s%.*s", i ? " " : "", STR_ARG(value));
    }
    if (joined.len && !joined.failed) {
        value = (struct str){joined.p, joined.len};
        fact_text(b, FACT_CONFIG, sysdir_note(sysdir, path.p, value),
                  fact_key(b, STR(""), str_of(name)), value);
    }
    buf_done(&path);
    buf_done(&joined);
}

static void device_read(struct fact_builder *b, struct sysdir *sysdir, struct str dir, bool has_pci,
                        uint64_t bdf)
{
    struct str driver = driver_of(sysdir, dir);
    char text[BDF_TEXT_MAX];

    if (driver.len && driver.len <= SCAN_NAME_MAX)
        fact_text(b, FACT_CONFIG, sysdir_note(sysdir, "device/driver", driver),
                  fact_key(b, STR(""), STR("driver")), driver);
    if (!has_pci)
        return;
    bdf_print(bdf, text);
    fact_text(b, FACT_IDENTITY, sysdir_note(sysdir, "device", str_of(text)),
              fact_key(b, STR(""), STR("pci")), str_of(text));
}

static void counter_add(struct fact_builder *b, struct sysdir *sysdir, const char *file,
                        struct str name, const struct tree_entry *entry)
{
    struct str value = sysdir_value(entry);
    int64_t number;

    if (!entry->link && name.len && name.len <= SCAN_NAME_MAX && !memchr(name.p, '/', name.len) &&
        str_to_i64(value, 10, &number) == 0)
        fact_number(b, net_counter_class(name), sysdir_note(sysdir, file, value),
                    fact_key(b, STR(""), name), number, STR(""));
}

static void counters_read(struct fact_builder *b, struct sysdir *sysdir, struct str dir)
{
    const struct tree_entry *entry = sysdir_find(sysdir, dir, "carrier_changes");
    size_t count;

    if (entry)
        counter_add(b, sysdir, "carrier_changes", STR("carrier_changes"), entry);
    entry = sysdir_under(sysdir, dir, "statistics/", &count);
    for (size_t i = 0; i < count; i++)
        counter_add(b, sysdir, entry[i].path + dir.len,
                    str_skip(str_of(entry[i].path), dir.len + strlen("statistics/")), &entry[i]);
}

/* "<anything>/eth0/operstate": the folder, with its '/', and the name. */
static bool interface_of(const struct sysdir *sysdir, const struct tree_entry *entry,
                         struct str *dir, struct str *name)
{
    struct str path = str_of(entry->path);
    const char *slash;

    if (entry->link || !str_ends(path, "/operstate"))
        return false;
    *dir = (struct str){path.p, path.len - strlen("operstate")};
    slash = memrchr(dir->p, '/', dir->len - 1);
    *name = str_range(slash ? slash + 1 : dir->p, dir->p + dir->len - 1);
    return net_is_physical(*name) && sysdir_find(sysdir, *dir, "mtu");
}

static void interface_read(struct node *node, struct sysdir *sysdir, struct str dir,
                           uint32_t subject)
{
    const struct fact_block *facts, *counters;
    uint64_t bdf = 0;
    bool has_pci = sysdir_pci(sysdir, dir, &bdf);
    uint16_t source;

    sysdir_clear(sysdir);
    fact_begin(node->builder, STR("net"));
    files_read(node->builder, sysdir, dir);
    device_read(node->builder, sysdir, dir, has_pci, bdf);
    master_read(node->builder, sysdir, dir);
    ecn_read(node->builder, sysdir, dir, "roce_np", "ecn_np");
    ecn_read(node->builder, sysdir, dir, "roce_rp", "ecn_rp");
    facts = fact_end(node->builder);
    fact_begin(node->builder, STR("netcount"));
    counters_read(node->builder, sysdir, dir);
    counters = fact_end(node->builder);
    source = sysdir_source(sysdir, node, dir, "sysfs-net");
    node_attach(node, subject, facts, source, 1);
    if (!counters || counters->count)
        node_attach(node, subject, counters, source, 1);
    if (has_pci)
        net_set_pci(node, subject, bdf);
}

int net_sysfs_parse(struct node *node, const struct tree *tree, struct err *err)
{
    struct sysdir sysdir = {.tree = tree};
    uint32_t first_source = node->source_count;
    unsigned count = 0;
    struct str dir, name;

    for (size_t i = 0; i < tree->count && count < NET_INTERFACES_MAX && node_ok(node) == 0; i++) {
        int subject;

        if (!interface_of(&sysdir, &tree->entries[i], &dir, &name))
            continue;
        subject = net_subject(node, name);
        if (subject < 0 || sysdir_seen(node, (uint32_t)subject, first_source))
            continue;
        interface_read(node, &sysdir, dir, (uint32_t)subject);
        count++;
    }
    sysdir_done(&sysdir);
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the network interfaces") : 0;
}
