#include "fleet/fleet.h"

#include "fleet/model.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct fleet *fleet_new(const struct fleet_options *options)
{
    struct fleet *fleet = calloc(1, sizeof(*fleet));

    if (!fleet)
        return NULL;
    fleet->options = *options;
    fleet->judge = options->judge ? options->judge : &fleet_judge_catalogue;
    fleet->pool = options->pool ? options->pool : fact_pool_new(FLEET_KEEP);
    fleet->words = words_new();
    fleet->arena = arena_new(0);
    if (fleet->pool && fleet->words) {
        fleet->tables = record_tables_new(fleet->pool, fleet->words);
        fleet->rules = fleet->judge->open(fleet->pool, options->policy);
    }
    if (!fleet->tables || !fleet->rules || !fleet->arena) {
        fleet_free(fleet);
        return NULL;
    }
    return fleet;
}

void fleet_free(struct fleet *fleet)
{
    if (!fleet)
        return;
    intake_free(fleet->intake);
    for (size_t i = 0; i < fleet->arenas.count; i++)
        arena_free(fleet->arenas.items[i]);
    vec_done(&fleet->arenas);
    vec_done(&fleet->nodes);
    vec_done(&fleet->records);
    vec_done(&fleet->origins);
    arena_free(fleet->arena);
    record_tables_free(fleet->tables);
    words_free(fleet->words);
    if (fleet->rules)
        fleet->judge->close(fleet->rules);
    if (!fleet->options.pool)
        fact_pool_free(fleet->pool);
    free(fleet);
}

struct fact_pool *fleet_pool(const struct fleet *fleet)
{
    return fleet->pool;
}

int fleet_append(struct fleet *fleet, const struct taken *taken, struct origin origin)
{
    struct fleet_node *node = vec_push(&fleet->nodes);
    struct record *record = vec_push(&fleet->records);
    struct origin *from = vec_push(&fleet->origins);

    if (!node || !record || !from)
        return -ENOMEM;
    *node = taken->node;
    *record = taken->record;
    *from = origin;
    return 0;
}

int fleet_add_node(struct fleet *fleet, struct node *node, const struct topo *topo, struct err *err)
{
    struct taken taken;
    int r = -ENOMEM;

    assert(!fleet->grouped);
    if (!fleet->intake)
        fleet->intake = intake_new(fleet);
    if (fleet->intake)
        r = intake_node(fleet->intake, node, topo, &taken);
    if (r == 0)
        r = fleet_append(fleet, &taken, (struct origin){0});
    return r < 0 ? err_set(err, r, "no memory for node %s", node->name) : 0;
}

size_t fleet_node_count(const struct fleet *fleet)
{
    return fleet->nodes.count;
}

const struct fleet_node *fleet_node(const struct fleet *fleet, size_t index)
{
    assert(index < fleet->nodes.count);
    return &fleet->nodes.items[index];
}

size_t fleet_cohort_count(const struct fleet *fleet)
{
    return fleet->cohort_count;
}

const struct fleet_cohort *fleet_cohort(const struct fleet *fleet, size_t index)
{
    assert(index < fleet->cohort_count);
    return &fleet->cohorts[index];
}
