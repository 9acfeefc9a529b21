#include "fabric/say.h"

#include <math.h>

#define NAMES_MAX 3

static const char *name_of(const struct fabric_result *result, uint32_t node)
{
    return result->nodes.items[node].name;
}

const char *say_nodes(struct arena *arena, const struct fabric_result *result,
                      const uint32_t *nodes, uint32_t count)
{
    struct buf text = {0};
    const char *out;

    for (uint32_t i = 0; i < count && i < NAMES_MAX; i++)
        buf_printf(&text, "%s%s",
                   i == 0           ? ""
                   : i + 1 == count ? " and "
                                    : ", ",
                   name_of(result, nodes[i]));
    if (count > NAMES_MAX)
        buf_printf(&text, " and %u more", count - NAMES_MAX);
    out = text.failed ? NULL : arena_copy(arena, text.p ? text.p : "", text.len);
    buf_done(&text);
    return out;
}

/* What is said of one way of flows: what it does, and how it is when it is well. */
static const char *const verbs[FLOW_WAYS] = {"sends", "receives"};
static const char *const well[FLOW_WAYS] = {"what it sends is well", "what it receives is well"};

struct said { /* what all sentences need */
    struct arena *arena;
    const struct fabric_result *result;
    const struct flows *flows;
    const struct accused *accused;
    char value[FLOW_WAYS][METRIC_VALUE_BYTES], typical[METRIC_VALUE_BYTES];
    const char *part, *when; /* "" or " over mlx5_0:1"; "" or ", but only when ..." */
    const char *nodes;
};

static const char *count_words(const struct said *said)
{
    const struct accused *accused = said->accused;

    return arena_printf(said->arena, "(%u of %u measurements slow)%s", accused->slow,
                        accused->slow + accused->fast, said->when);
}

static const char *say_node(const struct said *said, const char *counts)
{
    const struct accused *accused = said->accused;
    bool out = accused->level[WAY_OUT] < 0, in = accused->level[WAY_IN] < 0;
    int way = out ? WAY_OUT : WAY_IN;

    if (said->flows->metric->lower_is_better)
        return arena_printf(said->arena, "%s answers in %s%s where its peers need %s %s",
                            said->nodes, said->value[way], said->part, said->typical, counts);
    if (out && in)
        return arena_printf(said->arena,
                            "%s sends at %s and receives at %s%s where its peers reach %s %s",
                            said->nodes, said->value[WAY_OUT], said->value[WAY_IN], said->part,
                            said->typical, counts);
    return arena_printf(said->arena, "%s %s at %s%s where its peers reach %s %s%s%s", said->nodes,
                        verbs[way], said->value[way], said->part, said->typical, counts,
                        accused->kind == SUSPECT_NODE ? "" : "; ",
                        accused->kind == SUSPECT_NODE ? "" : well[!way]);
}

static const char *ways_words(const struct accused *accused)
{
    bool out = accused->level[WAY_OUT] < 0, in = accused->level[WAY_IN] < 0;

    return out && in ? "to and from" : out ? "from" : "to";
}

static const char *worst_value(const struct said *said)
{
    return said
        ->value[said->accused->level[WAY_OUT] < said->accused->level[WAY_IN] ? WAY_OUT : WAY_IN];
}

static const char *group_words(const struct said *said)
{
    const struct accused *accused = said->accused;
    const char *name =
        accused->node_count ? said->result->nodes.items[accused->nodes[0]].group : "";

    if (name[0] && accused->group != GROUP_NONE)
        return arena_printf(said->arena, "%s (%s)", name, said->nodes);
    return said->nodes;
}

static const char *say_group(const struct said *said, const char *counts)
{
    const struct accused *accused = said->accused;
    const char *group = group_words(said);

    if (!group)
        return NULL;
    if (accused->whole)
        return arena_printf(
            said->arena, "all %s %s run at %s%s, also among themselves, where others reach %s %s",
            ways_words(accused), group, worst_value(said), said->part, said->typical, counts);
    return arena_printf(said->arena,
                        "all %s %s runs at %s%s where others reach %s %s; among themselves they "
                        "are well",
                        ways_words(accused), group, worst_value(said), said->part, said->typical,
                        counts);
}

static const char *say_part(const struct said *said, const char *counts)
{
    const struct accused *accused = said->accused;
    const char *group = group_words(said);

    if (!group)
        return NULL;
    if (accused->node_count == 1)
        return arena_printf(said->arena,
                            "a way %s %s runs at %s%s where others reach %s %s; with those near it "
                            "it is well, so it is what leads there and not the node",
                            ways_words(accused), said->nodes, worst_value(said), said->part,
                            said->typical, counts);
    return arena_printf(said->arena,
                        "some ways %s %s run at %s%s where others reach %s %s: one of the cables "
                        "that they share",
                        ways_words(accused), group, worst_value(said), said->part, said->typical,
                        counts);
}

