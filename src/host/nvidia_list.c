#include "host/nvidia_list.h"

#include "host/nvidia_errors.h"
#include "host/nvidia_gpu.h"
#include "host/nvidia_nvlink.h"
#include "host/nvidia_smi_names.h"
#include "host/scan.h"

#include <errno.h>
#include <stdio.h>

/* Columns of --query-gpu and where -q has the same; `unit` is what -q prints behind the number. */
static const struct column {
    const char *name, *section, *key, *unit;
} columns[] = {
    {"name", "", "Product Name"},
    {"gpu_name", "", "Product Name"},
    {"uuid", "", "GPU UUID"},
    {"gpu_uuid", "", "GPU UUID"},
    {"serial", "", "Serial Number"},
    {"gpu_serial", "", "Serial Number"},
    {"vbios_version", "", "VBIOS Version"},
    {"persistence_mode", "", "Persistence Mode"},
    {"compute_mode", "", "Compute Mode"},
    {"pstate", "", "Performance State"},
    {"gom.current", "GPU Operation Mode", "Current"},
    {"mig.mode.current", "MIG Mode", "Current"},
    {"mig.mode.pending", "MIG Mode", "Pending"},
    {"ecc.mode.current", "ECC Mode", "Current"},
    {"ecc.mode.pending", "ECC Mode", "Pending"},
    {"inforom.img", "Inforom Version", "Image Version"},
    {"inforom.oem", "Inforom Version", "OEM Object"},
    {"inforom.ecc", "Inforom Version", "ECC Object"},
    {"memory.total", "FB Memory Usage", "Total"},
    {"memory.used", "FB Memory Usage", "Used"},
    {"pcie.link.gen.max", "PCI.GPU Link Info.PCIe Generation", "Max"},
    {"pcie.link.gen.current", "PCI.GPU Link Info.PCIe Generation", "Current"},
    {"pcie.link.gen.gpucurrent", "PCI.GPU Link Info.PCIe Generation", "Device Current"},
    {"pcie.link.gen.gpumax", "PCI.GPU Link Info.PCIe Generation", "Device Max"},
    {"pcie.link.gen.hostmax", "PCI.GPU Link Info.PCIe Generation", "Host Max"},
    {"pcie.link.width.max", "PCI.GPU Link Info.Link Width", "Max", "x"},
    {"pcie.link.width.current", "PCI.GPU Link Info.Link Width", "Current", "x"},
    {"power.draw", "GPU Power Readings", "Average Power Draw"},
    {"power.limit", "GPU Power Readings", "Requested Power Limit"},
    {"enforced.power.limit", "GPU Power Readings", "Current Power Limit"},
    {"power.default_limit", "GPU Power Readings", "Default Power Limit"},
    {"power.min_limit", "GPU Power Readings", "Min Power Limit"},
    {"power.max_limit", "GPU Power Readings", "Max Power Limit"},
    {"clocks.max.graphics", "Max Clocks", "Graphics"},
    {"clocks.max.sm", "Max Clocks", "SM"},
    {"clocks.max.memory", "Max Clocks", "Memory"},
    {"clocks.applications.graphics", "Applications Clocks", "Graphics"},
    {"clocks.applications.memory", "Applications Clocks", "Memory"},
    {"temperature.gpu", "Temperature", "GPU Current Temp"},
    {"clocks_event_reasons.hw_slowdown", "Clocks Event Reasons", "HW Slowdown"},
    {"clocks_event_reasons.hw_thermal_slowdown", "Clocks Event Reasons", "HW Thermal Slowdown"},
    {"clocks_event_reasons.hw_power_brake_slowdown", "Clocks Event Reasons",
     "HW Power Brake Slowdown"},
    {"clocks_event_reasons.sw_thermal_slowdown", "Clocks Event Reasons", "SW Thermal Slowdown"},
    {"clocks_event_reasons.sw_power_cap", "Clocks Event Reasons", "SW Power Cap"},
    {"retired_pages.single_bit_ecc.count", "Retired Pages", "Single Bit ECC"},
    {"retired_pages.double_bit.count", "Retired Pages", "Double Bit ECC"},
    {"retired_pages.pending", "Retired Pages", "Pending Page Blacklist"},
    {"remapped_rows.correctable", "Remapped Rows", "Correctable Error"},
    {"remapped_rows.uncorrectable", "Remapped Rows", "Uncorrectable Error"},
    {"remapped_rows.pending", "Remapped Rows", "Pending"},
    {"remapped_rows.failure", "Remapped Rows", "Remapping Failure Occurred"},
    {"fabric.state", "Fabric", "State"},
    {"fabric.status", "Fabric", "Status"},
};

