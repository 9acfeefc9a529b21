/* First each B that is not packed is packed, in parts if it is large. Then products that read the
 * same A, one after another in the list, are a group: an item copies a few rows of A into panels,
 * which stay in the second cache, and takes panel after panel of all B of the group. So what is
 * copied is copied once. All of k is summed in registers, so C is touched once and no cut changes
 * a bit. */
#include "kernels/gemm.h"

#include "kernels/cpu/gemm.h"
#include "kernels/cut.h"

#include <assert.h>

#define A_BYTES    (512 << 10) /* rows of A of an item, half of L2, unless they are ROWS_MIN */
#define B_BYTES    (16 << 20)  /* panels of B that a call packs at once, unless it is one */
#define K_BYTES    (4 << 10)   /* of a lane of a B that a call packs: a panel is a quarter of L2 */
#define ROWS_MAX   128         /* of an item */
#define ROWS_MIN   64
#define PANELS_MIN 4         /* of an item: packing A costs 1/24 of the work here */
#define COST_MIN   (4 << 20) /* of an item, in multiplications: about 10 us */
#define PACK_MIN   (1 << 16) /* numbers of B that are worth waking another thread */
#define ITEMS      8         /* for each thread */

static const struct gemm_ops *ops_of(const struct exec *exec, enum dtype type)
{
    static const struct gemm_ops *const levels[KERNEL_LEVELS] = {
        [KERNEL_REF] = gemm_ops_ref,
        [KERNEL_AVX2] = gemm_ops_avx2,
        [KERNEL_AVX512] = gemm_ops_avx512,
        [KERNEL_AVX512_BF16] = gemm_ops_avx512bf16,
    };

    return &levels[exec->level][type];
}

/* Bytes of a panel of one lane. */
static size_t lane_bytes(const struct gemm_ops *ops, size_t k)
{
    return parts_of(k, ops->step) * GEMM_UNIT;
}

/* Columns of the panel that begins at `column`. What is little more than one panel becomes two of
 * about a half: in a narrow tile each sum waits for its last step. */
static size_t panel_columns(const struct gemm_ops *ops, size_t n, size_t column)
{
    size_t left = n - column;

    if (left > ops->columns && left <= ops->columns + ops->align)
        return round_up(left / 2, ops->align);
    return min(left, ops->columns);
}

static size_t panel_count(const struct gemm_ops *ops, size_t n)
{
    return parts_of(n, ops->columns);
}

/* Where panel number `panel` begins. */
static size_t panel_column(const struct gemm_ops *ops, size_t n, size_t panel)
{
    size_t before = panel ? (panel - 1) * ops->columns : 0;

    return panel ? before + panel_columns(ops, n, before) : 0;
}

/* The panels of B one after another: where the one that begins at `column` lies. */
static size_t panel_offset(const struct gemm_ops *ops, size_t k, size_t column)
{
    return column * lane_bytes(ops, k);
}

size_t gemm_packed_bytes(const struct exec *exec, enum dtype type, size_t k, size_t n)
{
    const struct gemm_ops *ops = ops_of(exec, type);

    return round_up(round_up(n, ops->align) * lane_bytes(ops, k), 64);
}

/* ---- packing a B ---- */

struct packing {
    const struct gemm_ops *ops;
    struct gemm_source source;
    size_t k, n;
    char *packed;
};

static void pack_panel(void *arg, size_t panel, size_t thread)
{
    const struct packing *packing = arg;
    const struct gemm_ops *ops = packing->ops;
    size_t column = panel_column(ops, packing->n, panel);
    size_t columns = panel_columns(ops, packing->n, column);

    (void)thread;
    ops->pack_b(&packing->source, column, columns, round_up(columns, ops->align), packing->k,
                packing->packed + panel_offset(ops, packing->k, column));
}

void gemm_pack(const struct exec *exec, enum dtype type, size_t k, size_t n, const float *b,
               size_t ldb, bool transposed, void *packed)
{
    const struct gemm_ops *ops = ops_of(exec, type);
    struct packing packing = {.ops = ops,
                              .source = {b, ldb, NULL, !transposed, DTYPE_F32},
                              .k = k,
                              .n = n,
                              .packed = packed};

    assert((uintptr_t)packed % 64 == 0);
    pool_run(exec->pool, panel_count(ops, n), pack_panel, &packing);
}

size_t gemm_scratch_bytes(const struct exec *exec)
{
    return B_BYTES + pool_threads(exec->pool) * A_BYTES;
}

/* ---- the products ---- */

