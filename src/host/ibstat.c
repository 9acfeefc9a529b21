#include "host/ibstat.h"

#include "host/denied.h"
#include "host/ib_facts.h"
#include "host/scan.h"

#include <errno.h>

/* Keys of all three tools; no two of them mean different things by the same word. */
static const struct ib_row rows[] = {
    /* ibstat */
    {"CA type", "hca_type", IB_TEXT, FACT_CONFIG},
    {"Firmware version", "fw", IB_TEXT, FACT_CONFIG},
    {"Node GUID", "node_guid", IB_GUID, FACT_IDENTITY},
    {"System image GUID", "sys_image_guid", IB_GUID, FACT_IDENTITY},
    {"State", "state", IB_STATE, FACT_CONFIG},
    {"Physical state", "phys_state", IB_PHYS, FACT_CONFIG},
    {"Rate", "", IB_RATE, FACT_CONFIG},
    {"Base lid", "lid", IB_NUMBER, FACT_IDENTITY},
    {"SM lid", "sm_lid", IB_NUMBER, FACT_IDENTITY},
    {"Capability mask", "cap_mask", IB_TEXT, FACT_CONFIG},
    {"Port GUID", "port_guid", IB_GUID, FACT_IDENTITY},
    {"Link layer", "link_layer", IB_TEXT, FACT_CONFIG},
    /* ibstatus */
    {"base lid", "lid", IB_NUMBER, FACT_IDENTITY},
    {"sm lid", "sm_lid", IB_NUMBER, FACT_IDENTITY},
    {"phys state", "phys_state", IB_PHYS, FACT_CONFIG},
    {"rate", "", IB_RATE, FACT_CONFIG},
    /* ibv_devinfo */
    {"fw_ver", "fw", IB_TEXT, FACT_CONFIG},
    {"board_id", "psid", IB_TEXT, FACT_CONFIG},
    {"vendor_part_id", "hca_type", IB_PART, FACT_CONFIG},
    {"node_guid", "node_guid", IB_GUID, FACT_IDENTITY},
    {"sys_image_guid", "sys_image_guid", IB_GUID, FACT_IDENTITY},
    {"state", "state", IB_STATE, FACT_CONFIG},
    {"max_mtu", "mtu_max", IB_NUMBER, FACT_CONFIG},
    {"active_mtu", "mtu_active", IB_NUMBER, FACT_CONFIG},
    {"port_lid", "lid", IB_NUMBER, FACT_IDENTITY},
    {"link_layer", "link_layer", IB_TEXT, FACT_CONFIG},
    {"active_width", "width", IB_WIDTH, FACT_CONFIG},
    {"active_speed", "speed_name", IB_SPEED, FACT_CONFIG},
    {"phys_state", "phys_state", IB_PHYS, FACT_CONFIG},
};

/* ibv_devinfo's sm_lid is the number of the subnet manager's port, as the others' is. */
static const struct ib_row sm_lid = {"sm_lid", "sm_lid", IB_NUMBER, FACT_IDENTITY};

/* "CA 'mlx5_0'", "hca_id: mlx5_0"; or with the port, "Infiniband device 'mlx5_0' port 1 status:".
 */
static bool device_header(struct str line, struct str *device, struct str *port)
{
    struct str key, value;

    line = str_trim(line);
    *port = (struct str){0};
    if (str_starts(line, "CA '")) {
        *device = scan_between(line, "CA '", "'");
    } else if (str_starts(line, "Infiniband device '")) {
        *device = scan_between(line, "device '", "'");
        *port = str_trim(scan_between(line, "' port ", " status"));
        if (!port->len)
            return false;
    } else if (scan_pair(line, &key, &value) && str_is(key, "hca_id")) {
        *device = value;
    } else {
        return false;
    }
    return device->len > 0 && device->len <= SCAN_NAME_MAX / 2;
}

/* "Port 1:" or "port: 1". */
static bool port_header(struct str line, struct str *port)
{
    struct str key, value;

    if (!scan_pair(line, &key, &value))
        return false;
    if (str_is(key, "port"))
        *port = value;
    else if (str_starts(key, "Port ") && !value.len)
        *port = str_trim(str_skip(key, 5));
    else
        return false;
    value = *port;
    return str_digits(&value, 10).len && !value.len && port->len <= 3;
}

bool ibstat_looks_like(struct str text)
{
    struct scan scan = {text};
    struct str device, port;

    while (scan.number < 200 && scan_next(&scan))
        if (device_header(scan.line, &device, &port))
            return true;
    return false;
}

static const struct ib_row *row_of(struct str key)
{
    if (str_is(key, sm_lid.key))
        return &sm_lid;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_is(key, rows[i].key))
            return &rows[i];
    return NULL;
}

/* What lines of one port, or of its device, add up to. */
struct reading {
    struct fact_builder *b;
    uint32_t first; /* line of the device's header */
    struct str width, speed;
    bool rate;
};

/* Read the lines behind `scan`'s current one up to the next header. */
static void lines_read(struct reading *reading, struct scan scan)
{
    struct str device, port, key, value, rest;
    uint32_t begin = scan.number;

    while (scan_next(&scan) && scan.number - begin < IBSTAT_DEVICE_LINES_MAX) {
        const struct ib_row *row;

        if (device_header(scan.line, &device, &port) || port_header(scan.line, &port))
            return;
        if (!scan_pair(scan.line, &key, &value) || !value.len)
            continue;
        row = row_of(key);
        if (!row)
            continue;
        ib_add(reading->b, row, scan.number - reading->first, value);
        rest = value;
        if (row->value == IB_WIDTH)
            (void)str_word(&rest, &reading->width);
        else if (row->value == IB_SPEED)
            reading->speed = ib_speed_name(value);
        else if (row->value == IB_RATE)
            reading->rate = true;
    }
}

static void port_parse(struct node *node, uint16_t source, const struct scan *device_at,
                       const struct scan *port_at, struct str device, struct str port)
{
    struct reading reading = {.b = node->builder, .first = device_at->number};
    uint32_t subject = ib_subject(node, device, port);
    unsigned gbs;

    if (!subject)
        return;
    fact_begin(node->builder, STR("ib"));
    lines_read(&reading, *device_at);
    if (port_at->number != device_at->number)
        lines_read(&reading, *port_at);
    gbs = ib_rate_of(reading.width, reading.speed);
    if (!reading.rate && gbs)
        fact_number(node->builder, FACT_CONFIG, port_at->number - device_at->number,
                    fact_key(node->builder, STR(""), STR("rate_gbs")), gbs, STR(""));
    node_attach(node, subject, fact_end(node->builder), source, device_at->number);
}

int ibstat_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {text}, device_at = {{0}};
    struct str device = {0}, port;
    unsigned ports = 0;

    if (denied_note(node, source, text, "RDMA ports", "ib"))
        return 0;
    while (ports < IBSTAT_PORTS_MAX && scan_next(&scan)) {
        struct str next;

        if (device_header(scan.line, &next, &port)) {
            device = next;
            device_at = scan;
            if (!port.len)
                continue;
        } else if (!device.len || !port_header(scan.line, &port)) {
            continue;
        }
        port_parse(node, source, &device_at, &scan, device, port);
        ports++;
    }
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the RDMA ports") : 0;
}
