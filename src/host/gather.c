#include "host/gather.h"

#include <errno.h>
#include <stdlib.h>

void gather_init(struct gather *gather, struct node *node, uint16_t source)
{
    *gather = (struct gather){.node = node, .source = source};
}

static void add(struct gather *gather, struct gather_row row, struct str path, struct str text)
{
    struct gather_row *slot;
    const char *dot = path.len ? memchr(path.p, '.', path.len) : NULL;

    if (!path.len || path.len > GATHER_PATH_MAX)
        return;
    if (gather->rows.count == GATHER_FACTS_MAX) {
        gather->full = true;
        return;
    }
    if (text.len > FACT_TEXT_MAX)
        text.len = FACT_TEXT_MAX;
    slot = vec_push(&gather->rows);
    if (!slot) {
        gather->failed = true;
        return;
    }
    *slot = row;
    slot->order = (uint32_t)gather->rows.count;
    slot->source = gather->source;
    slot->path = gather->bytes.len;
    slot->path_len = (uint32_t)path.len;
    slot->block_len = dot ? (uint32_t)(dot - path.p) : (uint32_t)path.len;
    buf_add(&gather->bytes, path.p, path.len);
    slot->text = gather->bytes.len;
    slot->text_len = (uint32_t)text.len;
    buf_add(&gather->bytes, text.p, text.len);
}

void gather_text(struct gather *gather, uint32_t subject, enum fact_class class, uint32_t line,
                 struct str path, struct str text)
{
    add(gather,
        (struct gather_row){
            .subject = subject, .line = line, .class = (uint8_t) class, .type = FACT_TEXT},
        path, text);
}

void gather_number(struct gather *gather, uint32_t subject, enum fact_class class, uint32_t line,
                   struct str path, int64_t number, struct str text)
{
    add(gather,
        (struct gather_row){.subject = subject,
                            .line = line,
                            .class = (uint8_t) class,
                            .type = FACT_NUMBER,
                            .number = number},
        path, text);
}

void gather_flag(struct gather *gather, uint32_t subject, enum fact_class class, uint32_t line,
                 struct str path, bool on)
{
    add(gather,
        (struct gather_row){.subject = subject,
                            .line = line,
                            .class = (uint8_t) class,
                            .type = FACT_FLAG,
                            .number = on},
        path, (struct str){"", 0});
}

struct str gather_join(struct gather_path *path, const char *prefix, struct str name)
{
    size_t len = strlen(prefix);

    if (len + 1 + name.len > sizeof(path->text))
        return (struct str){path->text, 0};
    memcpy(path->text, prefix, len);
    path->text[len] = '.';
    if (name.len)
        memcpy(path->text + len + 1, name.p, name.len);
    path->len = len + 1 + name.len;
    return (struct str){path->text, path->len};
}

static struct str row_path(const struct gather *gather, const struct gather_row *row)
{
    return (struct str){gather->bytes.p + row->path, row->path_len};
}

static int compare_bytes(struct str a, struct str b)
{
    int c = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);

    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare_block(const struct gather *gather, const struct gather_row *a,
                         const struct gather_row *b)
{
    if (a->subject != b->subject)
        return a->subject < b->subject ? -1 : 1;
    return compare_bytes((struct str){gather->bytes.p + a->path, a->block_len},
                         (struct str){gather->bytes.p + b->path, b->block_len});
}

static int by_path(const void *x, const void *y, void *context)
{
    const struct gather *gather = context;
    const struct gather_row *a = x, *b = y;
    int c = compare_block(gather, a, b);

    if (!c)
        c = compare_bytes(row_path(gather, a), row_path(gather, b));
    return c ? c : (a->order > b->order) - (a->order < b->order);
}

/* One block holds facts of one source, in the order of their paths: the order of a tool's lines
 * changes between its versions and means nothing. */
static int by_block(const void *x, const void *y, void *context)
{
    const struct gather_row *a = x, *b = y;
    int c = compare_block(context, a, b);

    if (!c)
        c = (a->source > b->source) - (a->source < b->source);
    return c ? c : by_path(x, y, context);
}

/* Does one of the subject's first `refs` blocks, those of earlier sources, know this fact? */
static bool known(const struct node *node, const struct subject *subject, uint32_t refs,
                  uint32_t name, struct str path)
{
    uint32_t key = 0;

    for (uint32_t i = 0; i < refs; i++) {
        const struct fact_block *block = subject->refs[i].block;

        if (block->name != name)
            continue;
        if (!key)
            key = fact_pool_key(node->pool, path);
        for (uint32_t k = 0; k < block->count; k++)
            if (block->facts[k].key == key)
                return true;
    }
    return false;
}

static void drop_known(struct gather *gather)
{
    struct node *node = gather->node;
    struct gather_row *rows = gather->rows.items, *kept = NULL;

    for (size_t i = 0; i < gather->rows.count; i++) {
        struct gather_row *row = &rows[i];
        const struct subject *subject = &node->subjects[row->subject];
        struct str path = row_path(gather, row);
        struct str block = {path.p, row->block_len};

        if (kept && kept->subject == row->subject && str_eq(row_path(gather, kept), path)) {
            row->dropped = true;
            continue;
        }
        kept = row;
        if (subject->count)
            row->dropped =
                known(node, subject, subject->count, fact_pool_key(node->pool, block), path);
    }
}

static void build(struct gather *gather, const struct gather_row *rows, size_t count)
{
    struct fact_builder *builder = gather->node->builder;
    uint32_t first = UINT32_MAX;
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        any |= !rows[i].dropped;
        if (!rows[i].dropped && rows[i].line < first)
            first = rows[i].line;
    }
    if (!any)
        return;
    fact_begin(builder, (struct str){gather->bytes.p + rows[0].path, rows[0].block_len});
    for (size_t i = 0; i < count; i++) {
        const struct gather_row *row = &rows[i];
        struct str path = row_path(gather, row);
        struct str text = {gather->bytes.p + row->text, row->text_len};
        uint32_t key, line = row->line - first;

        if (row->dropped)
            continue;
        key = fact_key(builder, str_skip(path, row->block_len + 1), (struct str){"", 0});
        if (row->type == FACT_FLAG)
            fact_flag(builder, row->class, line, key, row->number != 0);
        else if (row->type == FACT_NUMBER)
            fact_number(builder, row->class, line, key, row->number, text);
        else
            fact_text(builder, row->class, line, key, text);
    }
    node_attach(gather->node, rows[0].subject, fact_end(builder), rows[0].source, first);
}

int gather_done(struct gather *gather, struct err *err)
{
    struct gather_row *rows = gather->rows.items;
    size_t count = gather->rows.count, end;
    int r = 0;

    if (gather->failed || gather->bytes.failed) {
        r = err_set(err, -ENOMEM, "no memory for the facts");
        goto out;
    }
    if (count) {
        qsort_r(rows, count, sizeof(*rows), by_path, gather);
        drop_known(gather);
        qsort_r(rows, count, sizeof(*rows), by_block, gather);
    }
    for (size_t i = 0; i < count; i = end) {
        for (end = i + 1; end < count && rows[end].source == rows[i].source &&
                          !compare_block(gather, &rows[end], &rows[i]);
             end++)
            ;
        build(gather, rows + i, end - i);
    }
    if (gather->full)
        node_add_unseen(gather->node, -1, gather->source, NULL, "part of this source",
                        "it holds more settings than one source may have");
    if (node_ok(gather->node) < 0)
        r = err_set(err, -ENOMEM, "no memory for the facts of node %s", gather->node->name);
out:
    vec_done(&gather->rows);
    buf_done(&gather->bytes);
    return r;
}
