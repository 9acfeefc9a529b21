#include "host/smbios.h"

#include "host/dmi.h"
#include "host/treefile.h"

#include <stdio.h>

/* One structure: its formatted part and the strings behind it. */
struct structure {
    uint8_t type, length;
    const uint8_t *data; /* `length` bytes */
    struct str strings;  /* up to the empty string that ends them */
    uint32_t offset;
};

static uint16_t get16(const struct structure *s, unsigned at)
{
    return (uint16_t)(s->data[at] | s->data[at + 1] << 8);
}

static uint32_t get32(const struct structure *s, unsigned at)
{
    return get16(s, at) | (uint32_t)get16(s, at + 2) << 16;
}

/* The string whose number stands at `at`; empty for number 0, a number without a string, or a
 * structure too short to have the field. */
static struct str string_at(const struct structure *s, unsigned at)
{
    struct str rest = s->strings, text = {"", 0};
    unsigned number;

    if (at >= s->length)
        return text;
    number = s->data[at];
    while (number && str_cut(&rest, '\0', &text)) {
        if (--number == 0)
            return text;
    }
    return (struct str){"", 0};
}

/* Cut the next structure off *rest. 1: got one, 0: the end, -1: the table ends within it. */
static int next_structure(struct str *rest, const char *begin, struct structure *out)
{
    const char *end;

    if (!rest->len)
        return 0;
    if (rest->len < 4)
        return -1;
    out->data = (const uint8_t *)rest->p;
    out->type = out->data[0];
    out->length = out->data[1];
    out->offset = (uint32_t)(rest->p - begin);
    if (out->length < 4 || out->length > rest->len)
        return -1;
    *rest = str_skip(*rest, out->length);
    end = memmem(rest->p, rest->len, "\0\0", 2);
    if (!end)
        return -1;
    out->strings = str_range(rest->p, end);
    *rest = str_skip(*rest, out->strings.len + 2);
    return 1;
}

static void text_at(struct dmi *dmi, const struct structure *s, unsigned at, const char *path,
                    enum fact_class class)
{
    dmi_text(dmi, class, s->offset, path, string_at(s, at));
}

static void revision(struct dmi *dmi, const struct structure *s, unsigned at, const char *path)
{
    char text[16];

    if (s->length < at + 2u || s->data[at] == 0xff || s->data[at + 1] == 0xff)
        return;
    (void)snprintf(text, sizeof(text), "%u.%u", s->data[at], s->data[at + 1]);
    dmi_text(dmi, FACT_CONFIG, s->offset, path, str_of(text));
}

