#include "fleet/prove.h"

#include "fleet/model.h"
#include "fleet/proof.h"
#include "fleet/sets.h"
#include "node/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DIFFERENCES_PROVED 20
#define FIELDS_PROVED      4
#define FIELDS_TRIED       64
#define READERS_MAX        6 /* nodes held in full at a time: some 10 MB each */

/* A node read again. */
struct reread {
    uint32_t node;
    bool ok;
    struct loaded loaded;
    struct loaded *part;
};

struct prover {
    struct fleet *fleet;
    struct fact_pool *pool;
    struct loader *loader;
    struct reread held[READERS_MAX];
    uint32_t count, next;
};

/* NULL when the node cannot be read any more. */
static struct reread *reread_node(struct prover *prover, uint32_t node)
{
    const struct origin *origin = &prover->fleet->origins.items[node];
    struct reread *slot;

    for (uint32_t i = 0; i < prover->count; i++)
        if (prover->held[i].node == node)
            return prover->held[i].ok ? &prover->held[i] : NULL;
    if (!origin->input)
        return NULL;
    if (prover->count < READERS_MAX) {
        slot = &prover->held[prover->count++];
    } else {
        slot = &prover->held[prover->next++ % READERS_MAX];
        if (slot->ok)
            loaded_done(&slot->loaded);
    }
    *slot = (struct reread){.node = node};
    slot->ok = loader_load(prover->loader, origin->input, &slot->loaded, NULL) == 0;
    slot->part = &slot->loaded;
    for (uint32_t p = 0; slot->ok && p < origin->part; p++) {
        if (!slot->part->next_part) {
            loaded_done(&slot->loaded);
            slot->ok = false; /* the file has changed since */
            break;
        }
        slot->part = slot->part->next_part;
    }
    return slot->ok ? slot : NULL;
}

/* The subject that sits at a field's place on this node, or -1. Seats are in the order in which the
 * node gives its subjects: the others first, then the PCI tree. */
static int subject_at(const struct fleet *fleet, const struct reread *at, const char *place)
{
    const struct layout *layout = fleet->records.items[at->node].layout;
    const struct node *node = at->part->node;
    uint32_t seat = 0, others = 0;

    while (seat < layout->count && strcmp(layout->seats[seat].key, place) != 0)
        seat++;
    if (seat == layout->count)
        return -1;
    for (uint32_t i = 0; i < node->subject_count; i++)
        if (node->subjects[i].kind != SUBJECT_PCI && others++ == seat)
            return (int)i;
    return seat - others < at->part->topo->count
               ? (int)at->part->topo->devices[seat - others].subject
               : -1;
}

/* The fact of a path "VSEC#2.id" on a subject, else the first line of its block. */
static struct fact_at fact_of(const struct node *node, uint32_t subject, const char *path)
{
    struct str rest = str_of(path), block, number;
    uint32_t ordinal = 0, key;
    char name[FACT_TEXT_MAX];
    uint64_t value;

    (void)str_cut(&rest, '.', &block);
    number = block;
    (void)str_cut(&number, '#', &block);
    if (number.len && str_to_u64(number, 10, &value) == 0 && value)
        ordinal = (uint32_t)value - 1;
    if ((size_t)snprintf(name, sizeof(name), "%.*s%s%.*s", STR_ARG(block), rest.len ? "." : "",
                         STR_ARG(rest)) >= sizeof(name))
        return (struct fact_at){0};
    key = fact_pool_key(node->pool, str_of(name));
    for (uint32_t i = 0; i < node->subjects[subject].count; i++) {
        const struct fact_ref *ref = &node->subjects[subject].refs[i];

        if (ref->ordinal != ordinal)
            continue;
        for (uint32_t f = 0; f < ref->block->count; f++)
            if (ref->block->facts[f].key == key)
                return (struct fact_at){&ref->block->facts[f], ref};
    }
    return (struct fact_at){0};
}

