#include "fleet/cells.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int cells_gather(struct cells *cells, const uint32_t *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *slot = vec_push(&cells->buffer);

        if (!slot)
            return -ENOMEM;
        *slot = nodes[i];
    }
    return 0;
}

/* Nearly every node has its own value, or values scatter without any that most nodes have. */
static bool is_identity(uint32_t nodes, uint32_t values, uint32_t single, uint32_t most)
{
    if (nodes >= 4 && values == nodes)
        return true;
    if (nodes <= 8)
        return false;
    return single * 2 > nodes || (most * 2 < nodes && values > 8 && values * 8 > nodes);
}

static int by_count(const void *a, const void *b)
{
    const struct value *x = a, *y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

int cells_add_field(struct cells *cells, struct field field, struct value *values, uint32_t count)
{
    struct field *slot;

    qsort(values, count, sizeof(*values), by_count);
    field.values = arena_alloc(cells->arena, count * sizeof(*field.values));
    if (!field.values)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        field.values[i] = (struct field_value){values[i].text, values[i].set, values[i].absent};
    field.value_count = count;
    if (cells->out->fields.count >= DIFF_FIELDS_MAX)
        return 0;
    slot = vec_push(&cells->out->fields);
    if (!slot)
        return -ENOMEM;
    *slot = field;
    return 0;
}

/* Large numbers are sizes of memory and the like: what the kernel took for itself differs by some
 * KiB from boot to boot. Alike within 2 %, as far as steps can tell. */
#define ROUND_FROM 100000
#define ROUND_STEP 0.02

static uint64_t fact_sig(const struct fact *fact)
{
    if (fact->type == FACT_NUMBER && fact->number >= ROUND_FROM)
        return hash_mix((uint64_t)(log((double)fact->number) / ROUND_STEP), FACT_NUMBER);
    /* Texts are pooled: equal texts are one pointer. */
    return hash_mix(hash_mix((uintptr_t)fact->text, (uint64_t)fact->number), fact->type + 1);
}

static struct path *path_of(struct cells *cells, uint32_t key)
{
    struct path *path;

    while (cells->key_path.count <= key)
        if (!vec_push(&cells->key_path))
            return NULL;
    if (cells->key_path.items[key])
        return &cells->paths.items[cells->key_path.items[key] - 1];
    path = vec_push(&cells->paths);
    if (!path)
        return NULL;
    cells->key_path.items[key] = (uint32_t)cells->paths.count;
    path->key = key;
    path->cell = UINT32_MAX;
    path->last = UINT32_MAX;
    return path;
}

static int count_value(struct cells *cells, uint32_t path_index, const struct cell *cell)
{
    struct path *path = &cells->paths.items[path_index];
    uint32_t index = path->last;
    struct value *value;

    if (index == UINT32_MAX || cells->values.items[index].sig != path->sig) {
        uint64_t hash = hash_mix(path->sig, path_index + 1);

        index = (uint32_t)(uintptr_t)map_get(&cells->value_map, hash, NULL) - 1;
        if (index == UINT32_MAX) {
            value = vec_push(&cells->values);
            if (!value)
                return -ENOMEM;
            index = (uint32_t)cells->values.count - 1;
            if (map_add(&cells->value_map, hash, (void *)(uintptr_t)(index + 1)) < 0)
                return -ENOMEM;
            *value = (struct value){.sig = path->sig, .path = path_index, .first = UINT32_MAX};
            path->values++;
        }
    }
    value = &cells->values.items[index];
    value->count += cell->count;
    value->hash += cell->hash;
    if (cell->first < value->first)
        value->first = cell->first;
    path->last = index;
    path->count += cell->count;
    path->hash += cell->hash;
    return 0;
}

/* Values of all paths in one cell. A path that occurs several times has one value: the list. */
static int count_cell(struct cells *cells, uint32_t cell_index)
{
    const struct cell *cell = &cells->list.items[cell_index];

    for (uint32_t i = 0; i < cell->block->count; i++) {
        const struct fact *fact = &cell->block->facts[i];
        struct path *path;

        if (fact->class != FACT_CONFIG)
            continue;
        path = path_of(cells, fact->key);
        if (!path)
            return -ENOMEM;
        path->sig = path->cell == cell_index ? hash_mix(path->sig, fact_sig(fact)) : fact_sig(fact);
        path->cell = cell_index;
    }
    for (uint32_t p = 0; p < cells->paths.count; p++)
        if (cells->paths.items[p].cell == cell_index && count_value(cells, p, cell) < 0)
            return -ENOMEM;
    return 0;
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
        *sig = count ? hash_mix(*sig, fact_sig(fact)) : fact_sig(fact);
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

/* Make the text and set of one value; `absent` is the cell of those that lack the block. */
static int fill_value(struct cells *cells, uint32_t key, struct value *values, uint32_t v,
                      const struct cell *absent)
{
    struct value *value = &values[v];
    const struct set *known = sets_get(cells->sets, value->hash);

    cells->buffer.count = 0;
    for (size_t c = 0; c < cells->list.count + 1; c++) {
        const struct cell *cell = c < cells->list.count ? &cells->list.items[c] : absent;
        const char *text = NULL;
        uint64_t sig = 0;

        if (cell->block &&
            cell_value(cells, cell->block, key, &sig, value->text ? NULL : &text) < 0)
            return -ENOMEM;
        if (!value_takes(values, v, sig))
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

/* The rarest values become one when there are too many. */
static int fill_values(struct cells *cells, uint32_t key, struct value *values, uint32_t *count,
                       const struct cell *absent)
{
    int r = 0;

    qsort(values, *count, sizeof(*values), by_count);
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
        r = fill_value(cells, key, values, v, absent);
    return r;
}

static int path_field(struct cells *cells, uint32_t column, const struct entry_ref *ref,
                      const struct path *path, const struct value *all_values,
                      const struct cell *absent, uint32_t known, uint64_t known_hash)
{
    struct value *values;
    uint32_t count = 0, single = 0, most = 0;
    bool in_block = false;
    int r = 0;

    if (path->values + (path->count < known) < 2)
        return 0;
    values = malloc((path->values + 1) * sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (size_t v = 0; v < cells->values.count; v++)
        if (&cells->paths.items[all_values[v].path] == path)
            values[count++] = all_values[v];
    if (path->count < known) {
        values[count++] = (struct value){
            .absent = true,
            .count = known - path->count,
            .hash = known_hash - path->hash,
            .first = UINT32_MAX,
        };
        in_block = known - path->count > absent->count;
    }
    for (uint32_t v = 0; v < count; v++) {
        single += values[v].count == 1;
        if (values[v].count > most)
            most = values[v].count;
    }
    if (is_identity(known, count, single, most)) {
        cells->out->dropped++;
    } else {
        const char *name = fact_key_name(cells->groups->fleet->pool, path->key);
        struct field field = {.column = column,
                              .block = ref->block->name,
                              .key = path->key,
                              .ordinal = ref->ordinal,
                              .in_block = in_block,
                              .path = name};

        if (ref->ordinal) {
            const char *block = fact_key_name(cells->groups->fleet->pool, ref->block->name);

            field.path = arena_printf(cells->arena, "%s#%u%s", block, ref->ordinal + 1u,
                                      name + strlen(block));
        }
        r = field.path ? fill_values(cells, path->key, values, &count, absent) : -ENOMEM;
        for (uint32_t v = 0; v < count && r == 0; v++)
            values[v].first = values[v].set->nodes.nodes[0];
        if (r == 0)
            r = cells_add_field(cells, field, values, count);
    }
    free(values);
    return r;
}

/* All fields of one block (name and ordinal) at one place. */
static int block_fields(struct cells *cells, uint32_t column, const struct entry_ref *ref,
                        struct cell *absent)
{
    uint32_t known = absent->count;
    uint64_t known_hash = absent->hash;
    int r = 0;

    if (cells->list.count + (absent->count > 0) < 2)
        return 0;
    cells->paths.count = 0;
    cells->values.count = 0;
    map_clear(&cells->value_map);
    for (uint32_t c = 0; c < cells->list.count && r == 0; c++) {
        known += cells->list.items[c].count;
        known_hash += cells->list.items[c].hash;
        r = count_cell(cells, c);
    }
    for (size_t p = 0; p < cells->paths.count && r == 0; p++)
        r = path_field(cells, column, ref, &cells->paths.items[p], cells->values.items, absent,
                       known, known_hash);
    for (size_t p = 0; p < cells->paths.count; p++)
        cells->key_path.items[cells->paths.items[p].key] = 0;
    return r;
}

static const struct entry_ref *find_ref(const struct entry *entry, const struct entry_ref *like)
{
    for (uint32_t r = 0; r < entry->ref_count; r++)
        if (entry->refs[r].block->name == like->block->name &&
            entry->refs[r].ordinal == like->ordinal)
            return &entry->refs[r];
    return NULL;
}

static bool block_unseen(const struct entry *entry, const char *name)
{
    for (uint32_t i = 0; i < entry->unseen_count; i++)
        if (str_glob(entry->unseen[i], str_of(name)))
            return true;
    return false;
}

static int cell_add(struct cells *cells, const struct fact_block *block, struct cell *absent,
                    uint32_t chosen)
{
    const struct group *group = &cells->groups->list.items[cells->chosen.items[chosen]];
    struct cell *cell = absent;

    if (block) {
        uint32_t index = (uint32_t)(uintptr_t)map_get(&cells->cell_map, block->config_sig, NULL);

        if (index) {
            cell = &cells->list.items[index - 1];
        } else {
            cell = vec_push(&cells->list);
            if (!cell || map_add(&cells->cell_map, block->config_sig,
                                 (void *)(uintptr_t)cells->list.count) < 0)
                return -ENOMEM;
            cell->block = block;
            cell->first = UINT32_MAX;
        }
    }
    cell->count += group->count;
    cell->hash += group->hash;
    if (group->first < cell->first)
        cell->first = group->first;
    cells->chain.items[chosen] = cell->groups;
    cell->groups = chosen + 1;
    return 0;
}

int cells_compare(struct cells *cells, uint32_t column, const struct entry_ref *like)
{
    const char *name = fact_key_name(cells->groups->fleet->pool, like->block->name);
    struct cell absent = {.first = UINT32_MAX};
    uint64_t kinds = 0;

    cells->list.count = 0;
    map_clear(&cells->cell_map);
    for (uint32_t c = 0; c < cells->chosen.count; c++) {
        const struct entry *entry = cells->groups->list.items[cells->chosen.items[c]].entry;
        const struct entry_ref *ref = find_ref(entry, like);

        if (ref && cell_add(cells, ref->block, &absent, c) < 0)
            return -ENOMEM;
        if (ref)
            kinds |= ref->kind;
    }
    for (uint32_t c = 0; c < cells->chosen.count; c++) {
        const struct entry *entry = cells->groups->list.items[cells->chosen.items[c]].entry;

        if (!find_ref(entry, like) && entry->kinds & kinds && !block_unseen(entry, name) &&
            cell_add(cells, NULL, &absent, c) < 0)
            return -ENOMEM;
    }
    return block_fields(cells, column, like, &absent);
}

int cells_choose(struct cells *cells, uint32_t column)
{
    cells->chosen.count = cells->chain.count = 0;
    for (uint32_t g = cells->groups->heads[column]; g; g = cells->groups->list.items[g - 1].next) {
        uint32_t *slot = vec_push(&cells->chosen), *link = vec_push(&cells->chain);

        if (!slot || !link)
            return -ENOMEM;
        *slot = g - 1;
    }
    return 0;
}

void cells_done(struct cells *cells)
{
    map_done(&cells->value_map);
    map_done(&cells->cell_map);
    vec_done(&cells->chosen);
    vec_done(&cells->chain);
    vec_done(&cells->list);
    vec_done(&cells->paths);
    vec_done(&cells->values);
    vec_done(&cells->key_path);
    vec_done(&cells->buffer);
}
