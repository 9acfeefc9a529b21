#include "host/dmidecode.h"

#include "host/denied.h"
#include "host/dmi.h"

#include <stdio.h>

struct reader {
    struct dmi *dmi;
    uint16_t source;
    uint32_t line;
    int type; /* of the structure being read, -1: one we skip */
    struct dmi_dimm dimm;
    struct dmi_socket socket;
    bool open; /* dimm or socket holds something */
};

static void flush(struct reader *reader)
{
    if (reader->open && reader->type == DMI_MEMORY)
        dmi_add_dimm(reader->dmi, &reader->dimm);
    if (reader->open && reader->type == DMI_PROCESSOR)
        dmi_add_socket(reader->dmi, &reader->socket);
    reader->open = false;
}

static void begin(struct reader *reader, int type)
{
    flush(reader);
    reader->type = type;
    reader->dimm = (struct dmi_dimm){.line = reader->line, .size_mb = {-1, 0}};
    reader->socket = (struct dmi_socket){.line = reader->line};
}

static void unreadable(struct reader *reader, struct str key, struct str value)
{
    char why[160];

    (void)snprintf(why, sizeof(why), "line %u: %.*s: \"%.*s\" is not what dmidecode prints there",
                   reader->line, key.len > 40 ? 40 : (int)key.len, key.p,
                   value.len > 40 ? 40 : (int)value.len, value.p);
    node_add_unseen(reader->dmi->gather.node, -1, reader->source, NULL, "a line of dmidecode", why);
}

static bool is_unknown(struct str value)
{
    return str_is(value, "Unknown") || str_is(value, "None") || str_is(value, "Not Specified") ||
           !value.len;
}

/* "64 GB", "65536 MB", "No Module Installed" */
static void read_size(struct reader *reader, struct str key, struct str value)
{
    static const struct {
        const char *name;
        int64_t kb;
    } units[] = {{"bytes", 0},      {"kB", 1},         {"KB", 1},       {"KiB", 1},
                 {"MB", 1 << 10},   {"MiB", 1 << 10},  {"GB", 1 << 20}, {"GiB", 1 << 20},
                 {"TB", 1LL << 30}, {"TiB", 1LL << 30}};
    struct str rest = value, number, unit;
    int64_t size, kb;

    if (str_starts(value, "No Module Installed")) {
        reader->dimm.size_mb = (struct dmi_number){0, reader->line};
        return;
    }
    if (is_unknown(value))
        return;
    if (str_word(&rest, &number) && str_word(&rest, &unit) && str_to_i64(number, 10, &size) == 0 &&
        size >= 0) {
        for (size_t i = 0; i < ARRAY_LEN(units); i++) {
            if (!str_is(unit, units[i].name) || __builtin_mul_overflow(size, units[i].kb, &kb))
                continue;
            reader->dimm.size_mb = (struct dmi_number){kb / 1024, reader->line};
            return;
        }
    }
    unreadable(reader, key, value);
}

/* "6400 MT/s", "2400 MHz", "Unknown" */
static void read_number(struct reader *reader, struct str key, struct str value,
                        struct dmi_number *out)
{
    struct str rest = value, word;
    int64_t number;

    if (is_unknown(value))
        return;
    if (!str_word(&rest, &word) || str_to_i64(word, 10, &number) < 0 || number < 0)
        unreadable(reader, key, value);
    else
        *out = (struct dmi_number){number, reader->line};
}

static void memory_field(struct reader *reader, struct str key, struct str value)
{
    struct dmi_dimm *dimm = &reader->dimm;

    reader->open = true;
    if (str_is(key, "Size"))
        read_size(reader, key, value);
    else if (str_is(key, "Locator"))
        dimm->locator = value;
    else if (str_is(key, "Bank Locator"))
        dimm->bank = value;
    else if (str_is(key, "Manufacturer"))
        dimm->manufacturer = (struct dmi_string){value, reader->line};
    else if (str_is(key, "Part Number"))
        dimm->part = (struct dmi_string){value, reader->line};
    else if (str_is(key, "Serial Number"))
        dimm->serial = (struct dmi_string){value, reader->line};
    else if (str_is(key, "Speed"))
        read_number(reader, key, value, &dimm->speed);
    else if (str_is(key, "Configured Memory Speed") || str_is(key, "Configured Clock Speed"))
        read_number(reader, key, value, &dimm->configured);
    else if (str_is(key, "Rank"))
        read_number(reader, key, value, &dimm->rank);
}

