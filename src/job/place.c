#include "job/place.h"

#include "base/hash.h"
#include "base/hostlist.h"
#include "base/map.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX  8  /* parts of a group's path; what lies deeper is one part */
#define DIGITS_MAX 18 /* of a number in a name; longer runs of digits are text */
#define LIST_SHOWN 72 /* bytes of a folded list in one line */

/* The digits at *p without the zeros in front; *p moves behind them. */
static struct str cut_digits(const char **p)
{
    const char *begin = *p;

    while (**p && char_is_digit(**p))
        (*p)++;
    while (begin + 1 < *p && *begin == '0')
        begin++;
    return str_range(begin, *p);
}

int place_name_order(const char *a, const char *b)
{
    const char *x = a, *y = b;

    while (*x && *y) {
        if (char_is_digit(*x) && char_is_digit(*y)) {
            struct str n = cut_digits(&x), m = cut_digits(&y);
            int order = n.len != m.len ? (n.len < m.len ? -1 : 1) : memcmp(n.p, m.p, n.len);

            if (order)
                return order;
            continue;
        }
        if (*x != *y)
            return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
        x++;
        y++;
    }
    /* n1 and n01 are not the same host: some order, always the same. */
    return *x ? 1 : *y ? -1 : strcmp(a, b);
}

/* The topology's text: host name to its row. */
struct row {
    const char *host, *group;
    unsigned line;
};

static bool row_is_of(const void *value, const void *key)
{
    return !strcmp(((const struct row *)value)->host, key);
}

struct topology {
    struct arena *arena;
    struct map rows;
    const char *file;
    struct err *err;
};

static int add_row(struct topology *t, const char *host, const char *group, unsigned line)
{
    uint64_t hash = hash64(host, strlen(host));
    const struct row *other = map_get(&t->rows, hash, host);
    struct row *row;

    if (other)
        return err_set(t->err, -EINVAL, "%s: line %u: %s stands in line %u already", t->file, line,
                       host, other->line);
    if (t->rows.count == HOSTLIST_HOSTS_MAX)
        return err_set(t->err, -E2BIG, "%s: line %u: more than %d hosts", t->file, line,
                       HOSTLIST_HOSTS_MAX);
    row = arena_alloc(t->arena, sizeof(*row));
    if (!row || map_add(&t->rows, hash, row) < 0)
        return err_set(t->err, -ENOMEM, "%s: no memory for the topology", t->file);
    *row = (struct row){host, group, line};
    return 0;
}

static int add_line(struct topology *t, struct str text, unsigned line)
{
    struct hostlist hosts;
    struct str rest = text, host, group, more;
    const char *path;
    int r;

    if (!str_word(&rest, &host) || host.p[0] == '#')
        return 0;
    if (!str_word(&rest, &group) || group.p[0] == '#' ||
        (str_word(&rest, &more) && more.p[0] != '#'))
        return err_set(t->err, -EINVAL, "%s: line %u: a line is 'host group', not '%.*s'", t->file,
                       line, (int)(text.len < 60 ? text.len : 60), text.p);
    r = hostlist_expand(t->arena, host, &hosts, t->err);
    if (r < 0)
        return err_wrap(t->err, r, "%s: line %u", t->file, line);
    path = arena_copy(t->arena, group.p, group.len);
    if (!path)
        return err_set(t->err, -ENOMEM, "%s: no memory for the topology", t->file);
    for (size_t i = 0; i < hosts.count && r == 0; i++)
        r = add_row(t, hosts.names[i], path, line);
    return r;
}

int place_topology(struct arena *arena, struct str text, const char *file, const char *const *names,
                   size_t count, const char **groups, struct err *err)
{
    struct topology t = {.arena = arena, .rows = {.equal = row_is_of}, .file = file, .err = err};
    struct str line;
    int r = 0;

    for (unsigned number = 1; r == 0 && str_line(&text, &line); number++)
        r = add_line(&t, str_trim(line), number);
    for (size_t i = 0; i < count && r == 0; i++) {
        const struct row *row = map_get(&t.rows, hash64(names[i], strlen(names[i])), names[i]);

        groups[i] = row ? row->group : NULL;
    }
    map_done(&t.rows);
    return r;
}

