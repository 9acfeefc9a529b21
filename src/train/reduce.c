#include "train/reduce.h"

#include "kernels/flat.h"
#include "tensor/storage.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS_MAX  32         /* of the tree: 2^16 shards at most, and a few spare */
#define PIECE_ITEMS (1u << 20) /* exchanged at a time: 4 MiB from each partial sum */

/* A complete sum of the tree: leaves [index << level, (index + 1) << level), as far as there are.
 */
struct node {
    unsigned level;
    size_t index;
    float *sum;
};

/* The sums that nobody has added yet, from the left. At most two a level. */
struct stack {
    struct node nodes[2 * LEVELS_MAX];
    size_t count;
};

struct reduce {
    const struct exec *exec;
    struct coll *coll;
    size_t shards;
    uint64_t items;
    size_t first, next, end; /* this rank's leaves */
    struct stack partial;
    float *slots[2 * LEVELS_MAX]; /* free ones are NULL in `partial`; all of `items` */
    bool used[2 * LEVELS_MAX];
    size_t slot_count;
    struct storage slot_memory, received_memory;
    struct stack *of_ranks; /* what each rank has left, sums NULL */
    size_t partials_max, partials_all;
    struct coll_piece *send, *receive;
    float **sums;         /* (partials_max, ranks): where each lies in the round that is added */
    uint64_t piece_count; /* of the largest range */
};

void reduce_share(size_t shards, size_t rank, size_t ranks, size_t *begin, size_t *end)
{
    *begin = shards * rank / ranks;
    *end = shards * (rank + 1) / ranks;
}

void reduce_range(uint64_t items, size_t rank, size_t ranks, uint64_t *begin, uint64_t *end)
{
    uint64_t blocks = (items + FLAT_BLOCK - 1) / FLAT_BLOCK;

    *begin = blocks * rank / ranks * FLAT_BLOCK;
    *end = blocks * (rank + 1) / ranks * FLAT_BLOCK;
    if (*begin > items)
        *begin = items;
    if (*end > items)
        *end = items;
}

/* Nodes of `level` there are over `shards` leaves. */
static size_t level_nodes(size_t shards, unsigned level)
{
    return (shards + ((size_t)1 << level) - 1) >> level;
}

/* Put the next sum on the stack and add what is complete: add(arg, left, right) makes left +=
 * right, after which right is free. */
static void stack_push(struct stack *stack, size_t shards, struct node node,
                       void (*add)(void *arg, struct node *left, struct node *right), void *arg)
{
    for (;;) {
        struct node *left = stack->count ? &stack->nodes[stack->count - 1] : NULL;

        if (node.index % 2 && left && left->level == node.level && left->index + 1 == node.index) {
            if (add)
                add(arg, left, &node);
            node.sum = left->sum;
            stack->count--;
        } else if (node.index % 2 || node.index + 1 < level_nodes(shards, node.level) ||
                   level_nodes(shards, node.level) == 1) {
            break; /* its sibling is to come, or elsewhere; or it is the root */
        }
        node.level++; /* a sum, or an odd one out, goes up */
        node.index /= 2;
    }
    assert(stack->count < 2 * (size_t)LEVELS_MAX);
    stack->nodes[stack->count++] = node;
}

/* What a rank has left when all its leaves are pushed, and how many sums it has at once on the
 * way. */
static void plan(size_t shards, size_t begin, size_t end, struct stack *out, size_t *at_once)
{
    *at_once = 0;
    out->count = 0;
    for (size_t leaf = begin; leaf < end; leaf++) {
        if (out->count + 1 > *at_once)
            *at_once = out->count + 1;
        stack_push(out, shards, (struct node){.index = leaf}, NULL, NULL);
    }
}

uint64_t reduce_bytes(size_t shards, uint64_t items, size_t ranks)
{
    size_t at_once, most = 0, least_left = SIZE_MAX, left_all = 0;
    struct stack left;

    for (size_t rank = 0; rank < ranks; rank++) {
        size_t begin, end;

        reduce_share(shards, rank, ranks, &begin, &end);
        plan(shards, begin, end, &left, &at_once);
        if (at_once > most)
            most = at_once;
        if (left.count < least_left)
            least_left = left.count;
        left_all += left.count;
    }
    return (most * items + (left_all - least_left) * PIECE_ITEMS) * sizeof(float);
}

