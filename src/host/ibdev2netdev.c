#include "host/ibdev2netdev.h"

#include "host/ib_facts.h"
#include "host/scan.h"

#include <errno.h>

#define PORTS_MAX 1024

struct port_line {
    struct str device, port, netdev, fw, type, state, phys;
    uint64_t bdf;
    bool has_bdf;
};

/* "0000:19:00.0 mlx5_0 (MT4129 - MCX75310AAS-NEA) ConnectX-7 fw 28.39.1002 port 1 (ACTIVE) ==> ib0
 * (Up)"; without -v "mlx5_0 port 1 ==> ib0 (Up)". */
static bool ibdev_line(struct str line, struct port_line *out)
{
    ptrdiff_t arrow = str_find(line, "==>");
    struct str left, right, word, last = {0};

    if (arrow < 0)
        return false;
    left = (struct str){line.p, (size_t)arrow};
    right = str_skip(line, (size_t)arrow + 3);
    if (!str_word(&left, &word))
        return false;
    out->has_bdf = bdf_parse(word, &out->bdf) == 0;
    if (out->has_bdf && !str_word(&left, &word))
        return false;
    out->device = word;
    while (str_word(&left, &word)) {
        if (str_is(last, "fw"))
            out->fw = word;
        else if (str_is(last, "port"))
            out->port = word;
        else if (str_starts(word, "(MT"))
            out->type = str_skip(word, 1);
        else if (out->port.len && str_starts(word, "("))
            out->state = scan_between(word, "(", ")");
        last = word;
    }
    (void)str_word(&right, &out->netdev);
    return true;
}

/* "link mlx5_0/1 state ACTIVE physical_state LINK_UP netdev ens1f0np0" */
static bool rdma_line(struct str line, struct port_line *out)
{
    struct str rest = str_trim(line), word, last = {0};

    if (!str_word(&rest, &word) || !str_is(word, "link") || !str_word(&rest, &word))
        return false;
    out->port = word;
    if (!str_cut(&out->port, '/', &out->device))
        return false;
    while (str_word(&rest, &word)) {
        if (str_is(last, "state"))
            out->state = word;
        else if (str_is(last, "physical_state"))
            out->phys = word;
        else if (str_is(last, "netdev"))
            out->netdev = word;
        last = word;
    }
    return out->state.len > 0;
}

static bool line_read(struct str line, struct port_line *out)
{
    struct str digits;

    *out = (struct port_line){0};
    if (!ibdev_line(line, out)) {
        *out = (struct port_line){0};
        if (!rdma_line(line, out))
            return false;
    }
    digits = out->port;
    return str_digits(&digits, 10).len && !digits.len && out->port.len <= 3 && out->device.len &&
           out->device.len <= SCAN_NAME_MAX / 2;
}

bool ibdev2netdev_looks_like(struct str text)
{
    struct scan scan = {text};
    struct port_line line;

    while (scan.number < 20 && scan_next(&scan))
        if (line_read(scan.line, &line))
            return true;
    return false;
}

static void port_facts(struct node *node, uint16_t source, const struct port_line *line,
                       uint32_t number)
{
    static const struct ib_row rows[] = {
        {"", "netdev", IB_TEXT, FACT_LABEL},      {"", "fw", IB_TEXT, FACT_CONFIG},
        {"", "hca_type", IB_TEXT, FACT_CONFIG},   {"", "state", IB_STATE, FACT_CONFIG},
        {"", "phys_state", IB_PHYS, FACT_CONFIG},
    };
    const struct str values[] = {line->netdev, line->fw, line->type, line->state, line->phys};
    uint32_t subject = ib_subject(node, line->device, line->port);
    char bdf[BDF_TEXT_MAX];

    if (!subject)
        return;
    fact_begin(node->builder, STR("ib"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (values[i].len && values[i].len <= SCAN_NAME_MAX)
            ib_add(node->builder, &rows[i], 0, values[i]);
    if (line->has_bdf) {
        bdf_print(line->bdf, bdf);
        fact_text(node->builder, FACT_IDENTITY, 0, fact_key(node->builder, STR(""), STR("pci")),
                  str_of(bdf));
        ib_set_pci(node, subject, line->bdf);
    }
    node_attach(node, subject, fact_end(node->builder), source, number);
}

int ibdev2netdev_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {text};
    struct port_line line;
    unsigned ports = 0;

    while (ports < PORTS_MAX && scan_next(&scan))
        if (line_read(scan.line, &line)) {
            port_facts(node, source, &line, scan.number);
            ports++;
        }
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the RDMA ports") : 0;
}