/* A node while nodes are put in order. */
struct spot {
    const char *name, *group;  /* group: "" for none */
    uint32_t index;            /* in the caller's names */
    uint32_t by_name;          /* its place when names alone count */
    uint32_t first[DEPTH_MAX]; /* by_name of the first node that shares so many parts and one */
};

static int by_name(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    int order = place_name_order(x->name, y->name);

    return order ? order : (x->index < y->index ? -1 : x->index > y->index);
}

/* Part by part: the end of a part comes before every letter, so that what shares parts lies
 * together. */
static int by_group(const void *a, const void *b)
{
    const char *x = ((const struct spot *)a)->group, *y = ((const struct spot *)b)->group;

    while (*x && *x == *y) {
        x++;
        y++;
    }
    if (*x == *y)
        return 0;
    if (!*x || !*y)
        return *x ? 1 : -1;
    if (*x == '/' || *y == '/')
        return *x == '/' ? -1 : 1;
    return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
}

static int by_first(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;

    for (size_t d = 0; d < DEPTH_MAX; d++)
        if (x->first[d] != y->first[d])
            return x->first[d] < y->first[d] ? -1 : 1;
    return x->by_name < y->by_name ? -1 : x->by_name > y->by_name;
}

/* Bytes of the first `parts` parts of a path. */
static size_t prefix_len(const char *path, size_t parts)
{
    size_t len = 0;

    for (; path[len]; len++)
        if (path[len] == '/' && --parts == 0)
            break;
    return len;
}

/* Do they lie in the same group when the first `parts` parts count? */
static bool share(const struct spot *a, const struct spot *b, size_t parts)
{
    size_t len = parts == DEPTH_MAX ? strlen(a->group) : prefix_len(a->group, parts);
    size_t other = parts == DEPTH_MAX ? strlen(b->group) : prefix_len(b->group, parts);

    return len == other && !memcmp(a->group, b->group, len);
}

static void find_firsts(struct spot *spots, size_t count, size_t depth)
{
    for (size_t i = 0, end; i < count; i = end) {
        uint32_t first = spots[i].by_name;

        for (end = i + 1; end < count && share(&spots[i], &spots[end], depth + 1); end++)
            if (spots[end].by_name < first)
                first = spots[end].by_name;
        for (size_t j = i; j < end; j++)
            spots[j].first[depth] = first;
    }
}

int place_order(const char *const *names, const char *const *groups, size_t count, uint32_t *order)
{
    struct spot *spots = calloc(count ? count : 1, sizeof(*spots));

    if (!spots)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        spots[i] = (struct spot){
            .name = names[i], .group = groups && groups[i] ? groups[i] : "", .index = (uint32_t)i};
    qsort(spots, count, sizeof(*spots), by_name);
    if (groups) {
        for (size_t i = 0; i < count; i++)
            spots[i].by_name = (uint32_t)i;
        qsort(spots, count, sizeof(*spots), by_group);
        for (size_t depth = 0; depth < DEPTH_MAX; depth++)
            find_firsts(spots, count, depth);
        qsort(spots, count, sizeof(*spots), by_first);
    }
    for (size_t i = 0; i < count; i++)
        order[i] = spots[i].index;
    free(spots);
    return 0;
}

struct place_span place_span(uint32_t node, uint32_t nnodes, uint32_t nproc, uint32_t world)
{
    uint64_t first = (uint64_t)node * nproc;
    uint64_t left = first < world ? world - first : 0;

    assert(node < nnodes);
    return (struct place_span){(uint32_t)(left ? first : world),
                               (uint32_t)(left < nproc || node + 1 == nnodes ? left : nproc)};
}

/* A name around its last number: "n" 12 "-ib". */
struct numbered {
    struct str head, digits, tail;
    uint64_t number;
};

static bool take_apart(const char *name, struct numbered *out)
{
    size_t len = strlen(name), end = len, begin;

    while (end && !char_is_digit(name[end - 1]))
        end--;
    begin = end;
    while (begin && char_is_digit(name[begin - 1]))
        begin--;
    if (begin == end || end - begin > DIGITS_MAX)
        return false;
    out->head = (struct str){name, begin};
    out->digits = (struct str){name + begin, end - begin};
    out->tail = (struct str){name + end, len - end};
    return str_to_u64(out->digits, 10, &out->number) == 0;
}

