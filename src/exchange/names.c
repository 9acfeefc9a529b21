#include "exchange/names.h"

#include "base/str.h"

#include <errno.h>
#include <stdio.h>

/* {L} is the layer, {E} the expert. xai: Grok-2's own checkpoint and SGLang; port: the ports of
 * Grok-1 to Hugging Face, whose norms are called by either end. */
static const struct row {
    enum param_kind kind;
    const char *xai, *port, *gguf, *gguf_other;
} rows[] = {
    {PARAM_EMBED, "model.embed_tokens.weight", "transformer.in_out_embed.weight",
     "token_embd.weight", NULL},
    {PARAM_HEAD, "lm_head.weight", NULL, "output.weight", NULL},
    {PARAM_FINAL_NORM, "model.norm.weight", "transformer.rms_norm.scale", "output_norm.weight",
     NULL},
    {PARAM_NORM_ATTENTION_IN, "model.layers.{L}.pre_attn_norm.weight",
     "transformer.decoder_layer.{L}.rms_norm.scale", "blk.{L}.attn_norm.weight", NULL},
    {PARAM_NORM_ATTENTION_OUT, "model.layers.{L}.post_attn_norm.weight",
     "transformer.decoder_layer.{L}.rms_norm_1.scale", "blk.{L}.attn_output_norm.weight", NULL},
    {PARAM_NORM_MOE_IN, "model.layers.{L}.pre_moe_norm.weight",
     "transformer.decoder_layer.{L}.rms_norm_2.scale", "blk.{L}.ffn_norm.weight", NULL},
    {PARAM_NORM_MOE_OUT, "model.layers.{L}.post_moe_norm.weight",
     "transformer.decoder_layer.{L}.rms_norm_3.scale", "blk.{L}.layer_output_norm.weight",
     "blk.{L}.post_ffw_norm.weight"},
    {PARAM_Q, "model.layers.{L}.self_attn.q_proj.weight",
     "transformer.decoder_layer.{L}.multi_head_attention.query.weight", "blk.{L}.attn_q.weight",
     NULL},
    {PARAM_K, "model.layers.{L}.self_attn.k_proj.weight",
     "transformer.decoder_layer.{L}.multi_head_attention.key.weight", "blk.{L}.attn_k.weight",
     NULL},
    {PARAM_V, "model.layers.{L}.self_attn.v_proj.weight",
     "transformer.decoder_layer.{L}.multi_head_attention.value.weight", "blk.{L}.attn_v.weight",
     NULL},
    {PARAM_O, "model.layers.{L}.self_attn.o_proj.weight",
     "transformer.decoder_layer.{L}.multi_head_attention.linear.weight",
     "blk.{L}.attn_output.weight", NULL},
    {PARAM_ROUTER, "model.layers.{L}.block_sparse_moe.gate.weight",
     "transformer.decoder_layer.{L}.router.weight", "blk.{L}.ffn_gate_inp.weight", NULL},
    {PARAM_W1, "model.layers.{L}.block_sparse_moe.experts.{E}.w1.weight",
     "transformer.decoder_layer.{L}.moe.{E}.linear.weight", "blk.{L}.ffn_gate_exps.weight", NULL},
    {PARAM_WV, "model.layers.{L}.block_sparse_moe.experts.{E}.w3.weight",
     "transformer.decoder_layer.{L}.moe.{E}.linear_v.weight", "blk.{L}.ffn_up_exps.weight", NULL},
    {PARAM_W2, "model.layers.{L}.block_sparse_moe.experts.{E}.w2.weight",
     "transformer.decoder_layer.{L}.moe.{E}.linear_1.weight", "blk.{L}.ffn_down_exps.weight", NULL},
    {PARAM_RESIDUAL_W1, "model.layers.{L}.mlp.gate_proj.weight", NULL, "blk.{L}.ffn_gate.weight",
     NULL},
    {PARAM_RESIDUAL_WV, "model.layers.{L}.mlp.up_proj.weight", NULL, "blk.{L}.ffn_up.weight", NULL},
    {PARAM_RESIDUAL_W2, "model.layers.{L}.mlp.down_proj.weight", NULL, "blk.{L}.ffn_down.weight",
     NULL},
};

/* A dense model has one path, which is called as Grok-2 calls its dense one. */
static const struct row dense_rows[] = {
    {PARAM_W1, "model.layers.{L}.mlp.gate_proj.weight", NULL, "blk.{L}.ffn_gate_exps.weight", NULL},
    {PARAM_WV, "model.layers.{L}.mlp.up_proj.weight", NULL, "blk.{L}.ffn_up_exps.weight", NULL},
    {PARAM_W2, "model.layers.{L}.mlp.down_proj.weight", NULL, "blk.{L}.ffn_down_exps.weight", NULL},
};

static const struct row *find_row(const struct row *from, size_t count, enum param_kind kind)
{
    for (size_t i = 0; i < count; i++)
        if (from[i].kind == kind)
            return &from[i];
    return NULL;
}

static const struct row *row_of(const struct model_config *config, enum param_kind kind)
{
    const struct row *row = NULL;

    if (config->experts == 1 && config->residual_ffn == 0)
        row = find_row(dense_rows, ARRAY_LEN(dense_rows), kind);
    return row ? row : find_row(rows, ARRAY_LEN(rows), kind);
}

