/* C is cut into blocks of rows and columns, an item each. An item copies its rows of A into panels
 * (unless its thread did so for the item before), then takes panel after panel of B: that stays in
 * the second cache while the panels of A run past it. All of k is summed in registers, so C is
 * touched once and no cut changes a bit. */
#include "kernels/gemm.h"

#include "kernels/cpu/gemm.h"
#include "kernels/cut.h"

#include <assert.h>

#define A_BYTES_MAX   (8 << 20) /* packed rows of A that a thread holds */
#define ROWS_OF_ITEM  256
#define ROWS_UNPACKED 1024
#define ROWS_MIN      64
#define COLUMNS_MIN   192       /* packing A costs 1/24 of the work here */
#define K_AT_ONCE     64        /* even, for pairs */
#define COST_MIN      (4 << 20) /* of an item, in multiplications: about 10 us */
#define PARTS         8         /* items for each thread, */
#define PARTS_MIN     2         /* and where blocks would become small */

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
    size_t before = panel ? (panel - 1) * ops->columns : 0;
    size_t column = panel ? before + panel_columns(ops, packing->n, before) : 0;
    size_t columns = panel_columns(ops, packing->n, column);

    (void)thread;
    ops->pack(&packing->source, column, columns, round_up(columns, ops->align), packing->k,
              packing->packed + column * lane_bytes(ops, packing->k));
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
    pool_run(exec->pool, parts_of(n, ops->columns), pack_panel, &packing);
}

/* ---- the products ---- */

/* How one product of the list is cut. */
struct cut {
    size_t rows, columns; /* of an item */
    size_t column_items;
    size_t first_item;
};

/* What a thread holds in its scratch, before its rows of A. */
struct held {
    size_t product, row; /* whose rows of A are packed, and from which */
    char *b;             /* room for a panel of a B that is not packed */
    _Alignas(64) char a[];
};

struct run {
    struct pool *pool;
    const struct gemm_ops *ops;
    enum dtype type;
    const struct gemm *list;
    size_t count;
    struct cut *cuts; /* (count) */
    size_t scratch_bytes;
};

static double cost_of(const struct gemm_ops *ops, size_t m, size_t n, size_t k)
{
    return (double)round_up(m, ops->rows) * (double)n * (double)k;
}

static struct cut cut_product(const struct gemm_ops *ops, const struct gemm *g, double item_cost)
{
    size_t fit = A_BYTES_MAX / (lane_bytes(ops, g->k) + 1);
    double share = item_cost * PARTS / PARTS_MIN / ((double)COLUMNS_MIN * (double)(g->k + 1));
    size_t rows = min(g->b_packed ? ROWS_OF_ITEM : ROWS_UNPACKED, fit);
    struct cut cut = {.columns = g->n ? g->n : 1};
    double columns;

    if (share < (double)rows)
        rows = share > ROWS_MIN ? (size_t)share : ROWS_MIN;
    if (rows == 0 || g->m == 0)
        rows = 1;
    else
        rows = parts_of(g->m, parts_of(g->m, rows)); /* all of about the same height */
    cut.rows = round_up(rows, ops->rows);
    columns = item_cost / cost_of(ops, cut.rows, 1, g->k + 1);
    if (columns < COLUMNS_MIN)
        cut.columns = COLUMNS_MIN;
    else if (columns < (double)g->n)
        cut.columns = (size_t)columns;
    cut.columns = round_up(cut.columns, ops->columns);
    cut.column_items = parts_of(g->n, cut.columns);
    if (cut.column_items > 1 && g->n - (cut.column_items - 1) * cut.columns <= ops->align)
        cut.column_items--; /* the last two panels are one pair: panel_columns */
    return cut;
}

static size_t row_items(const struct gemm *g, const struct cut *cut)
{
    if (g->m == 0 || g->n == 0 || (g->k == 0 && g->accumulate))
        return 0;
    return parts_of(g->m, cut->rows);
}

