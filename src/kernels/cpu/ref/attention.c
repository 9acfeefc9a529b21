/* Attention row by row: what the other levels must agree with. */
#include "kernels/cpu/attention.h"
#include "tensor/real.h"

#include <math.h>

/* A logit, and its derivative by the product q.k. */
struct logit {
    double value, slope;
};

static struct logit logit_of(const struct attention *at, double product, size_t query)
{
    double temperature = at->temperature ? at->temperature[query] : 1, s = at->scale * product, t;

    if (at->cap <= 0)
        return (struct logit){temperature * s, temperature * at->scale};
    t = real_tanh(s / at->cap);
    return (struct logit){temperature * at->cap * t, temperature * at->scale * (1 - t * t)};
}

static double row_product(struct mat a, size_t i, struct mat b, size_t j, size_t n)
{
    double sum = 0;

    for (size_t c = 0; c < n; c++)
        sum += (double)mat_get(a, i, c) * (double)mat_get(b, j, c);
    return sum;
}

/* To the type in which products are made. */
static double rounded(enum dtype type, double value)
{
    return (double)(type == DTYPE_F32 ? (float)value : bf16_to_f32(bf16_from_f32((float)value)));
}

static size_t forward_bytes(const struct attention_job *job)
{
    return job->at.time * sizeof(double);
}

static void forward_row(const struct attention_job *job, size_t sequence, size_t head, size_t query,
                        double *s)
{
    const struct attention *at = &job->at;
    struct mat q = attention_q(job, job->q, sequence, head, query),
               o = attention_q(job, job->o, sequence, head, query),
               k = attention_kv(job, job->k, sequence, head),
               v = attention_kv(job, job->v, sequence, head);
    double max = -(double)INFINITY, sum = 0, lse;

    for (size_t u = 0; u <= query; u++)
        if (attention_sees(at, sequence, query, u)) {
            s[u] = logit_of(at, row_product(q, 0, k, u, at->head_dim), query).value;
            max = s[u] > max ? s[u] : max;
        }
    for (size_t u = 0; u <= query; u++)
        if (attention_sees(at, sequence, query, u))
            sum += real_exp(s[u] - max);
    lse = sum > 0 ? max + real_log(sum) : 0;
    job->lse[attention_row(job, sequence, query) * at->q_heads + head] = (float)lse;
    for (size_t c = 0; c < at->head_dim; c++) {
        double out = 0;

        for (size_t u = 0; u <= query; u++)
            if (attention_sees(at, sequence, query, u))
                out += rounded(v.type, real_exp(s[u] - lse)) * (double)mat_get(v, u, c);
        mat_set(o, 0, c, (float)out);
    }
}

static void forward(const struct attention_job *job, size_t sequence, size_t head, size_t first,
                    void *scratch)
{
    for (size_t t = first; t < job->at.time && t < first + job->item_queries; t++)
        forward_row(job, sequence, head, t, scratch);
}

static size_t backward_bytes(const struct attention_job *job)
{
    return (2 * job->at.time + 1) * job->at.head_dim * sizeof(double);
}

/* What query `query` adds to dk and dv (time, head_dim), and its dq (head_dim). */
static void backward_row(const struct attention_job *job, size_t sequence, size_t head,
                         size_t query, double *dq, double *dk, double *dv)
{
    const struct attention *at = &job->at;
    size_t d = at->head_dim;
    struct mat q = attention_q(job, job->q, sequence, head, 0),
               o = attention_q(job, job->o, sequence, head, 0),
               dout = attention_q(job, job->dout, sequence, head, 0),
               k = attention_kv(job, job->k, sequence, head),
               v = attention_kv(job, job->v, sequence, head);
    double lse = (double)job->lse[(sequence * at->time + query) * at->q_heads + head];
    double mean = row_product(dout, query, o, query, d); /* sum_u p_u dp_u */

    memset(dq, 0, d * sizeof(*dq));
    for (size_t u = 0; u <= query; u++) {
        struct logit s;
        double p, dp, ds;

        if (!attention_sees(at, sequence, query, u))
            continue;
        s = logit_of(at, row_product(q, query, k, u, d), query);
        p = real_exp(s.value - lse);
        dp = row_product(dout, query, v, u, d);
        ds = rounded(q.type, p * (dp - mean) * s.slope);
        p = rounded(q.type, p);
        for (size_t c = 0; c < d; c++) {
            dq[c] += ds * (double)mat_get(k, u, c);
            dk[u * d + c] += ds * (double)mat_get(q, query, c);
            dv[u * d + c] += p * (double)mat_get(dout, query, c);
        }
    }
}

