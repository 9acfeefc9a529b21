#include "fleet/renumber.h"

#include "base/hash.h"
#include "fleet/sets.h"

#include <errno.h>
#include <stdlib.h>

#define FIELDS_SHOWN 8
#define VALUES_SHOWN 16

/* How many nodes have a column at one bus. */
struct bus_count {
    uint64_t bus;
    uint32_t nodes;
};

static uint64_t bus_of(uint64_t bdf)
{
    return bdf >> 8;
}

/* The bus that most nodes have in each column: the layouts come with most nodes first, so on a tie
 * the first stands. */
static int majority_buses(const struct alignment *alignment, const uint32_t *weight,
                          struct bus_count *most)
{
    struct map counts = {0};
    VEC(struct bus_count) list = {0};
    int r = 0;

    for (uint32_t l = 0; l < alignment->layout_count && r == 0; l++) {
        const struct layout *layout = alignment->layouts[l];

        for (uint32_t i = 0; i < layout->count && r == 0; i++) {
            uint32_t column = alignment->columns_of[l][i];
            uint64_t bus = bus_of(layout->seats[i].bdf), hash;
            uint32_t index;

            if (layout->seats[i].kind != SUBJECT_PCI)
                continue;
            hash = hash_mix(hash_mix(column + 1, bus), 1);
            index = (uint32_t)(uintptr_t)map_get(&counts, hash, NULL);
            if (!index) {
                struct bus_count *slot = vec_push(&list);

                if (!slot) {
                    r = -ENOMEM;
                    break;
                }
                slot->bus = bus;
                index = (uint32_t)list.count;
                r = map_add(&counts, hash, (void *)(uintptr_t)index);
            }
            list.items[index - 1].nodes += weight[l];
            if (list.items[index - 1].nodes > most[column].nodes)
                most[column] = list.items[index - 1];
        }
    }
    map_done(&counts);
    vec_done(&list);
    return r;
}

static bool is_shifted(const struct alignment *alignment, uint32_t l, const struct bus_count *most)
{
    const struct layout *layout = alignment->layouts[l];

    for (uint32_t i = 0; i < layout->count; i++) {
        uint32_t column = alignment->columns_of[l][i];

        if (layout->seats[i].kind == SUBJECT_PCI && alignment->columns[column].nodes > 1 &&
            bus_of(layout->seats[i].bdf) != most[column].bus)
            return true;
    }
    return false;
}

/* The address of a column on each layout; BDF_NONE where it lacks it. */
#define BDF_NONE UINT64_MAX

static void column_bdfs(const struct alignment *alignment, uint32_t column, uint64_t *bdfs)
{
    for (uint32_t l = 0; l < alignment->layout_count; l++) {
        bdfs[l] = BDF_NONE;
        for (uint32_t i = 0; i < alignment->layouts[l]->count; i++)
            if (alignment->columns_of[l][i] == column) {
                bdfs[l] = alignment->layouts[l]->seats[i].bdf;
                break;
            }
    }
}

