/* A small machine built by hand, for tests of whole fleets: GPUs and NICs in pairs, each pair
 * behind root ports of a root bus of its own; and a catalogue of four rules. */
#ifndef UNIT_FLEET_MACHINE_H
#define UNIT_FLEET_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fleet/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct machine {
    const char *name;
    unsigned pairs;   /* root buses with a GPU and a NIC */
    int without_gpu;  /* index, -1: all there */
    int without_root; /* index of a root bus that is not there, -1 */
    unsigned bus_shift;
    bool iommu, redirect;  /* redirect: only the ACS bits */
    bool older_tool;       /* lspci without one register's flags */
    bool old_tool;         /* lspci that knows less */
    bool no_caps;          /* lspci without root: capabilities unseen */
    bool no_dmi;           /* no dmidecode among the sources */
    int narrow_gpu;        /* this GPU's link is x8, -1: none */
    unsigned read_request; /* 0: 4096 */
    const char *bios, *gpu_model, *uuid, *tags;
    unsigned memory_kb;
    unsigned noise;  /* a field of its own value */
    int ports;       /* the rate of each NIC's RDMA port; 0: none shown */
    int slow_port;   /* the rate of this one is 200, -1: none */
    int without_nic; /* index, -1: all there */
    bool errors;     /* a STATE fact that the rule ERRORS finds */
};

static inline struct machine machine_of(const char *name)
{
    return (struct machine){.name = name,
                            .pairs = 4,
                            .without_gpu = -1,
                            .without_root = -1,
                            .narrow_gpu = -1,
                            .slow_port = -1,
                            .without_nic = -1,
                            .bios = "2.1",
                            .gpu_model = "2330",
                            .uuid = NULL};
}

/* ---- facts ---- */

struct maker {
    struct node *node;
    uint32_t subject;
    uint16_t source;
    const struct machine *machine;
};

static inline void flag(struct maker *m, const char *reg, const char *name, bool on)
{
    fact_flag(m->node->builder, FACT_CONFIG, 0,
              fact_key(m->node->builder, str_of(reg), str_of(name)), on);
}

static inline void text(struct maker *m, enum fact_class class, const char *name, const char *value)
{
    fact_text(m->node->builder, class, 0, fact_key(m->node->builder, STR(""), str_of(name)),
              str_of(value));
}

static inline void number(struct maker *m, enum fact_class class, const char *reg, const char *name,
                          int64_t value, const char *spelling)
{
    fact_number(m->node->builder, class, 0, fact_key(m->node->builder, str_of(reg), str_of(name)),
                value, str_of(spelling));
}

static inline void begin(struct maker *m, const char *block)
{
    fact_begin(m->node->builder, str_of(block));
}

static inline void end(struct maker *m)
{
    node_attach(m->node, m->subject, fact_end(m->node->builder), m->source, 1);
}

static inline void put_common(struct maker *m, const char *kind, const char *vendor,
                              const char *device, const char *type, bool narrow)
{
    const struct machine *machine = m->machine;

    begin(m, "Header");
    text(m, FACT_CONFIG, "kind", kind);
    number(m, FACT_CONFIG, "", "vendor", strtol(vendor, NULL, 16), vendor);
    number(m, FACT_CONFIG, "", "device", strtol(device, NULL, 16), device);
    end(m);
    if (machine->iommu) {
        begin(m, "IOMMU");
        flag(m, "", "present", true);
        end(m);
    }
    if (machine->no_caps)
        return;
    begin(m, "Express");
    text(m, FACT_CONFIG, "type", type);
    number(m, FACT_CONFIG, "DevCtl", "MaxReadReq",
           machine->read_request ? machine->read_request : 4096, "");
    number(m, FACT_CONFIG, "LnkSta", "Width", narrow ? 8 : 16, narrow ? "x8" : "x16");
    flag(m, "DevCtl", "ExtTag", true);
    if (!machine->old_tool && !machine->older_tool) {
        flag(m, "DevCap2", "10BitTagComp", true);
        flag(m, "DevCap2", "10BitTagReq", false);
    }
    end(m);
    begin(m, "AER");
    flag(m, "UEMsk", "DLP", false);
    if (!machine->old_tool) {
        flag(m, "UEMsk", "PoisonTLPBlocked", false);
        flag(m, "UEMsk", "DMWrReqBlocked", false);
    }
    end(m);
}

static inline void put_port(struct maker *m, unsigned secondary)
{
    bool redirect = m->machine->redirect || m->machine->iommu;

    begin(m, "Bus");
    number(m, FACT_IDENTITY, "", "secondary", secondary, "");
    end(m);
    put_common(m, "bridge", "8086", "352a", "Root Port", false);
    if (m->machine->no_caps)
        return;
    begin(m, "ACS");
    flag(m, "ACSCtl", "SrcValid", redirect);
    flag(m, "ACSCtl", "ReqRedir", redirect);
    flag(m, "ACSCtl", "CmpltRedir", redirect);
    end(m);
}

static inline uint32_t pci(struct node *node, unsigned bus, unsigned device)
{
    return node_pci(node, (uint64_t)bus << 8 | device << 3);
}

