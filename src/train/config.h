/* train/config - all that a training run is told: "model.*" and what is below. */
#ifndef TRAIN_CONFIG_H
#define TRAIN_CONFIG_H

#include "data/dataset.h"
#include "model/config.h"
#include "tensor/dtype.h"

#define TRAIN_STEPS_MAX 1e12

enum schedule_kind { SCHEDULE_COSINE, SCHEDULE_WSD, SCHEDULE_CONSTANT };
enum precision_kind { PRECISION_FP32, PRECISION_BF16 };

struct train_config {
    struct model_config model; /* first: its settings' offsets are from here */
    struct {
        int64_t steps;
        int64_t batch;  /* sequences a step */
        int64_t shards; /* virtual shards a step; divides batch; at least one a rank */
        int64_t time;   /* tokens in a sequence */
        int64_t seed;
        int precision; /* enum precision_kind */
        int64_t threads;
        char kernels[SETTING_TEXT_MAX]; /* "auto", or a level's name */
        int64_t hash_every;             /* 0: only at the end */
        bool documents_apart;           /* attention does not cross documents */
    } train;
    struct {
        double lr, min_lr; /* min_lr: where decay ends, a part of lr */
        int64_t warmup;    /* steps */
        int schedule;      /* enum schedule_kind */
        double wsd_decay;  /* part of the steps in which wsd decays */
        double beta1, beta2, eps, decay;
        double clip; /* global norm; 0: none */
    } optim;
    struct {
        double bias_rate; /* step of the balancing bias; 0: none */
        double bias_fade; /* last part of the steps, in which the bias falls to 0 */
        double z_weight, aux_weight;
        double dead_share;  /* an expert below this part of its fair share ... */
        int64_t dead_steps; /* ... for so many steps is told as dead */
    } router;
    struct {
        int64_t window;     /* steps that the watch looks back */
        double spike_z;     /* a robust z above this is a spike; 0: never */
        int64_t spikes_max; /* so many skipped steps in a row are an error */
    } watch;
    struct {
        int64_t every; /* steps; 0: only at the end */
        int64_t keep_last, keep_every;
    } checkpoint;
    struct {
        int64_t every;   /* steps; 0: never */
        int64_t windows; /* of the held-out split, 0: all */
    } valid;
    struct {
        int64_t every, tokens;
        char prompt[SETTING_TEXT_MAX];
        double temperature, top_p;
    } sample;
    char out[4096];
    struct dataset_source sources[DATASET_SOURCES_MAX];
    size_t source_count;
};

/* The type that precision stands for. */
enum dtype train_dtype(const struct train_config *config);

/* All keys, the model's first. Static. */
const struct setting *train_settings(size_t *count);

/* A run that resumes must have these as they were, or it would not be the same run. */
bool train_config_is_fixed(const struct setting *row);

/* The preset's model with training values that suit its size. -ENOENT with a sentence: no such
 * preset. */
int train_preset(const char *name, struct train_config *out, struct err *err);

/* Do the numbers go together? Returns 0 or -EINVAL with a sentence that names the keys. */
int train_config_check(const struct train_config *config, struct err *err);

#endif