static void put_name(char out[TENSOR_NAME_MAX], const char *pattern, int layer, size_t expert)
{
    size_t at = 0;

    for (const char *p = pattern; *p && at + 24 < TENSOR_NAME_MAX; p++) {
        if (p[0] != '{') {
            out[at++] = *p;
            continue;
        }
        at += (size_t)(p[1] == 'L' ? snprintf(out + at, TENSOR_NAME_MAX - at, "%d", layer)
                                   : snprintf(out + at, TENSOR_NAME_MAX - at, "%zu", expert));
        p += 2;
    }
    out[at] = '\0';
}

static void put_names(struct piece *piece, const struct row *row, enum exchange_format format,
                      size_t expert)
{
    const char *patterns[2] = {row->xai, row->port};
    int layer = piece->param->layer;
    size_t len;

    if (format == EXCHANGE_GGUF) {
        patterns[0] = row->gguf;
        patterns[1] = row->gguf_other;
    }
    for (size_t i = 0; i < 2 && patterns[i]; i++)
        put_name(piece->names[i], patterns[i], layer, expert);
    len = strlen(piece->names[1]);
    if (len > 6 && strcmp(piece->names[1] + len - 6, ".scale") == 0)
        (void)snprintf(piece->names[2], TENSOR_NAME_MAX, "%.*s.weight", (int)(len - 6),
                       piece->names[1]);
}

static bool has_experts(enum param_kind kind)
{
    return kind == PARAM_W1 || kind == PARAM_WV || kind == PARAM_W2;
}

/* How it lies in the file. */
static void put_shape(struct piece *piece, enum exchange_format format)
{
    const struct param *param = piece->param;
    bool experts = has_experts(param->kind);
    const size_t *shape = param->shape + (experts ? 1 : 0);

    piece->turned = param->dims > 1 && param->kind != PARAM_EMBED && param->kind != PARAM_HEAD;
    piece->narrow = param->dims == 1 || param->kind == PARAM_ROUTER;
    piece->rows = param->dims == 1 ? 1 : shape[piece->turned ? 1 : 0];
    piece->columns = param->dims == 1 ? shape[0] : shape[piece->turned ? 0 : 1];
    piece->matrices = experts && format == EXCHANGE_GGUF ? param->shape[0] : 1;
    for (size_t i = 0; i < TENSOR_DIMS_MAX; i++)
        piece->shape[i] = 1;
    piece->dims = 0;
    if (experts && format == EXCHANGE_GGUF)
        piece->shape[piece->dims++] = piece->matrices;
    if (param->dims > 1)
        piece->shape[piece->dims++] = piece->rows;
    piece->shape[piece->dims++] = piece->columns;
}

static int add(struct pieces *pieces, const struct model_config *config, const struct param *param,
               enum exchange_format format)
{
    size_t count = has_experts(param->kind) && format != EXCHANGE_GGUF ? param->shape[0] : 1;

    for (size_t expert = 0; expert < count; expert++) {
        struct piece *piece = vec_push(&pieces->list);

        if (!piece)
            return -ENOMEM;
        piece->param = param;
        put_shape(piece, format);
        put_names(piece, row_of(config, param->kind), format, expert);
        piece->offset = param->offset + expert * piece->rows * piece->columns;
    }
    return 0;
}

/* llama.cpp's Grok always has experts: a dense model goes there as one expert of one. Its router's
 * weights don't matter, the softmax of one number is 1. */
static int add_router_of_one(struct pieces *pieces, const struct param *w1)
{
    struct piece *piece = vec_push(&pieces->list);

    if (!piece)
        return -ENOMEM;
    *piece = (struct piece){.dims = 2,
                            .shape = {1, w1->shape[1], 1, 1},
                            .matrices = 1,
                            .rows = 1,
                            .columns = w1->shape[1],
                            .narrow = true,
                            .zeros = true};
    put_name(piece->names[0], "blk.{L}.ffn_gate_inp.weight", w1->layer, 0);
    return 0;
}

int pieces_init(struct pieces *pieces, const struct model_config *config,
                const struct params *params, enum exchange_format format)
{
    int r = 0;

    *pieces = (struct pieces){0};
    for (size_t i = 0; i < params->count && r == 0; i++) {
        const struct param *param = &params->items[i];

        if (format == EXCHANGE_GGUF && config->experts == 1 && param->kind == PARAM_W1)
            r = add_router_of_one(pieces, param);
        if (r == 0)
            r = add(pieces, config, param, format);
    }
    if (r < 0)
        pieces_done(pieces);
    return r;
}

void pieces_done(struct pieces *pieces)
{
    vec_done(&pieces->list);
}

bool name_ignored(const char *name, const struct model_config *config)
{
    static const char *const always[] = {"*.inv_freq", "rope_freqs.weight"};
    static const char *const tied[] = {"lm_head.weight", "output.weight"};
    struct str text = str_of(name);

    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        if (str_glob(always[i], text))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(tied) && config->tied; i++)
        if (str_is(text, tied[i]))
            return true;
    return false;
}
