/* For every real dump with hex rows: our decode of the bytes gives the same facts as what
 * `lspci -vvv -F` prints of them. */
#include "base/file.h"
#include "pci/config.h"
#include "pci/hex.h"
#include "pci/lspci.h"
#include "pci/lspci_index.h"
#include "pci/sysfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_BYTES_MAX (64u << 20)
#define SHOW_MAX       40 /* differences printed for each file */

/* Whose facts are looked for on the other side. */
enum side {
    OF_BYTES,
    OF_LSPCI, /* what lspci -F prints of the bytes */
    OF_DUMP,  /* the text above the bytes in the same file */
    OF_LIVE,  /* what lspci prints of this host */
};

/* Paths that may differ, each with the reason. `file`: only in files with this in their name.
 * `before`: only when the lspci that is installed is older than 3.<before>. */
struct exception {
    const char *path, *why, *file;
    int before;
};

/* What bytes tell and lspci does not print. */
static const struct exception only_bytes[] = {
    {"Header.progif", "0 is printed only when pci.ids has a name for it"},
    {"Header.gone", "found by the whole space being ones"},
    {"DLF.DLF*", "no lspci decodes it"},
    {"16GT.*Parity", "no lspci prints it"},
    {"Vendor.Len", "no longer printed where the contents are"},
    {"Express.DevCtl2.EETLPPrefixBlk", "newer", NULL, 11},
    {"Express.DevCtl2.EmergencyPowerReductionReq", "newer", NULL, 11},
    {"Express.DevCtl2.IDO*", "newer", NULL, 11},
    {"PRI.PRISta.PASID", "newer", NULL, 11},
    {"LaneMargin.Port*", "newer", NULL, 11},
    {"DVSEC.title", "newer", NULL, 11},
    {"DVSEC.CXLCtl2.*", "newer", NULL, 11},
    {"DOE.DOESta.Error", "the wrong bits before", "dvsec-cxl", 11},
    {"Express.DevCap.TEE-IO", "newer", NULL, 12},
    {"AER.CE*.CorrIntErr", "newer", NULL, 13},
    {"AER.CE*.HeaderOF", "newer", NULL, 13},
    {"AER.UE*.UncorrIntErr", "newer", NULL, 13},
    {"AER.UE*.*Blocked*", "newer", NULL, 13},
    {"AER.UE*.IDECheck", "newer", NULL, 13},
    {"AER.UE*.MisIDETLP", "newer", NULL, 13},
    {"AER.UE*.PCRC_CHECK", "newer", NULL, 13},
    {"Express.LnkCtl.FltModeDis", "newer", NULL, 14},
    {"Express.LnkSta2.FltMode", "newer", NULL, 14},
    {"Express.FLIT Mode Supported", "newer", NULL, 14},
    {"16GT.Phy16Sta.*", "newer", NULL, 14},
    {"32GT.Phy32*", "newer", NULL, 14},
    {"64GT.Phy64*", "newer", NULL, 14},
    {"DEV3.Dev*", "newer", NULL, 14},
    {"IDE.*", "newer, with other bits at first", NULL, 14},
    {"Vendor.kind", "Intel's, newer", NULL, 14},
    {"Vendor.Cap?.*", "Intel's, newer", NULL, 14},
    {"Vendor.VirtIO*", "SharedMemory with 64-bit sizes, newer", "virtio", 14},
};

/* What lspci prints and bytes can't tell, or where lspci is wrong. */
static const struct exception only_lspci[] = {
    {"VPD.readable", "a dump holds no vital product data"},
    {"IDE.*", "with other bits at first", "cap-ide", 14},
    {"DOE.DOESta.Error", "the wrong bits before", "dvsec-cxl", 11},
    {"Vendor.VirtIO*", "SharedMemory with 64-bit sizes, newer", "virtio", 14},
};