static void backward(const struct attention_job *job, size_t sequence, size_t head, void *scratch)
{
    size_t time = job->at.time, d = job->at.head_dim;
    double *dk = scratch, *dv = dk + time * d, *dq = dv + time * d;
    struct mat dq_out = attention_q(job, job->dq, sequence, head, 0),
               dk_out = attention_kv(job, job->dk, sequence, head),
               dv_out = attention_kv(job, job->dv, sequence, head);

    memset(dk, 0, 2 * time * d * sizeof(*dk));
    for (size_t t = 0; t < time; t++) {
        backward_row(job, sequence, head, t, dq, dk, dv);
        for (size_t c = 0; c < d; c++)
            mat_set(dq_out, t, c, (float)dq[c]);
    }
    if (job->partial) {
        dk_out = mat_f32(attention_partial(job, sequence, head), d);
        dv_out = mat_f32(attention_partial(job, sequence, head) + time * d, d);
    }
    for (size_t u = 0; u < time; u++)
        for (size_t c = 0; c < d; c++) {
            mat_set(dk_out, u, c, (float)dk[u * d + c]);
            mat_set(dv_out, u, c, (float)dv[u * d + c]);
        }
}

static size_t decode_bytes(const struct attention_job *job)
{
    return job->at.head_dim * sizeof(double);
}

/* The query of a decode comes after all its keys. */
static void decode_head(const struct attention_job *job, size_t sequence, size_t head, size_t first,
                        size_t end, float *out, double *sum)
{
    const struct attention *at = &job->at;
    const uint8_t *hidden = at->key_hidden ? at->key_hidden + sequence * at->time : NULL;
    size_t d = at->head_dim, query = (size_t)job->lengths[sequence] - 1;
    struct mat q = mat_at(job->q, sequence, head * d),
               k = attention_kv(job, job->k, sequence, head),
               v = attention_kv(job, job->v, sequence, head);
    double s[ATTENTION_KEYS], max = -(double)INFINITY, total = 0;

    for (size_t u = first; u < end; u++)
        if (!(hidden && hidden[u])) {
            s[u - first] = logit_of(at, row_product(q, 0, k, u, d), query).value;
            max = s[u - first] > max ? s[u - first] : max;
        }
    memset(sum, 0, d * sizeof(*sum));
    for (size_t u = first; u < end; u++)
        if (!(hidden && hidden[u])) {
            double p = real_exp(s[u - first] - max);

            total += p;
            p = rounded(v.type, p);
            for (size_t c = 0; c < d; c++)
                sum[c] += p * (double)mat_get(v, u, c);
        }
    for (size_t c = 0; c < d; c++)
        out[c] = (float)sum[c];
    out[d] = (float)max;
    out[d + 1] = (float)total;
}

static void decode(const struct attention_job *job, size_t sequence, size_t kv_head, size_t chunk,
                   void *scratch)
{
    const struct attention *at = &job->at;
    size_t group = at->q_heads / at->kv_heads, length = (size_t)job->lengths[sequence],
           chunks = (at->time + ATTENTION_KEYS - 1) / ATTENTION_KEYS,
           first = chunk * ATTENTION_KEYS, end = first + ATTENTION_KEYS;

    for (size_t head = kv_head * group; head < (kv_head + 1) * group; head++)
        decode_head(job, sequence, head, first, end < length ? end : length,
                    job->partial +
                        ((sequence * at->q_heads + head) * chunks + chunk) * (at->head_dim + 2),
                    scratch);
}

static void join(size_t n, const float *rows, size_t stride, size_t count, struct mat out)
{
    for (size_t c = 0; c < n; c++) {
        float sum = 0;

        for (size_t i = 0; i < count; i++)
            sum += rows[i * stride + c];
        mat_set(out, 0, c, sum);
    }
}

const struct attention_ops attention_ops_ref = {
    forward_bytes, backward_bytes, decode_bytes, forward, backward, join, decode,
};
