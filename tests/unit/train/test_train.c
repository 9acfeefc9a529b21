/* Whole trainings by threads that stand for ranks; what they exchange is spoiled on the way.
 * ctest labels: threads */
#include "train/train.h"

#include "coll/parts.h"
#include "data/build.h"
#include "token/train.h"
#include "train/meta.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "unit/data/folder.h"

#define RANKS_MAX      4
#define STEPS          8
#define GRADIENT_BYTES 8192 /* an exchange with a longer piece is one of gradients */
#define FADE_FROM      4    /* the last step at which the router is steered, where its bias fades */

/* What goes wrong, on one rank. */
enum spoil {
    NOTHING,
    NAN_GRADIENT,   /* once, in a gradient that comes from another */
    HUGE_GRADIENT,  /* so, too */
    NAN_WEIGHTS,    /* from an update on, everywhere */
    FLIP_GATHERED,  /* a bit of the weights, as they were gathered */
    FLIP_COMPUTING, /* a bit of the weights, while the next step is computed */

};

struct rank {
    size_t rank;
    struct coll *coll;
    struct coll_ops ops;
    const struct coll_ops *inner;
    enum spoil spoil;
    uint64_t at, gradients, updates;
    float *weights;
    struct train_config config;
    const char *resume;
    struct train_summary summary;
    struct err err;
    int result;
    size_t notes_skipped, notes_passed;
    double loss[STEPS + 1];
    enum watch_verdict verdict[STEPS + 1];
    int64_t stop_at;
    pthread_t thread;
};

static struct rank ranks[RANKS_MAX]; /* found by their coll's place */

static struct rank *rank_of(const struct coll *coll)
{
    return &ranks[coll->rank];
}

static int exchange(struct coll *coll, const struct coll_piece *send,
                    const struct coll_piece *receive, struct err *err)
{
    struct rank *rank = rank_of(coll);
    size_t from = (rank->rank + 1) % coll->size;
    int r = rank->inner->exchange(coll, send, receive, err);

    if (r == 0 && receive[from].bytes > GRADIENT_BYTES && ++rank->gradients == rank->at &&
        (rank->spoil == NAN_GRADIENT || rank->spoil == HUGE_GRADIENT))
        ((float *)receive[from].p)[17] = rank->spoil == NAN_GRADIENT ? NAN : 1e9f;
    return r;
}

static int gather_parts(struct coll *coll, char *buf, const size_t *begin, struct err *err)
{
    struct rank *rank = rank_of(coll);
    int r;

    for (size_t i = 0; i < coll->size; i++) {
        coll->send[i] =
            (struct coll_piece){buf + begin[coll->rank], begin[coll->rank + 1] - begin[coll->rank]};
        coll->receive[i] = (struct coll_piece){buf + begin[i], begin[i + 1] - begin[i]};
    }
    r = rank->inner->exchange(coll, coll->send, coll->receive, err);
    if (r < 0 || begin[coll->size] < GRADIENT_BYTES)
        return r;
    rank->weights = (float *)buf;
    if (++rank->updates == rank->at && rank->spoil == FLIP_GATHERED)
        buf[begin[coll->size] / 2] ^= 4;
    if (rank->updates == rank->at && rank->spoil == NAN_WEIGHTS)
        for (size_t i = 0; i < begin[coll->size] / sizeof(float); i++)
            rank->weights[i] = NAN;
    return 0;
}

/* In the middle of a step. */
static int on_stop(void *arg)
{
    struct rank *rank = arg;

    if (rank->spoil == FLIP_COMPUTING && rank->updates == rank->at)
        ((char *)rank->weights)[4321] ^= 1;
    return rank->stop_at && rank->updates + 1 == (uint64_t)rank->stop_at ? 1 : 0;
}

static void on_step(void *arg, const struct train_step *step)
{
    struct rank *rank = arg;

    rank->loss[step->step] = step->loss;
    rank->verdict[step->step] = step->verdict;
}

static void on_note(void *arg, const char *kind, const char *text)
{
    struct rank *rank = arg;

    (void)text;
    rank->notes_skipped += !strcmp(kind, "skipped");
    rank->notes_passed += !strcmp(kind, "checkpoint_passed_over");
}

