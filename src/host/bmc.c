#include "host/bmc.h"

#include "host/denied.h"
#include "host/gather.h"
#include "host/scan.h"

/* What a line of the event log is about: sensor and event, in the words of IPMI 2.0 table 42-3. */
static const struct {
    const char *sensor, *event, *path;
} events[] = {
    {"Power Supply", "AC lost", "sel.psu_lost"},
    {"Power Supply", "Failure detected", "sel.psu_failed"},
    {"Power Supply", "Predictive failure", "sel.psu_failed"},
    {"Power Unit", "Redundancy", "sel.power_redundancy"},
    {"Fan", "Critical", "sel.fan"},
    {"Fan", "Non-recoverable", "sel.fan"},
    {"Temperature", "Critical", "sel.temperature"},
    {"Temperature", "Non-recoverable", "sel.temperature"},
    {"Processor", "Thermal Trip", "sel.thermal_trip"},
    {"Processor", "Throttled", "sel.cpu_throttled"},
    {"Processor", "IERR", "sel.cpu_error"},
    {"Memory", "Uncorrectable ECC", "sel.memory_ue"},
    {"Memory", "Correctable ECC", "sel.memory_ce"},
    {"Critical Interrupt", "Bus Uncorrectable", "sel.pci_uncorrectable"},
    {"Critical Interrupt", "Bus Fatal", "sel.pci_fatal"},
    {"Critical Interrupt", "Bus Correctable", "sel.pci_correctable"},
};

struct sel_count {
    int64_t asserted, lasting; /* lasting: asserted and not yet deasserted */
    uint32_t line;
};

/* "  1f | 10/23/2025 | 10:11:12 | Power Supply PSU2 | Power Supply AC lost | Asserted" */
static bool sel_line(struct str line, uint32_t number, struct sel_count *counts)
{
    struct str field, sensor, event;
    bool off;

    if (!memchr(line.p, '|', line.len))
        return false;
    for (unsigned i = 0; i < 3; i++)
        if (!str_cut(&line, '|', &field))
            return false;
    if (!str_cut(&line, '|', &sensor) || !str_cut(&line, '|', &event))
        return false;
    sensor = str_trim(sensor);
    off = str_starts(str_trim(line), "Deasserted");
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (!str_starts(sensor, events[i].sensor) || !scan_has(event, events[i].event))
            continue;
        if (off) {
            counts[i].lasting -= counts[i].lasting > 0;
            return true;
        }
        counts[i].asserted++;
        counts[i].lasting++;
        counts[i].line = number; /* the latest: old events may be years old */
        return true;
    }
    return true;
}

static void sel_facts(struct gather *g, const struct sel_count *counts, unsigned lines)
{
    struct gather_path path;

    gather_number(g, GATHER_HOST, FACT_VOLATILE, 1, STR("sel.entries"), lines, STR(""));
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        int64_t total = counts[i].asserted, lasting = counts[i].lasting;
        uint32_t line = counts[i].line;
        bool first = true;

        for (size_t k = 0; k < ARRAY_LEN(events); k++) {
            if (k == i || strcmp(events[k].path, events[i].path))
                continue;
            first &= k > i;
            total += counts[k].asserted;
            lasting += counts[k].lasting;
            if (counts[k].line > line)
                line = counts[k].line;
        }
        if (!first || !total)
            continue;
        gather_number(g, GATHER_HOST, FACT_STATE, line, str_of(events[i].path), total, STR(""));
        gather_number(g, GATHER_HOST, FACT_STATE, line,
                      gather_join(&path, events[i].path, STR("lasting")), lasting, STR(""));
    }
}

int bmc_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    static const struct {
        const char *key, *path;
    } keys[] = {{"Firmware Revision", "bmc.firmware"},
                {"IPMI Version", "bmc.ipmi"},
                {"Manufacturer Name", "bmc.vendor"},
                {"Product Name", "bmc.product"}};
    struct sel_count counts[ARRAY_LEN(events)] = {0};
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str key, value;
    unsigned lines = 0;

    if (denied_note(node, source, text, "what the BMC says", "bmc sel"))
        return 0;
    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        if (sel_line(scan.line, scan.number, counts)) {
            lines++;
            continue;
        }
        if (!scan_pair(scan.line, &key, &value) || !value.len)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            if (str_is(key, keys[i].key))
                gather_text(&gather, GATHER_HOST, FACT_CONFIG, scan.number, str_of(keys[i].path),
                            value);
    }
    if (lines)
        sel_facts(&gather, counts, lines);
    return gather_done(&gather, err);
}

bool bmc_looks_like(struct str text)
{
    struct str head = {text.p, text.len < 400 ? text.len : 400};

    return scan_has(head, "Firmware Revision         :") && scan_has(head, "Device ID");
}