static void smi_add(struct fact_builder *b, uint32_t line, struct str section, struct str key,
                    struct str value)
{
    char path[256];
    int len = snprintf(path, sizeof(path), "%.*s%s%.*s", STR_ARG(section), section.len ? "." : "",
                       STR_ARG(key));
    enum fact_class class = nvidia_smi_class((struct str){path, (size_t)len});
    uint32_t id = fact_key(b, section, key);
    int64_t number;

    if (class != FACT_IDENTITY && nvidia_smi_number(value, &number))
        fact_number(b, class, line, id, number, value);
    else
        fact_text(b, class, line, id, value);
}

static void host_fact(struct node *node, uint16_t source, uint32_t line, const char *name,
                      struct str text)
{
    struct fact_builder *b = node->builder;
    uint32_t key;
    int64_t number;

    fact_begin(b, STR("smi"));
    key = fact_key(b, STR(""), str_of(name));
    if (strcmp(name, "gpus") == 0 && str_to_i64(text, 10, &number) == 0)
        fact_number(b, FACT_CONFIG, 0, key, number, text);
    else
        fact_text(b, FACT_CONFIG, 0, key, text);
    node_attach(node, 0, fact_end(b), source, line);
}

static void gpu_count(struct node *node, uint16_t source, uint32_t line, unsigned count)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%u", count);
    host_fact(node, source, line, "gpus", str_of(text));
}

/* ---- csv ---- */

/* The next field of a csv line, without blanks. */
static bool field_next(struct str *rest, struct str *field)
{
    if (!str_cut(rest, ',', field))
        return false;
    *field = str_trim(*field);
    return true;
}

/* "memory.total [MiB]": the column and the unit of its values without one.
 * "clocks_throttle_reasons" was the name before driver 535. */
static const struct column *column_of(struct str field, struct str *unit)
{
    char name[96];
    ptrdiff_t at = str_find(field, " [");
    struct str rest = at < 0 ? field : (struct str){field.p, (size_t)at};
    bool old = str_starts(rest, "clocks_throttle_reasons.");

    *unit = at < 0 ? (struct str){0} : scan_between(field, "[", "]");
    if (old)
        rest = str_skip(rest, strlen("clocks_throttle_reasons."));
    if (rest.len > 64)
        return NULL;
    (void)snprintf(name, sizeof(name), "%s%.*s", old ? "clocks_event_reasons." : "", STR_ARG(rest));
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        if (strcmp(name, columns[i].name) == 0)
            return &columns[i];
    return NULL;
}

struct csv {
    const struct column *columns[NVIDIA_COLUMNS_MAX];
    struct str units[NVIDIA_COLUMNS_MAX];
    int bus_id, index, driver; /* which field, -1: none */
    unsigned count;
};

/* Is this the header? At least one column that tells the GPU and one more that we know. */
static bool csv_header(struct str line, struct csv *csv)
{
    struct str field;
    unsigned known = 0;

    *csv = (struct csv){.bus_id = -1, .index = -1, .driver = -1};
    while (csv->count < NVIDIA_COLUMNS_MAX && field_next(&line, &field)) {
        int i = (int)csv->count++;

        if (str_is(field, "pci.bus_id") || str_is(field, "gpu_bus_id"))
            csv->bus_id = i;
        else if (str_is(field, "index"))
            csv->index = i;
        else if (str_is(field, "driver_version"))
            csv->driver = i;
        csv->columns[i] = column_of(field, &csv->units[i]);
        known += csv->columns[i] != NULL;
    }
    return known + (csv->driver >= 0) > 0 && (csv->bus_id >= 0 || csv->index >= 0 || known > 1);
}