static void *rank_main(void *arg)
{
    struct rank *rank = arg;
    const struct train_events events = {
        .arg = rank, .step = on_step, .note = on_note, .stop = on_stop};

    rank->result =
        train_run(&rank->config, rank->resume, rank->coll, &events, &rank->summary, &rank->err);
    coll_free(rank->coll);
    return NULL;
}

static struct train_config config;

static int next_piece(void *arg, struct buf *piece, struct err *err)
{
    struct str *rest = arg;
    size_t len = rest->len;

    (void)err;
    buf_add(piece, rest->p, len);
    rest->len = 0;
    return len > 0;
}

static void make_data(void)
{
    static char text[30000];
    const char *path = in_folder("text"), *data = strdup(in_folder("data"));
    struct str rest = {text, sizeof(text) - 1};
    struct tokenizer_training training = {
        .vocab = 300, .threads = 1, .next = next_piece, .arg = &rest};
    struct data_build build = {
        .out = data, .text_key = "text", .threads = 1, .shard_tokens = 1 << 20};
    struct rng rng = {5};
    struct data_built built;
    struct buf model = {0};
    struct err err = {0};

    for (size_t i = 0; i + 1 < sizeof(text); i++)
        text[i] = i % 6 == 5 ? ' ' : "abcdeoiu"[rng_below(&rng, 8)];
    put_text("text", text);
    assert_int_equal(tokenizer_train(&training, &model, &err), 0);
    put_file("tokenizer", model.p, model.len);
    buf_done(&model);
    build.tokenizer = in_folder("tokenizer");
    if (data_build(&build, &path, 1, &built, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(train_preset("grok-nano", &config, &err), 0);
    config.model.vocab = 300;
    config.model.dim = 32;
    config.model.layers = 1;
    config.model.q_heads = 2;
    config.model.kv_heads = 1;
    config.model.head_dim = 16;
    config.model.ffn = 32;
    config.model.experts = 4;
    config.train.steps = STEPS;
    config.train.batch = config.train.shards = 4;
    config.train.time = 16;
    config.train.threads = 1;
    config.train.hash_every = 1;
    config.checkpoint.every = 2;
    config.checkpoint.keep_last = 2;
    config.watch.spikes_max = 3;
    config.sources[0] = (struct dataset_source){.path = data};
    config.source_count = 1;
}

static int set_up(void **state)
{
    (void)state;
    folder_begin();
    make_data();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free((char *)config.sources[0].path);
    folder_end();
    return 0;
}

/* Each begins with an empty output folder, and these ranks. */
static void prepare(size_t count)
{
    memset(ranks, 0, sizeof(ranks));
    for (size_t i = 0; i < count; i++) {
        ranks[i].rank = i;
        ranks[i].config = config;
        (void)snprintf(ranks[i].config.out, sizeof(ranks[i].config.out), "%s", in_folder("out"));
    }
}

static void run(size_t count, const struct coll_fault *fault)
{
    struct coll *colls[RANKS_MAX];

    assert_int_equal(coll_open_fake(count, fault, colls, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        struct rank *rank = &ranks[i];

        rank->coll = colls[i];
        rank->inner = colls[i]->ops;
        rank->ops = *rank->inner;
        rank->ops.exchange = exchange;
        rank->ops.gather_parts = gather_parts;
        colls[i]->ops = &rank->ops;
    }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&ranks[i].thread, NULL, rank_main, &ranks[i]), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_join(ranks[i].thread, NULL), 0);
}

static void all_went_well(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ranks[i].result != 0)
            fail_msg("rank %zu: %s", i, ranks[i].err.text);
        assert_int_equal(ranks[i].summary.hash, ranks[0].summary.hash);
    }
}

static bool is_there(const char *name)
{
    return access(in_folder(name), F_OK) == 0;
}

static uint64_t calm_hash(void)
{
    static uint64_t hash;

    if (!hash) {
        folder_remove(in_folder("out"));
        prepare(1);
        run(1, NULL);
        all_went_well(1);
        hash = ranks[0].summary.hash;
        assert_true(ranks[0].loss[STEPS] < ranks[0].loss[1]);
    }
    return hash;
}