static inline void put_pair(struct maker *m, unsigned index)
{
    const struct machine *machine = m->machine;
    unsigned bus = 0x10 + index * 0x10 + machine->bus_shift;
    char serial[32];

    m->subject = pci(m->node, bus, 0); /* what tells root buses apart */
    put_common(m, "other", "8086", index % 2 ? "09a2" : "09a4", "Root Complex Integrated Endpoint",
               false);
    m->subject = pci(m->node, bus, 1);
    put_port(m, bus + 1);
    m->subject = pci(m->node, bus, 2);
    put_port(m, bus + 2);
    if ((int)index != machine->without_gpu) {
        m->subject = pci(m->node, bus + 1, 0);
        put_common(m, "gpu", "10de", machine->gpu_model, "Endpoint",
                   (int)index == machine->narrow_gpu);
        begin(m, "DSN");
        (void)snprintf(serial, sizeof(serial), "%s-%04x-1234", machine->name, index);
        text(m, FACT_IDENTITY, "serial", serial);
        end(m);
        if (machine->errors && index == 1) {
            begin(m, "AERCount");
            number(m, FACT_STATE, "correctable", "RxErr", 4711, "");
            end(m);
        }
    }
    if ((int)index == machine->without_nic)
        return;
    m->subject = pci(m->node, bus + 2, 0);
    put_common(m, "nic", "15b3", "1021", "Endpoint", false);
    if (machine->ports) {
        unsigned name = index - (machine->without_nic >= 0 && (int)index > machine->without_nic);
        char address[BDF_TEXT_MAX];

        bdf_print((uint64_t)(bus + 2) << 8, address);
        (void)snprintf(serial, sizeof(serial), "mlx5_%u/1", name);
        m->subject = node_subject(m->node, SUBJECT_IB_PORT, str_of(serial));
        begin(m, "ib");
        text(m, FACT_IDENTITY, "pci", address);
        number(m, FACT_CONFIG, "", "rate_gbs",
               (int)index == machine->slow_port ? 200 : machine->ports, "");
        end(m);
    }
}

static inline struct node *machine_node(struct fact_builder *builder, const struct machine *machine)
{
    struct node *node = node_new(builder, machine->name);
    struct maker m = {.node = node, .machine = machine};
    char value[32];
    uint16_t lspci, dmi = 0;

    assert_non_null(node);
    lspci = node_source(node, "lspci.txt", "lspci", STR(""));
    if (!machine->no_dmi) {
        dmi = node_source(node, "dmidecode.txt", "dmidecode", STR(""));
        m.source = dmi;
        begin(&m, "bios");
        text(&m, FACT_CONFIG, "version", machine->bios);
        end(&m);
        begin(&m, "system");
        (void)snprintf(value, sizeof(value), "4c4c4544-%s", machine->name);
        text(&m, FACT_IDENTITY, "uuid", machine->uuid ? machine->uuid : value);
        text(&m, FACT_CONFIG, "product", "Box 9680");
        end(&m);
        begin(&m, "asset");
        (void)snprintf(value, sizeof(value), "tag-%u", machine->noise);
        text(&m, FACT_CONFIG, "token", value);
        end(&m);
    }
    if (machine->memory_kb) {
        m.source = dmi;
        begin(&m, "mem");
        number(&m, FACT_CONFIG, "", "total_kb", machine->memory_kb, "");
        end(&m);
    }
    if (machine->tags) { /* a path that occurs several times in one block */
        struct str rest = str_of(machine->tags), tag;

        m.source = lspci;
        begin(&m, "list");
        while (str_cut(&rest, ' ', &tag))
            fact_text(builder, FACT_CONFIG, 0, fact_key(builder, STR(""), STR("tag")), tag);
        end(&m);
    }
    m.source = lspci;
    for (unsigned i = 0; i < machine->pairs; i++)
        if ((int)i != machine->without_root)
            put_pair(&m, i);
    if (machine->no_caps)
        for (const char *const *glob = (const char *const[]){"Express", "AER", "ACS", NULL}; *glob;
             glob++)
            node_add_unseen(node, -1, lspci, *glob, "PCI capabilities", "lspci ran without root");
    assert_int_equal(node_ok(node), 0);
    return node;
}

/* ---- a catalogue ---- */

enum { RULE_ACS, RULE_IOMMU, RULE_READ_REQUEST, RULE_BIOS, RULE_ERRORS, RULE_TWICE, RULE_COUNT };

