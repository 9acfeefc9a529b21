#include "fleet/cells.h"

#include "fleet/values.h"

#include <errno.h>
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

int cells_add_field(struct cells *cells, struct field field, struct value *values, uint32_t count)
{
    struct field *slot;

    values_order(values, count);
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
    path->told = UINT64_MAX;
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
    path->told &= cell->told;
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
        path->sig =
            path->cell == cell_index ? hash_mix(path->sig, value_sig(fact)) : value_sig(fact);
        path->cell = cell_index;
    }
    for (uint32_t p = 0; p < cells->paths.count; p++)
        if (cells->paths.items[p].cell == cell_index && count_value(cells, p, cell) < 0)
            return -ENOMEM;
    return 0;
}

/* Take away what hides the path from those of whom it is known. */
static void without_hidden(const struct cells *cells, const struct path *path, uint32_t *known,
                           uint64_t *known_hash)
{
    for (size_t c = 0; c < cells->list.count; c++) {
        const struct cell *cell = &cells->list.items[c];
        bool has = false;

        if (!value_hidden(cell, path))
            continue;
        for (uint32_t i = 0; i < cell->block->count && !has; i++)
            has = cell->block->facts[i].key == path->key &&
                  cell->block->facts[i].class == FACT_CONFIG;
        *known -= has ? 0 : cell->count;
        *known_hash -= has ? 0 : cell->hash;
    }
}

static int path_field(struct cells *cells, uint32_t column, const struct entry_ref *ref,
                      const struct path *path, const struct value *all_values,
                      const struct cell *absent, uint32_t known, uint64_t known_hash)
{
    struct value *values;
    uint32_t count = 0, single = 0, most = 0;
    bool in_block = false;
    int r = 0;

    if (path->count < known)
        without_hidden(cells, path, &known, &known_hash);
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
        r = field.path ? values_fill(cells, path, values, &count, absent) : -ENOMEM;
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

static int cell_add(struct cells *cells, const struct entry_ref *ref, struct cell *absent,
                    uint32_t chosen)
{
    const struct group *group = &cells->groups->list.items[cells->chosen.items[chosen]];
    struct cell *cell = absent;

    if (ref) {
        uint64_t sig = ref->block->config_sig;
        uint32_t index = (uint32_t)(uintptr_t)map_get(&cells->cell_map, sig, NULL);

        if (index) {
            cell = &cells->list.items[index - 1];
        } else {
            cell = vec_push(&cells->list);
            if (!cell || map_add(&cells->cell_map, sig, (void *)(uintptr_t)cells->list.count) < 0)
                return -ENOMEM;
            *cell = (struct cell){
                .block = ref->block, .first = UINT32_MAX, .told = UINT64_MAX, .seen = UINT64_MAX};
        }
        cell->told &= ref->kind;
        cell->seen &= group->entry->kinds;
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

        if (ref && cell_add(cells, ref, &absent, c) < 0)
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
