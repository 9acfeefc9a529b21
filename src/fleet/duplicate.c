#include "fleet/model.h"

#include <errno.h>
#include <stdlib.h>

#define RULE_DUPLICATE 128 /* the catalogue's row: serial number, UUID or GUID occurs twice */
#define SAME_MACHINE   4   /* sharing most of at least so many: one machine collected twice */

struct claim_to { /* one node's claim to a value */
    const struct identity *identity;
    uint32_t node;
};

/* Texts are pooled: equal texts are one pointer, and the order of pointers is only used to group.
 */
static int by_value(const void *a, const void *b)
{
    const struct claim_to *x = a, *y = b;

    if (x->identity->text != y->identity->text)
        return (uintptr_t)x->identity->text < (uintptr_t)y->identity->text ? -1 : 1;
    if (x->identity->path != y->identity->path)
        return (uintptr_t)x->identity->path < (uintptr_t)y->identity->path ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

/* Back in the nodes' order, each node's in the order they were read. */
static int by_node(const void *a, const void *b)
{
    const struct claim_to *x = a, *y = b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return x->identity < y->identity ? -1 : x->identity > y->identity;
}

static const struct rule *duplicate_rule(const struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->judge->count(); i++)
        if (fleet->judge->at(i)->number == RULE_DUPLICATE)
            return fleet->judge->at(i);
    return NULL;
}

/* A shared value, and on which other node (the first) it is. */
struct shared {
    struct claim_to claim;
    uint32_t other, nodes;
};
typedef VEC(struct shared) shared_list;

/* Values on several nodes, but on at most half of those that have such a value: what most nodes
 * share is a maker's constant. */
static int find_shared(struct claim_to *claims, size_t count, size_t nodes, shared_list *out)
{
    qsort(claims, count, sizeof(*claims), by_value);
    for (size_t i = 0, end; i < count; i = end) {
        uint32_t different = 1;

        for (end = i + 1; end < count && claims[end].identity->text == claims[i].identity->text &&
                          claims[end].identity->path == claims[i].identity->path;
             end++)
            different += claims[end].node != claims[end - 1].node;
        if (different < 2 || different * 2 > nodes)
            continue;
        for (size_t k = i; k < end; k++) {
            struct shared *shared;

            if (k > i && claims[k].node == claims[k - 1].node)
                continue; /* functions of one card */
            shared = vec_push(out);
            if (!shared)
                return -ENOMEM;
            *shared = (struct shared){claims[k], claims[k > i ? i : end - 1].node, different};
        }
    }
    if (out->count)
        qsort(out->items, out->count, sizeof(*out->items), by_node);
    return 0;
}

/* One more finding for the node, with a proof for each of its `count` shared values. */
static int give_finding(struct fleet *fleet, const struct rule *rule, const struct shared *shared,
                        size_t count)
{
    struct fleet_node *node = &fleet->nodes.items[shared->claim.node];
    uint32_t kept = count < 16 ? (uint32_t)count : 16;
    struct proof *proofs = arena_alloc(fleet->arena, kept * sizeof(*proofs));
    struct fleet_finding *findings =
        arena_alloc(fleet->arena, (node->finding_count + 1) * sizeof(*findings));
    uint32_t at = node->finding_count;

    if (!proofs || !findings)
        return -ENOMEM;
    for (uint32_t i = 0; i < kept; i++) {
        const struct identity *identity = shared[i].claim.identity;

        proofs[i].source = identity->source;
        proofs[i].line = identity->line;
        proofs[i].binary = identity->binary;
        proofs[i].where = *identity->role ? identity->role : "host";
        proofs[i].text = arena_printf(fleet->arena, "%s = %s, also on %s", identity->path,
                                      identity->text, fleet->nodes.items[shared[i].other].name);
        if (!proofs[i].text)
            return -ENOMEM;
    }
    while (at > 0 && node->findings[at - 1].rule->severity < rule->severity)
        at--; /* worst first stays true */
    for (uint32_t i = 0; i < node->finding_count; i++)
        findings[i < at ? i : i + 1] = node->findings[i];
    findings[at] = (struct fleet_finding){
        .rule = rule,
        .detail = arena_printf(fleet->arena, "%s is on %u nodes", shared->claim.identity->path,
                               shared->nodes),
        .proofs = proofs,
        .proof_count = kept,
        .place_count = (uint32_t)count,
    };
    if (!findings[at].detail)
        return -ENOMEM;
    node->findings = findings;
    node->finding_count++;
    return 0;
}

int fleet_find_duplicates(struct fleet *fleet)
{
    const struct rule *rule = duplicate_rule(fleet);
    shared_list shared = {0};
    struct claim_to *claims;
    size_t count = 0, nodes = 0;
    int r;

    for (size_t n = 0; n < fleet->records.count; n++)
        count += fleet->records.items[n].identity_count;
    if (!rule || !count)
        return 0;
    claims = malloc(count * sizeof(*claims));
    if (!claims)
        return -ENOMEM;
    count = 0;
    for (uint32_t n = 0; n < fleet->records.count; n++) {
        const struct record *record = &fleet->records.items[n];

        nodes += record->identity_count > 0;
        for (uint32_t i = 0; i < record->identity_count; i++)
            claims[count++] = (struct claim_to){&record->identities[i], n};
    }
    r = find_shared(claims, count, nodes, &shared);
    for (size_t i = 0, end; i < shared.count && r == 0; i = end) {
        uint32_t node = shared.items[i].claim.node;
        uint32_t all = fleet->records.items[node].identity_count;

        for (end = i + 1; end < shared.count && shared.items[end].claim.node == node;)
            end++;
        if (all >= SAME_MACHINE && (end - i) * 2 > all)
            continue;
        r = give_finding(fleet, rule, &shared.items[i], end - i);
    }
    vec_done(&shared);
    free(claims);
    return r;
}