static void processor_field(struct reader *reader, struct str key, struct str value)
{
    struct dmi_socket *socket = &reader->socket;

    reader->open = true;
    if (str_is(key, "Version"))
        socket->model = (struct dmi_string){value, reader->line};
    else if (str_is(key, "Status"))
        socket->status = (struct dmi_string){value, reader->line};
    else if (str_is(key, "Core Count"))
        read_number(reader, key, value, &socket->cores);
    else if (str_is(key, "Core Enabled"))
        read_number(reader, key, value, &socket->enabled);
    else if (str_is(key, "Thread Count"))
        read_number(reader, key, value, &socket->threads);
}

static const struct {
    int type;
    const char *key, *path;
    enum fact_class class;
} texts[] = {
    {DMI_BIOS, "Vendor", "bios.vendor", FACT_CONFIG},
    {DMI_BIOS, "Version", "bios.version", FACT_CONFIG},
    {DMI_BIOS, "Release Date", "bios.date", FACT_CONFIG},
    {DMI_BIOS, "BIOS Revision", "bios.revision", FACT_CONFIG},
    {DMI_BIOS, "Firmware Revision", "bios.firmware_revision", FACT_CONFIG},
    {DMI_SYSTEM, "Manufacturer", "system.vendor", FACT_CONFIG},
    {DMI_SYSTEM, "Product Name", "system.product", FACT_CONFIG},
    {DMI_SYSTEM, "Serial Number", "system.serial", FACT_IDENTITY},
    {DMI_BOARD, "Product Name", "board.product", FACT_CONFIG},
    {DMI_BOARD, "Version", "board.version", FACT_CONFIG},
    {DMI_BOARD, "Serial Number", "board.serial", FACT_IDENTITY},
};

static void field(struct reader *reader, struct str key, struct str value)
{
    if (reader->type == DMI_MEMORY)
        memory_field(reader, key, value);
    else if (reader->type == DMI_PROCESSOR)
        processor_field(reader, key, value);
    else if (reader->type == DMI_SYSTEM && str_is(key, "UUID"))
        dmi_uuid(reader->dmi, reader->line, value);
    else
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
            if (texts[i].type == reader->type && str_is(key, texts[i].key))
                dmi_text(reader->dmi, texts[i].class, reader->line, texts[i].path, value);
}

/* "Handle 0x0011, DMI type 17, 92 bytes" */
static bool is_handle(struct str line, int *type)
{
    struct str number;
    ptrdiff_t at;
    int64_t value;

    if (!str_starts(line, "Handle 0x"))
        return false;
    *type = -1;
    at = str_find(line, "DMI type ");
    if (at >= 0) {
        line = str_skip(line, (size_t)at + 9);
        if (str_cut(&line, ',', &number) && str_to_i64(number, 10, &value) == 0 && value >= 0 &&
            value < 256)
            *type = (int)value;
    }
    return true;
}

static int title_type(struct str line)
{
    static const struct {
        const char *title;
        int type;
    } titles[] = {{"BIOS Information", DMI_BIOS},
                  {"System Information", DMI_SYSTEM},
                  {"Base Board Information", DMI_BOARD},
                  {"Processor Information", DMI_PROCESSOR},
                  {"Memory Device", DMI_MEMORY}};

    for (size_t i = 0; i < ARRAY_LEN(titles); i++)
        if (str_is(line, titles[i].title))
            return titles[i].type;
    return -1;
}

static void read_line(struct reader *reader, struct str line)
{
    struct str body = str_trim(line), key;
    size_t indent = body.len ? (size_t)(body.p - line.p) : 0;
    int type;

    if (!body.len || indent > 8 || str_starts(line, "\t\t"))
        return;
    if (is_handle(body, &type)) {
        begin(reader, type);
        return;
    }
    if (!memchr(body.p, ':', body.len)) {
        /* A title; without handles (dmidecode -q) it alone says where a structure begins. */
        type = title_type(body);
        if (type >= 0 && (type != reader->type || reader->open || !indent))
            begin(reader, type);
        else if (!indent)
            begin(reader, -1);
        return;
    }
    if (reader->type >= 0 && str_cut(&body, ':', &key))
        field(reader, str_trim(key), str_trim(body));
}

int dmidecode_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct reader reader = {.source = source, .type = -1};
    struct str rest = text, line;
    struct dmi dmi;

    if (str_find(text, "Handle 0x") < 0 &&
        denied_note(node, source, text, "BIOS, board and memory modules",
                    "bios system board dimm socket"))
        return 0;
    dmi_init(&dmi, node, source);
    reader.dmi = &dmi;
    while (str_line(&rest, &line)) {
        reader.line++;
        read_line(&reader, line);
    }
    flush(&reader);
    return dmi_done(&dmi, err);
}

bool dmidecode_looks_like(struct str text)
{
    struct str head = {text.p, text.len < 4096 ? text.len : 4096};

    return str_starts(text, "# dmidecode") || str_find(head, ", DMI type ") >= 0;
}
