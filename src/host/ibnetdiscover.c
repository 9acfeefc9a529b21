#include "host/ibnetdiscover.h"

#include "host/ib_facts.h"
#include "host/scan.h"

#include <errno.h>
#include <stdio.h>

#define PORTS_MAX 128

/* An RDMA port of this node and what the fabric may call it. */
struct own_port {
    uint32_t subject;
    const char *guids[2]; /* node and port GUID, or NULL */
    struct str device;
};

struct fabric {
    struct own_port ports[PORTS_MAX];
    unsigned port_count;
    struct str host; /* this node's name, or empty */
    uint32_t switches, adapters, links;
    struct {
        struct str name; /* "4xNDR" */
        uint32_t line, count;
    } kinds[FABRIC_LINK_KINDS_MAX];
    unsigned kind_count;
};

/* A line "[1]  "H-0ff08c4321664e96"[1](ff08c4321664e97)  # "n001 mlx5_0" lid 1181 4xNDR ...". */
struct link_line {
    struct str port, peer, peer_guid, description, kind;
};

static bool link_read(struct str line, struct link_line *link)
{
    struct str rest, word;

    if (!str_starts(line, "["))
        return false;
    link->port = scan_between(line, "[", "]");
    link->peer = scan_between(line, "\"", "\"");
    if (!link->port.len || link->port.len > 4 || link->peer.len < 3)
        return false;
    link->peer_guid = scan_between(line, "](", ")");
    link->kind = link->description = (struct str){0};
    rest = line;
    if (str_find(rest, "# \"") < 0)
        return true;
    rest = str_skip(rest, (size_t)str_find(rest, "# \"") + 3);
    if (!str_cut(&rest, '"', &link->description))
        return true;
    while (str_word(&rest, &word)) {
        struct str lanes = word;

        if (str_digits(&lanes, 10).len && str_starts(lanes, "x") && lanes.len > 1 && word.len < 16)
            link->kind = word;
    }
    return true;
}

bool ibnetdiscover_looks_like(struct str text)
{
    struct scan scan = {text};

    while (scan.number < 200 && scan_next(&scan)) {
        struct str line = str_trim(scan.line);

        if ((str_starts(line, "Switch") || str_starts(line, "Ca")) &&
            (scan_has(line, "\"S-") || scan_has(line, "\"H-")))
            return true;
        if (str_starts(line, "switchguid=0x") || str_starts(line, "caguid=0x"))
            return true;
    }
    return false;
}

static const char *text_of(const struct node *node, uint32_t subject, const char *path)
{
    struct fact_at at = node_fact(node, subject, fact_pool_key(node->pool, str_of(path)));

    return at.fact ? at.fact->text : NULL;
}

static void ports_find(const struct node *node, struct fabric *fabric)
{
    const char *host = text_of(node, 0, "os.hostname");

    fabric->host = host ? str_of(host) : (struct str){0};
    for (uint32_t i = 0; i < node->subject_count && fabric->port_count < PORTS_MAX; i++) {
        struct own_port *port = &fabric->ports[fabric->port_count];
        struct str name = str_of(node->subjects[i].name);

        if (node->subjects[i].kind != SUBJECT_IB_PORT || !str_cut(&name, '/', &port->device))
            continue;
        port->subject = i;
        port->guids[0] = text_of(node, i, "ib.port_guid");
        port->guids[1] = text_of(node, i, "ib.node_guid");
        fabric->port_count++;
    }
}

