/* data/build - corpus files to token shards: in parallel, in a stream, resumable. */
#ifndef DATA_BUILD_H
#define DATA_BUILD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct data_build {
    const char *tokenizer; /* path of the model, which is copied into the output */
    const char *out;       /* folder; made if need be */
    size_t threads;        /* 0: one a CPU */
    double held_out;       /* part of the documents for the held-out split, 0 to 0.5; by a hash of
                              each document's place, so that it never changes */
    bool held_out_by_size; /* a part that fits the corpus instead: 0.01, of a small one more */
    uint64_t shard_tokens; /* tokens in a shard file, e.g. 100 M */
    const char *text_key;  /* of jsonl: "text" */
    bool allow_invalid;    /* text that is not UTF-8: its bytes become byte tokens; else an error
                              that names file and offset */
    bool skip_broken;      /* lines of jsonl without a text are passed over; else they are errors */
    void (*progress)(void *arg, uint64_t bytes_done, uint64_t bytes_total, uint64_t tokens);
    void *arg;
};

struct data_built {
    uint64_t documents, tokens, held_documents, held_tokens, bytes, shards;
    uint64_t broken;                       /* lines of jsonl that were passed over */
    uint64_t empty;                        /* documents without text, which are left out */
    uint64_t reused_shards, reused_tokens; /* were there from an interrupted build */
};

/* paths: files (*.txt and anything else that is text: one document a file; *.jsonl: one a line, the
 * key text_key; either with .zst or .gz) and folders of those. Killed at any moment, a second call
 * goes on; the result is the same bytes, whatever the threads. A call with another corpus or other
 * options than the folder holds, whole or half built, is refused (-ESTALE). Returns 0 or a negative
 * errno; what had been written before an error is kept for the next call. */
int data_build(const struct data_build *build, const char *const *paths, size_t count,
               struct data_built *out, struct err *err);

/* The same with any encoder; what is on the disk counts from every `save_bytes` of text on. */
struct encoder;
int data_build_with(const struct data_build *build, const struct encoder *encoder,
                    uint64_t save_bytes, const char *const *paths, size_t count,
                    struct data_built *out, struct err *err);

#endif