static void any_number_of_ranks_ends_with_the_same_weights(void **state)
{
    (void)state;
    for (size_t count = 2; count <= RANKS_MAX; count++) {
        uint64_t want = calm_hash();

        folder_remove(in_folder("out"));
        prepare(count);
        run(count, NULL);
        all_went_well(count);
        assert_int_equal(ranks[0].summary.hash, want);
    }
}

static void a_stopped_run_goes_on_by_other_ranks(void **state)
{
    uint64_t want = calm_hash();

    (void)state;
    folder_remove(in_folder("out"));
    prepare(3);
    ranks[2].stop_at = 4; /* also the step of a checkpoint; one is in flight */
    run(3, NULL);
    all_went_well(3);
    assert_true(ranks[0].summary.stopped);
    assert_int_equal(ranks[0].summary.step, 4);
    prepare(2);
    run(2, NULL);
    all_went_well(2);
    assert_int_equal(ranks[0].summary.hash, want);
    assert_true(ranks[0].loss[4] == 0 && ranks[0].loss[5] > 0);

    prepare(1); /* it is at its end already: nothing is done, and nothing is written */
    run(1, NULL);
    all_went_well(1);
    assert_int_equal(ranks[0].summary.hash, want);
    assert_int_equal(ranks[0].summary.tokens, 0);
}

/* Whatever the call at which a rank dies: the others end with a sentence that names it, and what is
 * on the disk goes on to the same weights. */
static void a_rank_that_dies_at_any_call_is_named_and_changes_nothing(void **state)
{
    uint64_t want = calm_hash();

    (void)state;
    for (uint64_t call = 1; call < 90; call += 7) {
        struct coll_fault fault = {call % 3, call};

        folder_remove(in_folder("out"));
        prepare(3);
        run(3, &fault);
        for (size_t i = 0; i < 3 && ranks[fault.rank].result; i++) {
            assert_int_equal(ranks[i].result, -ECONNRESET);
            if (i != fault.rank && !strstr(ranks[i].err.text, "rank "))
                fail_msg("call %d: %s", (int)call, ranks[i].err.text);
        }
        prepare(2);
        run(2, NULL);
        all_went_well(2);
        assert_int_equal(ranks[0].summary.hash, want);
    }
}

static void a_gradient_that_is_not_finite_is_not_applied(void **state)
{
    (void)state;
    folder_remove(in_folder("out"));
    prepare(2);
    ranks[1].spoil = NAN_GRADIENT;
    ranks[1].at = 5;
    run(2, NULL);
    all_went_well(2);
    assert_int_equal(ranks[0].summary.skipped, 1);
    for (size_t i = 0; i < 2; i++) {
        size_t skipped = 0;

        for (int step = 1; step <= STEPS; step++)
            skipped += ranks[i].verdict[step] == WATCH_NOT_FINITE;
        assert_int_equal(skipped, 1);
        assert_int_equal(ranks[i].notes_skipped, 1);
    }
    assert_true(isfinite(ranks[0].loss[STEPS]));
}

static void a_spike_is_not_applied(void **state)
{
    (void)state;
    folder_remove(in_folder("out"));
    prepare(2);
    for (size_t i = 0; i < 2; i++)
        ranks[i].config.watch.window = 4;
    ranks[1].spoil = HUGE_GRADIENT;
    ranks[1].at = 7; /* the step: two ranks with two shards each exchange one sum */
    run(2, NULL);
    all_went_well(2);
    assert_int_equal(ranks[0].verdict[7], WATCH_SPIKE_NORM);
    assert_int_equal(ranks[1].verdict[7], WATCH_SPIKE_NORM);
    assert_int_equal(ranks[0].summary.skipped, 1);
    assert_true(fabs(ranks[0].loss[STEPS] - ranks[0].loss[1]) < ranks[0].loss[1]);
}

static void too_many_in_a_row_end_the_run_and_take_no_good_checkpoint_with_them(void **state)
{
    (void)state;
    folder_remove(in_folder("out"));
    prepare(2);
    for (size_t i = 0; i < 2; i++) {
        ranks[i].spoil = NAN_WEIGHTS;
        ranks[i].at = 5;
        ranks[i].config.checkpoint.every = 1;
    }
    run(2, NULL);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ranks[i].result, -EDOM);
        assert_non_null(strstr(ranks[i].err.text, "3 steps in a row were not applied"));
        assert_non_null(strstr(ranks[i].err.text, "not finite"));
    }
    assert_true(is_there("out/step-00000004/MANIFEST")); /* of the last good weights */
}