static inline const struct rule *test_rule(size_t index)
{
    static const char *const acs[] = {"port:ACS.ACSCtl.*Redir", NULL};
    static const char *const acs_moves[] = {"port:ACS.ACSCtl.SrcValid", NULL};
    static const char *const iommu[] = {"*:IOMMU.present", NULL};
    static const char *const iommu_moves[] = {"port:ACS.ACSCtl.*", NULL};
    static const char *const read_request[] = {"*:Express.DevCtl.MaxReadReq", NULL};
    static const char *const bios[] = {"host:bios.version", NULL};
    static const struct rule rules[RULE_COUNT] = {
        {.number = 1,
         .id = "ACS",
         .title = "ACS redirects",
         .severity = SEVERITY_BANDWIDTH,
         .policies = POLICY_ANY,
         .bios = true,
         .bad = "ReqRedir+",
         .claims = acs,
         .moves = acs_moves},
        {.number = 2,
         .id = "IOMMU",
         .title = "the IOMMU is on",
         .severity = SEVERITY_BANDWIDTH,
         .policies = POLICY_ANY,
         .bios = true,
         .claims = iommu,
         .moves = iommu_moves},
        {.number = 3,
         .id = "READ_REQUEST",
         .title = "small read requests",
         .severity = SEVERITY_BANDWIDTH,
         .policies = POLICY_ANY,
         .bios = true,
         .bad = "MaxReadReq512",
         .claims = read_request},
        {.number = 4,
         .id = "BIOS_VERSION",
         .title = "BIOS versions differ",
         .severity = SEVERITY_INFO,
         .policies = POLICY_ANY,
         .claims = bios},
        {.number = 5,
         .id = "ERRORS",
         .title = "corrected errors",
         .severity = SEVERITY_RELIABILITY,
         .policies = POLICY_ANY},
        {.number = 128,
         .id = "TWICE",
         .title = "the same serial number twice",
         .severity = SEVERITY_FATAL,
         .policies = POLICY_ANY},
    };

    return &rules[index];
}

static inline size_t test_rule_count(void)
{
    return RULE_COUNT;
}

static inline bool test_claim(const char *const *globs, const char *who, const char *path)
{
    char name[256];

    (void)snprintf(name, sizeof(name), "%s:%s", who, path);
    for (; globs && *globs; globs++)
        if (str_glob(*globs, str_of(name)))
            return true;
    return false;
}

static inline enum claim test_claims(const struct rule *rule, const char *who, const char *path)
{
    if (test_claim(rule->claims, who, path))
        return CLAIM_SETTING;
    return test_claim(rule->moves, who, path) ? CLAIM_MOVES : CLAIM_NONE;
}

static inline struct rules *test_open(struct fact_pool *pool, enum policy policy)
{
    (void)policy;
    return (struct rules *)pool;
}

static inline void test_close(struct rules *rules)
{
    (void)rules;
}

static inline int test_judge(const struct rules *rules, struct node *node, const struct topo *topo,
                             struct findings *out)
{
    uint32_t key = fact_pool_key(node->pool, STR("AERCount.correctable.RxErr"));

    (void)rules;
    (void)topo;
    *out = (struct findings){0};
    for (uint32_t s = 0; s < node->subject_count; s++) {
        struct fact_at at = node_fact(node, s, key);
        struct evidence *evidence;

        if (!at.fact)
            continue;
        out->items = arena_alloc(node->arena, sizeof(*out->items));
        evidence = arena_alloc(node->arena, sizeof(*evidence));
        *evidence = (struct evidence){.subject = s, .at = at, .text = "receiver errors"};
        *out->items = (struct finding){test_rule(RULE_ERRORS), "gpu1", evidence, 1};
        out->count = 1;
    }
    return 0;
}

static const struct fleet_judge test_catalogue = {
    .open = test_open,
    .close = test_close,
    .judge = test_judge,
    .count = test_rule_count,
    .at = test_rule,
    .claims = test_claims,
};

/* ---- a fleet ---- */

static inline struct fleet *fleet_of(const struct machine *machines, size_t count)
{
    struct fleet_options options = {.judge = &test_catalogue};
    struct fleet *fleet = fleet_new(&options);
    struct fact_builder *builder;

    assert_non_null(fleet);
    builder = fact_builder_new(fleet_pool(fleet));
    for (size_t i = 0; i < count; i++) {
        struct node *node = machine_node(builder, &machines[i]);
        struct topo *topo = topo_build(node);

        assert_non_null(topo);
        assert_int_equal(fleet_add_node(fleet, node, topo, NULL), 0);
        node_free(node);
    }
    fact_builder_free(builder);
    return fleet;
}

struct compared {
    struct fleet *fleet;
    const struct difference *list;
    size_t count;
};

static inline struct compared compare_of(const struct machine *machines, size_t count)
{
    struct compared out = {.fleet = fleet_of(machines, count)};

    assert_int_equal(fleet_compare(out.fleet, &out.list, &out.count, NULL), 0);
    return out;
}

/* `count` alike machines named n0, n1 ..., each with noise and serial numbers of its own. */
#define MACHINES_MAX 600
static inline struct machine *alike(size_t count)
{
    static char names[MACHINES_MAX][8];
    struct machine *machines = calloc(count, sizeof(*machines));

    assert_true(count <= MACHINES_MAX);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%zu", i);
        machines[i] = machine_of(names[i]);
        machines[i].noise = 1000 + (unsigned)i;
    }
    return machines;
}

static inline void assert_nodes(struct node_set set, const uint32_t *want, uint32_t count)
{
    assert_int_equal(set.count, count);
    assert_memory_equal(set.nodes, want, count * sizeof(*want));
}
#define assert_set(set, ...)                                                                       \
    assert_nodes(set, (const uint32_t[]){__VA_ARGS__},                                             \
                 sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

#endif
