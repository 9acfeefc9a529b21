/* facts/facts - flat facts, interned.
 *
 * A parser turns a piece of text (a "block": one capability of one PCI device, one DIMM, one file)
 * into a fact_block: a list of facts. Equal texts are parsed once: the builder remembers blocks by
 * the hash of their text. Equal blocks have equal signatures in every thread and process, so nodes
 * are compared by signature and opened only where they differ.
 *
 * The pool may be shared by threads (it locks inside); a builder belongs to one thread. */
#ifndef FACTS_FACTS_H
#define FACTS_FACTS_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a fact is for. Only CONFIG is compared between nodes. */
enum fact_class {
    FACT_CONFIG,   /* a setting, a capability, an inventory item, a version */
    FACT_STATE,    /* errors, counters, sticky and status bits, link training: judged by rules */
    FACT_IDENTITY, /* serial numbers, GUIDs, MACs, bus numbers: only checked for duplicates */
    FACT_VOLATILE, /* IRQs, addresses, temperatures, clocks, times */
    FACT_LABEL,    /* wording of a tool: device names, lspci's own "(downgraded)" */
};

enum fact_type { FACT_FLAG, FACT_NUMBER, FACT_TEXT };

struct fact {
    uint32_t key;     /* see fact_key_name */
    uint32_t line;    /* lines (for bytes: bytes) below the start of the block, from 0 */
    int64_t number;   /* FLAG: 0 or 1; NUMBER: the value; TEXT: 0 */
    const char *text; /* canonical spelling: "+" "-", "16", "32GT/s", ...; NUL-terminated */
    uint8_t type;     /* enum fact_type */
    uint8_t class;    /* enum fact_class */
};

struct fact_block {
    uint64_t config_sig; /* of the CONFIG facts: keys and values, in order; 0 when there are none */
    uint64_t state_sig;  /* of the CONFIG and STATE facts */
    uint32_t name; /* key of the block's name, the first part of its facts' paths: "Express" */
    uint32_t count;
    struct fact facts[];
};

struct fact_pool;
struct fact_builder;

/* Which classes a pool keeps: for a fleet of thousands, only what is compared and judged. */
enum { FACT_KEEP_ALL = 0x1f, FACT_KEEP_COMPARED = 1 << FACT_CONFIG | 1 << FACT_STATE };

/* NULL when there is no memory. Blocks, keys and texts live as long as the pool. */
struct fact_pool *fact_pool_new(unsigned keep_classes);
void fact_pool_free(struct fact_pool *pool);

/* The id of a path, the same for all threads. 0 when there is no memory (0 is no key). */
uint32_t fact_pool_key(struct fact_pool *pool, struct str name);

/* The path of a key, e.g. "Express.LnkSta.Width"; NUL-terminated, lives in the pool. */
const char *fact_key_name(const struct fact_pool *pool, uint32_t key);

/* Bytes the pool holds. */
size_t fact_pool_bytes(const struct fact_pool *pool);

struct fact_builder *fact_builder_new(struct fact_pool *pool);
void fact_builder_free(struct fact_builder *builder);
struct fact_pool *fact_builder_pool(const struct fact_builder *builder);

/* The block that a parser of this `kind` made of exactly this text before, or NULL. `kind` is a
 * small number of the caller's; it keeps the parsers' caches apart. */
const struct fact_block *fact_cached(struct fact_builder *builder, unsigned kind, struct str text);

/* Begin a block. `name` is the first part of its paths ("Express"); facts added until fact_end
 * belong to it. */
void fact_begin(struct fact_builder *builder, struct str name);

/* The key "<block>.<register>.<name>"; an empty part is left out with its dot. */
uint32_t fact_key(struct fact_builder *builder, struct str reg, struct str name);

/* Add facts to the open block. `line` is relative to the block's start. Empty `text` of a NUMBER
 * means its decimal form. A text longer than FACT_TEXT_MAX is cut. */
#define FACT_TEXT_MAX 4096
void fact_flag(struct fact_builder *builder, enum fact_class class, uint32_t line, uint32_t key,
               bool on);
void fact_number(struct fact_builder *builder, enum fact_class class, uint32_t line, uint32_t key,
                 int64_t number, struct str text);
void fact_text(struct fact_builder *builder, enum fact_class class, uint32_t line, uint32_t key,
               struct str text);

/* Close the block and intern it. fact_end_cached also remembers it for this text. NULL when there
 * was no memory since fact_begin. A block holds at most FACT_BLOCK_FACTS_MAX facts; further facts
 * are dropped. */
#define FACT_BLOCK_FACTS_MAX 20000
const struct fact_block *fact_end(struct fact_builder *builder);
const struct fact_block *fact_end_cached(struct fact_builder *builder, unsigned kind,
                                         struct str text);

/* Do two facts say the same? (type, number and text) */
bool fact_equal(const struct fact *a, const struct fact *b);

#endif