/* What the kernel and the running lspci knew. */
static const struct exception only_dump[] = {
    {"Driver.*", "the kernel's"},
    {"Interrupt.*", "routed by the kernel"},
    {"IOMMU.*", "the kernel's"},
    {"NUMA.*", "the kernel's"},
    {"Slot.*", "the kernel's"},
    {"Region*", "sizes and addresses as the kernel has them"},
    {"ROM.*", "sizes and addresses as the kernel has them"},
    {"?*Window.*", "as the kernel has them"},
    {"VPD.*", "read through the capability, not in it"},
    {"Express.LnkCtl2.Selectable De-emphasis", "for all ports before 3.7"},
    {"Express.DevCap.*Latency*", "for all ports before 3.3"},
    {"IDE.SelectiveIDE#0 Ctl.En", "the text is of a draft of the decoder", "cap-ide"},
    {"*", "mended by mail: two devices are one", "rk3399"},
    {"*", "text of lspci 3.0, before many of today's rules", "cap-vc-and-rcl"},
    {"*", "text of lspci 3.0, before many of today's rules", "cap-pcie-"},
    {"*", "text of lspci 3.0, before many of today's rules", "cap-address-xlation"},
    {"RCEC.*", "the text shows other bits than the bytes", "cap-rcec"},
    {"DVSEC.CXL*", "3.8 read CXL 1.1 as if it were 2.0", "cap-dvsec-cxl"},
};

/* The version of the lspci that is installed: 9 for 3.9.0. */
static int lspci_minor(void)
{
    static int minor = -1;
    char line[128];
    FILE *pipe;

    if (minor >= 0)
        return minor;
    pipe = popen("lspci --version 2>/dev/null", "r");
    assert_non_null(pipe);
    if (!fgets(line, sizeof(line), pipe) || sscanf(line, "lspci version 3.%d", &minor) != 1)
        minor = 0;
    (void)pclose(pipe);
    return minor;
}

/* What changes between two looks at a running host. */
static const struct exception only_live[] = {
    {"VPD.*", "read through the capability, not in it"}, {"Interrupt.*", "routed by the kernel"},
    {"Slot.*", "not among the devices' files"},          {"MSI*.Data", "moves with its interrupt"},
    {"MSI*.Address", "moves with its interrupt"},
};

static bool listed(const char *path, const char *file, enum side side)
{
    static const struct {
        const struct exception *rows;
        size_t count;
    } lists[] = {
        [OF_BYTES] = {only_bytes, ARRAY_LEN(only_bytes)},
        [OF_LSPCI] = {only_lspci, ARRAY_LEN(only_lspci)},
        [OF_DUMP] = {only_dump, ARRAY_LEN(only_dump)},
        [OF_LIVE] = {only_live, ARRAY_LEN(only_live)},
    };
    const struct exception *list = lists[side].rows;
    size_t count = lists[side].count;

    for (size_t i = 0; i < count; i++)
        if (str_glob(list[i].path, str_of(path)) && (!list[i].file || strstr(file, list[i].file)) &&
            (!list[i].before || lspci_minor() < list[i].before))
            return true;
    return false;
}

static struct fact_at find_fact(const struct node *node, int subject, const char *path)
{
    return node_fact(node, (uint32_t)subject, fact_pool_key(node->pool, str_of(path)));
}

/* Without the flags that only the kernel has, lspci takes the upper half of a 64-bit BAR for a
 * region of its own. */
static bool is_upper_half(const struct node *bytes, int subject, const char *block)
{
    char path[32];
    struct fact_at type;

    if (strncmp(block, "Region", 6) != 0 || block[6] < '1')
        return false;
    (void)snprintf(path, sizeof(path), "Region%c.type", block[6] - 1);
    type = find_fact(bytes, subject, path);
    return type.fact && strncmp(type.fact->text, "64-bit", 6) == 0;
}

/* Did the dump show fewer bytes than lspci read? The first fact of a capability is its offset. */
static bool is_extended_unseen(const struct node *bytes, int subject)
{
    for (uint32_t i = 0; i < bytes->unseen_count; i++)
        if (bytes->unseen[i].subject == subject &&
            strncmp(bytes->unseen[i].what, "extended", 8) == 0)
            return true;
    return false;
}

/* Differences that are none, beyond the lists of paths. */
static bool explained(const struct node *in, int b, const struct fact *fact,
                      const struct fact_ref *ref, const char *path, enum side side)
{
    if (side == OF_BYTES)
        return false;
    /* Names come from pci.ids, and lines nobody knows are labels too. */
    if (fact->class == FACT_LABEL)
        return true;
    if (b < 0 || find_fact(in, b, "Header.gone").fact)
        return true;
    if (side == OF_LIVE)
        return fact->class == FACT_STATE; /* an error may come between the two looks */
    if (side == OF_LSPCI)
        return is_upper_half(in, b, path);
    return ref->block->facts[0].number >= 0x100 && is_extended_unseen(in, b);
}

