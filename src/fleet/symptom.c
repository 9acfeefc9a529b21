#include "fleet/symptom.h"

#include "base/csv.h"
#include "base/hash.h"
#include "base/hostlist.h"
#include "base/map.h"
#include "base/vec.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define PAIRS_MAX 50000000 /* all pairs of 10,000 nodes */

/* Node indices by name and by name without its domain. */
struct names {
    const struct fleet *fleet;
    struct map full, shorter; /* hash -> index + 1 */
};

static struct str without_domain(struct str name)
{
    struct str head = name;

    return str_cut(&name, '.', &head) ? head : name;
}

static uint64_t hash_of(struct str name)
{
    return hash64(name.p, name.len);
}

static int names_init(struct names *names, const struct fleet *fleet)
{
    *names = (struct names){.fleet = fleet};
    for (size_t i = 0; i < fleet_node_count(fleet); i++) {
        struct str name = str_of(fleet_node(fleet, i)->name), head = without_domain(name);

        if (map_add(&names->full, hash_of(name), (void *)(i + 1)) < 0)
            return -ENOMEM;
        if (!map_get(&names->shorter, hash_of(head), NULL) &&
            map_add(&names->shorter, hash_of(head), (void *)(i + 1)) < 0)
            return -ENOMEM;
    }
    return 0;
}

static void names_done(struct names *names)
{
    map_done(&names->full);
    map_done(&names->shorter);
}

/* -1 when there is no such node. */
static long node_of(const struct names *names, struct str name)
{
    void *found = map_get(&names->full, hash_of(name), NULL);

    if (!found)
        found = map_get(&names->shorter, hash_of(without_domain(name)), NULL);
    return (long)(uintptr_t)found - 1;
}