static int plan_all(struct reduce *reduce)
{
    size_t ranks = coll_size(reduce->coll);

    reduce->of_ranks = calloc(ranks, sizeof(*reduce->of_ranks));
    reduce->send = calloc(ranks, sizeof(*reduce->send));
    reduce->receive = calloc(ranks, sizeof(*reduce->receive));
    if (!reduce->of_ranks || !reduce->send || !reduce->receive)
        return -ENOMEM;
    for (size_t rank = 0; rank < ranks; rank++) {
        uint64_t from, to;
        size_t begin, end, at_once;

        reduce_share(reduce->shards, rank, ranks, &begin, &end);
        plan(reduce->shards, begin, end, &reduce->of_ranks[rank], &at_once);
        if (rank == coll_rank(reduce->coll)) {
            reduce->first = reduce->next = begin;
            reduce->end = end;
            reduce->slot_count = at_once;
        }
        if (reduce->of_ranks[rank].count > reduce->partials_max)
            reduce->partials_max = reduce->of_ranks[rank].count;
        reduce->partials_all += reduce->of_ranks[rank].count;
        reduce_range(reduce->items, rank, ranks, &from, &to);
        if ((to - from + PIECE_ITEMS - 1) / PIECE_ITEMS > reduce->piece_count)
            reduce->piece_count = (to - from + PIECE_ITEMS - 1) / PIECE_ITEMS;
    }
    return 0;
}

int reduce_new(const struct exec *exec, struct coll *coll, size_t shards, uint64_t items,
               struct reduce **out, struct err *err)
{
    struct reduce *reduce = calloc(1, sizeof(*reduce));
    size_t others;
    int r;

    if (!reduce)
        return err_set(err, -ENOMEM, "no memory for the sum of gradients");
    reduce->exec = exec;
    reduce->coll = coll;
    reduce->shards = shards;
    reduce->items = items;
    r = plan_all(reduce);
    if (r < 0) {
        err_set(err, r, "no memory for the sum of gradients");
        goto fail;
    }
    if (reduce->first == reduce->end) {
        r = err_set(err, -EINVAL, "train.shards is %zu, but %zu ranks need at least one shard each",
                    shards, coll_size(coll));
        goto fail;
    }
    reduce->sums = calloc(coll_size(coll) * reduce->partials_max, sizeof(*reduce->sums));
    if (!reduce->sums) {
        r = err_set(err, -ENOMEM, "no memory for the sum of gradients");
        goto fail;
    }
    r = storage_init(&reduce->slot_memory, reduce->slot_count * items * sizeof(float), "gradients",
                     err);
    if (r < 0)
        goto fail;
    others = reduce->partials_all - reduce->of_ranks[coll_rank(coll)].count;
    r = storage_init(&reduce->received_memory, others * PIECE_ITEMS * sizeof(float),
                     "gradients of other ranks", err);
    if (r < 0)
        goto fail;
    for (size_t i = 0; i < reduce->slot_count; i++)
        reduce->slots[i] = (float *)reduce->slot_memory.p + i * items;
    *out = reduce;
    return 0;
fail:
    reduce_free(reduce);
    return r;
}

void reduce_free(struct reduce *reduce)
{
    if (!reduce)
        return;
    storage_done(&reduce->slot_memory);
    storage_done(&reduce->received_memory);
    free(reduce->of_ranks);
    free(reduce->send);
    free(reduce->receive);
    free(reduce->sums);
    free(reduce);
}

float *reduce_slot(struct reduce *reduce)
{
    for (size_t i = 0; i < reduce->slot_count; i++)
        if (!reduce->used[i])
            return reduce->slots[i];
    assert(!"a slot for each sum at once was planned");
    return NULL;
}

static void mark(struct reduce *reduce, const float *sum, bool used)
{
    for (size_t i = 0; i < reduce->slot_count; i++)
        if (reduce->slots[i] == sum)
            reduce->used[i] = used;
}

static void add_whole(void *arg, struct node *left, struct node *right)
{
    struct reduce *reduce = arg;

    flat_add(reduce->exec, reduce->items, left->sum, right->sum);
    mark(reduce, right->sum, false);
}

