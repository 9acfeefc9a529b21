#include "pci/sysfs.h"
#include "pci/device_names.h"

#include "pci/config.h"
#include "pci/registers.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#define DEVICES "bus/pci/devices/"
#define SLOTS   "bus/pci/slots/"

/* Keeps the counters' blocks apart from other parsers' in the builder's cache. */
#define CACHE_KIND 0x7100

/* Files of one device; NULL: it has none. */
struct device_files {
    const struct tree_entry *config, *resource, *numa_node, *driver, *iommu_group, *label;
    const struct tree_entry *vendor, *device, *class, *revision, *subvendor, *subdevice;
    const struct tree_entry *correctable, *nonfatal, *fatal;
};

static const struct {
    const char *name;
    size_t offset; /* in struct device_files */
} files[] = {
    {"config", offsetof(struct device_files, config)},
    {"resource", offsetof(struct device_files, resource)},
    {"numa_node", offsetof(struct device_files, numa_node)},
    {"driver", offsetof(struct device_files, driver)},
    {"iommu_group", offsetof(struct device_files, iommu_group)},
    {"label", offsetof(struct device_files, label)},
    {"vendor", offsetof(struct device_files, vendor)},
    {"device", offsetof(struct device_files, device)},
    {"class", offsetof(struct device_files, class)},
    {"revision", offsetof(struct device_files, revision)},
    {"subsystem_vendor", offsetof(struct device_files, subvendor)},
    {"subsystem_device", offsetof(struct device_files, subdevice)},
    {"aer_dev_correctable", offsetof(struct device_files, correctable)},
    {"aer_dev_nonfatal", offsetof(struct device_files, nonfatal)},
    {"aer_dev_fatal", offsetof(struct device_files, fatal)},
};

struct sysfs {
    struct node *node;
    const struct tree *tree;
};

/* The file as a source of the node. */
static uint16_t add_source(struct sysfs *sysfs, const struct tree_entry *entry, const char *kind)
{
    return node_tree_source(sysfs->node, sysfs->tree, entry, kind);
}

static void attach(struct sysfs *sysfs, uint32_t subject, const struct tree_entry *entry)
{
    const struct fact_block *block = fact_end(sysfs->node->builder);

    node_attach(sysfs->node, subject, block, add_source(sysfs, entry, "sysfs"), 1);
}

/* The first line, without blanks; of a link the last part of its target. */
static struct str value_of(const struct tree_entry *entry)
{
    struct str rest = entry->bytes, line = {0};

    if (!str_line(&rest, &line))
        return line;
    line = str_trim(line);
    if (entry->link)
        for (size_t i = line.len; i-- > 0;)
            if (line.p[i] == '/')
                return str_skip(line, i + 1);
    return line;
}

static bool number_of(const struct tree_entry *entry, uint64_t *number)
{
    return entry && str_to_u64(value_of(entry), 0, number) == 0;
}

/* Rows "0x<start> 0x<end> 0x<flags>": BARs, then the ROM; what follows is not asked for. */
static bool read_resources(struct str text, struct pci_resource out[PCI_CONFIG_RESOURCES])
{
    struct str line, word;

    memset(out, 0, PCI_CONFIG_RESOURCES * sizeof(*out));
    for (size_t i = 0; i < PCI_CONFIG_RESOURCES; i++) {
        uint64_t numbers[3];

        if (!str_line(&text, &line))
            return false;
        for (size_t k = 0; k < 3; k++)
            if (!str_word(&line, &word) || str_to_u64(word, 0, &numbers[k]) < 0)
                return false;
        out[i] = (struct pci_resource){numbers[0], numbers[1], numbers[2]};
    }
    return true;
}

/* ---- one block for each file ---- */

static void put_id(struct registers *r, const char *name, uint64_t id)
{
    char text[8];

    (void)snprintf(text, sizeof(text), "%04x", (unsigned)(id & 0xffff));
    registers_number(r, 0, str_of(name), (int64_t)(id & 0xffff), str_of(text));
}

