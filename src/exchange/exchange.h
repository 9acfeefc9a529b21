/* exchange/exchange - models out to and in from other programs: safetensors with config.json (the
 * names of Hugging Face and SGLang), and GGUF for llama.cpp (arch grok). */
#ifndef EXCHANGE_EXCHANGE_H
#define EXCHANGE_EXCHANGE_H

#include "model/params.h"
#include "tensor/dtype.h"

enum exchange_format { EXCHANGE_SAFETENSORS, EXCHANGE_GGUF };

/* weights: the flat vector; router_bias: (layers, experts) or NULL. */
struct exchange_model {
    struct model_config config;
    struct params params;
    float *weights;
    float *router_bias;
    char *tokenizer; /* bytes of the tokenizer's model; NULL: none came with it */
    size_t tokenizer_len;
};

/* out: a folder for safetensors (model.safetensors, or several with an index when larger than
 * shard_bytes; config.json; tokenizer.model), a file for GGUF. Written beside and renamed. Weights
 * that are not finite are an error that names the tensor. */
int exchange_export(const struct exchange_model *model, enum exchange_format format,
                    enum dtype type, uint64_t shard_bytes, const char *out, struct err *err);

/* Does the router choose with a bias, which no other program knows? Then others come to other
 * logits; a training that ran to its end has none (router.bias_fade). */
bool exchange_has_bias(const struct exchange_model *model);

/* path: a folder with config.json and *.safetensors, or a *.gguf file. The format is told by
 * content. Everything in *out is the caller's: exchange_done. */
int exchange_import(const char *path, struct exchange_model *out, struct err *err);
void exchange_done(struct exchange_model *model);

#endif