static const struct own_port *port_of(const struct fabric *fabric, const struct link_line *link)
{
    char peer[IB_GUID_TEXT_MAX] = "", port_guid[IB_GUID_TEXT_MAX] = "";
    struct str rest = link->description, host = {0}, device = {0};

    if (!str_starts(link->peer, "H-") || ib_guid(str_skip(link->peer, 2), peer) < 0)
        return NULL;
    (void)ib_guid(link->peer_guid, port_guid);
    if (str_word(&rest, &host))
        (void)str_word(&rest, &device);
    for (unsigned i = 0; i < fabric->port_count; i++) {
        const struct own_port *port = &fabric->ports[i];

        for (unsigned k = 0; k < ARRAY_LEN(port->guids); k++)
            if (port->guids[k] &&
                (strcmp(port->guids[k], port_guid) == 0 || strcmp(port->guids[k], peer) == 0))
                return port;
        if (!port->guids[0] && !port->guids[1] && host.len && str_eq(host, fabric->host) &&
            str_eq(device, port->device))
            return port;
    }
    return NULL;
}

static void kind_count(struct fabric *fabric, struct str kind, uint32_t line)
{
    fabric->links++;
    for (unsigned i = 0; kind.len && i < fabric->kind_count; i++)
        if (str_eq(fabric->kinds[i].name, kind)) {
            fabric->kinds[i].count++;
            return;
        }
    if (kind.len && fabric->kind_count < FABRIC_LINK_KINDS_MAX) {
        fabric->kinds[fabric->kind_count].name = kind;
        fabric->kinds[fabric->kind_count].line = line;
        fabric->kinds[fabric->kind_count++].count = 1;
    }
}

static void peer_facts(struct node *node, uint16_t source, const struct own_port *port,
                       const struct link_line *link, struct str switch_name, uint32_t line)
{
    struct fact_builder *b = node->builder;
    char text[512];

    (void)snprintf(text, sizeof(text), "%.*s port %.*s",
                   switch_name.len > 400 ? 400 : (int)switch_name.len, switch_name.p,
                   STR_ARG(link->port));
    fact_begin(b, STR("fabric"));
    fact_text(b, FACT_IDENTITY, 0, fact_key(b, STR(""), STR("peer")), str_of(text));
    if (link->kind.len)
        fact_text(b, FACT_CONFIG, 0, fact_key(b, STR(""), STR("link")), link->kind);
    node_attach(node, port->subject, fact_end(b), source, line);
}

static void host_facts(struct node *node, uint16_t source, const struct fabric *fabric)
{
    struct fact_builder *b = node->builder;

    fact_begin(b, STR("fabric"));
    fact_number(b, FACT_STATE, 0, fact_key(b, STR(""), STR("switches")), fabric->switches, STR(""));
    fact_number(b, FACT_STATE, 0, fact_key(b, STR(""), STR("adapters")), fabric->adapters, STR(""));
    for (unsigned i = 0; i < fabric->kind_count; i++)
        fact_number(b, FACT_STATE, fabric->kinds[i].line - 1,
                    fact_key(b, STR("links"), fabric->kinds[i].name), fabric->kinds[i].count,
                    STR(""));
    node_attach(node, 0, fact_end(b), source, 1);
}

int ibnetdiscover_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct fabric *fabric = arena_alloc(node->arena, sizeof(*fabric));
    struct scan scan = {text};
    struct str switch_name = {0};
    bool in_switch = false;

    if (!fabric)
        return err_set(err, -ENOMEM, "no memory for the fabric's links");
    ports_find(node, fabric);
    while (scan_next(&scan) && node_ok(node) == 0) {
        struct str line = str_trim(scan.line);
        const struct own_port *port;
        struct link_line link;

        if (str_starts(line, "Switch") && scan_has(line, "\"S-")) {
            fabric->switches++;
            in_switch = true;
            switch_name = scan_between(line, "# \"", "\"");
            if (!switch_name.len)
                switch_name = scan_between(line, "\"", "\"");
        } else if (str_starts(line, "Ca") && scan_has(line, "\"H-")) {
            fabric->adapters++;
            in_switch = false;
        } else if (in_switch && link_read(line, &link)) {
            kind_count(fabric, link.kind, scan.number);
            port = port_of(fabric, &link);
            if (port)
                peer_facts(node, source, port, &link, switch_name, scan.number);
        }
    }
    if (fabric->switches || fabric->adapters)
        host_facts(node, source, fabric);
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the fabric's links") : 0;
}
