#include "train/config.h"

#include "kernels/pool.h"
#include "train/watch.h"

#include <assert.h>

#include <errno.h>

#define AT(member) offsetof(struct train_config, member)

static const struct setting rows[] = {
    {"train.steps", SETTING_INT, AT(train.steps), 1, TRAIN_STEPS_MAX, .help = "steps of the run"},
    {"train.batch", SETTING_INT, AT(train.batch), 1, 1 << 24, .help = "sequences a step"},
    {"train.shards", SETTING_INT, AT(train.shards), 1, 1 << 16,
     .help = "virtual shards a step: divides the batch, at least one a rank"},
    {"train.time", SETTING_INT, AT(train.time), 1, 1 << 24, .help = "tokens in a sequence"},
    {"train.seed", SETTING_INT, AT(train.seed), 0, 9e15, .help = "of weights, order and samples"},
    {"train.precision", SETTING_CHOICE, AT(train.precision), .choices = "fp32 bf16",
     .help = "of the products"},
    {"train.threads", SETTING_INT, AT(train.threads), 0, POOL_THREADS_MAX,
     .help = "a rank's threads; 0: its share of this host's CPUs"},
    {"train.kernels", SETTING_TEXT, AT(train.kernels),
     .help = "auto, ref, avx2, avx512 or avx512bf16"},
    {"train.hash_every", SETTING_INT, AT(train.hash_every), 0, TRAIN_STEPS_MAX,
     .help = "print the weights' hash every so many steps, and look whether "
             "memory keeps them in the next; 0: at the end"},
    {"train.documents_apart", SETTING_BOOL, AT(train.documents_apart),
     .help = "attention does not cross documents"},
    {"optim.lr", SETTING_REAL, AT(optim.lr), 0, 100, .help = "highest learning rate"},
    {"optim.min_lr", SETTING_REAL, AT(optim.min_lr), 0, 1, .help = "the last, a part of lr"},
    {"optim.warmup", SETTING_INT, AT(optim.warmup), 0, TRAIN_STEPS_MAX,
     .help = "steps of linear warm-up"},
    {"optim.schedule", SETTING_CHOICE, AT(optim.schedule), .choices = "cosine wsd constant",
     .help = "course of the learning rate"},
    {"optim.wsd_decay", SETTING_REAL, AT(optim.wsd_decay), 0, 1,
     .help = "part of the steps in which wsd decays"},
    {"optim.beta1", SETTING_REAL, AT(optim.beta1), 0, 0.99999, .help = "AdamW"},
    {"optim.beta2", SETTING_REAL, AT(optim.beta2), 0, 0.99999, .help = "AdamW"},
    {"optim.eps", SETTING_REAL, AT(optim.eps), 1e-30, 1, .help = "AdamW"},
    {"optim.decay", SETTING_REAL, AT(optim.decay), 0, 10, .help = "weight decay, of matrices"},
    {"optim.clip", SETTING_REAL, AT(optim.clip), 0, 1e30, .help = "global norm; 0: none"},
    {"router.bias_rate", SETTING_REAL, AT(router.bias_rate), 0, 1,
     .help = "step of the balancing bias; 0: none"},
    {"router.bias_fade", SETTING_REAL, AT(router.bias_fade), 0, 1,
     .help = "last part of the steps, in which that bias falls to 0, for other programs have none"},
    {"router.z_weight", SETTING_REAL, AT(router.z_weight), 0, 10, .help = "of the z-loss"},
    {"router.aux_weight", SETTING_REAL, AT(router.aux_weight), 0, 10,
     .help = "of the balance loss"},
    {"router.dead_share", SETTING_REAL, AT(router.dead_share), 0, 1,
     .help = "an expert below this part of its fair share is dying"},
    {"router.dead_steps", SETTING_INT, AT(router.dead_steps), 1, TRAIN_STEPS_MAX,
     .help = "and dead after so many steps"},
    {"watch.window", SETTING_INT, AT(watch.window), 4, WATCH_WINDOW_MAX,
     .help = "steps that the watch for spikes looks back"},
    {"watch.spike_z", SETTING_REAL, AT(watch.spike_z), 0, 1e9,
     .help = "a step whose loss or norm is so many deviations above is skipped; 0: none"},
    {"watch.spikes_max", SETTING_INT, AT(watch.spikes_max), 1, TRAIN_STEPS_MAX,
     .help = "so many skipped steps in a row end the run"},
    {"checkpoint.every", SETTING_INT, AT(checkpoint.every), 0, TRAIN_STEPS_MAX,
     .help = "steps; 0: at the end"},
    {"checkpoint.keep_last", SETTING_INT, AT(checkpoint.keep_last), 1, 1e6,
     .help = "newest checkpoints that are kept"},
    {"checkpoint.keep_every", SETTING_INT, AT(checkpoint.keep_every), 0, TRAIN_STEPS_MAX,
     .help = "and those of every so many steps; 0: none"},
    {"valid.every", SETTING_INT, AT(valid.every), 0, TRAIN_STEPS_MAX,
     .help = "validate every so many steps; 0: never"},
    {"valid.windows", SETTING_INT, AT(valid.windows), 0, 1e12,
     .help = "of the held-out split; 0: all"},
    {"sample.every", SETTING_INT, AT(sample.every), 0, TRAIN_STEPS_MAX,
     .help = "print a sample every so many steps; 0: never"},
    {"sample.tokens", SETTING_INT, AT(sample.tokens), 1, 1 << 20, .help = "its length"},
    {"sample.prompt", SETTING_TEXT, AT(sample.prompt), .help = "its beginning"},
    {"sample.temperature", SETTING_REAL, AT(sample.temperature), 0, 100,
     .help = "0: the likeliest token"},
    {"sample.top_p", SETTING_REAL, AT(sample.top_p), 0, 1,
     .help = "choose among the likeliest tokens of so much probability"},
};

