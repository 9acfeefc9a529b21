/* data/index - what lies in a folder of token shards: its index.json.
 *
 * The file is JSON whose last member is the CRC32C of all the bytes before it. While a build is
 * under way the same is in building.json, with the place in the corpus up to which it counts. */
#ifndef DATA_INDEX_H
#define DATA_INDEX_H

#include "base/err.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATA_VERSION          1
#define DATA_INDEX            "index.json"
#define DATA_BUILDING         "building.json"
#define DATA_TOKENIZER        "tokenizer.model"
#define DATA_CORPUS           "corpus.list"
#define DATA_INDEX_BYTES_MAX  ((size_t)1 << 30)
#define DATA_SHARDS_MAX       (1 << 20)
#define DATA_PATHS_MAX        65536
#define DATA_SHARD_TOKENS_MAX ((uint64_t)1 << 31)

enum data_split { DATA_TRAIN, DATA_HELD_OUT, DATA_SPLITS };

struct data_shard {
    uint64_t tokens, documents; /* of documents: those that end here */
    uint32_t crc, ends_crc;     /* of its two files */
};

struct data_split_index {
    VEC(struct data_shard) shards;
    uint64_t tokens, documents, text_bytes;
};

/* One path of the corpus, as it was given. */
struct data_path {
    char *path; /* malloc'ed */
    uint64_t files, text_bytes, documents, tokens;
};

/* Where the next unit of work begins. */
struct data_place {
    uint64_t file, offset, ordinal;
};

struct data_index {
    uint64_t tokenizer_hash, tokenizer_bytes, vocab;
    uint32_t tokenizer_crc;
    int32_t bos, eos, pad;
    uint64_t shard_tokens, empty_documents, broken_lines;
    double held_out;
    struct data_split_index splits[DATA_SPLITS];
    VEC(struct data_path) paths;
    struct data_place place; /* of building.json */
};

void data_index_done(struct data_index *index);

/* Read DIR/`name` and hold all of it against each other. Returns 0, -ENOENT (there is none),
 * -ENOTSUP (made by a newer version), -EBADMSG (damaged), each with a sentence. */
int data_index_read(const char *folder, const char *name, struct data_index *out, struct err *err);
int data_index_parse(const char *name, const char *text, size_t len, struct data_index *out,
                     struct err *err);
int data_index_write(const char *folder, const char *name, const struct data_index *index,
                     struct err *err);

/* 2 or 4. */
size_t data_token_bytes(const struct data_index *index);

/* A file of shard number `shard`: its tokens, or where its documents end. The caller frees. */
char *data_shard_path(const char *folder, enum data_split split, size_t shard, bool ends);

/* "train", "held_out". */
const char *data_split_name(enum data_split split);

#endif
