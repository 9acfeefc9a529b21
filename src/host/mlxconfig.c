#include "host/mlxconfig.h"

#include "host/denied.h"
#include "host/ib_facts.h"
#include "host/mlx_device.h"
#include "host/scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

/* "Configurations:   Default   Current   Next Boot": how many columns the rows below have. */
static unsigned columns_of(struct str line)
{
    struct str rest = str_trim(line);

    if (!str_starts(rest, "Configurations:"))
        return 0;
    return scan_has(rest, "Default") && scan_has(rest, "Current") ? 3 : 1;
}

bool mlxconfig_looks_like(struct str text)
{
    struct scan scan = {text};

    while (scan.number < 200 && scan_next(&scan))
        if (columns_of(scan.line))
            return true;
    return false;
}

/* "*  NAME   default  current  next": the marks are '*' (differs) and "RO" (read only). */
static bool param_line(struct str line, unsigned columns, struct str *name, struct str *values)
{
    struct str rest = line;

    if (!str_word(&rest, name))
        return false;
    if ((str_is(*name, "*") || str_is(*name, "RO")) && !str_word(&rest, name))
        return false;
    if (name->len > SCAN_NAME_MAX || !name->len || !isupper((unsigned char)name->p[0]))
        return false;
    for (size_t i = 0; i < name->len; i++)
        if (!isalnum((unsigned char)name->p[i]) && !memchr("_[]().", name->p[i], 6))
            return false;
    for (unsigned i = 0; i < columns; i++)
        if (!str_word(&rest, &values[i]))
            return false;
    return !str_trim(rest).len; /* a value with blanks has no columns we could trust */
}

enum column { COLUMN_CURRENT, COLUMN_NEXT, COLUMN_DEFAULT };

/* Facts of one column of one device, from the line of its header on. */
static void column_parse(struct node *node, uint16_t source, struct scan scan, int subject,
                         struct str device, enum column column)
{
    static const char *const blocks[] = {"mlx", "mlx_next", "mlx_default"};
    struct fact_builder *b = node->builder;
    uint32_t first = scan.number;
    unsigned columns = 0, params = 0;
    struct str name, value[3], reg = {0};
    bool any = false;

    if (subject < 0)
        reg = mlx_device_name(device);
    fact_begin(b, str_of(blocks[column]));
    while (params < MLX_PARAMS_MAX && scan_next(&scan)) {
        uint32_t line = scan.number - first;

        if (columns_of(scan.line))
            columns = columns_of(scan.line);
        else if (str_starts(str_trim(scan.line), "Device #"))
            break;
        else if (!columns || !param_line(scan.line, columns, &name, value))
            continue;
        else if (column == COLUMN_CURRENT)
            fact_text(b, FACT_CONFIG, line, fact_key(b, reg, name), value[columns / 2]);
        else if (columns == 3 && column == COLUMN_DEFAULT)
            fact_text(b, FACT_LABEL, line, fact_key(b, reg, name), value[0]);
        else if (columns == 3 && !str_eq(value[1], value[2]))
            fact_text(b, FACT_STATE, line, fact_key(b, reg, name), value[2]);
        else
            continue;
        any |= columns > 0;
        params++;
    }
    if (any)
        node_attach(node, (uint32_t)(subject < 0 ? 0 : subject), fact_end(b), source, first);
}

/* The name in "Device:  /dev/mst/mt4129_pciconf0" or "PCI device: ..."; empty on other lines. */
static struct str device_line(struct str line)
{
    struct str key, value;

    if (!scan_pair(line, &key, &value) ||
        (!str_is(key, "Device") && !str_is(key, "PCI device") && !str_is(key, "PCI Device Name")) ||
        value.len > SCAN_NAME_MAX / 2)
        return (struct str){0};
    return value;
}

int mlxconfig_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {text};
    struct str device;
    unsigned devices = 0;

    if (denied_note(node, source, text, "firmware settings of NICs", "mlx"))
        return 0;
    while (devices < MLX_DEVICES_MAX && scan_next(&scan)) {
        int subject;

        device = device_line(scan.line);
        if (!device.len)
            continue;
        subject = mlx_device_find(node, device);
        for (enum column column = COLUMN_CURRENT; column <= COLUMN_DEFAULT; column++)
            column_parse(node, source, scan, subject, device, column);
        devices++;
    }
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the NIC settings") : 0;
}

/* ---- mlxfwmanager --query and flint q ---- */