static void weights_that_were_gathered_wrong_name_their_rank(void **state)
{
    (void)state;
    folder_remove(in_folder("out"));
    prepare(3);
    ranks[1].spoil = FLIP_GATHERED;
    ranks[1].at = 3;
    run(3, NULL);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ranks[i].result, -EBADMSG);
        assert_non_null(strstr(ranks[i].err.text, "step 3: the weights of rank 1 "));
    }
    folder_remove(in_folder("out"));
    prepare(2); /* of two, nobody knows who is right */
    ranks[1].spoil = FLIP_GATHERED;
    ranks[1].at = 3;
    run(2, NULL);
    assert_int_equal(ranks[0].result, -EBADMSG);
    assert_non_null(strstr(ranks[0].err.text, "ranks 0 and 1 differ"));
}

static void weights_that_change_in_memory_are_noticed_before_they_spread(void **state)
{
    uint64_t want = calm_hash();

    (void)state;
    folder_remove(in_folder("out"));
    prepare(2);
    ranks[0].spoil = FLIP_COMPUTING;
    ranks[0].at = 5;
    run(2, NULL);
    assert_int_equal(ranks[0].result, -EBADMSG);
    assert_non_null(strstr(ranks[0].err.text, "step 6: weights changed in the memory of rank 0 "));
    assert_int_equal(ranks[1].result, -ECONNRESET);
    assert_non_null(strstr(ranks[1].err.text, "rank 0 "));
    prepare(1);
    run(1, NULL);
    all_went_well(1);
    assert_int_equal(ranks[0].summary.hash, want);
}

static void ranks_that_were_told_different_things_do_not_begin(void **state)
{
    (void)state;
    folder_remove(in_folder("out"));
    prepare(3);
    ranks[2].config.optim.lr *= 2;
    run(3, NULL);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ranks[i].result, -EINVAL);
        assert_string_equal(ranks[i].err.text,
                            "ranks 0 and 2 were told different values of optim.lr");
    }
    prepare(2);
    strcpy(ranks[1].config.train.kernels, "ref");
    strcpy(ranks[0].config.train.kernels, "ref");
    ranks[1].config.train.threads = 2; /* which may differ */
    run(2, NULL);
    all_went_well(2);
    assert_false(ranks[0].summary.stopped);
}

static void expect_refused(size_t count, const char *sentence)
{
    run(count, NULL);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(ranks[i].result, -EEXIST);
    if (!strstr(ranks[0].err.text, sentence))
        fail_msg("%s", ranks[0].err.text);
}

/* Two futures in one folder would be mixed by the next one that resumes. */
static void a_run_does_not_go_back_behind_its_folders_checkpoints(void **state)
{
    char early[300];

    (void)state;
    folder_remove(in_folder("out"));
    prepare(1);
    run(1, NULL);
    all_went_well(1);
    prepare(2);
    ranks[0].resume = ranks[1].resume = TRAIN_FROM_SCRATCH;
    expect_refused(2, "has a checkpoint of step 8 already");
    prepare(2);
    (void)snprintf(early, sizeof(early), "%s", in_folder("out/step-00000006"));
    ranks[0].resume = ranks[1].resume = early;
    expect_refused(2, "has a checkpoint of step 8: a run that goes on from step 6");
    prepare(2);
    for (size_t i = 0; i < 2; i++) {
        ranks[i].resume = early;
        (void)snprintf(ranks[i].config.out, sizeof(ranks[i].config.out), "%s", in_folder("other"));
    }
    run(2, NULL);
    all_went_well(2);
    assert_int_equal(ranks[0].summary.hash, calm_hash());
}

/* Each step has its checkpoint, and the router's bias falls in the last half of them. */
static void prepare_fade(size_t count)
{
    prepare(count);
    for (size_t i = 0; i < count; i++) {
        ranks[i].config.router.bias_rate = 0.01;
        ranks[i].config.router.bias_fade = 1 - (double)FADE_FROM / STEPS;
        ranks[i].config.checkpoint.every = ranks[i].config.checkpoint.keep_every = 1;
    }
}

