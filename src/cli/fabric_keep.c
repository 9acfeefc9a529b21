#include "cli/fabric_keep.h"

#include "fabric/file.h"
#include "store/fabric.h"

#include <errno.h>
#include <stdlib.h>

#define ROWS_AT_ONCE 4096

struct fabric_keep {
    struct store *store;
    const struct fabric_result *result;
    size_t measures, troubles; /* that are in the store */
};

static const char *tests_of(struct arena *arena, uint32_t tests)
{
    struct buf names = {0};
    const char *text;

    for (size_t i = 0; i < TEST_COUNT; i++)
        if (tests & 1u << i)
            buf_printf(&names, "%s%s", names.len ? "," : "", test_kinds[i].name);
    text = names.failed ? NULL : arena_copy(arena, names.p ? names.p : "", names.len);
    buf_done(&names);
    return text;
}

static struct store_fabric_measure measure_row(const struct measure *m)
{
    return (struct store_fabric_measure){.metric = m->metric->name,
                                         .unit = file_unit(m->metric->unit),
                                         .phase = m->metric->of_pair ? phase_names[m->phase] : "",
                                         .node = m->node,
                                         .peer = m->peer == MEASURE_NOBODY ? -1 : (int64_t)m->peer,
                                         .bytes = m->bytes,
                                         .part = m->part,
                                         .via = m->via,
                                         .value = m->value,
                                         .low = m->low,
                                         .high = m->high};
}

static struct store_fabric_trouble trouble_row(const struct fabric_trouble *t)
{
    return (struct store_fabric_trouble){.kind = trouble_names[t->kind],
                                         .test = test_kinds[t->test].name,
                                         .words = t->words,
                                         .node = t->node,
                                         .peer = t->peer == MEASURE_NOBODY ? -1 : (int64_t)t->peer};
}

static int put_nodes(struct arena *arena, const struct fabric_result *result,
                     struct store_fabric_rows *rows)
{
    size_t count = result->nodes.count;
    struct store_fabric_node *nodes = arena_alloc(arena, (count + 1) * sizeof(*nodes));
    struct buf card = {0};

    for (size_t i = 0; nodes && i < count; i++) {
        const struct fabric_node *node = &result->nodes.items[i];

        buf_clear(&card);
        if (node->card.host[0])
            card_print(&node->card, &card);
        nodes[i] = (struct store_fabric_node){
            .node = (uint32_t)i,
            .name = node->name,
            .group = node->group,
            .fate = node_fate_names[node->fate],
            .words = node->words,
            .card = card.failed ? NULL : arena_copy(arena, card.p ? card.p : "", card.len)};
        if (!nodes[i].card)
            nodes = NULL;
    }
    buf_done(&card);
    rows->nodes = nodes;
    rows->node_count = count;
    return nodes ? 0 : -ENOMEM;
}

/* At most ROWS_AT_ONCE of each kind; `nodes`: with their cards and fates. */
static int put_some(struct fabric_keep *keep, bool nodes, struct err *err)
{
    const struct fabric_result *result = keep->result;
    size_t measures = result->measures.count - keep->measures;
    size_t troubles = result->troubles.count - keep->troubles;
    struct arena *arena = arena_new(0);
    struct store_fabric_measure *m;
    struct store_fabric_trouble *t;
    struct store_fabric_rows rows = {.test = {.run = result->id,
                                              .level = fabric_level_names[result->level],
                                              .began_ns = result->began_ns,
                                              .ended_ns = result->ended_ns ? result->ended_ns : -1,
                                              .whole = result->whole,
                                              .rounds = result->rounds,
                                              .pairs_planned = result->pairs_planned,
                                              .pairs_done = result->pairs_done}};
    int r = -ENOMEM;

    rows.measure_count = measures < ROWS_AT_ONCE ? measures : ROWS_AT_ONCE;
    rows.trouble_count = troubles < ROWS_AT_ONCE ? troubles : ROWS_AT_ONCE;
    m = arena ? arena_alloc(arena, (rows.measure_count + 1) * sizeof(*m)) : NULL;
    t = m ? arena_alloc(arena, (rows.trouble_count + 1) * sizeof(*t)) : NULL;
    rows.test.tests = t ? tests_of(arena, result->tests) : NULL;
    if (!rows.test.tests || (nodes && put_nodes(arena, result, &rows) < 0))
        goto out;
    for (size_t i = 0; i < rows.measure_count; i++)
        m[i] = measure_row(&result->measures.items[keep->measures + i]);
    for (size_t i = 0; i < rows.trouble_count; i++)
        t[i] = trouble_row(&result->troubles.items[keep->troubles + i]);
    rows.measures = m;
    rows.troubles = t;
    r = store_fabric_put(keep->store, &rows, err);
    if (r == 0) {
        keep->measures += rows.measure_count;
        keep->troubles += rows.trouble_count;
    }
out:
    arena_free(arena);
    return r;
}

static int put_all(struct fabric_keep *keep)
{
    int r = 0;

    while (r == 0 && (keep->measures < keep->result->measures.count ||
                      keep->troubles < keep->result->troubles.count))
        r = put_some(keep, false, NULL);
    return r;
}

int fabric_keep_begin(struct store *store, const struct fabric_result *result,
                      struct fabric_keep **out, struct err *err)
{
    struct fabric_keep *keep = calloc(1, sizeof(*keep));
    int r;

    if (!keep)
        return err_set(err, -ENOMEM, "no memory for the result");
    *keep = (struct fabric_keep){.store = store, .result = result};
    r = put_some(keep, true, err);
    if (r < 0)
        free(keep);
    else
        *out = keep;
    return r;
}

void fabric_keep_flush(struct fabric_keep *keep)
{
    (void)put_all(keep); /* what fails now is tried again */
}

int fabric_keep_end(struct fabric_keep *keep)
{
    int r = put_all(keep);

    if (r == 0)
        r = put_some(keep, true, NULL);
    free(keep);
    return r;
}
