#include "base/clock.h"
#include "kernels/flat.h"
#include "train/schedule.h"
#include "train/state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMOOTH_STEPS 20 /* the smoothed loss forgets over so many */

/* The windows of shard `shard` of the step that comes, into the train's buffers. */
static int load_shard(struct train *train, size_t shard, struct err *err)
{
    uint64_t number =
        (uint64_t)train->step * (uint64_t)train->config->train.batch + shard * train->shard_windows;
    size_t time = (size_t)train->config->train.time;

    for (size_t i = 0; i < train->shard_windows; i++) {
        int r = dataset_window(train->data, number + i, train->tokens + i * time,
                               train->targets + i * time,
                               train->first_key ? train->first_key + i * time : NULL, err);

        if (r < 0)
            return err_wrap(err, r, "step %lld", (long long)train->step + 1);
    }
    return 0;
}

static int compute_shard(struct train *train, size_t shard, struct shard_result *out,
                         struct err *err)
{
    size_t experts = (size_t)(train->config->model.layers * train->config->model.experts);
    size_t rows_step = (size_t)(train->config->train.batch * train->config->train.time);
    struct model_batch batch = {
        .batch = train->shard_windows,
        .time = (size_t)train->config->train.time,
        .tokens = train->tokens,
        .targets = train->targets,
        .first_key = train->first_key,
    };
    struct model_result result = {.expert_rows = train->shard_expert_rows};
    int r = load_shard(train, shard, err);

    if (r == 0)
        r = model_gradient(train->model, &batch, 1.0 / (double)rows_step, rows_step,
                           reduce_slot(train->reduce), &result, err);
    if (r < 0)
        return r;
    reduce_push(train->reduce);
    *out = (struct shard_result){result.loss_sum, result.z_loss, result.aux_loss, result.targets};
    for (size_t i = 0; i < experts; i++)
        train->expert_rows[i] += train->shard_expert_rows[i];
    return 0;
}

/* Tell everybody this rank's control, shards and expert counts; learn theirs. */
static int gather_results(struct train *train, const struct control *control,
                          const struct shard_result *own, size_t own_count, struct err *err)
{
    size_t experts = (size_t)(train->config->model.layers * train->config->model.experts);
    size_t counts_at = sizeof(*control) + train->shards_a_rank * sizeof(*own);
    size_t ranks = coll_size(train->coll), shards = (size_t)train->config->train.shards;
    int r;

    memcpy(train->mine, control, sizeof(*control));
    memcpy(train->mine + sizeof(*control), own, own_count * sizeof(*own));
    memcpy(train->mine + counts_at, train->expert_rows, experts * sizeof(uint64_t));
    r = coll_gather(train->coll, train->mine, train->message_bytes, train->gathered, err);
    if (r < 0)
        return r;
    memset(train->expert_rows, 0, experts * sizeof(uint64_t));
    for (size_t rank = 0; rank < ranks; rank++) {
        const char *message = train->gathered + rank * train->message_bytes;
        size_t begin, end;

        reduce_share(shards, rank, ranks, &begin, &end);
        memcpy(&train->controls[rank], message, sizeof(*control));
        memcpy(&train->shards[begin], message + sizeof(*control), (end - begin) * sizeof(*own));
        for (size_t i = 0; i < experts; i++) {
            uint64_t count;

            memcpy(&count, message + counts_at + i * sizeof(count), sizeof(count));
            train->expert_rows[i] += count;
        }
    }
    return 0;
}

/* Of the summed gradient: blocks are added in order. */
static int gradient_norm(struct train *train, const float *gradient, double *norm, struct err *err)
{
    double sum = 0;
    int r;

    flat_square_sums(&train->exec, train->end - train->begin, gradient,
                     train->block_sums + train->begin / FLAT_BLOCK);
    r = coll_gather_parts(train->coll, train->block_sums, train->block_range, err);
    for (size_t i = 0; r == 0 && i < (train->items + FLAT_BLOCK - 1) / FLAT_BLOCK; i++)
        sum += train->block_sums[i];
    *norm = sqrt(sum);
    return r;
}

/* base^n by squaring: libm's pow may differ in its last bit from machine to machine. */
static double power(double base, int64_t n)
{
    double result = 1;

    for (; n; n >>= 1, base *= base)
        if (n & 1)
            result *= base;
    return result;
}

