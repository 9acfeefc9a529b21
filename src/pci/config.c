#include "pci/config.h"

#include "pci/config_header.h"
#include "pci/config_view.h"

#include <errno.h>
#include <stdio.h>

/* The kinds of blocks in the builder's cache: "PC" in the high half keeps them from other parsers'
 * kinds, ids of capabilities come below. */
enum {
    KIND_PLAIN = 0x50430000,
    KIND_EXTENDED = 0x50440000,
    KIND_PART = 0x50450000, /* the order of parts depends on the type, which is in the key */
};

struct walk {
    struct node *node;
    uint32_t subject, line;
    uint16_t source;
    struct config_view view; /* of the whole space; `at` is set for each block */
    unsigned len;
    bool below_text;
};

/* What a block depends on besides its own bytes. Goes in front of them as the cache's key. */
struct block_context {
    uint16_t at, ports, vendor, device, lines;
    uint8_t header_type, first, has_memory;
};

static void attach(struct walk *walk, const struct config_view *view,
                   const struct fact_block *block)
{
    node_attach(walk->node, walk->subject, block, walk->source,
                walk->line + view->at / view->bytes_per_line);
}

static const struct config_cap *find_cap(const struct config_cap *const *tables, size_t count,
                                         unsigned id)
{
    for (size_t i = 0; i < count; i++)
        for (const struct config_cap *cap = tables[i]; cap->name; cap++)
            if (cap->id == id)
                return cap;
    return NULL;
}

/* The key of a block in the cache: its context and the bytes it may read. Its length. */
static size_t cache_key(const struct config_view *view,
                        char key[sizeof(struct block_context) + PCI_CONFIG_BYTES_MAX])
{
    struct block_context context;
    size_t len = view->end - view->at;

    memset(&context, 0, sizeof(context));
    context.at = (uint16_t)view->at;
    context.ports = view->ports;
    context.vendor = view->vendor;
    context.device = view->device;
    context.lines = (uint16_t)view->bytes_per_line;
    context.header_type = view->header_type;
    context.first = view->first;
    context.has_memory = view->has_memory;
    memcpy(key, &context, sizeof(context));
    memcpy(key + sizeof(context), view->bytes + view->at, len);
    return sizeof(context) + len;
}

/* How many bytes the capability may be read for: by its table, or by what it says itself; 0: to the
 * end. A short key is hashed sooner and met again more often. */
static unsigned cap_length(const struct config_view *view, const struct config_cap *cap)
{
    unsigned length = 0;

    if (cap->length_at)
        length = config_get(view, cap->length_at, 2) >> cap->length_shift & cap->length_mask;
    if (length)
        return length < 16 ? 16 : length;
    return cap->bytes;
}

/* One capability at `at`, whose header is there. */
static void put_cap(struct walk *walk, unsigned at, unsigned id, bool extended)
{
    static const struct config_cap *const plain[] = {config_caps_plain, config_caps_express,
                                                     config_caps_ht};
    static const struct config_cap *const more[] = {
        config_ecaps_error,  config_ecaps_access, config_ecaps_link, config_ecaps_vc,
        config_ecaps_vendor, config_ecaps_ide,    config_ecaps_flit};
    const struct config_cap *cap =
        extended ? find_cap(more, ARRAY_LEN(more), id) : find_cap(plain, ARRAY_LEN(plain), id);
    struct config_view view = walk->view;
    struct fact_builder *builder = walk->node->builder;
    struct registers registers;
    unsigned kind = (extended ? KIND_EXTENDED : KIND_PLAIN) + id;
    char key[sizeof(struct block_context) + PCI_CONFIG_BYTES_MAX], name[16], offset[8];
    const struct fact_block *block;
    struct str text = {key, 0};

    view.at = view.base = at;
    view.extended = extended;
    view.end = walk->len;
    if (!extended && view.end > 0x100)
        view.end = 0x100;
    if (cap && cap_length(&view, cap) && view.end - at > cap_length(&view, cap))
        view.end = at + cap_length(&view, cap);
    else if (!cap)
        view.end = at + 4;
    text.len = cache_key(&view, key);
    block = fact_cached(builder, kind, text);
    if (!block) {
        (void)snprintf(name, sizeof(name), extended ? "ECap-%04x" : "Cap-%02x", id);
        registers_begin(&registers, builder, str_of(cap ? cap->name : name));
        view.registers = &registers;
        (void)snprintf(offset, sizeof(offset), "%02x", at);
        config_put_number(&view, 0, "", "offset", at, offset);
        if (extended)
            config_put_number(&view, 2, "", "version", config_get(&view, 2, 1) & 0xf, NULL);
        if (cap) {
            config_put_regs(&view, cap->regs, cap->count);
            if (cap->decode)
                cap->decode(&view);
        }
        block = fact_end_cached(builder, kind, text);
    }
    attach(walk, &view, block);
}

