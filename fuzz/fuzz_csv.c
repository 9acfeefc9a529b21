/* Any bytes as a table of measurements, and as the rows of --metric and --pairs over a small fleet.
 */
#include "base/csv.h"
#include "fleet/symptom.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODES 4

/* n1 to n3 and one with a domain; made once and kept: only their names are asked for. */
static const struct fleet *fleet_of_names(void)
{
    static const char *const names[NODES] = {"n1", "n2", "n3", "n4.cluster"};
    static struct fleet *fleet;

    if (fleet)
        return fleet;
    fleet = fleet_new(&(struct fleet_options){.threads = 1});
    if (!fleet)
        abort();
    for (size_t i = 0; i < NODES; i++) {
        struct fact_builder *builder = fact_builder_new(fleet_pool(fleet));
        struct node *node = builder ? node_new(builder, names[i]) : NULL;
        struct topo *topo = node ? topo_build(node) : NULL;

        if (!topo || fleet_add_node(fleet, node, topo, NULL) < 0)
            abort();
        node_free(node);
        fact_builder_free(builder);
    }
    return fleet;
}

/* Cells lie inside the text, one behind the other. */
static void rows(struct str text)
{
    struct csv csv = csv_begin(text);
    struct str cells[CSV_CELLS_MAX];
    const char *at = text.p;
    unsigned line = 0;
    int count;

    while ((count = csv_row(&csv, cells, NULL)) > 0) {
        if (count > CSV_CELLS_MAX || csv.line <= line)
            abort();
        line = csv.line;
        for (int i = 0; i < count; i++) {
            if (!cells[i].len)
                continue;
            if (cells[i].p < at || cells[i].p + cells[i].len > text.p + text.len)
                abort();
            at = cells[i].p + cells[i].len;
        }
    }
}

static void metric(struct arena *arena, struct str text)
{
    struct symptom symptom;
    struct err err = {0};
    struct strangers strangers;
    size_t given = 0;
    int r = symptom_from_metric(arena, fleet_of_names(), "f.csv", text, &symptom, &strangers, &err);

    if (r < 0 && !err.text[0])
        abort();
    for (size_t i = 0; r == 0 && i < NODES; i++)
        given += !isnan(symptom.value[i]);
    if (r == 0 && !given)
        abort();
}

static void pairs(struct arena *arena, struct str text)
{
    struct symptom symptom;
    struct err err = {0};
    struct strangers strangers;
    int r = symptom_from_pairs(arena, fleet_of_names(), "f.csv", text, &symptom, &strangers, &err);

    if (r < 0 && !err.text[0])
        abort();
    for (size_t i = 0; r == 0 && i < symptom.pair_count; i++) {
        const struct symptom_pair *pair = &symptom.pairs[i];

        if (pair->a >= NODES || pair->b >= NODES || pair->a == pair->b || !isfinite(pair->value))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena *arena = arena_new((size_t)64 << 20);

    if (!arena)
        abort();
    rows(text);
    metric(arena, text);
    pairs(arena, text);
    arena_free(arena);
    return 0;
}