/* The router's biases after a step, as its checkpoint has them. */
static void bias_of(int64_t step, float *bias, size_t count)
{
    char name[64];
    struct ckpt *ckpt;
    struct meta meta;
    struct err err = {0};

    (void)snprintf(name, sizeof(name), "out/step-%08d", (int)step);
    if (ckpt_open(in_folder(name), NULL, NULL, &ckpt, &err) < 0 || meta_read(ckpt, &meta, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(meta.experts, count);
    memcpy(bias, meta.router_bias, count * sizeof(*bias));
    meta_done(&meta);
    ckpt_close(ckpt);
}

static void expect_linear_fade(void)
{
    float full[4], bias[4];
    double largest = 0;

    bias_of(FADE_FROM, full, 4);
    for (size_t e = 0; e < 4; e++)
        largest = fmax(largest, fabs((double)full[e]));
    assert_true(largest >= 0.01); /* there is something to fall */
    for (int64_t step = FADE_FROM; step <= STEPS; step++) {
        double left = (double)(STEPS - step) / (STEPS - FADE_FROM);

        bias_of(step, bias, 4);
        for (size_t e = 0; e < 4; e++)
            if (fabs((double)bias[e] - (double)full[e] * left) > 1e-6 * largest * left)
                fail_msg("step %d, expert %zu: %g of %g", (int)step, e, (double)bias[e],
                         (double)full[e]);
    }
}

static void the_routers_bias_falls_linearly_to_nothing(void **state)
{
    (void)state;
    folder_remove(in_folder("out"));
    prepare_fade(1);
    run(1, NULL);
    all_went_well(1);
    expect_linear_fade();
    folder_remove(in_folder("out"));
    prepare_fade(2); /* also where a step is not applied */
    ranks[1].spoil = NAN_GRADIENT;
    ranks[1].at = FADE_FROM + 2;
    run(2, NULL);
    all_went_well(2);
    assert_int_equal(ranks[0].verdict[FADE_FROM + 2], WATCH_NOT_FINITE);
    expect_linear_fade();
}

static void a_run_killed_while_the_bias_falls_ends_with_the_same_weights(void **state)
{
    uint64_t want;

    (void)state;
    folder_remove(in_folder("out"));
    prepare_fade(1);
    run(1, NULL);
    all_went_well(1);
    want = ranks[0].summary.hash;
    for (uint64_t call = 2; call < 12; call += 3) {
        struct coll_fault fault = {call % 2, call};
        struct err err = {0};
        int64_t newest;

        folder_remove(in_folder("out"));
        prepare_fade(3);
        ranks[1].stop_at = FADE_FROM + 1; /* its last checkpoint is of the fade's beginning */
        run(3, NULL);
        all_went_well(3);
        prepare_fade(2);
        run(2, &fault);
        assert_true(ranks[0].result < 0 && ranks[1].result < 0);
        assert_int_equal(ckpt_newest(in_folder("out"), &newest, &err), 0);
        assert_in_range(newest, FADE_FROM + 1, STEPS - 1);
        prepare_fade(2);
        run(2, NULL);
        all_went_well(2);
        assert_true(ranks[0].loss[newest] == 0 && ranks[0].loss[newest + 1] > 0); /* resumed */
        assert_int_equal(ranks[0].summary.hash, want);
        expect_linear_fade();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_ranks_ends_with_the_same_weights),
        cmocka_unit_test(a_stopped_run_goes_on_by_other_ranks),
        cmocka_unit_test(a_rank_that_dies_at_any_call_is_named_and_changes_nothing),
        cmocka_unit_test(a_gradient_that_is_not_finite_is_not_applied),
        cmocka_unit_test(a_spike_is_not_applied),
        cmocka_unit_test(too_many_in_a_row_end_the_run_and_take_no_good_checkpoint_with_them),
        cmocka_unit_test(weights_that_were_gathered_wrong_name_their_rank),
        cmocka_unit_test(weights_that_change_in_memory_are_noticed_before_they_spread),
        cmocka_unit_test(ranks_that_were_told_different_things_do_not_begin),
        cmocka_unit_test(a_run_does_not_go_back_behind_its_folders_checkpoints),
        cmocka_unit_test(the_routers_bias_falls_linearly_to_nothing),
        cmocka_unit_test(a_run_killed_while_the_bias_falls_ends_with_the_same_weights),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