/* The lowest node of a set that can be read, one that is held already before others. */
static struct reread *reread_one(struct prover *prover, struct node_set set)
{
    for (uint32_t i = 0; i < prover->count; i++)
        if (prover->held[i].ok && set_has(&set, prover->held[i].node))
            return &prover->held[i];
    for (uint32_t i = 0; i < set.count && i < 2; i++) {
        struct reread *found = reread_node(prover, set.nodes[i]);

        if (found)
            return found;
    }
    return NULL;
}

static bool is_told(const struct difference *difference, const struct proof *proof)
{
    for (uint32_t i = 0; i < difference->proof_count; i++)
        if (difference->proofs[i].line == proof->line &&
            !strcmp(difference->proofs[i].source, proof->source))
            return true;
    return false;
}

/* The line of one value of a field on one node that has it. */
static int prove_value(struct prover *prover, const struct diff_field *field, uint32_t value,
                       struct difference *difference, struct proof *proofs)
{
    struct fleet *fleet = prover->fleet;
    struct reread *at = reread_one(prover, field->values[value].nodes);
    int subject = at ? subject_at(fleet, at, field->place) : -1, r;
    struct proof *proof = &proofs[difference->proof_count];
    struct proof_wish wish;

    if (subject < 0)
        return 0;
    wish = (struct proof_wish){.proof = proof, .subject = (uint32_t)subject};
    wish.at = fact_of(at->part->node, (uint32_t)subject, field->path);
    if (!wish.at.fact)
        return 0;
    r = proofs_fill(fleet->arena, fleet->words, at->part->node, at->part->topo, &wish, 1);
    /* Flags of one register stand on one line. */
    if (r == 0 && !is_told(difference, proof))
        difference->proof_count++;
    else
        *proof = (struct proof){0};
    return r;
}

/* What a rule found on the first node that carries it. */
static void prove_finding(const struct fleet *fleet, struct difference *difference,
                          struct proof *proofs)
{
    for (uint32_t i = 0; i < difference->nodes.count && !difference->proof_count; i++) {
        const struct fleet_node *node = &fleet->nodes.items[difference->nodes.nodes[i]];

        for (uint32_t f = 0; f < node->finding_count; f++) {
            const struct fleet_finding *finding = &node->findings[f];

            if (finding->rule != difference->cause)
                continue;
            while (difference->proof_count < finding->proof_count &&
                   difference->proof_count < FIELDS_PROVED) {
                proofs[difference->proof_count] = finding->proofs[difference->proof_count];
                difference->proof_count++;
            }
        }
    }
}

static int prove_one(struct prover *prover, struct difference *difference)
{
    struct fleet *fleet = prover->fleet;
    struct proof *proofs = arena_alloc(fleet->arena, (2 * FIELDS_PROVED + 1) * sizeof(*proofs));
    int r = proofs ? 0 : -ENOMEM;

    difference->proofs = proofs;
    for (uint32_t f = 0; f < difference->field_count && f < FIELDS_TRIED && r == 0 &&
                         difference->proof_count + 1 < 2 * FIELDS_PROVED;
         f++) {
        const struct diff_field *field = &difference->fields[f];

        for (uint32_t v = 2; v-- > 0 && r == 0;) /* the odd one first */
            if (v < field->value_count)
                r = prove_value(prover, field, v, difference, proofs);
    }
    if (r == 0 && difference->cause)
        prove_finding(fleet, difference, proofs);
    return r;
}

int prove_differences(struct fleet *fleet, struct difference *differences, size_t count,
                      struct err *err)
{
    struct prover prover = {.fleet = fleet};
    int r = -ENOMEM;

    if (!count)
        return 0;
    prover.pool = fact_pool_new(FACT_KEEP_ALL);
    if (prover.pool)
        prover.loader = loader_new(prover.pool);
    if (prover.loader)
        r = 0;
    for (size_t i = 0; i < count && i < DIFFERENCES_PROVED && r == 0; i++)
        if (differences[i].kind != DIFF_RENUMBERED)
            r = prove_one(&prover, &differences[i]);
    for (uint32_t i = 0; i < prover.count; i++)
        if (prover.held[i].ok)
            loaded_done(&prover.held[i].loaded);
    loader_free(prover.loader);
    fact_pool_free(prover.pool);
    return r < 0 ? err_set(err, r, "no memory for the lines behind the differences") : 0;
}
