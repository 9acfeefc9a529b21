#include "fleet/diff.h"

#include "fleet/judged.h"
#include "fleet/sets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Nodes that say the same at one place. */
struct group {
    const struct entry *entry;
    uint32_t column, next;         /* next group of the column, 0: none (indices + 1) */
    uint32_t count, start, filled; /* of `nodes` in the work */
    uint32_t first;                /* lowest node */
    uint64_t hash;
};

/* Groups whose block is the same. */
struct cell {
    const struct fact_block *block;
    uint32_t count, first, groups; /* chain of groups through chain[] (indices + 1) */
    uint64_t hash;
};

struct value {
    uint64_t sig, hash;
    uint32_t count, first, path;
    bool absent, rest; /* rest: all that are rarer than those before it in the list */
    const char *text;
    const struct set *set;
};

/* One path of the block at hand. */
struct path {
    uint32_t key, count, first_value, values; /* values: how many different */
    uint64_t hash;
    uint32_t cell; /* the cell that `sig` is of */
    uint64_t sig;
    uint32_t last; /* the value met last */
};

struct work {
    const struct fleet *fleet;
    const struct alignment *alignment;
    struct node_set nodes;
    struct diff *out;
    struct arena *arena;
    struct sets *sets;
    VEC(struct group) groups;
    struct map group_map;
    uint32_t *heads, *tails, *last; /* per column: groups (indices + 1) */
    uint32_t *members;              /* nodes of the groups that are looked into */
    /* the column at hand */
    VEC(uint32_t) chosen; /* its groups */
    VEC(uint32_t) chain;  /* per chosen group: next of the same cell (index + 1) */
    VEC(struct cell) cells;
    VEC(struct path) paths;
    VEC(struct value) values;
    VEC(uint32_t) key_path; /* per key: its path (index + 1); cleared after each block */
    struct map value_map, cell_map;
    VEC(uint32_t) buffer;
};

static const struct record *record_of(const struct work *work, uint32_t n)
{
    return &work->fleet->records.items[work->nodes.nodes[n]];
}

/* ---- groups ---- */

static struct group *group_of(struct work *work, uint32_t column, const struct entry *entry)
{
    uint32_t index = work->last[column];
    struct group *group = index ? &work->groups.items[index - 1] : NULL;
    uint64_t hash;

    if (group && group->entry == entry)
        return group;
    hash = hash_mix((uintptr_t)entry, column + 1);
    index = (uint32_t)(uintptr_t)map_get(&work->group_map, hash, NULL);
    if (!index) {
        group = vec_push(&work->groups);
        if (!group)
            return NULL;
        index = (uint32_t)work->groups.count;
        if (map_add(&work->group_map, hash, (void *)(uintptr_t)index) < 0)
            return NULL;
        *group = (struct group){.entry = entry, .column = column, .first = UINT32_MAX};
        if (work->tails[column])
            work->groups.items[work->tails[column] - 1].next = index;
        else
            work->heads[column] = index;
        work->tails[column] = index;
    }
    work->last[column] = index;
    return &work->groups.items[index - 1];
}

static bool differs(const struct work *work, uint32_t column)
{
    return work->heads[column] != work->tails[column] ||
           work->alignment->columns[column].nodes < work->nodes.count;
}

/* Count first, then list the nodes of those groups that will be looked into. */
static int find_groups(struct work *work)
{
    uint32_t columns = work->alignment->column_count, total = 0;

    work->heads = calloc(columns + 1, sizeof(*work->heads));
    work->tails = calloc(columns + 1, sizeof(*work->tails));
    work->last = calloc(columns + 1, sizeof(*work->last));
    if (!work->heads || !work->tails || !work->last)
        return -ENOMEM;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t n = 0; n < work->nodes.count; n++) {
            const uint32_t *of = work->alignment->columns_of[work->alignment->of_node[n]];
            const struct record *record = record_of(work, n);
            uint32_t node = work->nodes.nodes[n];

            for (uint32_t i = 0; i < record->layout->count; i++) {
                struct group *group;

                if (pass && !differs(work, of[i]))
                    continue;
                group = group_of(work, of[i], record->entries[i]);
                if (!group)
                    return -ENOMEM;
                if (pass) {
                    work->members[group->start + group->filled++] = node;
                    continue;
                }
                group->count++;
                group->hash += set_hash_of_node(node);
                if (node < group->first)
                    group->first = node;
            }
        }
        if (pass)
            break;
        for (size_t g = 0; g < work->groups.count; g++)
            if (differs(work, work->groups.items[g].column)) {
                work->groups.items[g].start = total;
                total += work->groups.items[g].count;
            }
        work->members = malloc((total + 1) * sizeof(*work->members));
        if (!work->members)
            return -ENOMEM;
    }
    return 0;
}