/* The subject a line is about; the line's number counts when no column tells. */
static int csv_subject(struct node *node, const struct csv *csv, const struct str *fields,
                       unsigned count, unsigned row, unsigned total)
{
    uint64_t bdf;
    int64_t index = row;

    if (csv->bus_id >= 0 && (unsigned)csv->bus_id < count)
        return bdf_parse(fields[csv->bus_id], &bdf) == 0 ? (int)node_pci(node, bdf) : -1;
    if (csv->index >= 0 &&
        ((unsigned)csv->index >= count || str_to_i64(fields[csv->index], 10, &index) < 0 ||
         index < 0 || index > NVIDIA_GPUS_MAX))
        return -1;
    return nvidia_gpu_find(node, (unsigned)index, (struct str){0}, total);
}

static void csv_row(struct node *node, uint16_t source, const struct csv *csv, struct scan *scan,
                    unsigned row, unsigned total)
{
    struct str fields[NVIDIA_COLUMNS_MAX], rest = scan->line;
    struct fact_builder *b = node->builder;
    unsigned count = 0;
    int subject;

    while (count < csv->count && field_next(&rest, &fields[count]))
        count++;
    if (csv->driver >= 0 && (unsigned)csv->driver < count && !row)
        host_fact(node, source, scan->number, "driver", fields[csv->driver]);
    subject = csv_subject(node, csv, fields, count, row, total);
    if (subject < 0)
        return;
    fact_begin(b, STR("SMI"));
    for (unsigned i = 0; i < count; i++) {
        const struct column *column = csv->columns[i];
        struct str value = fields[i], digits = value;
        char text[128];

        if (!column || !value.len || value.len > 100)
            continue;
        /* "16" is "16x" and, with nounits, "81559" is "81559 MiB" in -q. */
        (void)str_digits(&digits, 10);
        if (!digits.len && column->unit)
            value = (struct str){
                text, (size_t)snprintf(text, sizeof(text), "%.*s%s", STR_ARG(value), column->unit)};
        else if (!scan_has(value, " ") && digits.len < value.len && csv->units[i].len &&
                 csv->units[i].len < 16)
            value = (struct str){text, (size_t)snprintf(text, sizeof(text), "%.*s %.*s",
                                                        STR_ARG(value), STR_ARG(csv->units[i]))};
        smi_add(b, 0, str_of(column->section), str_of(column->key), value);
    }
    node_attach(node, (uint32_t)subject, fact_end(b), source, scan->number);
}

static void csv_parse(struct node *node, uint16_t source, struct scan scan, const struct csv *csv)
{
    struct scan count = scan;
    unsigned total = 0, row = 0;

    while (scan_next(&count) && str_find(count.line, ",") >= 0)
        total++;
    while (row < NVIDIA_GPUS_MAX && row < total && scan_next(&scan))
        csv_row(node, source, csv, &scan, row++, total);
    gpu_count(node, source, scan.number, total);
}

/* ---- the table ---- */

/* "|   0  NVIDIA H100 80GB HBM3      On  | 00000000:19:00.0 Off |         0 |" */
static bool table_row(struct str line, uint64_t *bdf, struct str *name, struct str *persistence)
{
    struct str rest = line, cell, word, index, last = {0};
    int64_t number;

    if (!str_starts(rest, "|") || !str_cut(&rest, '|', &cell) || !str_cut(&rest, '|', &cell))
        return false;
    *name = cell;
    if (!str_word(name, &index) || str_to_i64(index, 10, &number) < 0)
        return false;
    for (struct str words = *name; str_word(&words, &word);)
        last = word;
    if (!str_is(last, "On") && !str_is(last, "Off"))
        return false;
    *persistence = str_is(last, "On") ? STR("Enabled") : STR("Disabled");
    *name = str_trim(str_range(name->p, last.p));
    return str_word(&rest, &word) && bdf_parse(word, bdf) == 0;
}

