#include "fleet/values.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static int by_count(const void *a, const void *b)
{
    const struct value *x = a, *y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

void values_order(struct value *values, uint32_t count)
{
    qsort(values, count, sizeof(*values), by_count);
}

/* Large numbers are sizes of memory and the like: what the kernel took for itself differs by some
 * KiB from boot to boot. Alike within 2 %, as far as steps can tell. */
#define ROUND_FROM 100000
#define ROUND_STEP 0.02

uint64_t value_sig(const struct fact *fact)
{
    if (fact->type == FACT_NUMBER && fact->number >= ROUND_FROM)
        return hash_mix((uint64_t)(log((double)fact->number) / ROUND_STEP), FACT_NUMBER);
    /* Texts are pooled: equal texts are one pointer. */
    return hash_mix(hash_mix((uintptr_t)fact->text, (uint64_t)fact->number), fact->type + 1);
}

/* The sig of a path in a block, 0 when it has none; *text the value's spelling when asked for. */
static int cell_value(struct cells *cells, const struct fact_block *block, uint32_t key,
                      uint64_t *sig, const char **text)
{
    struct buf list = {0};
    uint32_t count = 0;

    *sig = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        const struct fact *fact = &block->facts[i];

        if (fact->key != key || fact->class != FACT_CONFIG)
            continue;
        *sig = count ? hash_mix(*sig, value_sig(fact)) : value_sig(fact);
        if (text && count == 0)
            *text = fact->text;
        if (text && list.len < 300) {
            buf_puts(&list, count ? ", " : "");
            buf_puts(&list, fact->text);
        }
        count++;
    }
    if (text && count > 1)
        *text = list.failed ? NULL : arena_copy(cells->arena, list.p, list.len);
    buf_done(&list);
    return text && count && !*text ? -ENOMEM : 0;
}

/* Does a cell with this sig (0: the path is absent) belong to value v of the list? */
static bool value_takes(const struct value *values, uint32_t v, uint64_t sig)
{
    if (!values[v].rest)
        return values[v].absent ? sig == 0 : sig == values[v].sig;
    for (uint32_t i = 0; i < v; i++)
        if (value_takes(values, i, sig))
            return false;
    return true;
}

bool value_hidden(const struct cell *cell, const struct path *path)
{
    return cell->block && path->told & ~cell->seen;
}

/* Make the text and set of one value; `absent` is the cell of those that lack the block. */
static int fill_value(struct cells *cells, const struct path *path, struct value *values,
                      uint32_t v, const struct cell *absent)
{
    struct value *value = &values[v];
    const struct set *known = sets_get(cells->sets, value->hash);

    cells->buffer.count = 0;
    for (size_t c = 0; c < cells->list.count + 1; c++) {
        const struct cell *cell = c < cells->list.count ? &cells->list.items[c] : absent;
        const char *text = NULL;
        uint64_t sig = 0;

        if (cell->block &&
            cell_value(cells, cell->block, path->key, &sig, value->text ? NULL : &text) < 0)
            return -ENOMEM;
        if ((!sig && value_hidden(cell, path)) || !value_takes(values, v, sig))
            continue;
        if (!value->text)
            value->text = text;
        if (known && value->text)
            break;
        for (uint32_t g = known ? 0 : cell->groups; g; g = cells->chain.items[g - 1]) {
            const struct group *group = &cells->groups->list.items[cells->chosen.items[g - 1]];

            if (cells_gather(cells, cells->groups->members + group->start, group->count) < 0)
                return -ENOMEM;
        }
    }
    if (!known)
        known = sets_keep(cells->sets, cells->buffer.items, (uint32_t)cells->buffer.count);
    value->set = known;
    return known ? 0 : -ENOMEM;
}

int values_fill(struct cells *cells, const struct path *path, struct value *values, uint32_t *count,
                const struct cell *absent)
{
    int r = 0;

    values_order(values, *count);
    if (*count > DIFF_VALUES_MAX) {
        struct value *rest = &values[DIFF_VALUES_MAX - 1];

        for (uint32_t v = DIFF_VALUES_MAX; v < *count; v++) {
            rest->hash += values[v].hash;
            rest->count += values[v].count;
        }
        rest->rest = true;
        rest->absent = false;
        rest->text = arena_printf(cells->arena, "%u other values", *count - DIFF_VALUES_MAX + 1);
        *count = DIFF_VALUES_MAX;
        if (!rest->text)
            return -ENOMEM;
    }
    for (uint32_t v = 0; v < *count; v++)
        if (values[v].absent)
            values[v].text = "absent";
    for (uint32_t v = 0; v < *count && r == 0; v++)
        r = fill_value(cells, path, values, v, absent);
    return r;
}
