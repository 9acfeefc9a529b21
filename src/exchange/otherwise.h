/* exchange/otherwise - what other programs compute otherwise than we, of what a file tells them. */
#ifndef EXCHANGE_OTHERWISE_H
#define EXCHANGE_OTHERWISE_H

#include "base/str.h"
#include "model/config.h"

/* Add what llama.cpp's Grok does otherwise with a model of these constants, by our keys: "it does
 * not apply model.router_cap; ...". Nothing is added when it comes to the same logits. */
void otherwise_in_llama(const struct model_config *config, struct buf *out);

#endif