void reduce_push(struct reduce *reduce)
{
    struct node leaf = {.index = reduce->next++, .sum = reduce_slot(reduce)};

    assert(leaf.index < reduce->end);
    mark(reduce, leaf.sum, true);
    stack_push(&reduce->partial, reduce->shards, leaf, add_whole, reduce);
}

struct piece {
    struct reduce *reduce;
    size_t items;
};

static void add_piece(void *arg, struct node *left, struct node *right)
{
    struct piece *piece = arg;

    flat_add(piece->reduce->exec, piece->items, left->sum, right->sum);
}

/* Items [*from, *from + count) of the range of `rank` that are exchanged in round `piece`. */
static size_t piece_of(const struct reduce *reduce, size_t rank, uint64_t piece, uint64_t *from)
{
    uint64_t begin, end;

    reduce_range(reduce->items, rank, coll_size(reduce->coll), &begin, &end);
    *from = begin + piece * PIECE_ITEMS;
    if (*from >= end)
        return 0;
    return end - *from < PIECE_ITEMS ? (size_t)(end - *from) : PIECE_ITEMS;
}

/* Send the i-th sum of this rank to the owners, receive the i-th of every other rank. Where those
 * lie goes into `sums`, a pointer for each rank. */
static int exchange_nth(struct reduce *reduce, size_t i, uint64_t piece, float **next, float **sums,
                        struct err *err)
{
    size_t ranks = coll_size(reduce->coll), self = coll_rank(reduce->coll);
    uint64_t from;
    size_t own = piece_of(reduce, self, piece, &from);

    for (size_t rank = 0; rank < ranks; rank++) {
        uint64_t theirs;
        size_t count = piece_of(reduce, rank, piece, &theirs);
        bool sends = i < reduce->partial.count, receives = i < reduce->of_ranks[rank].count;

        sums[rank] = NULL;
        if (receives)
            sums[rank] = rank == self ? reduce->partial.nodes[i].sum + from : *next;
        if (receives && rank != self)
            *next += PIECE_ITEMS;
        reduce->receive[rank] = (struct coll_piece){sums[rank], receives ? own * sizeof(float) : 0};
        reduce->send[rank] =
            (struct coll_piece){sends ? reduce->partial.nodes[i].sum + theirs : NULL,
                                sends ? count * sizeof(float) : 0};
    }
    return coll_exchange(reduce->coll, reduce->send, reduce->receive, err);
}

/* One round of pieces: exchange all sums, add them in the tree's order, and leave the result where
 * this rank's first sum has its range. */
static int add_pieces(struct reduce *reduce, uint64_t round, struct err *err)
{
    size_t ranks = coll_size(reduce->coll), self = coll_rank(reduce->coll);
    float *next = reduce->received_memory.p;
    struct stack stack = {0};
    struct piece piece = {.reduce = reduce};
    uint64_t from;
    int r = 0;

    for (size_t i = 0; r == 0 && i < reduce->partials_max; i++)
        r = exchange_nth(reduce, i, round, &next, reduce->sums + i * ranks, err);
    if (r < 0)
        return r;
    piece.items = piece_of(reduce, self, round, &from);
    for (size_t rank = 0; piece.items && rank < ranks; rank++)
        for (size_t i = 0; i < reduce->of_ranks[rank].count; i++) {
            struct node node = reduce->of_ranks[rank].nodes[i];

            node.sum = reduce->sums[i * ranks + rank];
            stack_push(&stack, reduce->shards, node, add_piece, &piece);
        }
    if (piece.items) {
        float *result = reduce->partial.nodes[0].sum + from;

        assert(stack.count == 1);
        if (stack.nodes[0].sum != result)
            memcpy(result, stack.nodes[0].sum, piece.items * sizeof(float));
    }
    return 0;
}

float *reduce_finish(struct reduce *reduce, struct err *err)
{
    uint64_t begin, end;
    float *sum;

    assert(reduce->next == reduce->end);
    for (uint64_t round = 0; coll_size(reduce->coll) > 1 && round < reduce->piece_count; round++)
        if (add_pieces(reduce, round, err) < 0)
            return NULL;
    reduce_range(reduce->items, coll_rank(reduce->coll), coll_size(reduce->coll), &begin, &end);
    sum = reduce->partial.nodes[0].sum;
    reduce->partial.count = 0;
    reduce->next = reduce->first;
    memset(reduce->used, 0, sizeof(reduce->used));
    return sum + begin;
}