static bool same(const struct fact *a, const struct fact *b)
{
    return a->key == b->key && a->class == b->class && fact_equal(a, b);
}

/* Facts of subject `a` of one node without an equal on subject `b` of the other. */
static size_t missing(const struct node *from, uint32_t a, const struct node *in, int b,
                      const char *file, enum side side, size_t *total, size_t *shown)
{
    const struct subject *have = &from->subjects[a];
    const struct subject *want = b >= 0 ? &in->subjects[b] : NULL;
    size_t count = 0;

    for (uint32_t i = 0; i < have->count; i++) {
        const struct fact_ref *ref = &have->refs[i];

        for (uint32_t k = 0; k < ref->block->count; k++) {
            const struct fact *fact = &ref->block->facts[k];
            const char *path = fact_key_name(from->pool, fact->key);
            const struct fact *other = NULL;
            bool found = false;

            ++*total;
            for (uint32_t j = 0; want && j < want->count && !found; j++) {
                const struct fact_ref *peer = &want->refs[j];

                if (peer->block->name != ref->block->name || peer->ordinal != ref->ordinal)
                    continue;
                for (uint32_t m = 0; m < peer->block->count && !found; m++) {
                    found = same(fact, &peer->block->facts[m]);
                    if (peer->block->facts[m].key == fact->key)
                        other = &peer->block->facts[m];
                }
            }
            if (found || listed(path, file, side) || explained(in, b, fact, ref, path, side))
                continue;
            count++;
            if ((*shown)++ < SHOW_MAX)
                print_message("    %s %-8s %s = %d:%d:'%s'%s%s%s\n", have->name,
                              side == OF_BYTES ? "bytes" : "lspci", path, fact->type, fact->class,
                              fact->text, other ? " other side: '" : "", other ? other->text : "",
                              other ? "'" : "");
        }
    }
    return count;
}

/* The dump's bytes as lspci -F takes them, and on the node `bytes` as we take them. */
static size_t take_hex(const struct lspci_index *index, FILE *out, struct node *node)
{
    uint16_t source = node_source(node, "hex", "config", (struct str){0});
    size_t devices = 0;

    for (size_t i = 0; i < index->devices.count; i++) {
        const struct lspci_device *device = &index->devices.items[i];
        uint8_t bytes[HEX_BYTES_MAX];
        size_t len = device->hex.len ? hex_rows(device->hex, bytes) : 0;
        char bdf[BDF_TEXT_MAX];
        struct err err = {0};

        len &= ~(size_t)15;
        if (len < 64)
            continue;
        if (len > 64 && len < 256)
            len = 64;
        if (len > 256 && len < 4096)
            len = 256;
        bdf_print(device->bdf, bdf);
        (void)fprintf(out, "%s Device\n", bdf);
        for (size_t at = 0; at < len; at += 16) {
            (void)fprintf(out, "%02zx:", at);
            for (size_t k = 0; k < 16; k++)
                (void)fprintf(out, " %02x", bytes[at + k]);
            (void)fputc('\n', out);
        }
        (void)fputc('\n', out);
        assert_int_equal(pci_config_parse(node, source, device->bdf,
                                          (struct str){(const char *)bytes, len}, 1, 16, NULL,
                                          &err),
                         0);
        devices++;
    }
    return devices;
}

/* Of a dump, or of this host (NULL). The caller frees. */
static char *run_lspci(const char *path, size_t *len)
{
    char command[256];
    struct buf out = {0};
    FILE *pipe;

    (void)snprintf(command, sizeof(command), "lspci -D -vvvnn %s%s 2>/dev/null", path ? "-F " : "",
                   path ? path : "");
    pipe = popen(command, "r");
    assert_non_null(pipe);
    for (;;) {
        char piece[65536];
        size_t got = fread(piece, 1, sizeof(piece), pipe);

        if (!got)
            break;
        buf_add(&out, piece, got);
    }
    (void)pclose(pipe);
    *len = out.len;
    return out.p;
}

/* One file under test: its bytes and the text that they are held against, as nodes. */
struct pair {
    struct fact_pool *pool;
    struct fact_builder *builder;
    struct node *bytes, *text;
    char *file;
    size_t len, devices;
    char dump[64]; /* the bytes alone, for lspci -F */
};