/* Products of the list that share the rows of A. */
struct group {
    size_t first, count; /* products */
    size_t rows;         /* of an item */
    size_t panels;       /* of all products together, */
    size_t parts;        /* and into how many items they are cut */
    size_t first_item;
};

/* A product's B, packed. */
struct packed {
    const char *b;
    size_t first_panel; /* of those that are packed in this call */
};

/* What a thread holds in its scratch. */
struct held {
    size_t group, row; /* whose rows of A are packed, and from which */
    _Alignas(64) char a[];
};

struct run {
    struct pool *pool;
    const struct gemm_ops *ops;
    enum dtype type;
    const struct gemm *list;
    size_t count;
    struct packed *packed; /* (count) */
    struct group *groups;  /* (group_count) */
    size_t group_count;
    size_t shared_bytes; /* of thread 0's scratch, before what it holds */
    size_t held_bytes;
};

static struct held *held_of(const struct run *run, size_t thread)
{
    size_t shared = thread == 0 ? run->shared_bytes : 0;

    return (struct held *)((char *)pool_scratch(run->pool, thread, shared + run->held_bytes) +
                           shared);
}

static bool empty(const struct gemm *g)
{
    return g->m == 0 || g->n == 0 || g->k == 0;
}

static bool same_a(const struct gemm *g, const struct gemm *other)
{
    return g->a == other->a && g->lda == other->lda && g->a_rows == other->a_rows &&
           g->a_transposed == other->a_transposed && g->m == other->m && g->k == other->k;
}

static double cost_of(const struct gemm_ops *ops, size_t m, size_t n, size_t k)
{
    return (double)round_up(m, ops->rows) * (double)n * (double)k;
}

/* Whole rows of C first, then parts of them. */
static void cut_group(const struct run *run, struct group *group, double item_cost)
{
    const struct gemm_ops *ops = run->ops;
    const struct gemm *g = &run->list[group->first];
    size_t fit = A_BYTES / lane_bytes(ops, g->k), columns = group->panels * ops->columns;
    size_t rows = min(ROWS_MAX, fit);
    double row_cost = cost_of(ops, 1, columns, g->k) / (double)ops->rows, parts;

    if (item_cost / row_cost < (double)rows)
        rows = (size_t)(item_cost / row_cost);
    rows = rows < ROWS_MIN ? ROWS_MIN : rows;
    rows = parts_of(g->m, parts_of(g->m, rows)); /* all of about the same height */
    group->rows = round_up(rows, ops->rows);
    parts = row_cost * (double)group->rows / item_cost;
    group->parts = min(parts > 1 ? (size_t)parts : 1, parts_of(group->panels, PANELS_MIN));
}

/* Groups of the list, and their items. */
static size_t group_list(struct run *run, double item_cost)
{
    size_t items = 0;

    run->group_count = 0;
    for (size_t i = 0; i < run->count; i++) {
        const struct gemm *g = &run->list[i];
        struct group *group = run->group_count ? &run->groups[run->group_count - 1] : NULL;

        if (empty(g))
            continue;
        if (!group || group->first + group->count != i || !same_a(g, &run->list[group->first])) {
            group = &run->groups[run->group_count++];
            *group = (struct group){.first = i};
        }
        group->count++;
        group->panels += panel_count(run->ops, g->n);
    }
    for (size_t i = 0; i < run->group_count; i++) {
        struct group *group = &run->groups[i];

        cut_group(run, group, item_cost);
        group->first_item = items;
        items += parts_of(run->list[group->first].m, group->rows) * group->parts;
    }
    return items;
}

static const struct group *find_group(const struct run *run, size_t item)
{
    size_t low = 0, high = run->group_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (run->groups[middle].first_item <= item)
            low = middle;
        else
            high = middle;
    }
    return &run->groups[low];
}

/* Rows of A, unless they are there. */
static const char *take_rows(const struct run *run, const struct group *group, size_t row,
                             size_t rows, size_t thread)
{
    const struct gemm *g = &run->list[group->first];
    struct gemm_source source = {g->a, g->lda, g->a_rows, g->a_transposed, run->type};
    struct held *held = held_of(run, thread);

    if (held->group != group->first || held->row != row)
        run->ops->pack_a(&source, row, rows, g->k, held->a,
                         run->ops->rows * lane_bytes(run->ops, g->k));
    held->group = group->first;
    held->row = row;
    return held->a;
}