/* Since SMBIOS 2.6 the first three fields are little-endian. */
static void uuid(struct dmi *dmi, const struct structure *s, unsigned version)
{
    static const uint8_t swapped[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    bool zeros = true, ones = true;
    char text[48];
    size_t n = 0;

    if (s->length < 0x19)
        return;
    for (unsigned i = 0; i < 16; i++) {
        zeros &= s->data[8 + i] == 0;
        ones &= s->data[8 + i] == 0xff;
    }
    if (zeros || ones)
        return;
    for (unsigned i = 0; i < 16; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%02x",
                              i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                              s->data[8 + (version >= 0x0206 ? swapped[i] : i)]);
    dmi_uuid(dmi, s->offset, str_of(text));
}

static void processor(struct dmi *dmi, const struct structure *s)
{
    static const char *const states[8] = {
        "Populated, Unknown",          "Populated, Enabled", "Populated, Disabled By User",
        "Populated, Disabled By BIOS", "Populated, Idle",    "Populated, <OUT OF SPEC>",
        "Populated, <OUT OF SPEC>",    "Populated, Other"};
    struct dmi_socket socket = {.line = s->offset, .model = {string_at(s, 0x10), 0}};
    static const struct {
        unsigned byte, word;
    } counts[3] = {{0x23, 0x2a}, {0x24, 0x2c}, {0x25, 0x2e}};
    struct dmi_number *const out[3] = {&socket.cores, &socket.enabled, &socket.threads};

    if (s->length < 0x1a)
        return;
    socket.status.text =
        s->data[0x18] & 0x40 ? str_of(states[s->data[0x18] & 7]) : STR("Unpopulated");
    for (unsigned i = 0; i < 3 && s->length >= 0x28; i++) {
        out[i]->value = s->data[counts[i].byte];
        if (out[i]->value == 0xff && s->length >= counts[i].word + 2u)
            out[i]->value = get16(s, counts[i].word);
    }
    dmi_add_socket(dmi, &socket);
}

/* A speed in MT/s: 0 unknown, 0xffff: see the 32-bit field. */
static int64_t speed(const struct structure *s, unsigned at, unsigned extended)
{
    unsigned value;

    if (s->length < at + 2u)
        return 0;
    value = get16(s, at);
    if (value == 0xffff)
        return s->length >= extended + 4u ? get32(s, extended) & 0x7fffffff : 0;
    return value;
}

static void memory_device(struct dmi *dmi, const struct structure *s)
{
    struct dmi_dimm dimm = {.line = s->offset, .size_mb = {-1, 0}};
    unsigned size;

    if (s->length < 0x15)
        return;
    size = get16(s, 0x0c);
    if (size == 0x7fff && s->length >= 0x20)
        dimm.size_mb.value = get32(s, 0x1c) & 0x7fffffff;
    else if (size != 0xffff)
        dimm.size_mb.value = size & 0x8000 ? (size & 0x7fff) / 1024 : size;
    dimm.locator = string_at(s, 0x10);
    dimm.bank = string_at(s, 0x11);
    dimm.speed.value = speed(s, 0x15, 0x54);
    dimm.configured.value = speed(s, 0x20, 0x58);
    dimm.manufacturer.text = string_at(s, 0x17);
    dimm.serial.text = string_at(s, 0x18);
    dimm.part.text = string_at(s, 0x1a);
    if (s->length > 0x1b)
        dimm.rank.value = s->data[0x1b] & 0x0f;
    dmi_add_dimm(dmi, &dimm);
}

static void structure_facts(struct dmi *dmi, const struct structure *s, unsigned version)
{
    static const struct {
        uint8_t type, at;
        const char *path;
        enum fact_class class;
    } texts[] = {
        {DMI_BIOS, 0x04, "bios.vendor", FACT_CONFIG},
        {DMI_BIOS, 0x05, "bios.version", FACT_CONFIG},
        {DMI_BIOS, 0x08, "bios.date", FACT_CONFIG},
        {DMI_SYSTEM, 0x04, "system.vendor", FACT_CONFIG},
        {DMI_SYSTEM, 0x05, "system.product", FACT_CONFIG},
        {DMI_SYSTEM, 0x07, "system.serial", FACT_IDENTITY},
        {DMI_BOARD, 0x05, "board.product", FACT_CONFIG},
        {DMI_BOARD, 0x06, "board.version", FACT_CONFIG},
        {DMI_BOARD, 0x07, "board.serial", FACT_IDENTITY},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].type == s->type)
            text_at(dmi, s, texts[i].at, texts[i].path, texts[i].class);
    if (s->type == DMI_BIOS) {
        revision(dmi, s, 0x14, "bios.revision");
        revision(dmi, s, 0x16, "bios.firmware_revision");
    } else if (s->type == DMI_SYSTEM) {
        uuid(dmi, s, version);
    } else if (s->type == DMI_PROCESSOR) {
        processor(dmi, s);
    } else if (s->type == DMI_MEMORY) {
        memory_device(dmi, s);
    }
}

/* "_SM_" or "_SM3_": major << 8 | minor; 0x300 when it is neither. */
static unsigned entry_version(struct str entry)
{
    const uint8_t *p = (const uint8_t *)entry.p;

    if (entry.len >= 0x18 && str_starts(entry, "_SM3_"))
        return (unsigned)p[7] << 8 | p[8];
    if (entry.len >= 0x1f && str_starts(entry, "_SM_"))
        return (unsigned)p[6] << 8 | p[7];
    return 0x300;
}

int smbios_parse(struct node *node, uint16_t source, struct str table, struct str entry,
                 struct err *err)
{
    unsigned version = entry_version(entry), count = 0;
    struct structure structure;
    struct str rest = table;
    struct dmi dmi;
    int got;

    node->sources[source].binary = true;
    dmi_init(&dmi, node, source);
    while ((got = next_structure(&rest, table.p, &structure)) > 0) {
        if (structure.type == 127 || ++count > SMBIOS_STRUCTURES_MAX)
            break;
        structure_facts(&dmi, &structure, version);
    }
    if (got < 0) {
        char why[96];

        (void)snprintf(why, sizeof(why), "the SMBIOS table ends within the structure at byte %zu",
                       (size_t)(rest.p - table.p));
        node_add_unseen(node, -1, source, NULL, "the rest of the firmware inventory", why);
    }
    return dmi_done(&dmi, err);
}

