#include "model/state.h"

#include <errno.h>
#include <stdlib.h>

/* A tile of queries costs as much as about so many queries alone. */
#define FEW_TOKENS 8

/* A run of new tokens of one sequence. */
struct segment {
    size_t row;   /* sequence */
    size_t begin; /* its position of the first of them */
    size_t count;
};

struct model_cache {
    struct model *model;
    size_t batch, time;
    size_t *length;      /* (batch) */
    size_t *done;        /* (batch): tokens of this call that are in */
    struct mat *k, *v;   /* of each layer, (batch * time, Hkv d) of T */
    uint8_t *key_hidden; /* (batch * time) */
    struct storage storage;

    /* One way through the layers. */
    struct segment *segments; /* (batch) */
    size_t segment_count;
    int32_t *tokens, *pos; /* (rows_max) */
    int32_t *lengths;      /* (batch) */
};

static void lay_cache(struct model_cache *cache, struct carve *carve)
{
    const struct model *model = cache->model;
    size_t width = (size_t)(model->config.kv_heads * model->config.head_dim);
    size_t rows = cache->batch * cache->time, layers = (size_t)model->config.layers;
    enum dtype type = model->options.precision;

    cache->length = carve_take(carve, cache->batch * sizeof(*cache->length));
    cache->done = carve_take(carve, cache->batch * sizeof(*cache->done));
    cache->segments = carve_take(carve, cache->batch * sizeof(*cache->segments));
    cache->lengths = carve_take(carve, cache->batch * sizeof(*cache->lengths));
    cache->tokens = carve_take(carve, model->rows_max * sizeof(*cache->tokens));
    cache->pos = carve_take(carve, model->rows_max * sizeof(*cache->pos));
    cache->key_hidden = carve_take(carve, rows);
    cache->k = carve_take(carve, layers * sizeof(*cache->k));
    cache->v = carve_take(carve, layers * sizeof(*cache->v));
    for (size_t i = 0; i < layers; i++) {
        struct mat k = mat_of(type, carve_take(carve, rows * width * dtype_bytes(type)), width);
        struct mat v = mat_of(type, carve_take(carve, rows * width * dtype_bytes(type)), width);

        if (!carve->base)
            continue;
        cache->k[i] = k;
        cache->v[i] = v;
    }
}

int model_cache_new(struct model *model, size_t batch, size_t time, struct model_cache **out,
                    struct err *err)
{
    struct carve count = {0}, take = {0};
    struct model_cache *cache;
    int r;

    if (batch == 0 || time == 0 || time > (size_t)model->config.context ||
        batch > MODEL_ROWS_MAX / time)
        return err_set(err, -EINVAL,
                       "a cache of %zu x %zu tokens, but model.context is %lld and %zu tokens fit",
                       batch, time, (long long)model->config.context, MODEL_ROWS_MAX);
    cache = calloc(1, sizeof(*cache));
    if (!cache)
        return err_set(err, -ENOMEM, "no memory for a cache");
    cache->model = model;
    cache->batch = batch;
    cache->time = time;
    lay_cache(cache, &count);
    r = storage_init(&cache->storage, count.used, "keys and values", err);
    if (r < 0) {
        free(cache);
        return r;
    }
    take.base = cache->storage.p;
    lay_cache(cache, &take);
    *out = cache;
    return 0;
}

void model_cache_free(struct model_cache *cache)
{
    if (!cache)
        return;
    storage_done(&cache->storage);
    free(cache);
}

size_t model_cache_length(const struct model_cache *cache, size_t row)
{
    return cache->length[row];
}

void model_cache_cut(struct model_cache *cache, size_t row, size_t length)
{
    if (cache->length[row] > length)
        cache->length[row] = length;
}

static void copy_rows(struct mat to, size_t to_row, struct mat from, size_t from_row, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(mat_at(to, to_row + i, 0).p, mat_at(from, from_row + i, 0).p,
               to.ld * dtype_bytes(to.type));
}

/* Is there one new token of each sequence? */
static bool one_of_each(const struct model_cache *cache)
{
    bool all = cache->segment_count == cache->batch;

    for (size_t i = 0; i < cache->segment_count && all; i++)
        all = cache->segments[i].count == 1;
    return all;
}

static void attend_one_of_each(struct model *model, const struct pass *pass, size_t index)
{
    struct model_cache *cache = pass->arg;
    struct layer *layer = &model->layers[index];
    struct attention at = pass->at;

    at.batch = cache->batch;
    at.time = cache->time;
    for (size_t i = 0; i < cache->batch; i++)
        cache->lengths[i] = (int32_t)cache->segments[i].begin + 1;
    attention_decode(model->exec, &at, model_q(model, layer->qkv), cache->k[index], cache->v[index],
                     cache->lengths, layer->o);
}