static void pair_open(struct pair *pair, const char *path)
{
    struct lspci_index index = {0};
    struct err err = {0};
    FILE *out;
    int fd;

    *pair = (struct pair){.dump = "/tmp/firstlight-differential-XXXXXX"};
    pair->pool = fact_pool_new(FACT_KEEP_ALL);
    pair->builder = fact_builder_new(pair->pool);
    pair->bytes = node_new(pair->builder, "bytes");
    pair->text = node_new(pair->builder, "text");
    assert_int_equal(file_read(path, FILE_BYTES_MAX, &pair->file, &pair->len, &err), 0);
    assert_int_equal(lspci_index_build(&index, (struct str){pair->file, pair->len}), 0);
    fd = mkstemp(pair->dump);
    assert_true(fd >= 0);
    out = fdopen(fd, "w");
    assert_non_null(out);
    pair->devices = take_hex(&index, out, pair->bytes);
    assert_int_equal(fclose(out), 0);
    lspci_index_done(&index);
}

static void pair_close(struct pair *pair)
{
    (void)unlink(pair->dump);
    node_free(pair->text);
    node_free(pair->bytes);
    fact_builder_free(pair->builder);
    fact_pool_free(pair->pool);
    free(pair->file);
}

static void pair_text(struct pair *pair, struct str text)
{
    static const struct lspci_options options = {.prefer = LSPCI_TEXT};
    struct err err = {0};

    (void)node_source(pair->text, "lspci", "lspci", text);
    assert_int_equal(lspci_parse_with(pair->text, 0, text, &options, &err), 0);
}

/* Facts of one side that the other does not have. */
static size_t only_in(const struct pair *pair, const char *name, enum side side, size_t *total,
                      size_t *shown)
{
    const struct node *from = side == OF_BYTES ? pair->bytes : pair->text;
    const struct node *in = side == OF_BYTES ? pair->text : pair->bytes;
    size_t count = 0;

    for (uint32_t i = 1; i < from->subject_count; i++) {
        int other = node_find_pci(in, from->subjects[i].bdf);

        count += missing(from, i, in, other, name, side, total, shown);
    }
    return count;
}

/* Each returns the differences in one file, or -1 when it has no hex rows. */
static long compare_with_lspci(const char *path, const char *name)
{
    size_t printed_len, text_total = 0, byte_total = 0, shown = 0, text_only, bytes_only;
    struct pair pair;
    char *printed;

    pair_open(&pair, path);
    if (!pair.devices) {
        pair_close(&pair);
        return -1;
    }
    printed = run_lspci(pair.dump, &printed_len);
    assert_non_null(printed);
    pair_text(&pair, (struct str){printed, printed_len});
    text_only = only_in(&pair, name, OF_LSPCI, &text_total, &shown);
    bytes_only = only_in(&pair, name, OF_BYTES, &byte_total, &shown);
    print_message("%-50s %3zu devices, %6zu facts of lspci, %6zu of bytes; only lspci %zu, only "
                  "bytes %zu\n",
                  name, pair.devices, text_total, byte_total, text_only, bytes_only);
    pair_close(&pair);
    free(printed);
    return (long)(text_only + bytes_only);
}

static long compare_with_own_text(const char *path, const char *name)
{
    size_t total = 0, shown = 0, differences;
    struct pair pair;

    pair_open(&pair, path);
    if (!pair.devices || !memmem(pair.file, pair.len, "Capabilities:", 13)) {
        pair_close(&pair);
        return -1;
    }
    pair_text(&pair, (struct str){pair.file, pair.len});
    differences = only_in(&pair, name, OF_DUMP, &total, &shown);
    print_message("%-50s %3zu devices, %6zu facts of its text; not in its bytes %zu\n", name,
                  pair.devices, total, differences);
    pair_close(&pair);
    return (long)differences;
}