enum dtype train_dtype(const struct train_config *config)
{
    return config->train.precision == PRECISION_BF16 ? DTYPE_BF16 : DTYPE_F32;
}

const struct setting *train_settings(size_t *count)
{
    static struct setting all[256];
    static size_t filled;

    assert(model_setting_count + ARRAY_LEN(rows) <= ARRAY_LEN(all));
    if (!filled) {
        memcpy(all, model_settings, model_setting_count * sizeof(*all));
        memcpy(all + model_setting_count, rows, sizeof(rows));
        filled = model_setting_count + ARRAY_LEN(rows);
    }
    *count = filled;
    return all;
}

bool train_config_is_fixed(const struct setting *row)
{
    static const char fixed[] = "model.* train.batch train.shards train.time train.seed "
                                "train.precision train.documents_apart";

    return str_glob_any(fixed, str_of(row->key));
}

static const struct train_config defaults = {
    .train = {.steps = 1000,
              .batch = 8,
              .shards = 4,
              .time = 256,
              .seed = 1,
              .precision = PRECISION_BF16,
              .kernels = "auto",
              .documents_apart = false},
    .optim = {.lr = 1e-3,
              .min_lr = 0.1,
              .warmup = 100,
              .schedule = SCHEDULE_COSINE,
              .wsd_decay = 0.2,
              .beta1 = 0.9,
              .beta2 = 0.95,
              .eps = 1e-8,
              .decay = 0.1,
              .clip = 1.0},
    .router = {.bias_rate = 1e-3,
               .bias_fade = 0.2,
               .z_weight = 1e-3,
               .dead_share = 0.125,
               .dead_steps = 50},
    .watch = {.window = 128, .spike_z = 12, .spikes_max = 20},
    .checkpoint = {.every = 100, .keep_last = 3},
    .valid = {.windows = 256},
    .sample = {.tokens = 64, .temperature = 0.8, .top_p = 0.95},
};

/* What suits a preset's size. */
static const struct {
    const char *name;
    int64_t steps, batch, shards, time, warmup;
    double lr, bias_rate; /* few steps need a quicker balance */
} sizes[] = {
    {"grok-nano", 800, 16, 4, 64, 40, 8e-3, 1e-2},
    {"grok-tiny", 2000, 16, 8, 256, 100, 1e-3, 3e-3},
    {"grok-small", 50000, 256, 64, 1024, 1000, 4e-4, 1e-3},
    {"grok-1", 500000, 2048, 1024, 8192, 2000, 1e-4, 1e-3},
    {"grok-2", 500000, 2048, 1024, 8192, 2000, 1e-4, 1e-3},
    {"gpt2-124m-shape", 20000, 8, 2, 256, 700, 6e-4, 0},
};

int train_preset(const char *name, struct train_config *out, struct err *err)
{
    int r;

    *out = defaults;
    r = model_preset(name, &out->model, err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(sizes); i++)
        if (!strcmp(sizes[i].name, name)) {
            out->train.steps = sizes[i].steps;
            out->train.batch = sizes[i].batch;
            out->train.shards = sizes[i].shards;
            out->train.time = sizes[i].time;
            out->optim.warmup = sizes[i].warmup;
            out->optim.lr = sizes[i].lr;
            out->router.bias_rate = sizes[i].bias_rate;
        }
    return r;
}

int train_config_check(const struct train_config *config, struct err *err)
{
    int r = model_config_check(&config->model, err);

    if (r < 0)
        return r;
    if (config->train.batch % config->train.shards)
        return err_set(err, -EINVAL, "train.shards %lld does not divide train.batch %lld",
                       (long long)config->train.shards, (long long)config->train.batch);
    if (config->train.time > config->model.context)
        return err_set(err, -EINVAL, "train.time %lld is longer than model.context %lld",
                       (long long)config->train.time, (long long)config->model.context);
    if (!*config->out)
        return err_set(err, -EINVAL, "no output folder was named");
    if (!config->source_count)
        return err_set(err, -EINVAL, "no data was named");
    return 0;
}