/* AdamW on this rank's range: decay differs by tensor, so tensor by tensor. */
static void update(struct train *train, const float *gradient, double lr, double scale)
{
    const struct params *params = model_params(train->model);
    float *weights = model_weights(train->model);
    struct adamw adamw = {
        .lr = (float)lr,
        .beta1 = (float)train->config->optim.beta1,
        .beta2 = (float)train->config->optim.beta2,
        .eps = (float)train->config->optim.eps,
        .grad_scale = (float)scale,
        .correction1 = (float)(1 - power(train->config->optim.beta1, train->updates)),
        .correction2 = (float)(1 - power(train->config->optim.beta2, train->updates)),
    };

    for (size_t i = 0; i < params->count; i++) {
        const struct param *param = &params->items[i];
        uint64_t from = param->offset > train->begin ? param->offset : train->begin;
        uint64_t to =
            param->offset + param->count < train->end ? param->offset + param->count : train->end;

        adamw.decay = param->decay ? (float)train->config->optim.decay : 0;
        if (from < to)
            flat_adamw(&train->exec, &adamw, to - from, gradient + (from - train->begin),
                       weights + from, (float *)train->m.p + (from - train->begin),
                       (float *)train->v.p + (from - train->begin));
    }
}

/* Balancing without a loss (DeepSeek-V3, arXiv 2412.19437, 2.1.2): an expert above its fair share
 * becomes a little less likely to be chosen, one below it a little more. */
static void steer_router(struct train *train)
{
    size_t layers = (size_t)train->config->model.layers;
    size_t experts = (size_t)train->config->model.experts;
    float rate = (float)train->config->router.bias_rate;
    float *bias = model_router_bias(train->model);

    for (size_t layer = 0; layer < layers && experts > 1; layer++) {
        const uint64_t *rows = train->expert_rows + layer * experts;
        uint64_t all = 0;

        for (size_t e = 0; e < experts; e++)
            all += rows[e];
        for (size_t e = 0; e < experts; e++)
            if (rows[e] * experts != all)
                bias[layer * experts + e] += rows[e] * experts < all ? rate : -rate;
    }
}

/* Other programs' Groks choose experts without a bias. So in the last part of the steps it falls
 * linearly to 0, whether steps are applied or not, and the router learns to do without. Each step
 * multiplies by what is left of the way, so that a resumed training needs to know no more. */
static void fade_router(struct train *train, int64_t left)
{
    size_t count = (size_t)(train->config->model.layers * train->config->model.experts);
    float part = (float)((double)left / (double)(left + 1));
    float *bias = model_router_bias(train->model);

    for (size_t i = 0; i < count; i++)
        bias[i] = left ? bias[i] * part : 0;
}

/* Does the bias fall at this step? */
static bool fades(const struct train *train, int64_t step)
{
    double steps = (double)train->config->train.steps;

    return (double)step > steps - train->config->router.bias_fade * steps;
}

/* The least and the most loaded expert; who is below dead_share for dead_steps is told. */
static void watch_experts(struct train *train, struct train_step *out)
{
    size_t layers = (size_t)train->config->model.layers;
    size_t experts = (size_t)train->config->model.experts;

    for (size_t i = 0; experts > 1 && i < layers * experts; i++) {
        const uint64_t *rows = train->expert_rows + i / experts * experts;
        uint64_t all = 0;
        double share;

        for (size_t e = 0; e < experts; e++)
            all += rows[e];
        share = all ? (double)(train->expert_rows[i] * experts) / (double)all : 1;
        if (i == 0 || share < out->expert_worst)
            out->expert_worst = share;
        if (i == 0 || share > out->expert_best)
            out->expert_best = share;
        train->dying[i] = share < train->config->router.dead_share ? train->dying[i] + 1 : 0;
        out->dead_experts += train->dying[i] >= train->config->router.dead_steps;
        if (train->dying[i] == train->config->router.dead_steps)
            train_note(
                train, "dead_expert",
                "expert %zu of layer %zu has less than %g of its fair share since %lld steps",
                i % experts, i / experts, train->config->router.dead_share,
                (long long)train->dying[i]);
    }
}

static void sum_shards(struct train *train, struct train_step *out, uint64_t *targets)
{
    size_t shards = (size_t)train->config->train.shards;
    double loss = 0;

    *targets = 0;
    for (size_t i = 0; i < shards; i++) {
        loss += train->shards[i].loss_sum;
        out->z_loss += train->shards[i].z_loss / (double)shards;
        *targets += train->shards[i].targets;
    }
    out->loss = *targets ? loss / (double)*targets : 0;
}