static void table_parse(struct node *node, uint16_t source, struct scan scan)
{
    struct fact_builder *b = node->builder;
    struct str name, persistence, word, rest;
    unsigned gpus = 0;
    uint32_t first = 1;
    ptrdiff_t at;
    uint64_t bdf;

    while (gpus < NVIDIA_GPUS_MAX && scan_next(&scan)) {
        struct str line = str_trim(scan.line);

        at = str_find(line, "Driver Version:");
        rest = at < 0 ? (struct str){0} : str_skip(line, (size_t)at + 15);
        if (str_word(&rest, &word))
            host_fact(node, source, scan.number, "driver", word);
        at = str_find(line, "CUDA Version:");
        rest = at < 0 ? (struct str){0} : str_skip(line, (size_t)at + 13);
        if (str_word(&rest, &word))
            host_fact(node, source, scan.number, "cuda", word);
        if (!table_row(line, &bdf, &name, &persistence))
            continue;
        if (!gpus++)
            first = scan.number;
        fact_begin(b, STR("SMI"));
        if (name.len && !str_ends(name, "...")) /* the table cuts long names */
            smi_add(b, 0, STR(""), STR("Product Name"), name);
        smi_add(b, 0, STR(""), STR("Persistence Mode"), persistence);
        node_attach(node, node_pci(node, bdf), fact_end(b), source, scan.number);
    }
    if (gpus)
        gpu_count(node, source, first, gpus);
}

/* ---- -L ---- */

static void list_parse(struct node *node, uint16_t source, struct scan scan)
{
    struct fact_builder *b = node->builder;
    struct scan count = scan;
    struct nvidia_gpu_line gpu;
    unsigned total = 0, gpus = 0;
    char reg[16];

    while (scan_next(&count))
        total += nvidia_gpu_line(count.line, &gpu);
    while (gpus < NVIDIA_GPUS_MAX && scan_next(&scan)) {
        int subject;

        if (!nvidia_gpu_line(scan.line, &gpu))
            continue;
        gpus++;
        subject = nvidia_gpu_find(node, gpu.index, gpu.uuid, total);
        if (subject >= 0) {
            fact_begin(b, STR("SMI"));
            smi_add(b, 0, STR(""), STR("Product Name"), gpu.name);
            smi_add(b, 0, STR(""), STR("GPU UUID"), gpu.uuid);
        } else {
            (void)snprintf(reg, sizeof(reg), "gpu%u", gpu.index);
            fact_begin(b, STR("smi"));
            fact_text(b, FACT_CONFIG, 0, fact_key(b, str_of(reg), STR("name")), gpu.name);
            fact_text(b, FACT_IDENTITY, 0, fact_key(b, str_of(reg), STR("uuid")), gpu.uuid);
        }
        node_attach(node, (uint32_t)(subject < 0 ? 0 : subject), fact_end(b), source, scan.number);
    }
    gpu_count(node, source, 1, total);
}

enum form { FORM_NONE, FORM_LIST, FORM_CSV, FORM_TABLE };

/* Which of the three is this, and at which line does it begin? */
static enum form form_of(struct scan *scan, struct csv *csv)
{
    struct nvidia_gpu_line gpu;

    while (scan->number < 50 && scan_next(scan)) {
        if (scan_has(scan->line, "NVIDIA-SMI") && scan_has(scan->line, "Driver Version:"))
            return FORM_TABLE;
        if (nvidia_gpu_line(scan->line, &gpu) && gpu.uuid.len)
            return FORM_LIST;
        if (csv_header(scan->line, csv))
            return FORM_CSV;
    }
    return FORM_NONE;
}

bool nvidia_list_looks_like(struct str text)
{
    struct scan scan = {text};
    struct csv csv;

    /* nvlink -s begins with the same lines as -L. */
    return form_of(&scan, &csv) != FORM_NONE && !nvidia_nvlink_looks_like(text);
}

int nvidia_list_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {text};
    struct csv csv;

    (void)nvidia_errors(node, source, text);
    switch (form_of(&scan, &csv)) {
    case FORM_LIST:
        list_parse(node, source, (struct scan){text});
        break;
    case FORM_CSV:
        csv_parse(node, source, scan, &csv);
        break;
    case FORM_TABLE:
        table_parse(node, source, (struct scan){text});
        break;
    case FORM_NONE:
        break;
    }
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the list of GPUs") : 0;
}
