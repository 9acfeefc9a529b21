/* exchange/names - what other programs call our weights, and how they lie there.
 *
 * Their matrices are (out, in), ours (in, out). Experts are a tensor each in safetensors, and
 * stacked in GGUF. */
#ifndef EXCHANGE_NAMES_H
#define EXCHANGE_NAMES_H

#include "exchange/exchange.h"
#include "exchange/tensor.h"

#define PIECE_NAMES_MAX 3

/* One tensor of a file and where its numbers are in ours. */
struct piece {
    const struct param *param;                    /* NULL: see `zeros` */
    char names[PIECE_NAMES_MAX][TENSOR_NAME_MAX]; /* the first is what we write; "" ends them */
    size_t dims;
    uint64_t shape[TENSOR_DIMS_MAX]; /* in the file */
    size_t offset;                   /* of its first item in the flat vector */
    size_t matrices;                 /* one after the other, in the file and in ours */
    size_t rows, columns;            /* of each, in the file */
    bool turned;
    bool narrow; /* a vector or a router, which llama.cpp wants in fp32 */
    bool zeros;  /* a dense model's router in GGUF: one expert, always chosen */
};

struct pieces {
    VEC(struct piece) list;
};

/* Every tensor of a model in the order in which it is written. Returns 0 or -ENOMEM. */
int pieces_init(struct pieces *pieces, const struct model_config *config,
                const struct params *params, enum exchange_format format);
void pieces_done(struct pieces *pieces);

/* May a file have a tensor of this name that we make nothing of? */
bool name_ignored(const char *name, const struct model_config *config);

#endif