/* Where the entry point says the table lies in the file, and its length. */
static bool dump_table(struct str bytes, struct str *table)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    uint64_t at = 0, len;

    if (bytes.len >= 0x20 && str_starts(bytes, "_SM3_")) {
        for (unsigned i = 0; i < 8; i++)
            at |= (uint64_t)p[0x10 + i] << 8 * i;
        len = (uint64_t)p[0x0c] | (uint64_t)p[0x0d] << 8 | (uint64_t)p[0x0e] << 16 |
              (uint64_t)p[0x0f] << 24;
    } else if (bytes.len >= 0x20 && str_starts(bytes, "_SM_")) {
        len = (uint64_t)p[0x16] | (uint64_t)p[0x17] << 8;
        for (unsigned i = 0; i < 4; i++)
            at |= (uint64_t)p[0x18 + i] << 8 * i;
    } else {
        return false;
    }
    if (at < 0x10 || at >= bytes.len)
        return false;
    *table = str_skip(bytes, (size_t)at);
    if (len < table->len)
        table->len = (size_t)len;
    return true;
}

bool smbios_dump_looks_like(struct str bytes)
{
    struct str table;

    return dump_table(bytes, &table);
}

int smbios_dump_parse(struct node *node, uint16_t source, struct str bytes, struct err *err)
{
    struct str table;

    if (!dump_table(bytes, &table)) {
        node->sources[source].binary = true;
        node_add_unseen(node, -1, source, NULL, "the firmware inventory",
                        "the file has no SMBIOS entry point that leads to a table");
        return 0;
    }
    return smbios_parse(node, source, table, bytes, err);
}

/* sys/class/dmi/id: the same strings, one a file; serial numbers only for root. */
static void id_files(struct gather *g, const struct tree *tree)
{
    static const struct {
        const char *file, *path;
        enum fact_class class;
    } files[] = {
        {"bios_vendor", "bios.vendor", FACT_CONFIG},
        {"bios_version", "bios.version", FACT_CONFIG},
        {"bios_date", "bios.date", FACT_CONFIG},
        {"bios_release", "bios.revision", FACT_CONFIG},
        {"ec_firmware_release", "bios.firmware_revision", FACT_CONFIG},
        {"sys_vendor", "system.vendor", FACT_CONFIG},
        {"product_name", "system.product", FACT_CONFIG},
        {"product_serial", "system.serial", FACT_IDENTITY},
        {"product_uuid", "system.uuid", FACT_IDENTITY},
        {"board_name", "board.product", FACT_CONFIG},
        {"board_version", "board.version", FACT_CONFIG},
        {"board_serial", "board.serial", FACT_IDENTITY},
    };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[64];
        const struct tree_entry *entry;

        (void)snprintf(path, sizeof(path), "sys/class/dmi/id/%s", files[i].file);
        entry = tree_find(tree, path);
        if (!entry || dmi_says_nothing(treefile_value(entry)))
            continue;
        treefile_source(g, tree, entry, "dmi");
        gather_text(g, GATHER_HOST, files[i].class, 1, str_of(files[i].path),
                    treefile_value(entry));
    }
}

static bool has_dmidecode(const struct tree *tree)
{
    const struct tree_entry *text = tree_find(tree, "cmd/dmidecode.txt");

    return text && str_find(text->bytes, ", DMI type 17,") >= 0;
}

int smbios_tree_parse(struct node *node, const struct tree *tree, struct err *err)
{
    const struct tree_entry *table = tree_find(tree, "sys/firmware/dmi/tables/DMI");
    const struct tree_entry *entry = tree_find(tree, "sys/firmware/dmi/tables/smbios_entry_point");
    struct gather gather;
    int r;

    if (has_dmidecode(tree))
        return 0;
    gather_init(&gather, node, 0);
    id_files(&gather, tree);
    if (table)
        treefile_source(&gather, tree, table, "smbios");
    r = gather_done(&gather, err);
    if (r < 0 || !table || table->link || node_ok(node) < 0)
        return r;
    return smbios_parse(node, gather.source, table->bytes,
                        entry && !entry->link ? entry->bytes : (struct str){"", 0}, err);
}
