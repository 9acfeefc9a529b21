/* trainer/request - the training that a command line, a file and a preset ask for. */
#ifndef TRAINER_REQUEST_H
#define TRAINER_REQUEST_H

#include "base/opt.h"
#include "train/config.h"

struct request_args {
    const char *preset;        /* NULL: the file's, or what the checkpoint was trained with that the
                                  run goes on from, or grok-tiny */
    const char *out;           /* NULL: the file's */
    const char *resume;        /* NULL: what is in `out`; or TRAIN_FROM_SCRATCH */
    const char *file;          /* YAML; NULL: none */
    struct opt_list data, set; /* "DIR", "DIR=WEIGHT"; "KEY=VALUE" */
};

/* "DIR" or "DIR=WEIGHT"; the caller frees out->path. Returns 0, -EINVAL or -ENOMEM. */
int request_source(const char *text, struct dataset_source *out, struct err *err);

/* Preset, then the file, then --set, then options; then what the data says (vocabulary and special
 * tokens, where model.vocab was not set) and this host (threads). Returns 0 or a negative errno
 * with a sentence. */
int request_config(const struct request_args *args, struct train_config *config, struct err *err);

/* How many ranks share this host, as the launcher says. */
size_t request_ranks_here(void);

#endif
