#include "train/sampler.h"

#include "tensor/random.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Likeliest first; equal ones by index. qsort_r keeps no state of ours elsewhere. */
static int by_logit(const void *a, const void *b, void *logits)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    float p = ((const float *)logits)[x], q = ((const float *)logits)[y];

    if (p != q)
        return p < q ? 1 : -1;
    return (x > y) - (x < y);
}

static int32_t likeliest(const float *logits, size_t count)
{
    size_t best = 0;

    for (size_t i = 1; i < count; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

/* Tokens far below the best can't be drawn: e^-40 of it is less than a draw can tell apart. Returns
 * how many are left, in order[]. */
static size_t keep_near(const float *logits, size_t count, float best, double temperature,
                        int32_t *order)
{
    float floor = best - (float)(40 * temperature);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (logits[i] >= floor)
            order[kept++] = (int32_t)i;
    return kept;
}

int32_t sampler_choose(const float *logits, size_t count, double temperature, double top_p,
                       double draw, int32_t *order)
{
    int32_t first = likeliest(logits, count);
    float best = logits[first];
    double sum = 0, nucleus = 0, reached = 0;
    size_t kept, last = 0;

    if (temperature <= 0 || !isfinite(best))
        return first;
    kept = keep_near(logits, count, best, temperature, order);
    qsort_r(order, kept, sizeof(*order), by_logit, (void *)logits);
    for (size_t i = 0; i < kept; i++)
        sum += exp(((double)logits[order[i]] - (double)best) / temperature);
    for (last = 0; last < kept; last++) {
        nucleus += exp(((double)logits[order[last]] - (double)best) / temperature);
        if (nucleus >= top_p * sum)
            break;
    }
    for (size_t i = 0; i < kept && i <= last; i++) {
        reached += exp(((double)logits[order[i]] - (double)best) / temperature);
        if (reached > draw * nucleus)
            return order[i];
    }
    return order[last < kept ? last : kept - 1];
}

struct sampling {
    struct model *model;
    struct model_cache *cache;
    size_t prompts, vocab, stride;
    int32_t *tokens; /* (prompts, stride): what goes in next */
    size_t *count;   /* of them, for each prompt */
    float *logits;   /* (prompts, vocab) */
    int32_t *order;
};

static void sampling_done(struct sampling *sampling)
{
    model_cache_free(sampling->cache);
    free(sampling->tokens);
    free(sampling->count);
    free(sampling->logits);
    free(sampling->order);
}

static int sampling_init(struct sampling *sampling, struct model *model,
                         const struct sampler_options *options, const struct tokens *prompts,
                         size_t count, struct err *err)
{
    const struct model_config *config = model_config_of(model);
    size_t time;

    *sampling = (struct sampling){.model = model, .prompts = count, .stride = 1};
    sampling->vocab = (size_t)config->vocab;
    if (!(options->temperature >= 0 && options->temperature <= SAMPLER_TEMPERATURE_MAX))
        return err_set(err, -EINVAL, "the temperature is 0 to %d, not %g", SAMPLER_TEMPERATURE_MAX,
                       options->temperature);
    if (!(options->top_p >= 0 && options->top_p <= 1))
        return err_set(err, -EINVAL, "top-p is 0 to 1, not %g", options->top_p);
    if (!count || count > SAMPLER_PROMPTS_MAX)
        return err_set(err, -EINVAL, "%zu prompts; at most %d at a time", count,
                       SAMPLER_PROMPTS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!prompts[i].count)
            return err_set(err, -EINVAL, "prompt %zu has no token", i + 1);
        if (prompts[i].count > (size_t)config->context)
            return err_set(err, -EINVAL, "prompt %zu has %zu tokens, the model's context is %lld",
                           i + 1, prompts[i].count, (long long)config->context);
        if (prompts[i].count > sampling->stride)
            sampling->stride = prompts[i].count;
    }
    time = sampling->stride + options->tokens;
    if (time > (size_t)config->context)
        time = (size_t)config->context;
    sampling->tokens = calloc(count * sampling->stride, sizeof(*sampling->tokens));
    sampling->count = calloc(count, sizeof(*sampling->count));
    sampling->logits = calloc(count * sampling->vocab, sizeof(*sampling->logits));
    sampling->order = calloc(sampling->vocab, sizeof(*sampling->order));
    if (!sampling->tokens || !sampling->count || !sampling->logits || !sampling->order)
        return err_set(err, -ENOMEM, "no memory to sample");
    return model_cache_new(model, count, time, &sampling->cache, err);
}

/* Choose the next token of each prompt that goes on. Returns how many do. */
static size_t choose_next(struct sampling *sampling, const struct sampler_options *options,
                          size_t place, size_t *left,
                          bool (*token)(void *arg, size_t prompt, int32_t id), void *arg)
{
    const struct model_config *config = model_config_of(sampling->model);
    size_t going = 0;

    for (size_t i = 0; i < sampling->prompts; i++) {
        double draw =
            random_unit(options->seed, options->step, RANDOM_SAMPLE, (uint64_t)i << 32 | place);
        int32_t id;

        if (!sampling->count[i])
            continue;
        sampling->count[i] = 0;
        if (!left[i])
            continue;
        id = sampler_choose(sampling->logits + i * sampling->vocab, sampling->vocab,
                            options->temperature, options->top_p, draw, sampling->order);
        left[i]--;
        if (id == config->eos || !token(arg, i, id) ||
            model_cache_length(sampling->cache, i) >= (size_t)config->context)
            continue;
        sampling->tokens[i * sampling->stride] = id;
        sampling->count[i] = left[i] > 0;
        going += left[i] > 0;
    }
    return going;
}

int sampler_run(struct model *model, const struct sampler_options *options,
                const struct tokens *prompts, size_t count,
                bool (*token)(void *arg, size_t prompt, int32_t id), void *arg, struct err *err)
{
    struct sampling sampling;
    size_t left[SAMPLER_PROMPTS_MAX], going = count;
    int r = sampling_init(&sampling, model, options, prompts, count, err);

    for (size_t i = 0; r == 0 && i < count; i++) {
        memcpy(sampling.tokens + i * sampling.stride, prompts[i].items,
               prompts[i].count * sizeof(*prompts[i].items));
        sampling.count[i] = prompts[i].count;
        left[i] = options->tokens;
    }
    for (size_t place = 0; r == 0 && going; place++) {
        r = model_decode(model, sampling.cache, sampling.tokens, sampling.stride, sampling.count,
                         sampling.logits, err);
        if (r == 0)
            going = choose_next(&sampling, options, place, left, token, arg);
    }
    sampling_done(&sampling);
    return r;
}

static bool keep_token(void *arg, size_t prompt, int32_t id)
{
    struct tokens *tokens = arg;
    int32_t *slot = vec_push(tokens);

    (void)prompt;
    if (slot)
        *slot = id;
    return slot != NULL;
}

int sampler_prompt(const struct tokenizer *tokenizer, const char *text, struct tokens *out,
                   struct err *err)
{
    struct tokenizer_scratch *scratch = tokenizer_scratch_new();
    int32_t bos = tokenizer_special_id(tokenizer, TOKENIZER_BOS),
            eos = tokenizer_special_id(tokenizer, TOKENIZER_EOS);
    int r = scratch ? 0 : -ENOMEM;

    if (r == 0 && bos >= 0 && !keep_token(out, 0, bos))
        r = -ENOMEM;
    if (r == 0)
        r = tokenizer_encode(tokenizer, scratch, str_of(text), out);
    if (r == 0 && !out->count && eos >= 0 && !keep_token(out, 0, eos))
        r = -ENOMEM;
    tokenizer_scratch_free(scratch);
    if (r < 0)
        return err_set(err, r, "no memory for the prompt");
    return out->count ? 0
                      : err_set(err, -EINVAL,
                                "an empty prompt, and the tokenizer has no token to begin with");
}

int sampler_text(struct model *model, const struct tokenizer *tokenizer,
                 const struct sampler_options *options, const char *prompt, struct buf *out,
                 struct err *err)
{
    struct tokens tokens = {0}, said = {0};
    size_t bad;
    int r = sampler_prompt(tokenizer, prompt, &tokens, err);

    for (size_t i = 0; r == 0 && i < tokens.count; i++)
        if (!keep_token(&said, 0, tokens.items[i]))
            r = err_set(err, -ENOMEM, "no memory for the prompt");
    if (r == 0)
        r = sampler_run(model, options, &tokens, 1, keep_token, &said, err);
    if (r == 0 && tokenizer_decode(tokenizer, said.items, said.count, out, &bad) < 0)
        r = err_set(err, -ENOMEM, "no memory for the sample");
    vec_done(&tokens);
    vec_done(&said);
    return r;
}