static void unseen(struct walk *walk, const char *block, const char *what, const char *why)
{
    node_add_unseen(walk->node, (int)walk->subject, walk->source, block, what, why);
}

/* The walk ended at `at` before its end: there is more that nobody can find. */
static void put_broken(struct walk *walk, unsigned at, const char *how)
{
    struct registers registers;
    struct config_view view = walk->view;

    view.at = view.base = at < walk->len ? at : 0;
    view.registers = &registers;
    registers_begin(&registers, walk->node->builder, STR("Cap"));
    config_put_text(&view, 0, "", "chain", how);
    attach(walk, &view, fact_end(walk->node->builder));
    unseen(walk, "*", "the rest of the PCI capabilities", "the chain of capabilities is broken");
}

/* A pass over the chain below 0x100. Finds the port's type first, since the blocks of other
 * capabilities depend on it; `put` says whether to add blocks. Returns whether there can be
 * extended capabilities. */
static bool walk_plain(struct walk *walk, bool put)
{
    const struct config_view *view = &walk->view;
    unsigned start = view->header_type == 2 ? 0x14 : 0x34;
    unsigned at = config_get(view, start, 1) & ~3u;
    bool seen[256] = {false}, can_extend = false;

    while (at) {
        unsigned id;

        if (at + 4 > walk->len) {
            if (put)
                unseen(walk, "*", "PCI capabilities",
                       "collected without root: 64 bytes of config space");
            break;
        }
        id = view->bytes[at];
        if (seen[at] || id == 0xff) {
            if (put)
                put_broken(walk, at, seen[at] ? "looped" : "broken");
            break;
        }
        seen[at] = true;
        if (id == 0x10)
            walk->view.ports = (uint16_t)(1u << (view->bytes[at + 2] >> 4));
        can_extend |= id == 0x10 || id == 0x07;
        if (put && id) /* 0: "Null", an entry without meaning */
            put_cap(walk, at, id, false);
        at = view->bytes[at + 1] & ~3u;
    }
    return can_extend;
}

static void cut_off(struct walk *walk)
{
    char why[64];

    (void)snprintf(why, sizeof(why), "config space was read up to byte %u", walk->len);
    unseen(walk, "ACS", "extended PCI capabilities (ACS, AER ...)", why);
}

static void walk_extended(struct walk *walk)
{
    bool seen[PCI_CONFIG_BYTES_MAX / 4] = {false};
    unsigned at = 0x100;

    if (walk->len < 0x104) {
        cut_off(walk);
        return;
    }
    while (at) {
        uint32_t header;

        if (at < 0x100) {
            put_broken(walk, at, "broken");
            return;
        }
        if (at + 4 > walk->len) {
            cut_off(walk);
            return;
        }
        header =
            config_get(&(struct config_view){.bytes = walk->view.bytes, .end = walk->len}, at, 4);
        if (!header || header == UINT32_MAX)
            return; /* no extended capabilities, or none readable */
        if (seen[at / 4]) {
            put_broken(walk, at, "looped");
            return;
        }
        seen[at / 4] = true;
        if (header & 0xffff)
            put_cap(walk, at, header & 0xffff, true);
        at = header >> 20 & ~3u;
    }
}

/* All ones: nobody answered on the bus. */
static bool is_gone(const uint8_t *bytes, unsigned len)
{
    for (unsigned i = 0; i < len && i < 64; i++)
        if (bytes[i] != 0xff)
            return false;
    return true;
}

static void put_gone(struct walk *walk)
{
    struct registers registers;
    struct config_view view = walk->view;

    view.registers = &registers;
    registers_begin(&registers, walk->node->builder, STR("Header"));
    config_put_flag(&view, 0, "", "gone", true);
    attach(walk, &view, fact_end(walk->node->builder));
}

/* Under a text, whose lines know of sizes and interrupts what no byte tells. */
static bool said_before(const struct walk *walk, const char *block)
{
    const struct node *node = walk->node;

    return walk->below_text &&
           node_block(node, walk->subject, fact_pool_key(node->pool, str_of(block)));
}