/* Is `b` behind `a` in one bracket: the same but for a larger number? Zeros in front, or none. */
static bool follows(const struct numbered *a, const struct numbered *b)
{
    return str_eq(a->head, b->head) && str_eq(a->tail, b->tail) && b->number > a->number &&
           (b->digits.len == a->digits.len ||
            (b->digits.len > a->digits.len && a->digits.p[0] != '0' && b->digits.p[0] != '0'));
}

/* How many names from `names` on fit one bracket. */
static size_t run_of(const char *const *names, size_t count)
{
    struct numbered last, next;
    size_t run = 1;

    if (!take_apart(names[0], &last))
        return 1;
    for (; run < count && take_apart(names[run], &next) && follows(&last, &next); run++)
        last = next;
    return run;
}

/* names[0..run) fit one bracket. */
static void fold_run(const char *const *names, size_t run, struct buf *out)
{
    struct numbered first, last, next;

    if (run == 1 || !take_apart(names[0], &first)) {
        buf_puts(out, names[0]);
        return;
    }
    buf_printf(out, "%.*s[", STR_ARG(first.head));
    for (size_t i = 0, end; i < run; i = end) {
        (void)take_apart(names[i], &first);
        last = first;
        for (end = i + 1; end < run; end++) {
            (void)take_apart(names[end], &next);
            if (next.number != last.number + 1)
                break;
            last = next;
        }
        buf_printf(out, "%s%.*s", i ? "," : "", STR_ARG(first.digits));
        if (end - i > 1)
            buf_printf(out, "-%.*s", STR_ARG(last.digits));
    }
    buf_printf(out, "]%.*s", STR_ARG(first.tail));
}

void place_fold(const char *const *names, size_t count, struct buf *out)
{
    for (size_t i = 0, run; i < count; i += run) {
        run = run_of(names + i, count - i);
        buf_puts(out, i ? "," : "");
        fold_run(names + i, run, out);
    }
}

/* Nodes from `node` on in one line: their names fit one bracket and they have as many ranks. */
static uint32_t line_of(const char *const *names, uint32_t node, uint32_t nnodes, uint32_t nproc,
                        uint32_t world)
{
    uint32_t count = place_span(node, nnodes, nproc, world).count;
    uint32_t run = (uint32_t)run_of(names + node, nnodes - node);

    while (run > 1 && place_span(node + run - 1, nnodes, nproc, world).count != count)
        run--;
    return run;
}

static void print_line(const char *const *names, uint32_t node, uint32_t run,
                       struct place_span span, struct buf *out)
{
    uint32_t ranks = span.count * run;
    struct buf list = {0};

    if (ranks == 0)
        buf_puts(out, "no rank: ");
    else if (ranks == 1)
        buf_printf(out, "rank %" PRIu32 ": ", span.first);
    else
        buf_printf(out, "ranks %" PRIu32 "-%" PRIu32 ": ", span.first, span.first + ranks - 1);
    fold_run(names + node, run, &list);
    if (!list.failed)
        buf_printf(out, "%.*s%s", (int)(list.len < LIST_SHOWN ? list.len : LIST_SHOWN), list.p,
                   list.len > LIST_SHOWN ? "..." : "");
    if (run > 1)
        buf_printf(out, ", %" PRIu32 " each", span.count);
    buf_puts(out, "\n");
    buf_done(&list);
}

void place_print(const char *const *names, uint32_t nnodes, uint32_t nproc, uint32_t world,
                 size_t lines_max, struct buf *out)
{
    size_t lines = 0;

    for (uint32_t node = 0, run; node < nnodes; node += run, lines++) {
        run = line_of(names, node, nnodes, nproc, world);
        if (lines + 1 >= lines_max && node + run < nnodes) {
            buf_printf(out, "and %" PRIu32 " nodes more, up to rank %" PRIu32 "\n", nnodes - node,
                       world - 1);
            return;
        }
        print_line(names, node, run, place_span(node, nnodes, nproc, world), out);
    }
}
