/* train/state - all of a running training; the files of this room share it. */
#ifndef TRAIN_STATE_H
#define TRAIN_STATE_H

#include "ckpt/ckpt.h"
#include "model/model.h"
#include "tensor/storage.h"
#include "token/tokenizer.h"
#include "train/reduce.h"
#include "train/train.h"

/* What a shard tells; gathered, and added in the order of shards. */
struct shard_result {
    double loss_sum, z_loss, aux_loss;
    uint64_t targets;
};

/* What a rank says once a step. */
struct control {
    int64_t stop;  /* as train_events.stop */
    int64_t saved; /* its part of the checkpoint that is being written is done */
};

struct train {
    const struct train_config *config;
    const struct train_events *events;
    struct coll *coll;
    struct exec exec;
    struct model *model;
    struct dataset *data, *held; /* held NULL: no validation */
    struct tokenizer *tokenizer;
    struct reduce *reduce;
    struct ckpt_writer *writer;
    struct storage m, v; /* of this rank's range */
    uint64_t items, begin, end;
    size_t *byte_range;  /* (ranks + 1): of the weights, for the gather */
    size_t *block_range; /* (ranks + 1): of block_sums */
    double *block_sums;  /* sums of squares, all ranges */

    size_t shard_windows;
    int32_t *tokens, *targets, *first_key; /* (shard_windows, time) */
    struct shard_result *shards;           /* of all ranks */
    struct control *controls;              /* of all ranks */
    char *gathered, *mine;                 /* controls, shards and expert counts on their way */
    size_t message_bytes, shards_a_rank;
    uint64_t *expert_rows, *shard_expert_rows; /* (layers, experts) */
    int64_t *dying;                            /* (layers, experts): steps below dead_share */
    struct shard_result *round;                /* (ranks), of an evaluation */

    int64_t step;    /* last done */
    int64_t updates; /* steps that were applied */
    double smooth_loss;
    uint64_t tokens_seen;
    struct watch watch;
    uint64_t *hashes;   /* (ranks): of the weights */
    int64_t known_step; /* whose weights have the hash known_hash, here; -1: of none is it known */
    uint64_t known_hash;

    int64_t saving;                   /* step of the checkpoint that is being written; -1: none */
    bool part_done;                   /* this rank's part of it, as *done says */
    struct ckpt_done done, *all_done; /* (ranks) */
    double saving_since, saving_stall;
    struct err part_err; /* why this rank's part failed */
    int save_failed;     /* negative errno of the newest checkpoint that could not be written */
};

/* note.c: what happened, told to whoever asked for it. */
void train_note(const struct train *train, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* memory.c */
/* Memory to keep what of a checkpoint is not yet written when the next update comes: of large
 * models a step takes longer than the disk, so a bound costs them nothing. */
#define TRAIN_KEEP_BYTES_MAX ((size_t)2 << 30)
size_t train_keep_bytes(uint64_t items); /* of the rank's range */

/* open.c: everything before the first step; what was opened is closed by train_close either way. */
int train_open(struct train *train, const char *resume, struct err *err);
void train_close(struct train *train);

/* agree.c: do all ranks run the same training? */
int train_agree(struct train *train, struct err *err);
/* The weights' hash, when all ranks have the same. */
int train_weights_hash(struct train *train, uint64_t *hash, struct err *err);
/* Where it is known what these weights were: are they still? */
int train_weights_kept(const struct train *train, struct err *err);

/* step.c: one step, applied or not. *stop: it was asked to save, as train_events.stop; *saved:
 * every rank's part of the checkpoint that is being written is done. */
int train_step(struct train *train, struct train_step *out, int64_t *stop, bool *saved,
               struct err *err);

/* evaluate.c: mean loss and bits per byte (0: unknown) of the held-out windows. */
int train_evaluate(struct train *train, double *loss, double *bits_per_byte, struct err *err);

/* save.c */
int train_save_begin(struct train *train, struct err *err);
/* Is this rank's part on disk? */
bool train_save_poll(struct train *train, bool wait);
/* Every rank's part is: gather, commit, tell. What fails is noted and goes to save_failed, and is
 * no error; that a peer died is one. Waits for this rank's part. `goes_on`: steps
 * follow. */
int train_save_end(struct train *train, bool goes_on, struct err *err);

/* resume.c: begin from `from`, as train_run. */
int train_resume(struct train *train, const char *from, struct err *err);

#endif