static int by_index(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* 0 or -ENOMEM. */
static int add_stranger(struct arena *arena, struct strangers *strangers, struct str name)
{
    bool again = false;

    strangers->count++;
    for (size_t i = 0; i < strangers->named; i++)
        again |= str_is(name, strangers->names[i]);
    if (again || strangers->named == STRANGERS_NAMED)
        return 0;
    strangers->names[strangers->named] = arena_copy(arena, name.p, name.len);
    return strangers->names[strangers->named++] ? 0 : -ENOMEM;
}

static int nobody(const char *what, struct err *err)
{
    return err_set(err, -ENOENT, "%s: none of its nodes is among those that were read", what);
}

int symptom_from_slow(struct arena *arena, const struct fleet *fleet, const char *hosts,
                      struct symptom *out, struct strangers *strangers, struct err *err)
{
    struct hostlist list;
    struct names names;
    uint32_t *nodes, count = 0;
    int r = hostlist_expand(arena, str_of(hosts), &list, err);

    if (r < 0)
        return err_wrap(err, r, "--slow");
    nodes = arena_alloc(arena, (list.count + 1) * sizeof(*nodes));
    r = nodes ? names_init(&names, fleet) : -ENOMEM;
    if (!nodes)
        return err_set(err, r, "no memory for the list of slow nodes");
    *strangers = (struct strangers){0};
    for (size_t i = 0; i < list.count && r == 0; i++) {
        long node = node_of(&names, str_of(list.names[i]));

        if (node < 0)
            r = add_stranger(arena, strangers, str_of(list.names[i]));
        else
            nodes[count++] = (uint32_t)node;
    }
    names_done(&names);
    if (r < 0)
        return err_set(err, r, "no memory for the list of slow nodes");
    if (!count)
        return nobody("--slow", err);
    qsort(nodes, count, sizeof(*nodes), by_index);
    *out = (struct symptom){.kind = SYMPTOM_SLOW};
    for (uint32_t i = 0; i < count; i++) /* each once */
        if (!i || nodes[i] != nodes[out->slow.count - 1])
            nodes[out->slow.count++] = nodes[i];
    out->slow.nodes = nodes;
    return 0;
}

/* The next row of `want` cells whose last is a number; the heading row is passed over. Returns 1, 0
 * at the end, or -EINVAL. */
static int value_row(struct csv *csv, const char *file, int want, struct str *cells, double *value,
                     bool *any, struct err *err)
{
    for (;;) {
        int count = csv_row(csv, cells, err);

        if (count < 0)
            return err_wrap(err, count, "%s", file);
        if (count == 0)
            return 0;
        if (count < want)
            return err_set(err, -EINVAL, "%s: line %u: expected %s, found %d cell%s", file,
                           csv->line, want == 2 ? "node,value" : "node,node,value", count,
                           count == 1 ? "" : "s");
        if (str_to_double(cells[want - 1], value) == 0 && isfinite(*value)) {
            *any = true;
            return 1;
        }
        if (*any)
            return err_set(err, -EINVAL, "%s: line %u: '%.*s' is not a number", file, csv->line,
                           cells[want - 1].len > 40 ? 40 : (int)cells[want - 1].len,
                           cells[want - 1].p);
        *any = true; /* a heading, once */
    }
}

int symptom_from_metric(struct arena *arena, const struct fleet *fleet, const char *file,
                        struct str text, struct symptom *out, struct strangers *strangers,
                        struct err *err)
{
    size_t count = fleet_node_count(fleet), given = 0;
    double *values = arena_alloc(arena, (count + 1) * sizeof(*values)), value;
    struct csv csv = csv_begin(text);
    struct str cells[CSV_CELLS_MAX];
    struct names names;
    bool any = false;
    int r = values ? names_init(&names, fleet) : -ENOMEM;

    if (!values)
        return err_set(err, r, "%s: no memory for its values", file);
    for (size_t i = 0; i < count; i++)
        values[i] = NAN;
    *strangers = (struct strangers){0};
    while (r == 0 && (r = value_row(&csv, file, 2, cells, &value, &any, err)) == 1) {
        long node = node_of(&names, cells[0]);

        r = 0;
        if (node < 0) {
            r = add_stranger(arena, strangers, cells[0]);
        } else if (!isnan(values[node])) {
            r = err_set(err, -EINVAL, "%s: line %u: a second value for node %.*s", file, csv.line,
                        STR_ARG(cells[0]));
        } else {
            values[node] = value;
            given++;
        }
    }
    names_done(&names);
    if (r < 0)
        return r == -ENOMEM ? err_set(err, r, "%s: no memory for its values", file) : r;
    if (!given)
        return nobody(file, err);
    *out = (struct symptom){.kind = SYMPTOM_METRIC, .value = values};
    return 0;
}

int symptom_from_pairs(struct arena *arena, const struct fleet *fleet, const char *file,
                       struct str text, struct symptom *out, struct strangers *strangers,
                       struct err *err)
{
    VEC(struct symptom_pair) pairs = {0};
    struct csv csv = csv_begin(text);
    struct str cells[CSV_CELLS_MAX];
    struct symptom_pair *kept;
    struct names names;
    double value;
    bool any = false;
    int r = names_init(&names, fleet);

    *strangers = (struct strangers){0};
    while (r == 0 && (r = value_row(&csv, file, 3, cells, &value, &any, err)) == 1) {
        long a = node_of(&names, cells[0]), b = node_of(&names, cells[1]);
        struct symptom_pair *slot;

        r = 0;
        if (a < 0 || b < 0) {
            r = add_stranger(arena, strangers, cells[a < 0 ? 0 : 1]);
            continue;
        }
        if (a == b)
            r = err_set(err, -EINVAL, "%s: line %u: a pair of %.*s with itself", file, csv.line,
                        STR_ARG(cells[0]));
        else if (pairs.count == PAIRS_MAX)
            r = err_set(err, -EFBIG, "%s: line %u: more than %d pairs", file, csv.line, PAIRS_MAX);
        else if (!(slot = vec_push(&pairs)))
            r = -ENOMEM;
        else
            *slot = (struct symptom_pair){(uint32_t)a, (uint32_t)b, value};
    }
    names_done(&names);
    kept = r < 0 ? NULL : arena_alloc(arena, (pairs.count + 1) * sizeof(*kept));
    if (r == 0 && !kept)
        r = -ENOMEM;
    if (r == 0 && pairs.count)
        memcpy(kept, pairs.items, pairs.count * sizeof(*kept));
    if (r == -ENOMEM)
        (void)err_set(err, r, "%s: no memory for its pairs", file);
    if (r == 0 && !pairs.count)
        r = nobody(file, err);
    if (r == 0)
        *out = (struct symptom){.kind = SYMPTOM_PAIRS, .pairs = kept, .pair_count = pairs.count};
    vec_done(&pairs);
    return r;
}

long symptom_match(const struct fleet *fleet, const char *const *names, size_t count,
                   int64_t *nodes)
{
    bool *taken = calloc(fleet_node_count(fleet) + 1, sizeof(*taken));
    struct names known;
    long found = 0;
    int r = taken ? names_init(&known, fleet) : -ENOMEM;

    for (size_t i = 0; r == 0 && i < count; i++) {
        nodes[i] = node_of(&known, str_of(names[i]));
        if (nodes[i] >= 0 && taken[nodes[i]])
            nodes[i] = -1;
        if (nodes[i] >= 0) {
            taken[nodes[i]] = true;
            found++;
        }
    }
    if (taken)
        names_done(&known);
    free(taken);
    return r < 0 ? r : found;
}