/* Rows of C in one panel's columns. */
static void run_panel(const struct run *run, size_t product, size_t panel, size_t row, size_t rows,
                      const char *a)
{
    const struct gemm_ops *ops = run->ops;
    const struct gemm *g = &run->list[product];
    size_t column = panel_column(ops, g->n, panel), columns = panel_columns(ops, g->n, column);
    size_t steps = parts_of(g->k, ops->step), lane = lane_bytes(ops, g->k);
    const char *b = run->packed[product].b + panel_offset(ops, g->k, column);
    struct mat c = mat_at(g->c, row, column);

    for (size_t i = 0; i < rows; i += ops->rows, c = mat_at(c, ops->rows, 0))
        ops->tile(steps, min(ops->rows, rows - i), columns, a + i * lane, b, &c, g->accumulate);
}

static void run_item(void *arg, size_t item, size_t thread)
{
    const struct run *run = arg;
    const struct group *group = find_group(run, item);
    size_t part = (item - group->first_item) % group->parts;
    size_t row = (item - group->first_item) / group->parts * group->rows;
    size_t rows = min(group->rows, run->list[group->first].m - row);
    size_t begin = group->panels * part / group->parts;
    size_t end = group->panels * (part + 1) / group->parts;
    const char *a = take_rows(run, group, row, rows, thread);

    for (size_t i = group->first, before = 0; i < group->first + group->count; i++) {
        size_t panels = panel_count(run->ops, run->list[i].n);

        for (size_t panel = begin > before ? begin - before : 0;
             panel < panels && before + panel < end; panel++)
            run_panel(run, i, panel, row, rows, a);
        before += panels;
    }
}

static void pack_item(void *arg, size_t item, size_t thread)
{
    const struct run *run = arg;
    size_t low = 0, high = run->count;
    const struct gemm *g;
    struct packing packing;

    while (high - low > 1) { /* the last that begins here: those without panels come before it */
        size_t middle = low + (high - low) / 2;

        if (run->packed[middle].first_panel <= item)
            low = middle;
        else
            high = middle;
    }
    g = &run->list[low];
    packing = (struct packing){
        .ops = run->ops,
        .source = {g->b, g->ldb, NULL, !g->b_transposed, g->b_wide ? DTYPE_F32 : run->type},
        .k = g->k,
        .n = g->n,
        .packed = (char *)(uintptr_t)run->packed[low].b};
    pack_panel(&packing, item - run->packed[low].first_panel, thread);
}

/* Bytes of B that this call packs for a product. */
static size_t b_bytes(const struct gemm_ops *ops, const struct gemm *g)
{
    if (g->b_packed || empty(g))
        return 0;
    return round_up(round_up(g->n, ops->align) * lane_bytes(ops, g->k), 64);
}

/* Thread 0's scratch: groups, the list's B, then what it holds. */
static void lay_scratch(struct run *run)
{
    size_t count = run->count, a_bytes = 0, b_offset;
    size_t group_bytes = round_up(count * (sizeof(struct group) + sizeof(struct packed)), 64);
    char *base;

    run->shared_bytes = group_bytes;
    for (size_t i = 0; i < count; i++)
        run->shared_bytes += b_bytes(run->ops, &run->list[i]);
    for (size_t i = 0; i < count; i++) {
        const struct gemm *g = &run->list[i];
        size_t fit = A_BYTES / (lane_bytes(run->ops, g->k) + 1);
        size_t rows = min(g->m, fit < ROWS_MIN ? ROWS_MIN : min(fit, ROWS_MAX));
        size_t bytes =
            (round_up(rows, run->ops->rows) + run->ops->rows) * lane_bytes(run->ops, g->k);

        a_bytes = bytes > a_bytes ? bytes : a_bytes;
    }

    run->held_bytes = sizeof(struct held) + round_up(a_bytes, 64);
    for (size_t i = 0; i < pool_threads(run->pool); i++)
        held_of(run, i)->group = SIZE_MAX;
    base = pool_scratch(run->pool, 0, run->shared_bytes + run->held_bytes);
    run->groups = (struct group *)base;
    run->packed = (struct packed *)(base + count * sizeof(struct group));
    b_offset = group_bytes;
    for (size_t i = 0; i < count; i++) {
        const struct gemm *g = &run->list[i];

        run->packed[i].b = g->b_packed ? g->b : base + b_offset;
        b_offset += b_bytes(run->ops, g);
    }
}

/* Runs all items, on this thread when the work is little. */
static void run_items(const struct run *run, size_t items, bool little,
                      void (*work)(void *arg, size_t item, size_t thread))
{
    if (!little)
        pool_run(run->pool, items, work, (void *)(uintptr_t)run);
    for (size_t i = 0; little && i < items; i++)
        work((void *)(uintptr_t)run, i, 0);
}

