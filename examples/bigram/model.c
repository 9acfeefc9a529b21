#include "model.h"

#include "base/hash.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

#define RATE     0.2f
#define MOMENTUM 0.9f

unsigned char model_class(unsigned char byte)
{
    if (byte == '\n')
        return 0;
    return byte >= 32 && byte < 127 ? (unsigned char)(byte - 31) : CHARS - 1;
}

static void fill(float *to, size_t count, float scale, struct rng *rng)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)(rng_unit(rng) * 2 - 1) * scale;
}

void model_init(struct model *model, uint64_t seed)
{
    struct weights *w = &model->weights;
    struct rng rng = {seed};

    memset(model, 0, sizeof(*model));
    model->seed = seed;
    fill(&w->embed[0][0], sizeof(w->embed) / sizeof(float), 1.0f, &rng);
    fill(&w->in[0][0], sizeof(w->in) / sizeof(float), 0.2f, &rng);
    fill(&w->out[0][0], sizeof(w->out) / sizeof(float), 0.2f, &rng);
}

/* (CONTEXT * EMBED) from the characters before the one that is to be told. */
static void embed(const struct weights *w, const unsigned char *context, float *x)
{
    for (int c = 0; c < CONTEXT; c++)
        memcpy(x + (ptrdiff_t)c * EMBED, w->embed[context[c]], sizeof(w->embed[0]));
}

static float dot(const float *a, const float *b, int count)
{
    float sum = 0;

    for (int i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* h: (HIDDEN), p: (CHARS), the probabilities of the next character. */
static void forward(const struct weights *w, const float *x, float *h, float *p)
{
    float most = -INFINITY, sum = 0;

    for (int j = 0; j < HIDDEN; j++)
        h[j] = tanhf(w->in_bias[j] + dot(w->in[j], x, CONTEXT * EMBED));
    for (int k = 0; k < CHARS; k++) {
        p[k] = w->out_bias[k] + dot(w->out[k], h, HIDDEN);
        most = p[k] > most ? p[k] : most;
    }
    for (int k = 0; k < CHARS; k++)
        sum += p[k] = expf(p[k] - most);
    for (int k = 0; k < CHARS; k++)
        p[k] /= sum;
}

/* Add the gradient of one sample to *g. `p` becomes the error of the outputs. */
static void backward(const struct weights *w, const unsigned char *context, const float *x,
                     const float *h, float *p, struct weights *g)
{
    float dh[HIDDEN] = {0}, dx[CONTEXT * EMBED] = {0};

    p[context[CONTEXT]] -= 1;
    for (int k = 0; k < CHARS; k++) {
        g->out_bias[k] += p[k];
        for (int j = 0; j < HIDDEN; j++) {
            g->out[k][j] += p[k] * h[j];
            dh[j] += p[k] * w->out[k][j];
        }
    }
    for (int j = 0; j < HIDDEN; j++) {
        float d = dh[j] * (1 - h[j] * h[j]);

        g->in_bias[j] += d;
        for (int i = 0; i < CONTEXT * EMBED; i++) {
            g->in[j][i] += d * x[i];
            dx[i] += d * w->in[j][i];
        }
    }
    for (int c = 0; c < CONTEXT; c++)
        for (int i = 0; i < EMBED; i++)
            g->embed[context[c]][i] += dx[c * EMBED + i];
}

void model_shard(const struct model *model, const unsigned char *text, size_t len, unsigned shard,
                 struct shard *out)
{
    struct rng rng = {hash_mix(hash_mix(model->seed, (uint64_t)model->step), shard)};
    float x[CONTEXT * EMBED], h[HIDDEN], p[CHARS];

    memset(out, 0, sizeof(*out));
    for (int i = 0; i < SHARD_SAMPLES; i++) {
        const unsigned char *context = text + rng_below(&rng, len - CONTEXT);

        embed(&model->weights, context, x);
        forward(&model->weights, x, h, p);
        out->loss -= log((double)p[context[CONTEXT]] + 1e-30);
        backward(&model->weights, context, x, h, p, &out->gradient);
    }
}

void model_add(struct shard *sum, const struct shard *shard)
{
    const float *from = (const float *)&shard->gradient;
    float *to = (float *)&sum->gradient;

    for (size_t i = 0; i < WEIGHTS; i++)
        to[i] += from[i];
    sum->loss += shard->loss;
}

void model_update(struct model *model, const struct shard *sum)
{
    const float *g = (const float *)&sum->gradient;
    float *w = (float *)&model->weights, *v = (float *)&model->velocity;

    for (size_t i = 0; i < WEIGHTS; i++) {
        v[i] = MOMENTUM * v[i] - RATE / STEP_SAMPLES * g[i];
        w[i] += v[i];
    }
    model->step++;
    model->loss = sum->loss / STEP_SAMPLES;
}