/* The tokens of one segment: all at once, but few behind a long text one by one. */
static void attend_segment(struct model *model, const struct pass *pass, size_t index,
                           const struct segment *segment, size_t row)
{
    struct model_cache *cache = pass->arg;
    struct layer *layer = &model->layers[index];
    struct attention at = pass->at;
    size_t base = segment->row * cache->time;
    struct mat k = mat_at(cache->k[index], base, 0), v = mat_at(cache->v[index], base, 0);

    at.batch = 1;
    at.key_hidden = at.key_hidden ? at.key_hidden + base : NULL;
    if (segment->begin == 0 || segment->count > FEW_TOKENS) {
        at.past = segment->begin;
        at.time = segment->begin + segment->count;
        attention_forward(model->exec, &at, model_q(model, mat_at(layer->qkv, row, 0)), k, v,
                          mat_at(layer->o, row, 0), layer->lse);
        return;
    }
    at.time = cache->time;
    for (size_t i = 0; i < segment->count; i++) {
        int32_t length = (int32_t)(segment->begin + i + 1);

        attention_decode(model->exec, &at, model_q(model, mat_at(layer->qkv, row + i, 0)), k, v,
                         &length, mat_at(layer->o, row + i, 0));
    }
}

static void attend_cached(struct model *model, const struct pass *pass, size_t index)
{
    struct model_cache *cache = pass->arg;
    struct layer *layer = &model->layers[index];
    size_t row = 0;

    for (size_t i = 0; i < cache->segment_count; i++) {
        const struct segment *segment = &cache->segments[i];
        size_t to = segment->row * cache->time + segment->begin;

        copy_rows(cache->k[index], to, model_k(model, layer->qkv), row, segment->count);
        copy_rows(cache->v[index], to, model_v(model, layer->qkv), row, segment->count);
        row += segment->count;
    }
    if (one_of_each(cache)) {
        attend_one_of_each(model, pass, index);
        return;
    }
    row = 0;
    for (size_t i = 0; i < cache->segment_count; i++) {
        attend_segment(model, pass, index, &cache->segments[i], row);
        row += cache->segments[i].count;
    }
}

static int check_tokens(const struct model_cache *cache, const int32_t *tokens, size_t stride,
                        const size_t *count, struct err *err)
{
    for (size_t row = 0; row < cache->batch; row++) {
        if (count[row] > stride || count[row] > cache->time - cache->length[row])
            return err_set(err, -EINVAL,
                           "sequence %zu has %zu tokens and gets %zu more, but the cache holds %zu",
                           row, cache->length[row], count[row], cache->time);
        for (size_t i = 0; i < count[row]; i++) {
            int r = model_check_token(cache->model, tokens[row * stride + i], err);

            if (r < 0)
                return err_wrap(err, r, "sequence %zu, new token %zu", row, i);
        }
    }
    return 0;
}

/* As many tokens as the model has rows for, sequence after sequence. Returns how many. */
static size_t next_piece(struct model_cache *cache, const int32_t *tokens, size_t stride,
                         const size_t *count)
{
    size_t rows = 0, space = cache->model->rows_max;

    cache->segment_count = 0;
    for (size_t row = 0; row < cache->batch && rows < space; row++) {
        size_t left = count[row] - cache->done[row];
        struct segment segment = {row, cache->length[row],
                                  left < space - rows ? left : space - rows};

        if (left == 0)
            continue;
        for (size_t i = 0; i < segment.count; i++) {
            int32_t token = tokens[row * stride + cache->done[row] + i];
            size_t pos = segment.begin + i;

            cache->tokens[rows] = token;
            cache->pos[rows++] = (int32_t)pos;
            cache->key_hidden[row * cache->time + pos] = token == cache->model->config.pad;
        }
        cache->segments[cache->segment_count++] = segment;
    }
    return rows;
}

/* The logits of the sequences whose last token was in this piece: their rows of x move up beside
 * each other, then neighbouring sequences go in one product. */
static void finish_piece(struct model_cache *cache, const size_t *count, float *logits)
{
    struct model *model = cache->model;
    size_t row = 0, ready = 0, first = 0; /* rows of x; the sequence of the first that is ready */
    size_t vocab = (size_t)model->config.vocab;

    for (size_t i = 0; i < cache->segment_count; i++) {
        const struct segment *segment = &cache->segments[i];
        size_t last = row + segment->count - 1;

        row += segment->count;
        cache->length[segment->row] += segment->count;
        cache->done[segment->row] += segment->count;
        if (cache->done[segment->row] < count[segment->row])
            continue;
        if (ready && segment->row != first + ready) {
            head_logits(model->exec, &model->head, model->packed_head, ready, model->x,
                        logits + first * vocab);
            ready = 0;
        }
        if (ready == 0)
            first = segment->row;
        if (last != ready)
            copy_rows(model->x, ready, model->x, last, 1);
        ready++;
    }
    if (ready)
        head_logits(model->exec, &model->head, model->packed_head, ready, model->x,
                    logits + first * vocab);
}

int model_decode(struct model *model, struct model_cache *cache, const int32_t *tokens,
                 size_t stride, const size_t *count, float *logits, struct err *err)
{
    int r = check_tokens(cache, tokens, stride, count, err);
    size_t rows;

    if (r < 0)
        return r;
    memset(cache->done, 0, cache->batch * sizeof(*cache->done));
    while ((rows = next_piece(cache, tokens, stride, count)) > 0) {
        struct pass pass = pass_begin(model, 1, rows);

        pass.tokens = cache->tokens;
        pass.pos = cache->pos;
        pass.at.key_hidden = model->config.pad >= 0 ? cache->key_hidden : NULL;
        pass.attend = attend_cached;
        pass.arg = cache;
        pass_forward(model, &pass);
        finish_piece(cache, count, logits);
    }
    return 0;
}