static void run_list(const struct exec *exec, enum dtype type, const struct gemm *list,
                     size_t count)
{
    struct run run = {exec->pool, ops_of(exec, type), type, list, count};
    double cost = 0, item_cost, packed = 0;
    size_t panels = 0;

    for (size_t i = 0; i < count; i++)
        cost += cost_of(run.ops, list[i].m, list[i].n, list[i].k);
    item_cost = cost / (double)(pool_threads(run.pool) * ITEMS);
    item_cost = item_cost > COST_MIN ? item_cost : COST_MIN;
    lay_scratch(&run);
    for (size_t i = 0; i < count; i++) {
        run.packed[i].first_panel = panels;
        if (b_bytes(run.ops, &list[i]) > 0) {
            panels += panel_count(run.ops, list[i].n);
            packed += (double)list[i].n * (double)list[i].k;
        }
    }
    run_items(&run, panels, packed < PACK_MIN, pack_item);
    run_items(&run, group_list(&run, item_cost), cost < COST_MIN, run_item);
}

/* A product with so large a B that it goes in parts of its columns. */
static void run_parts(const struct exec *exec, enum dtype type, const struct gemm *g)
{
    const struct gemm_ops *ops = ops_of(exec, type);
    size_t columns = B_BYTES / lane_bytes(ops, g->k) / ops->columns * ops->columns;

    columns = columns ? columns : ops->columns;
    for (size_t column = 0; column < g->n; column += columns) {
        struct gemm part = *g;

        part.n = min(columns, g->n - column);
        part.b = (const char *)g->b + column * (g->b_transposed ? g->ldb : 1) *
                                          dtype_bytes(g->b_wide ? DTYPE_F32 : type);
        part.c = mat_at(g->c, 0, column);
        run_list(exec, type, &part, 1);
    }
}

/* Is it done in spans of k? Each sum goes on with what is in C, in the same order. In bf16, whose
 * panels are half as large, it costs more than it gives. */
static bool has_spans(const struct gemm_ops *ops, enum dtype type, const struct gemm *g)
{
    return type == DTYPE_F32 && !g->b_packed && g->c.type == DTYPE_F32 &&
           lane_bytes(ops, g->k) > K_BYTES;
}

static const void *after(const void *p, size_t numbers, enum dtype type)
{
    return (const char *)p + numbers * dtype_bytes(type);
}

/* A product of so many k that a panel of B would not stay in L2. */
static void run_spans(const struct exec *exec, enum dtype type, const struct gemm *g)
{
    const struct gemm_ops *ops = ops_of(exec, type);
    size_t spans = parts_of(lane_bytes(ops, g->k), K_BYTES);
    size_t span = round_up(parts_of(g->k, spans), ops->step);

    for (size_t k = 0; k < g->k; k += span) {
        struct gemm part = *g;

        part.k = min(span, g->k - k);
        if (!g->a_transposed)
            part.a = after(g->a, k, type);
        else if (g->a_rows)
            part.a_rows = g->a_rows + k;
        else
            part.a = after(g->a, k * g->lda, type);
        part.b = after(g->b, k * (g->b_transposed ? 1 : g->ldb), g->b_wide ? DTYPE_F32 : type);
        part.accumulate = g->accumulate || k > 0;
        run_parts(exec, type, &part);
    }
}

void gemm_run(const struct exec *exec, enum dtype type, const struct gemm *list, size_t count)
{
    const struct gemm_ops *ops = ops_of(exec, type);
    size_t first = 0, bytes = 0;

    for (size_t i = 0; i < count; i++) {
        const struct gemm *g = &list[i];

        assert(!g->accumulate || g->c.type == DTYPE_F32);
        for (size_t row = 0; g->k == 0 && !g->accumulate && row < g->m; row++)
            memset(mat_at(g->c, row, 0).p, 0, g->n * dtype_bytes(g->c.type));
        if (has_spans(ops, type, g) || bytes + b_bytes(ops, g) > B_BYTES) {
            run_list(exec, type, list + first, i - first);
            first = i;
            bytes = 0;
        }
        bytes += b_bytes(ops, g);
        if (has_spans(ops, type, g)) {
            run_spans(exec, type, g);
            first = i + 1;
            bytes = 0;
        } else if (bytes > B_BYTES) {
            run_parts(exec, type, g);
            first = i + 1;
            bytes = 0;
        }
    }
    if (first < count)
        run_list(exec, type, list + first, count - first);
}
