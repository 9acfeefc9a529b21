#include "fabric/result.h"

#include <errno.h>
#include <stdlib.h>

#define TEXT_BYTES_MAX ((size_t)1 << 30) /* names, groups and words of all nodes */

const char *const node_fate_names[NODE_FATE_COUNT] = {
    [NODE_EXPECTED] = "expected", [NODE_WELL] = "well", [NODE_ABSENT] = "absent",
    [NODE_HUNG] = "hung",         [NODE_DIED] = "died",
};

const char *const fabric_level_names[LEVEL_COUNT] = {
    [LEVEL_QUICK] = "quick",
    [LEVEL_FULL] = "full",
};

struct fabric_result *result_new(void)
{
    struct fabric_result *result = calloc(1, sizeof(*result));

    if (!result)
        return NULL;
    result->id = "";
    result->arena = arena_new(TEXT_BYTES_MAX);
    if (!result->arena) {
        free(result);
        return NULL;
    }
    return result;
}

void result_free(struct fabric_result *result)
{
    if (!result)
        return;
    vec_done(&result->nodes);
    vec_done(&result->measures);
    vec_done(&result->troubles);
    arena_free(result->arena);
    free(result);
}

static const char *copy_text(struct fabric_result *result, const char *text)
{
    return text && *text ? arena_copy(result->arena, text, strlen(text)) : "";
}

int result_add_node(struct fabric_result *result, const char *name, const char *group,
                    struct err *err)
{
    const char *own_name = copy_text(result, name), *own_group = copy_text(result, group);
    struct fabric_node *node;

    if (result->nodes.count >= FABRIC_NODES_MAX)
        return err_set(err, -E2BIG, "more than %d nodes", FABRIC_NODES_MAX);
    node = own_name && own_group ? vec_push(&result->nodes) : NULL;
    if (!node)
        return err_set(err, -ENOMEM, "no memory for the nodes of the result");
    node->name = own_name;
    node->group = own_group;
    node->words = "";
    return 0;
}

int result_add_measure(struct fabric_result *result, const struct measure *measure, struct err *err)
{
    struct measure *own;

    if (result->measures.count >= FABRIC_MEASURES_MAX)
        return err_set(err, -E2BIG, "more than %d measures", FABRIC_MEASURES_MAX);
    own = vec_push(&result->measures);
    if (!own)
        return err_set(err, -ENOMEM, "no memory for the measures of the result");
    *own = *measure;
    return 0;
}

int result_add_trouble(struct fabric_result *result, const struct fabric_trouble *trouble,
                       struct err *err)
{
    struct fabric_trouble *own;

    if (result->troubles.count >= FABRIC_TROUBLES_MAX)
        return err_set(err, -E2BIG, "more than %d troubles", FABRIC_TROUBLES_MAX);
    own = vec_push(&result->troubles);
    if (!own)
        return err_set(err, -ENOMEM, "no memory for the troubles of the result");
    *own = *trouble;
    return 0;
}

int result_set_fate(struct fabric_result *result, uint32_t node, enum node_fate fate,
                    const char *words, struct err *err)
{
    struct fabric_node *at = &result->nodes.items[node];
    const char *own;

    if (at->fate > NODE_WELL)
        return 0;
    own = copy_text(result, words);
    at->fate = fate;
    at->words = own ? own : "";
    return own ? 0 : err_set(err, -ENOMEM, "no memory for the words about node %s", at->name);
}