static const struct {
    const char *key, *block, *name;
    enum fact_class class;
} fw_rows[] = {
    {"FW", "ib", "fw", FACT_CONFIG},
    {"FW Version", "ib", "fw", FACT_CONFIG},
    {"PSID", "ib", "psid", FACT_CONFIG},
    {"Device Type", "mlxfw", "type", FACT_CONFIG},
    {"Part Number", "mlxfw", "part", FACT_CONFIG},
    {"Description", "mlxfw", "description", FACT_LABEL},
    {"Base GUID", "mlxfw", "base_guid", FACT_IDENTITY},
    {"Base MAC", "mlxfw", "base_mac", FACT_IDENTITY},
    {"PXE", "mlxfw", "pxe", FACT_CONFIG},
    {"UEFI", "mlxfw", "uefi", FACT_CONFIG},
    {"Status", "mlxfw", "status", FACT_LABEL},
    {"FW Release Date", "mlxfw", "release_date", FACT_LABEL},
    {"Security Attributes", "mlxfw", "security", FACT_CONFIG},
};

/* A line's key and first value; "   FW   28.39.1002   28.39.2048" has no colon. */
static bool fw_line(struct str line, struct str *key, struct str *value)
{
    struct str rest = line;

    if (scan_pair(line, key, value))
        return true;
    return str_word(&rest, key) &&
           (str_is(*key, "FW") || str_is(*key, "PXE") || str_is(*key, "UEFI")) &&
           str_word(&rest, value);
}

bool mlxfw_looks_like(struct str text)
{
    struct scan scan = {text};
    struct str key, value;
    bool psid = false, fw = false;

    while (scan.number < 200 && scan_next(&scan)) {
        if (columns_of(scan.line))
            return false;
        if (!fw_line(scan.line, &key, &value))
            continue;
        psid |= str_is(key, "PSID");
        fw |= str_is(key, "FW") || str_is(key, "FW Version");
        if (psid && fw)
            return true;
    }
    return false;
}

/* Where one device's lines begin: mlxfwmanager numbers them, flint has one, a prompt may name it.
 */
static bool fw_header(struct str line, struct str *device)
{
    struct str rest = str_trim(line), word;
    ptrdiff_t at;

    if (str_starts(rest, "Device #") || str_starts(rest, "Image type:")) {
        *device = (struct str){0};
        return true;
    }
    at = str_find(rest, "flint -d ");
    rest = at < 0 ? (struct str){0} : str_skip(rest, (size_t)at + 9);
    if (!str_word(&rest, &word) || word.len > SCAN_NAME_MAX / 2)
        return false;
    *device = word;
    return true;
}

static void fw_block(struct node *node, uint16_t source, struct scan scan, int subject,
                     const char *block)
{
    struct fact_builder *b = node->builder;
    uint32_t first = scan.number;
    struct str key, value, device;
    bool any = false;

    fact_begin(b, str_of(block));
    while (scan_next(&scan) && scan.number - first < 200) {
        if (fw_header(scan.line, &device))
            break;
        if (!fw_line(scan.line, &key, &value) || !value.len)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(fw_rows); i++) {
            if (!str_is(key, fw_rows[i].key) || strcmp(fw_rows[i].block, block) != 0)
                continue;
            fact_text(b, fw_rows[i].class, scan.number - first,
                      fact_key(b, STR(""), str_of(fw_rows[i].name)), value);
            any = true;
        }
    }
    if (any)
        node_attach(node, (uint32_t)subject, fact_end(b), source, first);
}

int mlxfw_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {text}, look;
    struct str device, named = {0};
    unsigned devices = 0;

    while (devices < MLX_DEVICES_MAX && scan_next(&scan)) {
        int subject = -1;

        if (!fw_header(scan.line, &device))
            continue;
        if (device.len) { /* a prompt: what follows is about this device */
            named = device;
            continue;
        }
        for (look = scan; scan_next(&look) && look.number - scan.number < 200 && !device.len;) {
            if (str_starts(str_trim(look.line), "Device #"))
                break;
            device = device_line(look.line);
        }
        if (!device.len)
            device = named;
        if (device.len)
            subject = mlx_device_find(node, device);
        devices++;
        if (subject < 0) {
            node_add_unseen(node, -1, source, NULL, "firmware of a NIC",
                            "the text does not say which device it is about");
            continue;
        }
        fw_block(node, source, scan, subject, "ib");
        fw_block(node, source, scan, subject, "mlxfw");
    }
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the NIC firmware") : 0;
}
