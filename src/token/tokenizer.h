/* token/tokenizer - text to token ids and back: SentencePiece BPE models (with byte fallback) and
 * tiktoken-style byte BPE. */
#ifndef TOKEN_TOKENIZER_H
#define TOKEN_TOKENIZER_H

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

#define TOKENIZER_BYTES_MAX  ((size_t)256 << 20)
#define TOKENIZER_PIECES_MAX (1 << 22)

struct tokenizer;

struct tokens {
    int32_t *items;
    size_t count, space;
}; /* as VEC(int32_t): vec_push, vec_done */

enum tokenizer_kind { TOKENIZER_SENTENCEPIECE, TOKENIZER_TIKTOKEN };

/* By its content: a SentencePiece model (protobuf) or a tiktoken rank file ("base64 rank" lines).
 * Refuses what it can't do exactly (unigram models, normalisers other than identity and nmt_nfkc
 * tables it doesn't know) with a sentence. Returns 0, -EINVAL, -ENOMEM, -EFBIG (more than
 * TOKENIZER_BYTES_MAX, TOKENIZER_PIECES_MAX, or ways to merge them than BPE_MERGES_MAX) or what
 * reading the file gave; *out is set only on success. */
int tokenizer_load(const char *path, struct tokenizer **out, struct err *err);
int tokenizer_parse(const char *name, const char *bytes, size_t len, struct tokenizer **out,
                    struct err *err);
void tokenizer_free(struct tokenizer *tokenizer);

enum tokenizer_kind tokenizer_kind_of(const struct tokenizer *tokenizer);
size_t tokenizer_vocab(const struct tokenizer *tokenizer);
/* The bytes it was made from, for a copy beside a checkpoint. */
struct str tokenizer_bytes(const struct tokenizer *tokenizer);
/* Says whether two are the same: of the bytes. */
uint64_t tokenizer_hash(const struct tokenizer *tokenizer);

enum tokenizer_special { TOKENIZER_UNK, TOKENIZER_BOS, TOKENIZER_EOS, TOKENIZER_PAD };
/* -1: it has none. */
int32_t tokenizer_special_id(const struct tokenizer *tokenizer, enum tokenizer_special which);

/* What a token is called in the model, e.g. "\u2581the" or "<0x0A>"; score and type as in the
 * model. */
struct str tokenizer_piece(const struct tokenizer *tokenizer, int32_t id, float *score, int *type);

/* Is a blank put in front of each text (SentencePiece's add_dummy_prefix)? */
bool tokenizer_adds_blank(const struct tokenizer *tokenizer);

/* What a thread needs to encode; one a thread, reused. */
struct tokenizer_scratch;
struct tokenizer_scratch *tokenizer_scratch_new(void);
void tokenizer_scratch_free(struct tokenizer_scratch *scratch);

/* Add the tokens of `text` (any bytes) to *out, without bos or eos, exactly as the SentencePiece
 * library does. Returns 0, -ENOMEM, or -EFBIG: a text of more than 2^30 bytes between two places
 * where it may be cut. */
int tokenizer_encode(const struct tokenizer *tokenizer, struct tokenizer_scratch *scratch,
                     struct str text, struct tokens *out);

/* Add the text of `ids` to *out. Returns 0, -ENOMEM, or -ERANGE when an id is not in the
 * vocabulary (*bad is its index). */
int tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                     struct buf *out, size_t *bad);

/* The same token by token: what has come so far. Zero-initialise; nothing to free. */
struct tokenizer_stream {
    bool begun;   /* there is text: a blank that comes is one */
    size_t count; /* of bytes: the begin of a character that is not whole yet */
    char bytes[4];
};

/* Add to *out what is certain of the text when `id` follows what came before. All that is added,
 * with what tokenizer_decode_end adds, is what tokenizer_decode makes of the whole. Return 0,
 * -ENOMEM, or -ERANGE: the id is not in the vocabulary, and nothing changes. */
int tokenizer_decode_next(const struct tokenizer *tokenizer, struct tokenizer_stream *stream,
                          int32_t id, struct buf *out);
/* The stream can then begin again. */
int tokenizer_decode_end(struct tokenizer_stream *stream, struct buf *out);

#endif