/* What a part of the header depends on, packed without holes. */
struct part_key {
    struct pci_resource resource;
    uint32_t subsystem;
    uint16_t lines;
    uint8_t header_type, has_resources;
    uint8_t command[2], bytes[0x40], more[0x40];
};

static void part_key(const struct config_view *view, const struct config_part *part,
                     struct part_key *key)
{
    unsigned at, more = part->key_end - part->key_at;

    memset(key, 0, sizeof(*key));
    if (part->resource && view->resources)
        key->resource = view->resources[part->resource - 1];
    if (part->at == 0)
        key->subsystem = config_header_subsystem(view, &at);
    key->lines = (uint16_t)view->bytes_per_line;
    key->header_type = view->header_type;
    key->has_resources = view->resources != NULL;
    memcpy(key->command, view->bytes + 4, sizeof(key->command));
    memcpy(key->bytes, view->bytes + part->at, part->end - part->at);
    memcpy(key->more, view->bytes + part->key_at, more);
}

static void put_part(struct walk *walk, struct config_view *view, const struct config_part *part,
                     unsigned kind)
{
    struct fact_builder *builder = walk->node->builder;
    struct registers registers;
    const struct fact_block *block;
    struct part_key key;
    struct str text = {(const char *)&key, sizeof(key)};

    part_key(view, part, &key);
    block = fact_cached(builder, kind, text);
    if (!block) {
        view->registers = &registers;
        view->base = part->at;
        registers_begin(&registers, builder, str_of(part->name));
        part->put(view, part->index);
        block = fact_end_cached(builder, kind, text);
    }
    if (!block || block->count) /* an empty block: this device has no such part */
        node_attach(walk->node, walk->subject, block, walk->source,
                    walk->line + part->at / view->bytes_per_line);
}

static void put_parts(struct walk *walk, const struct pci_resource *resources)
{
    struct config_view view = walk->view;
    const struct config_part *parts;
    size_t count;

    parts = config_header_parts(view.header_type, &count);
    view.resources = resources;
    for (size_t i = 0; i < count; i++) {
        unsigned last = parts[i].key_end > parts[i].end ? parts[i].key_end : parts[i].end;

        if (last <= walk->len && !(i && said_before(walk, parts[i].name)))
            put_part(walk, &view, &parts[i], KIND_PART + (unsigned)i);
    }
}

static int parse(struct walk *walk, uint64_t bdf, struct str bytes,
                 const struct pci_resource *resources, struct err *err)
{
    struct node *node = walk->node;

    if (bytes.len < 4)
        return err_set(err, -EINVAL, "config space of %zu bytes", bytes.len);
    walk->len = bytes.len > PCI_CONFIG_BYTES_MAX ? PCI_CONFIG_BYTES_MAX : (unsigned)bytes.len;
    walk->subject = node_pci(node, bdf);
    walk->view.bytes = (const uint8_t *)bytes.p;
    walk->view.end = walk->len;
    walk->view.first = (bdf & 0xff) == 0;
    if (is_gone(walk->view.bytes, walk->len)) {
        put_gone(walk);
        return node_ok(node);
    }
    config_header_read(&walk->view);
    put_parts(walk, resources);
    if (walk->len < 64) {
        unseen(walk, "*", "PCI capabilities", "config space was cut off within its header");
    } else if ((config_get(&walk->view, 6, 2) & 0x10) && walk->view.header_type <= 2) {
        (void)walk_plain(walk, false);
        if (walk_plain(walk, true))
            walk_extended(walk);
    }
    return node_ok(node);
}

int pci_config_parse(struct node *node, uint16_t source, uint64_t bdf, struct str bytes,
                     uint32_t line, unsigned bytes_per_line, const struct pci_resource *resources,
                     struct err *err)
{
    struct walk walk = {.node = node, .line = line, .source = source};

    if (bytes_per_line != 1 && bytes_per_line != 16)
        return err_set(err, -EINVAL, "%u bytes in a line of config space", bytes_per_line);
    walk.view.bytes_per_line = bytes_per_line;
    return parse(&walk, bdf, bytes, resources, err);
}

int pci_config_rows(struct node *node, uint16_t source, uint64_t bdf, struct str bytes,
                    uint32_t line, struct err *err)
{
    struct walk walk = {.node = node, .line = line, .source = source, .below_text = true};

    walk.view.bytes_per_line = 16;
    return parse(&walk, bdf, bytes, NULL, err);
}