static int apply(struct train *train, const float *gradient, double scale, struct train_step *out,
                 struct err *err)
{
    double clip = train->config->optim.clip;
    uint64_t stall_ns = 0;
    int r;

    r = train_weights_kept(train, err);
    if (r < 0)
        return r;
    ckpt_writer_hold(train->writer, &stall_ns);
    out->stall_seconds += (double)stall_ns * 1e-9;
    train->updates++;
    if (clip > 0 && out->grad_norm > clip)
        scale *= clip / out->grad_norm;
    update(train, gradient, out->lr, scale);
    r = coll_gather_parts(train->coll, model_weights(train->model), train->byte_range, err);
    if (r < 0)
        return r;
    if (!fades(train, out->step))
        steer_router(train);
    model_pack(train->model);
    train->smooth_loss += (out->loss - train->smooth_loss) /
                          (double)(train->updates < SMOOTH_STEPS ? train->updates : SMOOTH_STEPS);
    return 0;
}

static int too_many_skipped(const struct train *train, const struct train_step *step,
                            struct err *err)
{
    if (train->watch.skipped_in_a_row < (uint64_t)train->config->watch.spikes_max)
        return 0;
    return err_set(err, -EDOM,
                   "%llu steps in a row were not applied, the last (step %lld) because of: %s, "
                   "loss %g, gradient norm %g",
                   (unsigned long long)train->watch.skipped_in_a_row, (long long)step->step,
                   watch_verdict_name(step->verdict), step->loss, step->grad_norm);
}

/* Sums, verdict and update of the step whose shards are all computed. */
static int finish_step(struct train *train, struct train_step *out, struct err *err)
{
    double rows = (double)(train->config->train.batch * train->config->train.time), scale;
    const float *gradient;
    uint64_t targets;
    int r;

    sum_shards(train, out, &targets);
    gradient = reduce_finish(train->reduce, err);
    if (!gradient)
        return err->code;
    r = gradient_norm(train, gradient, &out->grad_norm, err);
    if (r < 0)
        return r;
    scale = targets ? rows / (double)targets : 0;
    out->grad_norm *= scale;
    out->tokens = targets;
    out->lr = schedule_lr(train->config, out->step);
    out->verdict = watch_step(&train->watch, out->loss, out->grad_norm);
    if (out->verdict == WATCH_APPLY) {
        r = apply(train, gradient, scale, out, err);
    } else {
        train_note(train, "skipped", "step %lld is not applied: %s (loss %g, gradient norm %g)",
                   (long long)out->step, watch_verdict_name(out->verdict), out->loss,
                   out->grad_norm);
        r = too_many_skipped(train, out, err);
    }
    if (r == 0 && fades(train, out->step))
        fade_router(train, train->config->train.steps - out->step);
    return r;
}

int train_step(struct train *train, struct train_step *out, int64_t *stop, bool *saved,
               struct err *err)
{
    size_t begin, end, experts;
    struct shard_result *own = train->shards; /* gathered over itself */
    struct control control = {0};
    double start = clock_now_s();
    int r;

    *out = (struct train_step){.step = train->step + 1};
    experts = (size_t)(train->config->model.layers * train->config->model.experts);
    memset(train->expert_rows, 0, experts * sizeof(uint64_t));
    reduce_share((size_t)train->config->train.shards, coll_rank(train->coll),
                 coll_size(train->coll), &begin, &end);
    for (size_t shard = begin; shard < end; shard++) {
        r = compute_shard(train, shard, &own[shard - begin], err);
        if (r < 0)
            return r;
    }
    control.stop = train->events->stop ? train->events->stop(train->events->arg) : 0;
    control.saved = train_save_poll(train, false);
    r = gather_results(train, &control, own, end - begin, err);
    if (r < 0)
        return r;
    *stop = 0;
    *saved = train->saving >= 0;
    for (size_t rank = 0; rank < coll_size(train->coll); rank++) {
        if (train->controls[rank].stop > 0 && (*stop == 0 || train->controls[rank].stop < *stop))
            *stop = train->controls[rank].stop; /* to leave goes before to go on */
        *saved = *saved && train->controls[rank].saved;
    }
    r = finish_step(train, out, err);
    if (r < 0)
        return r;
    watch_experts(train, out);
    train->step++;
    train->tokens_seen += out->tokens;
    out->smooth_loss = train->smooth_loss;
    out->seconds = clock_now_s() - start;
    return 0;
}