static void each_dump(long (*compare)(const char *path, const char *name))
{
    const char *data = getenv("FIRSTLIGHT_DATA"), *only = getenv("FIRSTLIGHT_ONLY");
    const char *const *names;
    struct arena *arena = arena_new(0);
    long count, files = 0, differences = 0;
    char folder[4096];

    (void)snprintf(folder, sizeof(folder), "%s/machines", data ? data : TEST_DATA);
    count = access(folder, R_OK) == 0 ? file_list(arena, folder, 100000, &names, NULL) : -1;
    if (count < 0) {
        print_message("no dumps in %s\n", folder);
        arena_free(arena);
        skip();
    }
    for (long i = 0; i < count; i++) {
        char path[8192];
        long found;

        if ((!strstr(names[i], "lspci") && !strstr(names[i], "pciutils-test")) ||
            (only && !strstr(names[i], only)))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        found = compare(path, names[i]);
        files += found >= 0;
        differences += found > 0 ? found : 0;
    }
    print_message("%ld files, %ld differences\n", files, differences);
    arena_free(arena);
    assert_true(files > 0);
    assert_int_equal(differences, 0);
}

static void bytes_say_what_lspci_prints(void **state)
{
    (void)state;
    if (access("/usr/bin/lspci", X_OK) != 0) {
        print_message("lspci is not installed\n");
        skip();
    }
    each_dump(compare_with_lspci);
}

static void bytes_say_what_the_dumps_text_says(void **state)
{
    (void)state;
    each_dump(compare_with_own_text);
}

/* One more entry of a tree, when this host has the file. */
static void add_file(struct arena *arena, struct tree *tree, const char *device, const char *name,
                     bool link)
{
    const char *path = arena_printf(arena, "sys/bus/pci/devices/%s/%s", device, name);
    const char *full = arena_printf(arena, "/%s", path);
    struct tree_entry *entry = &tree->entries[tree->count];
    char *text = NULL, target[4096];
    size_t len;

    if (link) {
        ssize_t got = readlink(full, target, sizeof(target));

        if (got <= 0)
            return;
        len = (size_t)got;
        text = target;
    } else if (file_read(full, PCI_CONFIG_BYTES_MAX + 1, &text, &len, NULL) < 0) {
        return;
    }
    *entry = (struct tree_entry){path, {arena_copy(arena, text, len), len}, link};
    tree->count++;
    if (!link)
        free(text);
}

/* This host's own devices, through sysfs and through its lspci. */
static void live_sysfs_says_what_live_lspci_prints(void **state)
{
    static const char *const files[] = {"config",   "resource",         "numa_node",
                                        "vendor",   "device",           "class",
                                        "revision", "subsystem_vendor", "subsystem_device"};
    struct arena *arena = arena_new(0);
    const char *const *names;
    size_t len, total = 0, shown = 0, differences;
    struct pair pair = {.dump = "/nowhere"};
    struct tree tree = {.name = "live"};
    struct err err = {0};
    long count;
    char *printed;

    (void)state;
    count = geteuid() == 0 && access("/usr/bin/lspci", X_OK) == 0
                ? file_list(arena, "/sys/bus/pci/devices", 65536, &names, NULL)
                : 0;
    if (count <= 0) {
        print_message("not root, no lspci, or no PCI devices here\n");
        arena_free(arena);
        skip();
    }
    tree.entries =
        arena_alloc(arena, (size_t)count * (ARRAY_LEN(files) + 2) * sizeof(*tree.entries));
    for (long i = 0; i < count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(files); k++)
            add_file(arena, &tree, names[i], files[k], false);
        add_file(arena, &tree, names[i], "driver", true);
        add_file(arena, &tree, names[i], "iommu_group", true);
    }
    tree_sort(&tree);
    pair.pool = fact_pool_new(FACT_KEEP_ALL);
    pair.builder = fact_builder_new(pair.pool);
    pair.bytes = node_new(pair.builder, "sysfs");
    pair.text = node_new(pair.builder, "lspci");
    assert_int_equal(pci_sysfs_parse(pair.bytes, &tree, &err), 0);
    printed = run_lspci(NULL, &len);
    assert_non_null(printed);
    pair_text(&pair, (struct str){printed, len});
    differences = only_in(&pair, "live", OF_LIVE, &total, &shown);
    print_message("%ld devices here, %zu facts of lspci; not in sysfs %zu\n", count, total,
                  differences);
    assert_true(total > 0);
    pair_close(&pair);
    free(printed);
    arena_free(arena);
    assert_int_equal(differences, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_say_what_lspci_prints),
        cmocka_unit_test(bytes_say_what_the_dumps_text_says),
        cmocka_unit_test(live_sysfs_says_what_live_lspci_prints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