/* ---- fields ---- */

static int buffer_add(struct work *work, const uint32_t *nodes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *slot = vec_push(&work->buffer);

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

/* Add the field with these values (their sets made). */
static int add_field(struct work *work, struct field field, struct value *values, uint32_t count)
{
    struct field *slot;

    qsort(values, count, sizeof(*values), by_count);
    field.values = arena_alloc(work->arena, count * sizeof(*field.values));
    if (!field.values)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        field.values[i] = (struct field_value){values[i].text, values[i].set, values[i].absent};
    field.value_count = count;
    if (work->out->fields.count >= DIFF_FIELDS_MAX)
        return 0;
    slot = vec_push(&work->out->fields);
    if (!slot)
        return -ENOMEM;
    *slot = field;
    return 0;
}

/* ---- presence ---- */

/* Is the subject there at all? A node counts when it has a kind of source that shows such subjects.
 */
static int presence_field(struct work *work, uint32_t column)
{
    uint32_t count = work->alignment->columns[column].nodes;
    struct value values[2] = {{.text = "present"}, {.text = "absent", .absent = true}};
    uint64_t kinds = 0;

    if (count == work->nodes.count)
        return 0;
    work->buffer.count = 0;
    for (size_t c = 0; c < work->chosen.count; c++) {
        const struct group *group = &work->groups.items[work->chosen.items[c]];

        for (uint32_t r = 0; r < group->entry->ref_count; r++)
            kinds |= group->entry->refs[r].kind;
        if (buffer_add(work, work->members + group->start, group->count) < 0)
            return -ENOMEM;
    }
    values[0].set = sets_keep(work->sets, work->buffer.items, (uint32_t)work->buffer.count);
    if (!values[0].set)
        return -ENOMEM;
    work->buffer.count = 0;
    for (uint32_t n = 0; n < work->nodes.count; n++) {
        uint32_t node = work->nodes.nodes[n];

        if (record_of(work, n)->kinds & kinds && !set_has(&values[0].set->nodes, node) &&
            buffer_add(work, &node, 1) < 0)
            return -ENOMEM;
    }
    if (!work->buffer.count)
        return 0;
    values[1].set = sets_keep(work->sets, work->buffer.items, (uint32_t)work->buffer.count);
    if (!values[1].set)
        return -ENOMEM;
    for (int i = 0; i < 2; i++) {
        values[i].count = values[i].set->nodes.count;
        values[i].first = values[i].set->nodes.nodes[0];
    }
    /* With two nodes, what one lacks is missing rather than extra on the other. */
    if (values[0].count == values[1].count)
        values[0].first = 0, values[1].first = 1;
    return add_field(work, (struct field){.column = column, .path = ""}, values, 2);
}

/* ---- blocks ---- */

static uint64_t fact_sig(const struct fact *fact)
{
    /* Texts are pooled: equal texts are one pointer. */
    return hash_mix(hash_mix((uintptr_t)fact->text, (uint64_t)fact->number), fact->type + 1);
}

static struct path *path_of(struct work *work, uint32_t key)
{
    struct path *path;

    while (work->key_path.count <= key)
        if (!vec_push(&work->key_path))
            return NULL;
    if (work->key_path.items[key])
        return &work->paths.items[work->key_path.items[key] - 1];
    path = vec_push(&work->paths);
    if (!path)
        return NULL;
    work->key_path.items[key] = (uint32_t)work->paths.count;
    path->key = key;
    path->cell = UINT32_MAX;
    path->last = UINT32_MAX;
    return path;
}

static int count_value(struct work *work, uint32_t path_index, const struct cell *cell)
{
    struct path *path = &work->paths.items[path_index];
    uint32_t index = path->last;
    struct value *value;

    if (index == UINT32_MAX || work->values.items[index].sig != path->sig) {
        uint64_t hash = hash_mix(path->sig, path_index + 1);

        index = (uint32_t)(uintptr_t)map_get(&work->value_map, hash, NULL) - 1;
        if (index == UINT32_MAX) {
            value = vec_push(&work->values);
            if (!value)
                return -ENOMEM;
            index = (uint32_t)work->values.count - 1;
            if (map_add(&work->value_map, hash, (void *)(uintptr_t)(index + 1)) < 0)
                return -ENOMEM;
            *value = (struct value){.sig = path->sig, .path = path_index, .first = UINT32_MAX};
            path->values++;
        }
    }
    value = &work->values.items[index];
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
static int count_cell(struct work *work, uint32_t cell_index)
{
    const struct cell *cell = &work->cells.items[cell_index];

    for (uint32_t i = 0; i < cell->block->count; i++) {
        const struct fact *fact = &cell->block->facts[i];
        struct path *path;

        if (fact->class != FACT_CONFIG)
            continue;
        path = path_of(work, fact->key);
        if (!path)
            return -ENOMEM;
        path->sig = path->cell == cell_index ? hash_mix(path->sig, fact_sig(fact)) : fact_sig(fact);
        path->cell = cell_index;
    }
    for (uint32_t p = 0; p < work->paths.count; p++)
        if (work->paths.items[p].cell == cell_index && count_value(work, p, cell) < 0)
            return -ENOMEM;
    return 0;
}

/* The sig of a path in a block, 0 when it has none; *text the value's spelling when asked for. */
static int cell_value(struct work *work, const struct fact_block *block, uint32_t key,
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
        *text = list.failed ? NULL : arena_copy(work->arena, list.p, list.len);
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
static int fill_value(struct work *work, uint32_t key, struct value *values, uint32_t v,
                      const struct cell *absent)
{
    struct value *value = &values[v];
    const struct set *known = sets_get(work->sets, value->hash);

    work->buffer.count = 0;
    for (size_t c = 0; c < work->cells.count + 1; c++) {
        const struct cell *cell = c < work->cells.count ? &work->cells.items[c] : absent;
        const char *text = NULL;
        uint64_t sig = 0;

        if (cell->block && cell_value(work, cell->block, key, &sig, value->text ? NULL : &text) < 0)
            return -ENOMEM;
        if (!value_takes(values, v, sig))
            continue;
        if (!value->text)
            value->text = text;
        if (known && value->text)
            break;
        for (uint32_t g = known ? 0 : cell->groups; g; g = work->chain.items[g - 1]) {
            const struct group *group = &work->groups.items[work->chosen.items[g - 1]];

            if (buffer_add(work, work->members + group->start, group->count) < 0)
                return -ENOMEM;
        }
    }
    if (!known)
        known = sets_keep(work->sets, work->buffer.items, (uint32_t)work->buffer.count);
    value->set = known;
    return known ? 0 : -ENOMEM;
}

/* The rarest values become one when there are too many. */
static int fill_values(struct work *work, uint32_t key, struct value *values, uint32_t *count,
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
        rest->text = arena_printf(work->arena, "%u other values", *count - DIFF_VALUES_MAX + 1);
        *count = DIFF_VALUES_MAX;
        if (!rest->text)
            return -ENOMEM;
    }
    for (uint32_t v = 0; v < *count; v++)
        if (values[v].absent)
            values[v].text = "absent";
    for (uint32_t v = 0; v < *count && r == 0; v++)
        r = fill_value(work, key, values, v, absent);
    return r;
}

static int path_field(struct work *work, uint32_t column, const struct entry_ref *ref,
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
    for (size_t v = 0; v < work->values.count; v++)
        if (&work->paths.items[all_values[v].path] == path)
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
        work->out->dropped++;
    } else {
        const char *name = fact_key_name(work->fleet->pool, path->key);
        struct field field = {.column = column,
                              .block = ref->block->name,
                              .key = path->key,
                              .ordinal = ref->ordinal,
                              .in_block = in_block,
                              .path = name};

        if (ref->ordinal) {
            const char *block = fact_key_name(work->fleet->pool, ref->block->name);

            field.path = arena_printf(work->arena, "%s#%u%s", block, ref->ordinal + 1u,
                                      name + strlen(block));
        }
        r = field.path ? fill_values(work, path->key, values, &count, absent) : -ENOMEM;
        for (uint32_t v = 0; v < count && r == 0; v++)
            values[v].first = values[v].set->nodes.nodes[0];
        if (r == 0)
            r = add_field(work, field, values, count);
    }
    free(values);
    return r;
}

/* All fields of one block (name and ordinal) at one place. */
static int block_fields(struct work *work, uint32_t column, const struct entry_ref *ref,
                        struct cell *absent)
{
    uint32_t known = absent->count;
    uint64_t known_hash = absent->hash;
    int r = 0;

    if (work->cells.count + (absent->count > 0) < 2)
        return 0;
    work->paths.count = 0;
    work->values.count = 0;
    map_clear(&work->value_map);
    for (uint32_t c = 0; c < work->cells.count && r == 0; c++) {
        known += work->cells.items[c].count;
        known_hash += work->cells.items[c].hash;
        r = count_cell(work, c);
    }
    for (size_t p = 0; p < work->paths.count && r == 0; p++)
        r = path_field(work, column, ref, &work->paths.items[p], work->values.items, absent, known,
                       known_hash);
    for (size_t p = 0; p < work->paths.count; p++)
        work->key_path.items[work->paths.items[p].key] = 0;
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

static int cell_add(struct work *work, const struct fact_block *block, struct cell *absent,
                    uint32_t chosen)
{
    const struct group *group = &work->groups.items[work->chosen.items[chosen]];
    struct cell *cell = absent;

    if (block) {
        uint32_t index = (uint32_t)(uintptr_t)map_get(&work->cell_map, block->config_sig, NULL);

        if (index) {
            cell = &work->cells.items[index - 1];
        } else {
            cell = vec_push(&work->cells);
            if (!cell || map_add(&work->cell_map, block->config_sig,
                                 (void *)(uintptr_t)work->cells.count) < 0)
                return -ENOMEM;
            cell->block = block;
            cell->first = UINT32_MAX;
        }
    }
    cell->count += group->count;
    cell->hash += group->hash;
    if (group->first < cell->first)
        cell->first = group->first;
    work->chain.items[chosen] = cell->groups;
    cell->groups = chosen + 1;
    return 0;
}

/* One block of one place: sort the groups into cells by what the block says. */
static int compare_block(struct work *work, uint32_t column, const struct entry_ref *like)
{
    const char *name = fact_key_name(work->fleet->pool, like->block->name);
    struct cell absent = {.first = UINT32_MAX};
    uint64_t kinds = 0;

    work->cells.count = 0;
    map_clear(&work->cell_map);
    for (uint32_t c = 0; c < work->chosen.count; c++) {
        const struct entry *entry = work->groups.items[work->chosen.items[c]].entry;
        const struct entry_ref *ref = find_ref(entry, like);

        if (ref && cell_add(work, ref->block, &absent, c) < 0)
            return -ENOMEM;
        if (ref)
            kinds |= ref->kind;
    }
    for (uint32_t c = 0; c < work->chosen.count; c++) {
        const struct entry *entry = work->groups.items[work->chosen.items[c]].entry;

        if (!find_ref(entry, like) && entry->kinds & kinds && !block_unseen(entry, name) &&
            cell_add(work, NULL, &absent, c) < 0)
            return -ENOMEM;
    }
    return block_fields(work, column, like, &absent);
}

/* Every (name, ordinal) once: with the first group that has it. */
static int compare_column(struct work *work, uint32_t column)
{
    struct map seen = {0};
    int r = 0;

    work->chosen.count = work->chain.count = 0;
    for (uint32_t g = work->heads[column]; g; g = work->groups.items[g - 1].next) {
        uint32_t *slot = vec_push(&work->chosen), *link = vec_push(&work->chain);

        if (!slot || !link)
            return -ENOMEM;
        *slot = g - 1;
    }
    r = presence_field(work, column);
    for (uint32_t c = 0; work->chosen.count > 1 && c < work->chosen.count && r == 0; c++) {
        const struct entry *entry = work->groups.items[work->chosen.items[c]].entry;

        for (uint32_t i = 0; i < entry->ref_count && r == 0; i++) {
            const struct entry_ref *ref = &entry->refs[i];
            uint64_t name = (uint64_t)ref->block->name << 16 | ref->ordinal;

            if (map_get(&seen, name, NULL))
                continue;
            r = map_add(&seen, name, work);
            if (r == 0)
                r = compare_block(work, column, ref);
        }
    }
    map_done(&seen);
    return r;
}

int diff_find(struct arena *arena, const struct fleet *fleet, const struct alignment *alignment,
              struct node_set nodes, struct diff *out)
{
    struct sets sets = {.arena = arena};
    struct work work = {.fleet = fleet,
                        .alignment = alignment,
                        .nodes = nodes,
                        .out = out,
                        .arena = arena,
                        .sets = &sets};
    int r;

    *out = (struct diff){.alignment = alignment, .nodes = nodes};
    r = find_groups(&work);
    for (uint32_t c = 0; c < alignment->column_count && r == 0; c++)
        if (differs(&work, c))
            r = compare_column(&work, c);
    /* Column 0 is the host: every node has it, first. */
    if (r == 0)
        r = judged_fields(&sets, fleet, nodes, 0, out);
    sets_done(&sets);
    map_done(&work.group_map);
    map_done(&work.value_map);
    map_done(&work.cell_map);
    free(work.heads);
    free(work.tails);
    free(work.last);
    free(work.members);
    vec_done(&work.groups);
    vec_done(&work.chosen);
    vec_done(&work.chain);
    vec_done(&work.cells);
    vec_done(&work.paths);
    vec_done(&work.values);
    vec_done(&work.key_path);
    vec_done(&work.buffer);
    return r;
}

void diff_done(struct diff *diff)
{
    vec_done(&diff->fields);
}