static const char *say_link(const struct said *said, const char *counts)
{
    const struct accused *accused = said->accused;
    const char *a = name_of(said->result, accused->nodes[0]);
    const char *b = name_of(said->result, accused->nodes[1]);

    if (accused->kind == SUSPECT_LINK)
        return arena_printf(said->arena,
                            "%s and %s reach only %s%s with each other where both reach %s with "
                            "others %s",
                            a, b, worst_value(said), said->part, said->typical, counts);
    return arena_printf(said->arena,
                        "%s to %s runs at %s%s where both reach %s with others %s; the other way "
                        "is well",
                        a, b, worst_value(said), said->part, said->typical, counts);
}

/* The nodes of a group among those of the accused: a part that begins where the other group's end.
 */
static const char *name_group(const struct said *said, bool last)
{
    const struct accused *accused = said->accused;
    const struct fabric_node *nodes = said->result->nodes.items;
    const char *first = nodes[accused->nodes[0]].group, *names;
    uint32_t split = 0;

    while (split < accused->node_count && strcmp(nodes[accused->nodes[split]].group, first) == 0)
        split++;
    names = last ? say_nodes(said->arena, said->result, accused->nodes + split,
                             accused->node_count - split)
                 : say_nodes(said->arena, said->result, accused->nodes, split);
    return names ? arena_printf(said->arena, "%s (%s)",
                                last ? nodes[accused->nodes[accused->node_count - 1]].group : first,
                                names)
                 : NULL;
}

static const char *say_between(const struct said *said, const char *counts)
{
    const struct accused *accused = said->accused;
    bool out = accused->level[WAY_OUT] < 0, in = accused->level[WAY_IN] < 0;
    const char *a = name_group(said, !out), *b = name_group(said, out);

    if (!a || !b)
        return NULL;
    if (out && in)
        return arena_printf(
            said->arena,
            "%s and %s reach %s%s with each other where others reach %s %s; each is "
            "well inside and with the rest, so it is what joins the two",
            a, b, worst_value(said), said->part, said->typical, counts);
    return arena_printf(said->arena,
                        "all from %s to %s runs at %s%s where others reach %s %s; the other way is "
                        "well, and so is each inside and with the rest: it is what joins the two",
                        a, b, worst_value(said), said->part, said->typical, counts);
}

static const char *say_one_of(const struct said *said)
{
    const struct accused *accused = said->accused;
    const char *a = name_of(said->result, accused->nodes[0]);
    const char *b = name_of(said->result, accused->nodes[1]);

    if (accused->decide[0] == MEASURE_NOBODY)
        return arena_printf(said->arena,
                            "one of %s and %s: together they reach %s%s where others reach %s; no "
                            "third node is there to decide",
                            a, b, worst_value(said), said->part, said->typical);
    return arena_printf(said->arena,
                        "one of the two, %s or %s: together they reach %s%s where others reach %s; "
                        "one more run decides: %s with %s",
                        a, b, worst_value(said), said->part, said->typical,
                        name_of(said->result, accused->decide[0]),
                        name_of(said->result, accused->decide[1]));
}

const char *say_accused(struct arena *arena, const struct fabric_result *result,
                        const struct flows *flows, const struct accused *accused, enum phase phase)
{
    struct said said = {arena, result, flows, accused};
    const char *counts;

    for (int way = 0; way < FLOW_WAYS; way++)
        (void)metric_value(flows->metric->unit, flows_value(flows, phase, accused->level[way]),
                           said.value[way]);
    (void)metric_value(flows->metric->unit, flows_value(flows, phase, 0), said.typical);
    said.part = flows->part[0] ? arena_printf(arena, " over %s", flows->part) : "";
    said.when = accused->together ? ", but only when all pairs run at once" : "";
    said.nodes = say_nodes(arena, result, accused->nodes, accused->node_count);
    counts = said.part && said.nodes ? count_words(&said) : NULL;
    if (!counts)
        return NULL;
    switch (accused->kind) {
    case SUSPECT_GROUP:
        return say_group(&said, counts);
    case SUSPECT_GROUP_PART:
        return say_part(&said, counts);
    case SUSPECT_BETWEEN:
        return say_between(&said, counts);
    case SUSPECT_LINK:
    case SUSPECT_LINK_ONE_WAY:
        return say_link(&said, counts);
    case SUSPECT_ONE_OF:
        return say_one_of(&said);
    default:
        return say_node(&said, counts);
    }
}

const char *say_own(struct arena *arena, const struct fabric_result *result,
                    const struct own_slow *slow)
{
    char value[METRIC_VALUE_BYTES], typical[METRIC_VALUE_BYTES];
    const char *name = name_of(result, slow->node);

    (void)metric_value(slow->metric->unit, slow->value, value);
    (void)metric_value(slow->metric->unit, slow->typical, typical);
    if (slow->metric->test == TEST_CLOCK)
        return arena_printf(arena, "%s: %s is %s where its peers' is %s", name, slow->metric->name,
                            value, typical);
    if (slow->part[0])
        return arena_printf(arena, "%s of %s: %s is %s where its peers (%u) have %s", slow->part,
                            name, slow->metric->name, value, slow->fast, typical);
    return arena_printf(arena, "%s: %s is %s where its peers (%u) have %s", name,
                        slow->metric->name, value, slow->fast, typical);
}
