#include "cli/fabric_load.h"

#include "base/file.h"
#include "fabric/file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int fabric_load_file(const char *path, struct fabric_result **out, struct err *err)
{
    char *text;
    size_t len;
    int r = file_read(path, FABRIC_FILE_BYTES_MAX, &text, &len, err);

    if (r < 0)
        return r;
    r = result_read_json((struct str){text, len}, path, out, err);
    free(text);
    return r;
}

/* ---- from the store ---- */

static int index_of(const char *const *words, int count, const char *word)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(words[i], word))
            return i;
    return -1;
}

static int load_node(void *data, const struct store_fabric_node *row, struct err *err)
{
    struct fabric_result *result = data;
    int fate = index_of(node_fate_names, NODE_FATE_COUNT, row->fate), r;

    if (row->node != result->nodes.count || fate < 0)
        return err_set(err, -EPROTO, "node %u of it is not as this firstlight writes it",
                       row->node);
    r = result_add_node(result, row->name, row->group, err);
    if (r == 0)
        r = result_set_fate(result, row->node, (enum node_fate)fate, row->words, err);
    if (r == 0 && *row->card)
        r = card_read(str_of(row->card), &result->nodes.items[row->node].card, err);
    return r;
}

static bool ends_are_known(const struct fabric_result *result, uint32_t node, int64_t peer)
{
    return node < result->nodes.count && (peer < 0 || peer < (int64_t)result->nodes.count);
}

static int load_measure(void *data, const struct store_fabric_measure *row, struct err *err)
{
    struct fabric_result *result = data;
    int phase = index_of(phase_names, PAIR_PHASES, row->phase);
    struct measure measure = {
        .metric = metric_find(str_of(row->metric)),
        .node = row->node,
        .peer = row->peer < 0 ? MEASURE_NOBODY : (uint32_t)row->peer,
        .phase = phase < 0 ? PHASE_ALONE : (enum phase)phase, /* what is of no pair has none */
        .bytes = row->bytes,
        .value = row->value,
        .low = row->low,
        .high = row->high,
    };

    if (!ends_are_known(result, row->node, row->peer) || !measure.metric ||
        measure.metric->of_pair != (row->peer >= 0))
        return err_set(err, -EPROTO, "a measure '%s' of it is not as this firstlight writes it",
                       row->metric);
    (void)snprintf(measure.part, sizeof(measure.part), "%s", row->part);
    (void)snprintf(measure.via, sizeof(measure.via), "%s", row->via);
    return isfinite(row->value) ? result_add_measure(result, &measure, err) : 0;
}

static int load_trouble(void *data, const struct store_fabric_trouble *row, struct err *err)
{
    struct fabric_result *result = data;
    int kind = index_of(trouble_names, TROUBLE_COUNT, row->kind);
    int test = test_find(str_of(row->test));
    struct fabric_trouble trouble = {.node = row->node,
                                     .peer = row->peer < 0 ? MEASURE_NOBODY : (uint32_t)row->peer};

    if (!ends_are_known(result, row->node, row->peer) || kind < 0 || test < 0)
        return err_set(err, -EPROTO, "a trouble '%s' of it is not as this firstlight writes it",
                       row->kind);
    trouble.kind = (enum trouble_kind)kind;
    trouble.test = (enum test)test;
    (void)snprintf(trouble.words, sizeof(trouble.words), "%s", row->words);
    return result_add_trouble(result, &trouble, err);
}

static int load_head(const struct store_fabric_test *test, struct fabric_result *result,
                     struct err *err)
{
    int level = index_of(fabric_level_names, LEVEL_COUNT, test->level);
    struct str rest = str_of(test->tests), word;

    while (str_cut(&rest, ',', &word)) {
        int kind = test_find(word);

        if (kind >= 0)
            result->tests |= 1u << kind;
    }
    result->id = arena_copy(result->arena, test->run, strlen(test->run));
    if (!result->id)
        return err_set(err, -ENOMEM, "no memory for a result");
    result->level = level < 0 ? LEVEL_QUICK : (enum fabric_level)level;
    result->began_ns = test->began_ns;
    result->ended_ns = test->ended_ns < 0 ? 0 : test->ended_ns;
    result->whole = test->whole;
    result->rounds = test->rounds;
    result->pairs_planned = test->pairs_planned;
    result->pairs_done = test->pairs_done;
    return 0;
}

int fabric_load_stored(struct state *state, const struct store_fabric_test *test,
                       struct fabric_result **out, struct err *err)
{
    struct fabric_result *result = result_new();
    const struct store_fabric_reader reader = {result, load_node, load_measure, load_trouble};
    int r;

    if (!result)
        return err_set(err, -ENOMEM, "no memory for a result");
    r = load_head(test, result, err);
    if (r == 0)
        r = store_fabric_read(state->store, test->run, &reader, err);
    if (r < 0) {
        result_free(result);
        return err_wrap(err, r, "fabric test %s", test->run);
    }
    *out = result;
    return 0;
}

int fabric_load(struct state *state, const char *name, struct fabric_result **out, struct err *err)
{
    struct store_fabric_test test;
    int r;

    if (strchr(name, '/') || str_ends(str_of(name), ".json"))
        return fabric_load_file(name, out, err);
    if (!state->store)
        return err_set(err, -ENOENT, "there is no fabric test '%s': nothing was run yet in %s",
                       name, state->dir);
    r = store_fabric_find(state->store, state->arena, name, &test, err);
    return r < 0 ? r : fabric_load_stored(state, &test, out, err);
}

int fabric_metric(const char *name, const struct metric **out, struct err *err)
{
    const struct metric *nearest = NULL;
    size_t best = SIZE_MAX;

    *out = metric_find(str_of(name));
    if (*out)
        return 0;
    for (size_t i = 0; i < metric_count; i++) {
        bool begins = str_starts(str_of(metrics[i].name), name);
        size_t distance = begins ? 0 : str_distance(str_of(name), str_of(metrics[i].name));

        if (distance < best) {
            best = distance;
            nearest = &metrics[i];
        }
    }
    return nearest ? err_set(err, -EINVAL, "there is no metric '%s'; the nearest is %s (%s)", name,
                             nearest->name, nearest->what)
                   : err_set(err, -EINVAL, "there is no metric of %zu letters", strlen(name));
}
