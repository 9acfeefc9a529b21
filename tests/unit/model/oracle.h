/* The whole model in double and plain loops, written from docs/design/model.md and not from
 * src/model: the loss, logits, and what the gradient is of. The choice of experts can be frozen, so
 * that a finite difference never steps over a change of it. */
#ifndef TEST_MODEL_ORACLE_H
#define TEST_MODEL_ORACLE_H

#include "model/model.h"

#include <math.h>
#include <stdlib.h>

struct oracle {
    const struct model_config *config;
    const struct params *params;
    const double *w;   /* the flat vector */
    const float *bias; /* (layers, experts) */
    int *chosen;       /* (layers, rows, used): read when frozen, else written */
    bool frozen;
    double *share; /* (layers, experts), likewise */
    double z_weight, aux_weight;
};

struct oracle_result {
    double loss_sum;
    double objective; /* grad_scale loss_sum + the router's losses */
    double z_loss, aux_loss;
};

static const double *oracle_weight(const struct oracle *o, enum param_kind kind, int layer)
{
    return o->w + params_find(o->params, kind, layer)->offset;
}

static double oracle_cap(double x, double cap)
{
    return cap > 0 ? cap * tanh(x / cap) : x;
}

static double oracle_gelu(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static void oracle_rms(const struct oracle *o, const double *gain, const double *x, double *y)
{
    size_t dim = (size_t)o->config->dim;
    double sum = 0;

    for (size_t i = 0; i < dim; i++)
        sum += x[i] * x[i];
    for (size_t i = 0; i < dim; i++)
        y[i] = gain[i] * x[i] / sqrt(sum / (double)dim + o->config->rms_eps);
}

/* y (n) = x (k) W (k, n) */
static void oracle_product(const double *x, const double *w, size_t k, size_t n, double *y)
{
    for (size_t j = 0; j < n; j++) {
        y[j] = 0;
        for (size_t i = 0; i < k; i++)
            y[j] += x[i] * w[i * n + j];
    }
}

/* The frequency of pair j of d / 2: plain, or YaRN's mix of plain and slowed down. */
static double oracle_frequency(const struct model_config *c, size_t j)
{
    double d = (double)c->head_dim, plain = pow(c->rope_theta, -2 * (double)j / d);
    double context = (double)c->rope_original_context, low, high, slow;

    if (c->rope_factor <= 1)
        return plain;
    low = floor(d * log(context / (c->rope_beta_fast * 2 * M_PI)) / (2 * log(c->rope_theta)));
    high = ceil(d * log(context / (c->rope_beta_slow * 2 * M_PI)) / (2 * log(c->rope_theta)));
    low = fmax(low, 0);
    high = fmin(high, d - 1);
    slow = fmin(fmax(((double)j - low) / (high > low ? high - low : 0.001), 0), 1);
    return plain * (1 - slow) + plain / c->rope_factor * slow;
}

static void oracle_rope(const struct model_config *c, double *x, size_t heads, size_t position)
{
    size_t d = (size_t)c->head_dim, half = d / 2;

    for (size_t head = 0; head < heads; head++)
        for (size_t j = 0; j < half; j++) {
            double angle = (double)position * oracle_frequency(c, j);
            double cosine = cos(angle) * c->rope_magnitude;
            double sine = sin(angle) * c->rope_magnitude;
            double a = x[head * d + j], b = x[head * d + j + half];

            x[head * d + j] = a * cosine - b * sine;
            x[head * d + j + half] = b * cosine + a * sine;
        }
}

/* q, k, v of all rows to o of one sequence and head. */
static void oracle_attend(const struct oracle *o, const struct model_batch *batch, size_t sequence,
                          size_t head, const double *q, const double *k, const double *v,
                          double *out)
{
    const struct model_config *c = o->config;
    size_t d = (size_t)c->head_dim, nq = (size_t)c->q_heads * d, nkv = (size_t)c->kv_heads * d;
    size_t kv = head / (size_t)(c->q_heads / c->kv_heads) * d;
    double *p = malloc(batch->time * sizeof(*p));

    for (size_t t = 0; t < batch->time; t++) {
        size_t row = sequence * batch->time + t;
        size_t first = batch->first_key ? (size_t)batch->first_key[row] : 0;
        double sum = 0;

        for (size_t x = 0; x < d; x++)
            out[row * nq + head * d + x] = 0;
        for (size_t u = first; u <= t; u++) {
            size_t key = sequence * batch->time + u;
            double s = 0;

            for (size_t x = 0; x < d; x++)
                s += q[row * nq + head * d + x] * k[key * nkv + kv + x];
            s = oracle_cap(c->attention_scale * s, c->attention_cap);
            if (c->attention_temperature_from && t > (size_t)c->attention_temperature_from)
                s *= log2((double)t) / log2((double)c->attention_temperature_from);
            p[u] = c->pad >= 0 && batch->tokens[key] == c->pad ? 0 : exp(s);
            sum += p[u];
        }
        for (size_t u = first; u <= t && sum > 0; u++)
            for (size_t x = 0; x < d; x++)
                out[row * nq + head * d + x] +=
                    p[u] / sum * v[(sequence * batch->time + u) * nkv + kv + x];
    }
    free(p);
}

static void oracle_attention(const struct oracle *o, const struct model_batch *batch, int layer,
                             double *h)
{
    const struct model_config *c = o->config;
    size_t rows = batch->batch * batch->time, dim = (size_t)c->dim;
    size_t nq = (size_t)(c->q_heads * c->head_dim), nkv = (size_t)(c->kv_heads * c->head_dim);
    double *a = malloc(dim * sizeof(*a)), *y = malloc(dim * sizeof(*y));
    double *q = malloc(rows * nq * sizeof(*q)), *out = malloc(rows * nq * sizeof(*out));
    double *k = malloc(rows * nkv * sizeof(*k)), *v = malloc(rows * nkv * sizeof(*v));

    for (size_t row = 0; row < rows; row++) {
        oracle_rms(o, oracle_weight(o, PARAM_NORM_ATTENTION_IN, layer), h + row * dim, a);
        oracle_product(a, oracle_weight(o, PARAM_Q, layer), dim, nq, q + row * nq);
        oracle_product(a, oracle_weight(o, PARAM_K, layer), dim, nkv, k + row * nkv);
        oracle_product(a, oracle_weight(o, PARAM_V, layer), dim, nkv, v + row * nkv);
        oracle_rope(c, q + row * nq, (size_t)c->q_heads, row % batch->time);
        oracle_rope(c, k + row * nkv, (size_t)c->kv_heads, row % batch->time);
    }
    for (size_t sequence = 0; sequence < batch->batch; sequence++)
        for (size_t head = 0; head < (size_t)c->q_heads; head++)
            oracle_attend(o, batch, sequence, head, q, k, v, out);
    for (size_t row = 0; row < rows; row++) {
        oracle_product(out + row * nq, oracle_weight(o, PARAM_O, layer), nq, dim, y);
        oracle_rms(o, oracle_weight(o, PARAM_NORM_ATTENTION_OUT, layer), y, y);
        for (size_t i = 0; i < dim; i++)
            h[row * dim + i] += y[i];
    }
    free(a);
    free(y);
    free(q);
    free(out);
    free(k);
    free(v);
}

/* out += gate * ffn(m) */
static void oracle_ffn(const struct oracle *o, const double *w1, const double *wv, const double *w2,
                       size_t width, double gate, const double *m, double *out)
{
    size_t dim = (size_t)o->config->dim;
    double *g = malloc(width * sizeof(*g)), *u = malloc(width * sizeof(*u));
    double *e = malloc(dim * sizeof(*e));

    oracle_product(m, w1, dim, width, g);
    oracle_product(m, wv, dim, width, u);
    for (size_t i = 0; i < width; i++)
        g[i] = oracle_gelu(g[i]) * u[i];
    oracle_product(g, w2, width, dim, e);
    for (size_t i = 0; i < dim; i++)
        out[i] += gate * e[i];
    free(g);
    free(u);
    free(e);
}

/* The router: p (experts), the chosen and their gates; returns log sum exp of the logits. */
static double oracle_route(const struct oracle *o, int layer, const double *m, double *p,
                           int *chosen, double *gates)
{
    const struct model_config *c = o->config;
    size_t experts = (size_t)c->experts, used = (size_t)c->experts_used;
    const float *bias = o->bias + (size_t)layer * experts;
    double sum = 0, chosen_sum = 0;

    oracle_product(m, oracle_weight(o, PARAM_ROUTER, layer), (size_t)c->dim, experts, p);
    for (size_t e = 0; e < experts; e++)
        sum += p[e] = exp(oracle_cap(p[e], c->router_cap));
    for (size_t e = 0; e < experts; e++)
        p[e] /= sum;
    for (size_t i = 0; i < used; i++) {
        int best = -1;

        for (size_t e = 0; e < experts && !o->frozen; e++) {
            bool taken = false;

            for (size_t j = 0; j < i; j++)
                taken |= chosen[j] == (int)e;
            if (!taken && (best < 0 || p[e] + (double)bias[e] > p[best] + (double)bias[best]))
                best = (int)e;
        }
        if (!o->frozen)
            chosen[i] = best;
        gates[i] = p[chosen[i]];
        chosen_sum += gates[i];
    }
    for (size_t i = 0; i < used && c->router_renormalize; i++)
        gates[i] /= chosen_sum;
    return log(sum);
}

static void oracle_experts(struct oracle *o, size_t rows, int layer, double *h,
                           struct oracle_result *result)
{
    const struct model_config *c = o->config;
    size_t dim = (size_t)c->dim, experts = (size_t)c->experts, used = (size_t)c->experts_used;
    size_t width = (size_t)c->ffn, residual = (size_t)c->residual_ffn, matrix = dim * width;
    double *m = malloc(dim * sizeof(*m)), *out = malloc(dim * sizeof(*out));
    double *p = calloc(experts, sizeof(*p)), *mean = calloc(experts, sizeof(*mean));
    double *gates = malloc(used * sizeof(*gates)), z = 0, aux = 0;
    double *share = o->share + (size_t)layer * experts;

    for (size_t e = 0; e < experts && !o->frozen; e++)
        share[e] = 0;
    for (size_t row = 0; row < rows; row++) {
        int *chosen = o->chosen + ((size_t)layer * rows + row) * used;

        oracle_rms(o, oracle_weight(o, PARAM_NORM_MOE_IN, layer), h + row * dim, m);
        memset(out, 0, dim * sizeof(*out));
        if (experts > 1) {
            double log_sum = oracle_route(o, layer, m, p, chosen, gates);

            z += log_sum * log_sum / (double)rows;
        } else {
            chosen[0] = 0;
            gates[0] = 1;
        }
        for (size_t i = 0; i < used; i++) {
            size_t at = (size_t)chosen[i] * matrix;

            oracle_ffn(o, oracle_weight(o, PARAM_W1, layer) + at,
                       oracle_weight(o, PARAM_WV, layer) + at,
                       oracle_weight(o, PARAM_W2, layer) + at, width, gates[i], m, out);
            if (!o->frozen)
                share[chosen[i]] += 1 / (double)(rows * used);
        }
        for (size_t e = 0; e < experts; e++)
            mean[e] += p[e] / (double)rows;
        if (residual) {
            oracle_ffn(o, oracle_weight(o, PARAM_RESIDUAL_W1, layer),
                       oracle_weight(o, PARAM_RESIDUAL_WV, layer),
                       oracle_weight(o, PARAM_RESIDUAL_W2, layer), residual, 1, m, out);
            for (size_t i = 0; i < dim; i++)
                out[i] /= sqrt(2);
        }
        oracle_rms(o, oracle_weight(o, PARAM_NORM_MOE_OUT, layer), out, out);
        for (size_t i = 0; i < dim; i++)
            h[row * dim + i] += out[i];
    }
    for (size_t e = 0; e < experts && experts > 1; e++)
        aux += (double)experts * share[e] * mean[e];
    result->z_loss += z / (double)c->layers;
    result->aux_loss += aux / (double)c->layers;
    free(m);
    free(out);
    free(p);
    free(mean);
    free(gates);
}

/* logits (rows, vocab) may be NULL. A shard is all of the step here. */
static struct oracle_result oracle_run(struct oracle *o, const struct model_batch *batch,
                                       double grad_scale, double *logits)
{
    const struct model_config *c = o->config;
    size_t rows = batch->batch * batch->time, dim = (size_t)c->dim, vocab = (size_t)c->vocab;
    const double *embed = oracle_weight(o, PARAM_EMBED, -1);
    const double *table = c->tied ? embed : oracle_weight(o, PARAM_HEAD, -1);
    double *h = malloc(rows * dim * sizeof(*h)), *l = malloc(vocab * sizeof(*l));
    struct oracle_result result = {0};

    for (size_t i = 0; i < rows * dim; i++)
        h[i] = c->embed_scale * embed[(size_t)batch->tokens[i / dim] * dim + i % dim];
    for (int layer = 0; layer < (int)c->layers; layer++) {
        oracle_attention(o, batch, layer, h);
        oracle_experts(o, rows, layer, h, &result);
    }
    for (size_t row = 0; row < rows; row++) {
        double sum = 0, *x = h + row * dim;

        oracle_rms(o, oracle_weight(o, PARAM_FINAL_NORM, -1), x, x);
        for (size_t j = 0; j < vocab; j++) {
            l[j] = 0;
            for (size_t i = 0; i < dim; i++)
                l[j] += x[i] * table[j * dim + i];
            l[j] = oracle_cap(c->output_scale * l[j], c->final_cap);
            sum += exp(l[j]);
        }
        if (logits)
            memcpy(logits + row * vocab, l, vocab * sizeof(*l));
        if (batch->targets && batch->targets[row] >= 0)
            result.loss_sum += log(sum) - l[batch->targets[row]];
    }
    result.objective =
        grad_scale * result.loss_sum +
        (double)c->layers * (o->z_weight * result.z_loss + o->aux_weight * result.aux_loss);
    free(h);
    free(l);
    return result;
}

#endif