/* The product that `item` belongs to. */
static size_t find_product(const struct run *run, size_t item)
{
    size_t low = 0, high = run->count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (run->cuts[middle].first_item <= item)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Rows of A into panels. Of an A whose rows are k it takes K_AT_ONCE of them at a time, so that the
 * next panel finds the rest of their cache lines near. */
static void pack_rows(const struct run *run, const struct gemm *g, size_t row, size_t rows,
                      char *out)
{
    const struct gemm_ops *ops = run->ops;
    size_t lane = lane_bytes(ops, g->k), chunk = g->a_transposed ? K_AT_ONCE : g->k;

    for (size_t k = 0; k < g->k; k += chunk) {
        struct gemm_source source = {g->a, g->lda, g->a_rows, g->a_transposed, run->type};

        if (k > 0 && source.rows)
            source.rows += k;
        else if (k > 0)
            source.p = (const char *)g->a + k * g->lda * dtype_bytes(run->type);
        for (size_t i = 0; i < rows; i += ops->rows)
            ops->pack(&source, row + i, min(ops->rows, rows - i), ops->rows, min(chunk, g->k - k),
                      out + i * lane + k / ops->step * ops->rows * GEMM_UNIT);
    }
}

/* The panel of B at `column`: there already, or copied into the thread's scratch. */
static const char *panel_of(const struct run *run, const struct gemm *g, size_t column,
                            size_t columns, char *scratch)
{
    const struct gemm_ops *ops = run->ops;
    struct gemm_source source = {g->b, g->ldb, NULL, true, run->type};

    if (g->b_packed)
        return (const char *)g->b + column * lane_bytes(ops, g->k);
    ops->pack(&source, column, columns, round_up(columns, ops->align), g->k, scratch);
    return scratch;
}

static void clear_rows(const struct gemm *g, size_t row, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        memset(mat_at(g->c, row + i, 0).p, 0, g->n * dtype_bytes(g->c.type));
}

static void run_item(void *arg, size_t item, size_t thread)
{
    const struct run *run = arg;
    const struct gemm_ops *ops = run->ops;
    struct held *held = pool_scratch(run->pool, thread, run->scratch_bytes);
    size_t product = find_product(run, item);
    const struct gemm *g = &run->list[product];
    const struct cut *cut = &run->cuts[product];
    size_t steps = parts_of(g->k, ops->step), lane = lane_bytes(ops, g->k);
    size_t row = (item - cut->first_item) / cut->column_items * cut->rows;
    size_t first = (item - cut->first_item) % cut->column_items * cut->columns;
    bool last = (item - cut->first_item) % cut->column_items + 1 == cut->column_items;
    size_t rows = min(cut->rows, g->m - row), end = last ? g->n : first + cut->columns;

    if (g->k == 0) {
        clear_rows(g, row, rows);
        return;
    }
    if (held->product != product || held->row != row) {
        pack_rows(run, g, row, rows, held->a);
        held->product = product;
        held->row = row;
    }
    for (size_t column = first, columns; column < end; column += columns) {
        const char *b;

        columns = panel_columns(ops, g->n, column);
        b = panel_of(run, g, column, columns, held->b);
        for (size_t i = 0; i < rows; i += ops->rows)
            ops->tile(steps, min(ops->rows, rows - i), columns, held->a + i * lane, b,
                      mat_at(g->c, row + i, column), g->accumulate);
    }
}

static double item_cost_of(const struct run *run, double cost)
{
    double item_cost = cost / (double)(pool_threads(run->pool) * PARTS);

    return item_cost > COST_MIN ? item_cost : COST_MIN;
}

/* Scratch of a thread for any item of the list. */
static size_t scratch_bytes_of(const struct run *run, double item_cost, size_t *a_bytes)
{
    size_t b_bytes = 0;

    *a_bytes = 0;
    for (size_t i = 0; i < run->count; i++) {
        const struct gemm *g = &run->list[i];
        struct cut cut = cut_product(run->ops, g, item_cost);
        size_t lane = lane_bytes(run->ops, g->k);

        if (cut.rows * lane > *a_bytes)
            *a_bytes = cut.rows * lane;
        if (!g->b_packed && run->ops->columns * lane > b_bytes)
            b_bytes = run->ops->columns * lane;
    }
    *a_bytes = round_up(*a_bytes, 64);
    return sizeof(struct held) + *a_bytes + round_up(b_bytes, 64);
}

static size_t cut_list(struct run *run, double item_cost)
{
    size_t items = 0;

    for (size_t i = 0; i < run->count; i++) {
        run->cuts[i] = cut_product(run->ops, &run->list[i], item_cost);
        run->cuts[i].first_item = items;
        items += row_items(&run->list[i], &run->cuts[i]) * run->cuts[i].column_items;
    }
    return items;
}

void gemm_run(const struct exec *exec, enum dtype type, const struct gemm *list, size_t count)
{
    struct run run = {exec->pool, ops_of(exec, type), type, list, count};
    size_t threads = pool_threads(exec->pool), a_bytes, cut_bytes = count * sizeof(struct cut),
           items;
    double cost = 0, item_cost;

    for (size_t i = 0; i < count; i++) {
        assert(!list[i].accumulate || list[i].c.type == DTYPE_F32);
        cost += cost_of(run.ops, list[i].m, list[i].n, list[i].k);
    }
    item_cost = item_cost_of(&run, cost);
    run.scratch_bytes = scratch_bytes_of(&run, item_cost, &a_bytes);
    run.cuts = (struct cut *)((char *)pool_scratch(exec->pool, 0, run.scratch_bytes + cut_bytes) +
                              run.scratch_bytes);
    for (size_t i = 0; i < threads; i++) {
        struct held *held = pool_scratch(exec->pool, i, run.scratch_bytes);

        held->product = SIZE_MAX;
        held->b = held->a + a_bytes;
    }
    items = cut_list(&run, item_cost);
    if (cost < COST_MIN) /* done before another thread is awake */
        for (size_t i = 0; i < items; i++)
            run_item(&run, i, 0);
    else
        pool_run(exec->pool, items, run_item, &run);
}
