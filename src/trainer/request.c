#include "trainer/request.h"

#include "token/tokenizer.h"
#include "train/meta.h"
#include "train/train.h"
#include "trainer/config_file.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PRESET       "grok-tiny"
#define SETTINGS_MAX 256

/* The file is read twice: for its preset and folder, then for what it changes. */
struct reading {
    const struct request_args *args;
    struct train_config *config;
    char preset[64]; /* "": none was named */
    char out[sizeof(((struct train_config *)NULL)->out)];
    bool vocab_set;
    bool in_file[SETTINGS_MAX]; /* by setting: it had a value there */
    struct model_config before; /* what was set */
};

static int copy_text(char *out, size_t size, const char *key, const char *text, struct err *err)
{
    if (strlen(text) >= size)
        return err_set(err, -EINVAL, "%s is longer than %zu bytes", key, size - 1);
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

int request_source(const char *text, struct dataset_source *out, struct err *err)
{
    const char *equals = strrchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : strlen(text);

    *out = (struct dataset_source){0};
    if (equals && (str_to_double(str_of(equals + 1), &out->weight) < 0 || !(out->weight > 0)))
        return err_set(err, -EINVAL, "the weight of data '%s' is no number above 0", text);
    out->path = strndup(text, len);
    return out->path ? 0 : err_set(err, -ENOMEM, "no memory for the data's names");
}

/* Are two names of the same folder? */
static bool is_same(const char *a, const char *b)
{
    struct stat first, second;

    return !strcmp(a, b) || (stat(a, &first) == 0 && stat(b, &second) == 0 &&
                             first.st_dev == second.st_dev && first.st_ino == second.st_ino);
}

static int add_source(struct train_config *config, const char *text, struct err *err)
{
    struct dataset_source source;
    int r;

    if (config->source_count == DATASET_SOURCES_MAX)
        return err_set(err, -EINVAL, "more than %d sources of data", DATASET_SOURCES_MAX);
    r = request_source(text, &source, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < config->source_count; i++)
        if (is_same(config->sources[i].path, source.path)) {
            r = err_set(err, -EINVAL, "the data %s is named twice; give it a weight instead: %s=2",
                        source.path, source.path);
            free((char *)source.path);
            return r;
        }
    config->sources[config->source_count++] = source;
    return 0;
}

static int find_preset(void *arg, const char *key, const char *text, struct err *err)
{
    struct reading *reading = arg;
    struct train_config unused;

    if (!strcmp(key, "out"))
        return copy_text(reading->out, sizeof(reading->out), key, text, err);
    if (strcmp(key, "preset") != 0)
        return 0;
    if (copy_text(reading->preset, sizeof(reading->preset), key, text, err) < 0)
        return -EINVAL;
    return train_preset(text, &unused, err);
}

static int set(struct reading *reading, const char *key, const char *text, struct err *err)
{
    size_t count;
    const struct setting *settings = train_settings(&count);

    if (!strcmp(key, "model.vocab"))
        reading->vocab_set = true;
    return setting_set(settings, count, reading->config, key, text, err);
}

/* Only data is a list. */
static int set_once(struct reading *reading, const char *key, const char *text, struct err *err)
{
    size_t count;
    const struct setting *settings = train_settings(&count);
    const struct setting *row = setting_find(settings, count, key);

    assert(count <= SETTINGS_MAX);
    if (row && reading->in_file[row - settings])
        return err_set(err, -EINVAL, "%s has a value already", key);
    if (row)
        reading->in_file[row - settings] = true;
    return set(reading, key, text, err);
}

static int take_value(void *arg, const char *key, const char *text, struct err *err)
{
    struct reading *reading = arg;

    if (!strcmp(key, "preset") || !strcmp(key, "out"))
        return 0;
    if (!strcmp(key, "data"))
        return reading->args->data.count ? 0 : add_source(reading->config, text, err);
    return set_once(reading, key, text, err);
}

static int take_assignment(struct reading *reading, const char *text, struct err *err)
{
    struct str rest = str_of(text), key;
    char name[SETTING_TEXT_MAX];

    if (!strchr(text, '='))
        return err_set(err, -EINVAL, "--set '%s' is no KEY=VALUE", text);
    (void)str_cut(&rest, '=', &key);
    key = str_trim(key);
    if (key.len >= sizeof(name))
        return err_set(err, -EINVAL, "--set: a key of %zu letters", key.len);
    memcpy(name, key.p, key.len);
    name[key.len] = 0;
    return set(reading, name, rest.p, err);
}

/* A token that means something is the tokenizer's; who says another would be passed over. */
static int fit_special(int64_t before, int64_t *id, const char *key, int32_t own, struct err *err)
{
    if (*id != before && *id != own)
        return err_set(err, -EINVAL, "%s is %lld, but the data's tokenizer has %d for it", key,
                       (long long)*id, own);
    *id = own;
    return 0;
}

static int fit_specials(struct reading *reading, const struct tokenizer *tokenizer, struct err *err)
{
    struct model_config *model = &reading->config->model;
    const struct model_config *before = &reading->before;
    const struct {
        const char *key;
        int64_t before, *id;
        enum tokenizer_special which;
    } rows[] = {
        {"model.pad", before->pad, &model->pad, TOKENIZER_PAD},
        {"model.bos", before->bos, &model->bos, TOKENIZER_BOS},
        {"model.eos", before->eos, &model->eos, TOKENIZER_EOS},
        {"model.unk", before->unk, &model->unk, TOKENIZER_UNK},
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(rows); i++)
        r = fit_special(rows[i].before, rows[i].id, rows[i].key,
                        tokenizer_special_id(tokenizer, rows[i].which), err);
    return r;
}

/* The tokens that the model must know are those of its data. */
static int fit_data(struct reading *reading, struct err *err)
{
    struct model_config *model = &reading->config->model;
    struct dataset_options options = {.time = (size_t)reading->config->train.time};
    struct dataset *data;
    struct tokenizer *tokenizer;
    int r =
        dataset_open(reading->config->sources, reading->config->source_count, &options, &data, err);

    if (r < 0)
        return r;
    r = tokenizer_load(dataset_tokenizer_path(data), &tokenizer, err);
    if (r == 0) {
        if (!reading->vocab_set)
            model->vocab = (int64_t)tokenizer_vocab(tokenizer);
        r = fit_specials(reading, tokenizer, err);
        tokenizer_free(tokenizer);
    }
    dataset_free(data);
    return r;
}

size_t request_ranks_here(void)
{
    const char *local = getenv("LOCAL_WORLD_SIZE");
    int64_t ranks;

    return local && str_to_i64(str_of(local), 10, &ranks) == 0 && ranks > 0 ? (size_t)ranks : 1;
}

/* This rank's share of the CPUs that its processes may use. */
static int64_t threads_here(void)
{
    int64_t ranks = (int64_t)request_ranks_here(), cpus = 1;
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        cpus = CPU_COUNT(&set);
    return cpus / ranks ? cpus / ranks : 1;
}

/* What a run that goes on was told before; of this host it knows nothing. */
static int take_last(struct reading *reading)
{
    const char *resume = reading->args->resume;
    int r = -ENOENT;

    if (resume && !strcmp(resume, TRAIN_FROM_SCRATCH))
        return r;
    if (resume)
        r = meta_newest_config(resume, reading->config);
    else if (*reading->out)
        r = meta_newest_config(reading->out, reading->config);
    if (r == 0) {
        reading->config->train.threads = 0;
        reading->vocab_set = true;
    }
    return r;
}

static int begin(struct reading *reading, struct err *err)
{
    const char *preset = reading->args->preset;
    int r;

    if (!preset && *reading->preset)
        preset = reading->preset;
    r = preset ? -ENOENT : take_last(reading);
    return r == 0 ? 0 : train_preset(preset ? preset : PRESET, reading->config, err);
}

int request_config(const struct request_args *args, struct train_config *config, struct err *err)
{
    struct reading reading = {.args = args, .config = config};
    int r = args->file ? config_file_walk(args->file, find_preset, &reading, err) : 0;

    if (r == 0 && args->out)
        r = copy_text(reading.out, sizeof(reading.out), "--out", args->out, err);
    if (r == 0)
        r = begin(&reading, err);
    if (r == 0)
        reading.before = config->model;
    if (r == 0 && args->file)
        r = config_file_walk(args->file, take_value, &reading, err);
    for (size_t i = 0; r == 0 && i < args->set.count; i++)
        r = take_assignment(&reading, args->set.items[i], err);
    for (size_t i = 0; r == 0 && i < args->data.count; i++)
        r = add_source(config, args->data.items[i], err);
    if (r == 0)
        memcpy(config->out, reading.out, sizeof(config->out));
    if (r == 0 && !*config->out)
        r = err_set(err, -EINVAL, "where to? name a folder with -o");
    if (r == 0 && !config->source_count)
        r = err_set(err, -EINVAL, "on what? name a folder that 'data build' made with --data");
    if (r == 0)
        r = fit_data(&reading, err);
    if (r == 0 && !config->train.threads)
        config->train.threads = threads_here();
    return r < 0 ? r : train_config_check(config, err);
}
