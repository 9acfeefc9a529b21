/* ctest labels: threads */
#include "train/reduce.h"

#include "kernels/flat.h"
#include "tensor/random.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS (3 * FLAT_BLOCK + 77)

/* What shard `shard` has at item i: numbers whose sums depend on their order. */
static float value(size_t shard, size_t i)
{
    return (float)random_normal(7, (uint32_t)shard, 1, i) * (shard % 3 ? 1.0f : 1000.0f);
}

/* The tree, as its definition says. */
static float tree_sum(const float *leaves, size_t count)
{
    float level[64];

    memcpy(level, leaves, count * sizeof(*leaves));
    while (count > 1) {
        for (size_t i = 0; i < count / 2; i++)
            level[i] = level[2 * i] + level[2 * i + 1];
        if (count % 2)
            level[count / 2] = level[count - 1];
        count = (count + 1) / 2;
    }
    return level[0];
}

struct rank {
    pthread_t thread;
    struct coll *coll;
    size_t shards;
    float *sum; /* ITEMS, of which this rank fills its range */
    bool ok;
};

static void *run_rank(void *arg)
{
    struct rank *rank = arg;
    struct exec exec;
    struct reduce *reduce;
    size_t begin, end, self = coll_rank(rank->coll), ranks = coll_size(rank->coll);
    uint64_t from, to;

    if (exec_init(&exec, 1, "ref", NULL) < 0 ||
        reduce_new(&exec, rank->coll, rank->shards, ITEMS, &reduce, NULL) < 0)
        return NULL;
    reduce_share(rank->shards, self, ranks, &begin, &end);
    reduce_range(ITEMS, self, ranks, &from, &to);
    for (int round = 0; round < 2; round++) { /* the second finds the first's leftovers */
        const float *sum;

        for (size_t shard = begin; shard < end; shard++) {
            float *slot = reduce_slot(reduce);

            for (size_t i = 0; i < ITEMS; i++)
                slot[i] = value(shard, i);
            reduce_push(reduce);
        }
        sum = reduce_finish(reduce, NULL);
        if (sum)
            memcpy(rank->sum + from, sum, (to - from) * sizeof(*sum));
        rank->ok = sum != NULL;
    }
    reduce_free(reduce);
    exec_done(&exec);
    return NULL;
}

static void any_number_of_ranks_gives_the_trees_sum(void **state)
{
    static const size_t shard_counts[] = {1, 2, 3, 4, 5, 7, 8, 11};
    float *want = calloc(ITEMS, sizeof(*want)), *sum = calloc(ITEMS, sizeof(*sum));

    (void)state;
    for (size_t s = 0; s < sizeof(shard_counts) / sizeof(*shard_counts); s++) {
        size_t shards = shard_counts[s];

        for (size_t i = 0; i < ITEMS; i++) {
            float leaves[16];

            for (size_t shard = 0; shard < shards; shard++)
                leaves[shard] = value(shard, i);
            want[i] = tree_sum(leaves, shards);
        }
        for (size_t ranks = 1; ranks <= shards && ranks <= 5; ranks++) {
            struct coll *colls[5];
            struct rank all[5];

            assert_int_equal(coll_open_fake(ranks, NULL, colls, NULL), 0);
            memset(sum, 0, ITEMS * sizeof(*sum));
            for (size_t r = 0; r < ranks; r++) {
                all[r] = (struct rank){.coll = colls[r], .shards = shards, .sum = sum};
                assert_int_equal(pthread_create(&all[r].thread, NULL, run_rank, &all[r]), 0);
            }
            for (size_t r = 0; r < ranks; r++) {
                (void)pthread_join(all[r].thread, NULL);
                assert_true(all[r].ok);
                coll_free(colls[r]);
            }
            assert_memory_equal(sum, want, ITEMS * sizeof(*sum));
        }
    }
    free(want);
    free(sum);
}

static void ranges_are_whole_blocks_and_cover_all(void **state)
{
    static const uint64_t counts[] = {0, 1, FLAT_BLOCK, FLAT_BLOCK + 1, 10 * FLAT_BLOCK - 1};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        for (size_t ranks = 1; ranks < 7; ranks++) {
            uint64_t at = 0;

            for (size_t rank = 0; rank < ranks; rank++) {
                uint64_t begin, end;

                reduce_range(counts[i], rank, ranks, &begin, &end);
                assert_int_equal(begin, at);
                assert_true(begin % FLAT_BLOCK == 0 || begin == counts[i]);
                at = end;
            }
            assert_int_equal(at, counts[i]);
        }
}

static void fewer_shards_than_ranks_is_refused(void **state)
{
    struct coll *colls[3];
    struct reduce *reduce;
    struct exec exec;
    struct err err = {0};
    int refused = 0;

    (void)state;
    assert_int_equal(exec_init(&exec, 1, "ref", NULL), 0);
    assert_int_equal(coll_open_fake(3, NULL, colls, NULL), 0);
    for (size_t r = 0; r < 3; r++) {
        if (reduce_new(&exec, colls[r], 2, 100, &reduce, &err) < 0)
            refused++;
        else
            reduce_free(reduce);
        coll_free(colls[r]);
    }
    assert_int_equal(refused, 1);
    assert_string_equal(err.text, "train.shards is 2, but 3 ranks need at least one shard each");
    exec_done(&exec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_ranks_gives_the_trees_sum),
        cmocka_unit_test(ranges_are_whole_blocks_and_cover_all),
        cmocka_unit_test(fewer_shards_than_ranks_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