/* The ids that the kernel remembers, for a device whose config can't be read. */
static void put_ids(struct sysfs *sysfs, uint32_t subject, const struct device_files *device)
{
    uint64_t class = 0, vendor = 0, id = 0, revision = 0, subvendor = 0, subdevice = 0;
    bool has_class = number_of(device->class, &class), has_vendor;
    struct registers r;
    char text[8];

    has_vendor = number_of(device->vendor, &vendor);
    if (!has_class && !has_vendor)
        return;
    registers_begin(&r, sysfs->node->builder, STR("Header"));
    if (has_class)
        put_id(&r, "class", class >> 8);
    if (has_vendor)
        put_id(&r, "vendor", vendor);
    if (number_of(device->device, &id))
        put_id(&r, "device", id);
    if (number_of(device->revision, &revision) && revision) {
        (void)snprintf(text, sizeof(text), "%02x", (unsigned)(revision & 0xff));
        registers_number(&r, 0, STR("rev"), (int64_t)(revision & 0xff), str_of(text));
    }
    if (has_class) {
        (void)snprintf(text, sizeof(text), "%02x", (unsigned)(class & 0xff));
        registers_number(&r, 0, STR("progif"), (int64_t)(class & 0xff), str_of(text));
    }
    registers_text(&r, 0, STR("kind"),
                   str_of(device_kind_name(has_class ? (int)(class >> 8 & 0xffff) : -1,
                                           (uint16_t)vendor, (struct str){0})));
    if (number_of(device->subvendor, &subvendor) && subvendor && subvendor != 0xffff &&
        number_of(device->subdevice, &subdevice)) {
        put_id(&r, "subvendor", subvendor);
        put_id(&r, "subdevice", subdevice);
    }
    attach(sysfs, subject, has_vendor ? device->vendor : device->class);
}

static void put_numa(struct sysfs *sysfs, uint32_t subject, const struct tree_entry *entry)
{
    struct registers r;
    int64_t numa;

    if (!entry || str_to_i64(value_of(entry), 10, &numa) < 0 || numa < 0)
        return; /* -1: the firmware does not say */
    registers_begin(&r, sysfs->node->builder, STR("NUMA"));
    registers_number(&r, 0, STR("node"), numa, (struct str){0});
    attach(sysfs, subject, entry);
}

static void put_iommu(struct sysfs *sysfs, uint32_t subject, const struct tree_entry *entry)
{
    struct registers r;

    if (!entry)
        return;
    registers_begin(&r, sysfs->node->builder, STR("IOMMU"));
    registers_flag(&r, 0, STR("present"), true);
    registers_value(&r, 0, STR("group"), value_of(entry));
    attach(sysfs, subject, entry);
}

static void put_text(struct sysfs *sysfs, uint32_t subject, const struct tree_entry *entry,
                     const char *block, const char *name)
{
    struct registers r;

    if (!entry || !value_of(entry).len)
        return;
    registers_begin(&r, sysfs->node->builder, str_of(block));
    registers_text(&r, 0, str_of(name), value_of(entry));
    attach(sysfs, subject, entry);
}

/* Lines "RxErr 0"; the sum at the end says nothing of its own. */
static void put_counters(struct sysfs *sysfs, uint32_t subject, const struct tree_entry *entry,
                         const char *severity, unsigned kind)
{
    struct fact_builder *builder = sysfs->node->builder;
    const struct fact_block *block;
    struct str rest, line, name, count;
    struct registers r;
    uint64_t number;

    if (!entry || !entry->bytes.len)
        return;
    block = fact_cached(builder, CACHE_KIND + kind, entry->bytes);
    if (!block) {
        registers_begin(&r, builder, STR("AERCount"));
        registers_open(&r, str_of(severity));
        rest = entry->bytes;
        for (uint32_t i = 0; i < 64 && str_line(&rest, &line); i++)
            if (str_word(&line, &name) && !str_starts(name, "TOTAL") && str_word(&line, &count) &&
                str_to_u64(count, 10, &number) == 0 && number <= INT64_MAX)
                registers_number(&r, i, name, (int64_t)number, (struct str){0});
        block = fact_end_cached(builder, CACHE_KIND + kind, entry->bytes);
    }
    node_attach(sysfs->node, subject, block, add_source(sysfs, entry, "sysfs"), 1);
}

/* ---- devices ---- */

/* Returns -ENOMEM; what is wrong with the bytes is told as unseen. */
static int put_config(struct sysfs *sysfs, uint64_t bdf, uint32_t subject,
                      const struct device_files *device)
{
    struct pci_resource resources[PCI_CONFIG_RESOURCES];
    struct node *node = sysfs->node;
    struct err err = {0};
    bool sized = false;
    uint16_t source;
    int r;

    if (device->resource) {
        sized = read_resources(device->resource->bytes, resources);
        if (!sized)
            node_add_unseen(node, (int)subject, -1, NULL, "sizes of the device's regions",
                            "the file resource can't be read as numbers");
    }
    source = add_source(sysfs, device->config, "config");
    if (node_ok(node) < 0)
        return -ENOMEM;
    node->sources[source].binary = true;
    r = pci_config_parse(node, source, bdf, device->config->bytes, 0, 1, sized ? resources : NULL,
                         &err);
    if (r < 0 && r != -ENOMEM) {
        node_add_unseen(node, (int)subject, source, "*", "PCI capabilities", err.text);
        put_ids(sysfs, subject, device);
        r = 0;
    }
    return r;
}