static int fill_field(struct arena *arena, const struct alignment *alignment, struct node_set nodes,
                      uint32_t column, uint64_t majority, struct diff_field *field)
{
    uint64_t *bdfs = arena_alloc(arena, alignment->layout_count * sizeof(*bdfs));
    uint64_t values[VALUES_SHOWN] = {0};
    struct diff_value *out = arena_alloc(arena, VALUES_SHOWN * sizeof(*out));
    uint32_t count = 0;

    if (!bdfs || !out)
        return -ENOMEM;
    column_bdfs(alignment, column, bdfs);
    for (uint32_t l = 0; l < alignment->layout_count && !count; l++)
        if (bdfs[l] != BDF_NONE && bus_of(bdfs[l]) == majority)
            values[count++] = bdfs[l];
    for (uint32_t l = 0; l < alignment->layout_count && count < VALUES_SHOWN; l++) {
        uint32_t v = 0;

        while (v < count && values[v] != bdfs[l])
            v++;
        if (v == count && bdfs[l] != BDF_NONE)
            values[count++] = bdfs[l];
    }
    for (uint32_t v = 0; v < count; v++) {
        char text[BDF_TEXT_MAX];
        uint32_t *list = arena_alloc(arena, (nodes.count + 1) * sizeof(*list)), kept = 0;

        bdf_print(values[v], text);
        out[v].text = arena_copy(arena, text, strlen(text));
        if (!list || !out[v].text)
            return -ENOMEM;
        for (uint32_t n = 0; n < nodes.count; n++)
            if (bdfs[alignment->of_node[n]] == values[v])
                list[kept++] = nodes.nodes[n];
        out[v].nodes = (struct node_set){list, kept};
    }
    *field = (struct diff_field){.role = alignment->columns[column].role,
                                 .path = "address",
                                 .place = alignment->columns[column].key,
                                 .values = out,
                                 .value_count = count};
    return 0;
}

/* Columns that show it: GPUs and NICs before the rest. */
static uint32_t telling_columns(const struct alignment *alignment, const struct bus_count *most,
                                const bool *shifted, bool *any, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t l = 0; l < alignment->layout_count; l++)
        for (uint32_t i = 0; shifted[l] && i < alignment->layouts[l]->count; i++) {
            uint32_t c = alignment->columns_of[l][i];

            any[c] |= alignment->columns[c].kind == SUBJECT_PCI &&
                      alignment->columns[c].nodes > 1 &&
                      bus_of(alignment->layouts[l]->seats[i].bdf) != most[c].bus;
        }
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t c = 0; c < alignment->column_count && count < FIELDS_SHOWN; c++) {
            bool vital = alignment->columns[c].device == TOPO_GPU ||
                         alignment->columns[c].device == TOPO_NIC;

            if (any[c] && vital == (pass == 0))
                out[count++] = c;
        }
    return count;
}

int renumber_find(struct arena *arena, const struct alignment *alignment, struct node_set nodes,
                  struct difference *out, bool *found)
{
    uint32_t layouts = alignment->layout_count, columns = alignment->column_count, count = 0;
    uint32_t *weight = arena_alloc(arena, (layouts + 1) * sizeof(*weight)), shown[FIELDS_SHOWN];
    struct bus_count *most = arena_alloc(arena, (columns + 1) * sizeof(*most));
    bool *shifted = arena_alloc(arena, (layouts + 1) * sizeof(*shifted));
    bool *any = arena_alloc(arena, (columns + 1) * sizeof(*any));
    uint32_t *list = arena_alloc(arena, (nodes.count + 1) * sizeof(*list)), field_count;
    struct diff_field *fields = arena_alloc(arena, FIELDS_SHOWN * sizeof(*fields));
    int r;

    *found = false;
    if (!weight || !most || !shifted || !any || !list || !fields)
        return -ENOMEM;
    for (uint32_t n = 0; n < nodes.count; n++)
        weight[alignment->of_node[n]]++;
    r = majority_buses(alignment, weight, most);
    if (r < 0)
        return r;
    for (uint32_t l = 0; l < layouts; l++)
        shifted[l] = is_shifted(alignment, l, most);
    for (uint32_t n = 0; n < nodes.count; n++)
        if (shifted[alignment->of_node[n]])
            list[count++] = nodes.nodes[n];
    if (!count)
        return 0;
    field_count = telling_columns(alignment, most, shifted, any, shown);
    for (uint32_t f = 0; f < field_count && r == 0; f++)
        r = fill_field(arena, alignment, nodes, shown[f], most[shown[f]].bus, &fields[f]);
    *out = (struct difference){
        .kind = DIFF_RENUMBERED,
        .title = "bus numbers are shifted: the same devices at the same places",
        .nodes = {list, count},
        .fields = fields,
        .field_count = field_count,
        .changed_facts = field_count,
    };
    *found = r == 0;
    return r;
}
