#include "fleet/align.h"

#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Nodes with more root buses than this are taken as they are. */
#define ROOTS_MAX 256

struct shape { /* a layout and who has it */
    const struct layout *layout;
    uint32_t nodes, first, index;
};

static int by_size(const void *a, const void *b)
{
    const struct shape *x = *(struct shape *const *)a, *y = *(struct shape *const *)b;

    if (x->nodes != y->nodes)
        return x->nodes > y->nodes ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* The different layouts, most nodes first. */
static int find_layouts(struct arena *arena, const struct fleet *fleet, struct node_set nodes,
                        struct alignment *out)
{
    struct map map = {0};
    VEC(struct shape *) shapes = {0};
    struct shape **of = arena_alloc(arena, (nodes.count + 1) * sizeof(*of));
    int r = -ENOMEM;

    out->of_node = arena_alloc(arena, (nodes.count + 1) * sizeof(*out->of_node));
    if (!of || !out->of_node)
        goto out;
    for (uint32_t i = 0; i < nodes.count; i++) {
        const struct layout *layout = fleet->records.items[nodes.nodes[i]].layout;
        struct shape *shape = map_get(&map, layout->sig, NULL), **slot;

        if (!shape) {
            shape = arena_alloc(arena, sizeof(*shape));
            slot = shape ? vec_push(&shapes) : NULL;
            if (!slot || map_add(&map, layout->sig, shape) < 0)
                goto out;
            *slot = shape;
            shape->layout = layout;
            shape->first = i;
        }
        shape->nodes++;
        of[i] = shape;
    }
    qsort(shapes.items, shapes.count, sizeof(*shapes.items), by_size);
    out->layout_count = (uint32_t)shapes.count;
    out->layouts = arena_alloc(arena, shapes.count * sizeof(*out->layouts));
    out->columns_of = arena_alloc(arena, shapes.count * sizeof(*out->columns_of));
    if (!out->layouts || !out->columns_of)
        goto out;
    for (uint32_t i = 0; i < shapes.count; i++) {
        out->layouts[i] = shapes.items[i]->layout;
        shapes.items[i]->index = i;
    }
    for (uint32_t i = 0; i < nodes.count; i++)
        out->of_node[i] = of[i]->index;
    r = 0;
out:
    map_done(&map);
    vec_done(&shapes);
    return r;
}

/* ---- root buses ---- */

/* What hangs on each root bus: a sorted list of hashes of (slot below it, device). */
struct roots {
    uint32_t count;
    uint64_t *marks;
    uint32_t *start; /* count + 1 */
};

static int by_mark(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static const char *below_root(const char *slot)
{
    const char *slash = strchr(slot, '/');

    return slash ? slash : "";
}

static int roots_of(struct arena *arena, const struct layout *layout, struct roots *out)
{
    uint32_t *fill;

    out->count = layout->roots;
    out->marks = arena_alloc(arena, (layout->count + 1) * sizeof(*out->marks));
    out->start = arena_alloc(arena, (layout->roots + 2) * sizeof(*out->start));
    fill = arena_alloc(arena, (layout->roots + 2) * sizeof(*fill));
    if (!out->marks || !out->start || !fill)
        return -ENOMEM;
    for (uint32_t i = 0; i < layout->count; i++)
        if (layout->seats[i].root >= 0)
            out->start[layout->seats[i].root + 1]++;
    for (uint32_t r = 0; r < layout->roots; r++) {
        out->start[r + 1] += out->start[r];
        fill[r] = out->start[r];
    }
    for (uint32_t i = 0; i < layout->count; i++) {
        const struct seat *seat = &layout->seats[i];
        const char *below = below_root(seat->key);

        if (seat->root >= 0)
            out->marks[fill[seat->root]++] =
                hash_mix(hash64(below, strlen(below)), seat->vendor_device);
    }
    for (uint32_t r = 0; r < layout->roots; r++)
        qsort(out->marks + out->start[r], out->start[r + 1] - out->start[r], sizeof(*out->marks),
              by_mark);
    return 0;
}

static uint32_t marks_common(const struct roots *a, uint32_t i, const struct roots *b, uint32_t k)
{
    const uint64_t *x = a->marks + a->start[i], *x_end = a->marks + a->start[i + 1];
    const uint64_t *y = b->marks + b->start[k], *y_end = b->marks + b->start[k + 1];
    uint32_t common = 0;

    while (x < x_end && y < y_end) {
        if (*x == *y) {
            common++;
            x++;
            y++;
        } else if (*x < *y) {
            x++;
        } else {
            y++;
        }
    }
    return common;
}

/* Root buses of `layout` as those of `reference`, in order, so that most devices meet their like.
 * map[r] is -1 for one that the reference lacks. */
static int match_roots(struct arena *arena, const struct layout *reference,
                       const struct layout *layout, int *map)
{
    struct roots a, b;
    uint32_t rows, columns;
    uint32_t
        *best; /* most devices met by the first i of a and k of b; doubled, plus the diagonal */

    if (roots_of(arena, reference, &a) < 0 || roots_of(arena, layout, &b) < 0)
        return -ENOMEM;
    rows = a.count + 1;
    columns = b.count + 1;
    best = arena_alloc(arena, (size_t)rows * columns * sizeof(*best));
    if (!best)
        return -ENOMEM;
    for (uint32_t i = 1; i < rows; i++)
        for (uint32_t k = 1; k < columns; k++) {
            uint32_t common = marks_common(&a, i - 1, &b, k - 1);
            uint32_t most = common ? best[(i - 1) * columns + k - 1] + 2 * common + (i == k) : 0;

            if (best[(i - 1) * columns + k] > most)
                most = best[(i - 1) * columns + k];
            if (best[i * columns + k - 1] > most)
                most = best[i * columns + k - 1];
            best[i * columns + k] = most;
        }
    for (uint32_t r = 0; r < b.count; r++)
        map[r] = -1;
    for (uint32_t i = a.count, k = b.count; i && k;) {
        uint32_t here = best[i * columns + k];

        if (here == best[(i - 1) * columns + k]) {
            i--;
        } else if (here == best[i * columns + k - 1]) {
            k--;
        } else {
            map[k - 1] = (int)i - 1;
            i--;
            k--;
        }
    }
    return 0;
}

/* ---- columns ---- */

struct columns {
    struct arena *arena;
    struct map map; /* hash of (kind, key) -> index + 1 */
    VEC(struct column) list;
};

static long column_of(struct columns *columns, const struct seat *seat, const char *key)
{
    uint64_t hash = hash_mix(hash64(key, strlen(key)), seat->kind);
    uintptr_t found = (uintptr_t)map_get(&columns->map, hash, NULL);
    struct column *column;

    if (found)
        return (long)found - 1;
    column = vec_push(&columns->list);
    if (!column || map_add(&columns->map, hash, (void *)(uintptr_t)columns->list.count) < 0)
        return -ENOMEM;
    *column = (struct column){
        .key = key,
        .role = seat->role == seat->key ? key : seat->role,
        .who = seat->who,
        .kind = seat->kind,
        .device = seat->device,
        .vendor_device = seat->vendor_device,
        .parent = -1,
    };
    return (long)columns->list.count - 1;
}

/* The slot as it would be called on the reference; a root bus that only this node has is "rb+N". */
static const char *seat_key(struct arena *arena, const struct seat *seat, const int *map)
{
    if (!map || seat->root < 0 || map[seat->root] == seat->root)
        return seat->key;
    if (map[seat->root] < 0)
        return arena_printf(arena, "rb+%d%s", seat->root, below_root(seat->key));
    return arena_printf(arena, "rb%d%s", map[seat->root], below_root(seat->key));
}

static int place_layout(struct columns *columns, const struct alignment *alignment, uint32_t index)
{
    const struct layout *reference = alignment->layouts[0], *layout = alignment->layouts[index];
    uint32_t *of = arena_alloc(columns->arena, (layout->count + 1) * sizeof(*of));
    int roots[ROOTS_MAX], *map = NULL;

    if (!of)
        return -ENOMEM;
    alignment->columns_of[index] = of;
    if (layout->pci_sig != reference->pci_sig && layout->roots <= ROOTS_MAX &&
        reference->roots <= ROOTS_MAX) {
        map = roots;
        if (match_roots(columns->arena, reference, layout, map) < 0)
            return -ENOMEM;
    }
    for (uint32_t i = 0; i < layout->count; i++) {
        const struct seat *seat = &layout->seats[i];
        const char *key = seat_key(columns->arena, seat, map);
        long column = key ? column_of(columns, seat, key) : -ENOMEM;

        if (column < 0)
            return -ENOMEM;
        of[i] = (uint32_t)column;
        if (seat->parent >= 0 && columns->list.items[column].parent < 0)
            columns->list.items[column].parent = (int32_t)of[seat->parent];
    }
    return 0;
}

/* A port ("rb2/01.0/00.0#1") goes with its card. */
static void hang_ports(struct columns *columns)
{
    for (size_t c = 0; c < columns->list.count; c++) {
        struct column *column = &columns->list.items[c];
        size_t slot = strcspn(column->key, "#");

        if (column->kind == SUBJECT_PCI || !column->key[slot])
            continue;
        column->parent =
            (int32_t)(uintptr_t)map_get(&columns->map,
                                        hash_mix(hash64(column->key, slot), SUBJECT_PCI), NULL) -
            1;
    }
}

int align_nodes(struct arena *arena, const struct fleet *fleet, struct node_set nodes,
                struct alignment *out)
{
    struct columns columns = {.arena = arena};
    int r;

    *out = (struct alignment){0};
    r = find_layouts(arena, fleet, nodes, out);
    for (uint32_t i = 0; i < out->layout_count && r == 0; i++)
        r = place_layout(&columns, out, i);
    hang_ports(&columns);
    if (r == 0 && columns.list.count) {
        out->columns = arena_alloc(arena, columns.list.count * sizeof(*out->columns));
        if (out->columns)
            memcpy(out->columns, columns.list.items, columns.list.count * sizeof(*out->columns));
        else
            r = -ENOMEM;
    }
    out->column_count = (uint32_t)columns.list.count;
    for (uint32_t n = 0; n < nodes.count && r == 0; n++) {
        const uint32_t *of = out->columns_of[out->of_node[n]];

        for (uint32_t i = 0; i < out->layouts[out->of_node[n]]->count; i++)
            out->columns[of[i]].nodes++;
    }
    map_done(&columns.map);
    vec_done(&columns.list);
    return r;
}