static bool answers(struct str config)
{
    return config.len >= 4 && memcmp(config.p, "\xff\xff\xff\xff", 4) != 0;
}

static int put_device(struct sysfs *sysfs, uint64_t bdf, const struct device_files *device)
{
    struct node *node = sysfs->node;
    uint32_t subject = node_pci(node, bdf);
    int r = 0;

    if (device->config && device->config->bytes.len) {
        r = put_config(sysfs, bdf, subject, device);
        if (r < 0)
            return r;
        if (!answers(device->config->bytes) && device->config->bytes.len >= 4)
            put_ids(sysfs, subject, device);
    } else {
        put_ids(sysfs, subject, device);
        node_add_unseen(node, (int)subject, -1, "*", "PCI capabilities",
                        "the device's config was not collected");
    }
    put_text(sysfs, subject, device->label, "Header", "label");
    put_numa(sysfs, subject, device->numa_node);
    put_iommu(sysfs, subject, device->iommu_group);
    put_text(sysfs, subject, device->driver, "Driver", "name");
    put_counters(sysfs, subject, device->correctable, "correctable", 0);
    put_counters(sysfs, subject, device->nonfatal, "nonfatal", 1);
    put_counters(sysfs, subject, device->fatal, "fatal", 2);
    return node_ok(node);
}

/* The part of the path behind `folder`, or an empty slice. */
static struct str behind(const char *path, const char *folder)
{
    const char *at = strstr(path, folder);

    return at && (at == path || at[-1] == '/') ? str_of(at + strlen(folder)) : (struct str){0};
}

static void note_file(struct device_files *device, struct str name, const struct tree_entry *entry)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (str_is(name, files[i].name)) {
            const struct tree_entry **slot =
                (const struct tree_entry **)(void *)((char *)device + files[i].offset);

            *slot = entry;
        }
}

/* Entries of one device stand together, since the tree is sorted by path. */
static int put_devices(struct sysfs *sysfs)
{
    struct device_files device = {0};
    uint64_t open = 0, bdf;
    bool any = false;
    int r = 0;

    for (size_t i = 0; i < sysfs->tree->count && r == 0; i++) {
        const struct tree_entry *entry = &sysfs->tree->entries[i];
        struct str rest = behind(entry->path, DEVICES), folder;

        if (!rest.len || !str_cut(&rest, '/', &folder) || !rest.len || bdf_parse(folder, &bdf) < 0)
            continue;
        if (any && bdf != open) {
            r = put_device(sysfs, open, &device);
            device = (struct device_files){0};
        }
        open = bdf;
        any = true;
        note_file(&device, rest, entry);
    }
    if (any && r == 0)
        r = put_device(sysfs, open, &device);
    return r;
}

/* .../slots/<name>/address says "0000:19:00": all functions of that device sit in the slot. */
static void put_slots(struct sysfs *sysfs)
{
    struct node *node = sysfs->node;

    for (size_t i = 0; i < sysfs->tree->count; i++) {
        const struct tree_entry *entry = &sysfs->tree->entries[i];
        struct str rest = behind(entry->path, SLOTS), name, value;
        char address[BDF_TEXT_MAX];
        uint64_t bdf;

        if (!rest.len || !str_cut(&rest, '/', &name) || !str_is(rest, "address"))
            continue;
        value = value_of(entry);
        if (value.len + 3 > sizeof(address))
            continue;
        (void)snprintf(address, sizeof(address), "%.*s.0", STR_ARG(value));
        if (bdf_parse(str_of(address), &bdf) < 0)
            continue;
        for (unsigned function = 0; function < 8; function++) {
            int subject = node_find_pci(node, bdf | function);
            struct registers r;

            if (subject < 0)
                continue;
            registers_begin(&r, node->builder, STR("Slot"));
            registers_text(&r, 0, STR("physical"), name);
            attach(sysfs, (uint32_t)subject, entry);
        }
    }
}

int pci_sysfs_parse(struct node *node, const struct tree *tree, struct err *err)
{
    struct sysfs sysfs = {.node = node, .tree = tree};
    int r = put_devices(&sysfs);

    if (r == 0) {
        put_slots(&sysfs);
        r = node_ok(node);
    }
    return r < 0 ? err_set(err, r, "no memory for the facts of /sys/bus/pci") : 0;
}
