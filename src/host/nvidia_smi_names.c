#include "host/nvidia_smi_names.h"

#include "host/scan.h"

/* Renamed with driver 535 (clocks event reasons, power readings) and with 470 to 525 (spelling). */
static const struct {
    const char *section; /* NULL: `from` is itself a section title under the GPU */
    const char *from, *to;
} renames[] = {
    {NULL, "Clocks Throttle Reasons", "Clocks Event Reasons"},
    {NULL, "Clocks Throttle Reasons Counters", "Clocks Event Reasons Counters"},
    {NULL, "Power Readings", "GPU Power Readings"},
    {NULL, "Ecc Mode", "ECC Mode"},
    {NULL, "Ecc Errors", "ECC Errors"},
    {NULL, "Mig Mode", "MIG Mode"},
    {NULL, "Fb Memory Usage", "FB Memory Usage"},
    {NULL, "Bar1 Memory Usage", "BAR1 Memory Usage"},
    /* "Power Limit" was what was asked for; "Enforced" what the board makes of it. */
    {"GPU Power Readings", "Power Draw", "Average Power Draw"},
    {"GPU Power Readings", "Power Limit", "Requested Power Limit"},
    {"GPU Power Readings", "Enforced Power Limit", "Current Power Limit"},
    {"Utilization", "Gpu", "GPU"},
    {"PCI", "Sub System ID", "Sub System Id"},
    {"Remapped Rows", "Remapping Failure Occured", "Remapping Failure Occurred"},
};

static struct str rename_name(struct str section, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(renames); i++) {
        const char *in = renames[i].section;

        if (str_is(name, renames[i].from) && (in ? str_is(section, in) : !section.len))
            return str_of(renames[i].to);
    }
    return name;
}

struct str nvidia_smi_section(struct str title)
{
    return rename_name((struct str){0}, title);
}

struct str nvidia_smi_key(struct str section, struct str key)
{
    return section.len ? rename_name(section, key) : key;
}

/* The first row that matches decides; what no row names is a setting. */
static const struct {
    const char *glob;
    enum fact_class class;
} classes[] = {
    {"Serial Number", FACT_IDENTITY},
    {"*UUID", FACT_IDENTITY},
    {"GPU PDI", FACT_IDENTITY},
    {"Minor Number", FACT_IDENTITY},
    {"Board ID", FACT_IDENTITY},
    {"PCI.Bus", FACT_IDENTITY},
    {"PCI.Device", FACT_IDENTITY},
    {"PCI.Domain", FACT_IDENTITY},
    {"*Bus Id", FACT_IDENTITY},
    {"Platform Info.Peer Type", FACT_CONFIG},
    {"Platform Info.*", FACT_IDENTITY},
    {"Fabric.CliqueId", FACT_IDENTITY},
    {"Retired Pages.*", FACT_STATE},
    {"Remapped Rows*", FACT_STATE},
    {"ECC Errors*", FACT_STATE},
    {"PCI.Replay*", FACT_STATE},
    {"PCI.GPU Link Info.*Current", FACT_STATE},
    {"Clocks Event Reasons*", FACT_STATE},
    {"Performance State", FACT_STATE},
    {"GPU Recovery Action", FACT_STATE},
    {"GPU Reset Status.*", FACT_STATE},
    {"Fabric.Health*", FACT_STATE},
    {"Display Attached", FACT_STATE},
    {"Display Active", FACT_STATE},
    {"Error", FACT_STATE},
    {"Temperature.*Current Temp", FACT_VOLATILE},
    {"Temperature.GPU T.Limit Temp", FACT_VOLATILE},
    {"*Power Draw", FACT_VOLATILE},
    {"Power Samples.*", FACT_VOLATILE},
    {"Utilization.*", FACT_VOLATILE},
    {"*Utilization Samples.*", FACT_VOLATILE},
    {"FB Memory Usage.Total", FACT_CONFIG},
    {"BAR1 Memory Usage.Total", FACT_CONFIG},
    {"Conf Compute Protected Memory Usage.Total", FACT_CONFIG},
    {"*Memory Usage.*", FACT_VOLATILE},
    {"PCI.?x Throughput", FACT_VOLATILE},
    {"Clocks.*", FACT_VOLATILE},
    {"*Clock Samples.*", FACT_VOLATILE},
    {"Voltage.*", FACT_VOLATILE},
    {"Fan Speed", FACT_VOLATILE},
    {"Encoder Stats.*", FACT_VOLATILE},
    {"FBC Stats.*", FACT_VOLATILE},
    {"Inforom BBX Object Flush.*", FACT_VOLATILE},
    {"Processes*", FACT_VOLATILE},
    {"Accounted Processes*", FACT_VOLATILE},
    {"Supported Clocks.*", FACT_LABEL},
};

enum fact_class nvidia_smi_class(struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (str_glob(classes[i].glob, path))
            return classes[i].class;
    return FACT_CONFIG;
}

static bool is_unit(struct str word)
{
    static const char *const units[] = {"W",       "mW",  "MHz",  "C",    "%",    "us",   "ms",
                                        "s",       "KiB", "MiB",  "GiB",  "KB",   "MB",   "GB",
                                        "x",       "V",   "KB/s", "MB/s", "GB/s", "mV",   "min",
                                        "bank(s)", "J",   "mJ",   "Gbps", "Mbps", "KiB/s"};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_is(word, units[i]))
            return true;
    return false;
}

bool nvidia_smi_number(struct str value, int64_t *number)
{
    bool minus = value.len && value.p[0] == '-', fraction = false;
    struct str rest = str_skip(value, minus), digits = str_digits(&rest, 10);

    if (!digits.len || str_to_i64(digits, 10, number) < 0)
        return false;
    if (minus)
        *number = -*number;
    if (rest.len && rest.p[0] == '.') {
        rest = str_skip(rest, 1);
        fraction = str_digits(&rest, 10).len > 0;
        if (!fraction)
            return false;
    }
    rest = str_trim(rest);
    /* "2.1" alone is a version, and "1795125027133" stays a number. */
    return rest.len ? is_unit(rest) : !fraction;
}
