#include "cli/collapse.h"

#include "base/hash.h"
#include "base/vec.h"

#include <stdlib.h>

#define BUCKETS      4096 /* a power of two */
#define LABEL_RANGES 8

/* Lines that are equal, in the queue of all by age and in their bucket's chain by age. */
struct group {
    struct group *next, *next_in_bucket;
    uint64_t number, hash;
    int64_t since_ns;
    VEC(uint32_t) ranks;
    int stream;
    size_t len;
    char text[];
};

struct collapse {
    uint32_t world;
    int64_t window_ns;
    void (*each)(void *data, const struct collapse_line *line);
    void *data;
    struct group *oldest, *newest;
    struct group *buckets[BUCKETS];
    uint64_t numbers, *joined; /* by rank: the number of the group that it joined last */
    size_t bytes;
};

struct collapse *collapse_new(uint32_t world, int64_t window_ms,
                              void (*each)(void *data, const struct collapse_line *line),
                              void *data)
{
    struct collapse *collapse = calloc(1, sizeof(*collapse));

    if (!collapse)
        return NULL;
    *collapse = (struct collapse){
        .world = world, .window_ns = window_ms * 1000000, .each = each, .data = data};
    collapse->joined = calloc((size_t)world + 1, sizeof(*collapse->joined));
    if (!collapse->joined) {
        free(collapse);
        return NULL;
    }
    return collapse;
}

static size_t group_bytes(const struct group *group)
{
    return sizeof(*group) + group->len + group->ranks.space * sizeof(*group->ranks.items);
}

/* Out of the queue; in its bucket the oldest comes first, since the queue goes by age too. */
static struct group *take_oldest(struct collapse *collapse)
{
    struct group *group = collapse->oldest;

    collapse->oldest = group->next;
    if (!collapse->oldest)
        collapse->newest = NULL;
    collapse->buckets[group->hash % BUCKETS] = group->next_in_bucket;
    collapse->bytes -= group_bytes(group);
    return group;
}

static void group_free(struct group *group)
{
    vec_done(&group->ranks);
    free(group);
}

void collapse_free(struct collapse *collapse)
{
    if (!collapse)
        return;
    while (collapse->oldest)
        group_free(take_oldest(collapse));
    free(collapse->joined);
    free(collapse);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void show_oldest(struct collapse *collapse)
{
    struct group *group = take_oldest(collapse);

    qsort(group->ranks.items, group->ranks.count, sizeof(*group->ranks.items), by_number);
    collapse->each(collapse->data, &(struct collapse_line){.ranks = group->ranks.items,
                                                           .count = group->ranks.count,
                                                           .stream = group->stream,
                                                           .text = {group->text, group->len}});
    group_free(group);
}

void collapse_flush(struct collapse *collapse)
{
    while (collapse->oldest)
        show_oldest(collapse);
}

int64_t collapse_tick(struct collapse *collapse, int64_t now_ns)
{
    struct group *group;

    while ((group = collapse->oldest) &&
           (group->ranks.count >= collapse->world || collapse->bytes > COLLAPSE_BYTES_MAX ||
            now_ns - group->since_ns >= collapse->window_ns))
        show_oldest(collapse);
    return group ? group->since_ns + collapse->window_ns : -1;
}

static struct group *find(struct collapse *collapse, uint64_t hash, uint32_t rank, int stream,
                          struct str line)
{
    struct group *group = collapse->buckets[hash % BUCKETS];

    while (group &&
           (group->hash != hash || group->number <= collapse->joined[rank] ||
            group->stream != stream || !str_eq((struct str){group->text, group->len}, line)))
        group = group->next_in_bucket;
    return group;
}

static struct group *add_group(struct collapse *collapse, uint64_t hash, int stream,
                               struct str line, int64_t now_ns)
{
    struct group *group = calloc(1, sizeof(*group) + line.len);
    struct group **tail = &collapse->buckets[hash % BUCKETS];

    if (!group)
        return NULL;
    group->hash = hash;
    group->number = ++collapse->numbers;
    group->since_ns = now_ns;
    group->stream = stream;
    group->len = line.len;
    memcpy(group->text, line.p, line.len);
    while (*tail)
        tail = &(*tail)->next_in_bucket;
    *tail = group;
    *(collapse->newest ? &collapse->newest->next : &collapse->oldest) = group;
    collapse->newest = group;
    collapse->bytes += group_bytes(group);
    return group;
}

void collapse_add(struct collapse *collapse, uint32_t rank, int stream, struct str line,
                  int64_t now_ns)
{
    uint64_t hash = hash64(line.p, line.len);
    struct group *group = find(collapse, hash, rank, stream, line);
    uint32_t *slot = NULL;
    size_t before;

    if (!group)
        group = add_group(collapse, hash, stream, line, now_ns);
    if (group) {
        before = group_bytes(group);
        slot = vec_push(&group->ranks);
        collapse->bytes += group_bytes(group) - before;
    }
    if (!slot) { /* no memory: everything before it, then this line */
        collapse_flush(collapse);
        collapse->each(collapse->data, &(struct collapse_line){&rank, 1, stream, line});
        return;
    }
    *slot = rank;
    collapse->joined[rank] = group->number;
    (void)collapse_tick(collapse, now_ns);
}

void collapse_print_ranks(const uint32_t *ranks, size_t count, struct buf *out)
{
    size_t ranges = 0;

    buf_puts(out, count == 1 ? "rank " : "ranks ");
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && ranks[end] == ranks[end - 1] + 1; end++)
            ;
        if (ranges++ == LABEL_RANGES) {
            buf_printf(out, ",... (%zu of them)", count);
            return;
        }
        buf_printf(out, "%s%u", i ? "," : "", ranks[i]);
        if (end - i > 1)
            buf_printf(out, "%s%u", end - i > 2 ? "-" : ",", ranks[end - 1]);
    }
}
