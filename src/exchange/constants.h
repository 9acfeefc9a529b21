/* exchange/constants - a model's constants in other programs' words: config.json, and the keys of
 * GGUF's arch grok. Ours go along exactly, under a key of ours. */
#ifndef EXCHANGE_CONSTANTS_H
#define EXCHANGE_CONSTANTS_H

#include "exchange/exchange.h"
#include "exchange/gguf.h"

/* Neither knows our router's bias, which steers what is trained: it goes under our key too, and not
 * as a tensor, because others refuse tensors that they don't expect. */

/* config.json; malloc'ed, NULL: no memory. */
char *constants_to_json(const struct exchange_model *model, enum dtype type);

/* *router_bias is malloc'ed (layers, experts), or NULL: there is none. Returns 0, or -EINVAL with a
 * sentence, or -ENOMEM. */
int constants_from_json(const char *text, size_t len, struct model_config *config,
                        float **router_bias, struct err *err);

int constants_to_gguf(const struct exchange_model *model, struct gguf_writer *writer,
                      struct err *err);
int constants_from_gguf(const struct gguf *gguf, struct model_config *config, float **router_bias,
                        struct err *err);

#endif
