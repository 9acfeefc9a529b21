/* trainer/show - what a person sees of a training, and its log of JSON lines. */
#ifndef TRAINER_SHOW_H
#define TRAINER_SHOW_H

#include "train/train.h"
#include "trainer/run_log.h"

#include <stdio.h>

struct show {
    const struct train_config *config;
    FILE *out; /* lines, and a live one where it is a terminal */
    struct run_log log;
    bool live, quiet;
    int64_t every;     /* steps between lines; 0: some 40 in all */
    double peak_flops; /* of all ranks at their precision; 0: unknown */
    size_t ranks;
    uint64_t memory_bytes; /* of a rank; 0: unknown */
    double flop_per_token;
    double seconds; /* of a step, smoothed */
    int64_t first;  /* step before the first */
    bool line_open; /* the live line stands */
};

/* `log_path` is appended to; NULL: no log. Returns 0 or a negative errno. */
int show_init(struct show *show, const struct train_config *config, FILE *out, const char *log_path,
              struct err *err);
void show_done(struct show *show);

void show_ready(struct show *show, const struct params *params, const struct exec *exec,
                int64_t step, uint64_t data_tokens, const char *coll);
void show_step(struct show *show, const struct train_step *step);
void show_note(struct show *show, const char *kind, const char *text);
void show_hash(struct show *show, int64_t step, uint64_t hash);
void show_valid(struct show *show, int64_t step, double loss, double bits_per_byte);
void show_sample(struct show *show, int64_t step, const char *text);
void show_saved(struct show *show, const char *path, int64_t step, double seconds, double stall);
void show_summary(struct show *show, const struct train_summary *summary);

#endif
