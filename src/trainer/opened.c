#include "trainer/opened.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void passed_over(void *arg, const char *path, const char *why)
{
    (void)arg;
    (void)fprintf(stderr, "firstlight-train: passed over %s: %s\n", path, why);
}

static int open_meta(struct opened *opened, const char *path, struct ckpt **ckpt, struct err *err)
{
    int r = ckpt_open(path, passed_over, NULL, ckpt, err);

    if (r < 0)
        return r;
    (void)snprintf(opened->path, sizeof(opened->path), "%s", ckpt_path(*ckpt));
    opened->meta = calloc(1, sizeof(*opened->meta));
    r = opened->meta ? meta_read(*ckpt, opened->meta, err)
                     : err_set(err, -ENOMEM, "no memory for %s", path);
    if (r < 0) {
        free(opened->meta);
        opened->meta = NULL;
    }
    return r;
}

static int open_tokenizer(struct opened *opened, struct ckpt *ckpt, struct err *err)
{
    char *bytes;
    size_t len;
    int r = ckpt_read_file(ckpt, META_TOKENIZER, &bytes, &len, NULL);

    if (r < 0)
        return r == -ENOENT ? 0
                            : err_set(err, r, "%s/" META_TOKENIZER ": can't be read", opened->path);
    r = tokenizer_parse(opened->path, bytes, len, &opened->tokenizer, err);
    free(bytes);
    if (r == 0 && (int64_t)tokenizer_vocab(opened->tokenizer) > opened->meta->config.model.vocab)
        r = err_set(err, -EINVAL, "%s: its tokenizer has %zu tokens, its model %lld", opened->path,
                    tokenizer_vocab(opened->tokenizer),
                    (long long)opened->meta->config.model.vocab);
    return r;
}

int opened_precision(const char *word, const struct train_config *config, enum dtype *out,
                     struct err *err)
{
    if (!word)
        *out = train_dtype(config);
    else if (!strcmp(word, "fp32"))
        *out = DTYPE_F32;
    else if (!strcmp(word, "bf16"))
        *out = DTYPE_BF16;
    else
        return err_set(err, -EINVAL, "the precision is fp32 or bf16, not '%s'", word);
    return 0;
}

static int open_model(struct opened *opened, struct ckpt *ckpt, const struct open_options *options,
                      struct err *err)
{
    const struct train_config *config = &opened->meta->config;
    struct model_options model = {
        .batch = options->batch ? options->batch : 1,
        .time = options->time ? options->time : (size_t)config->train.time,
    };
    uint64_t items;
    int r = opened_precision(options->precision, config, &model.precision, err);

    if (r == 0)
        r = exec_init(&opened->exec, (size_t)options->threads, options->kernels, err);
    if (r == 0)
        r = model_new(&opened->exec, &config->model, &model, NULL, &opened->model, err);
    if (r < 0)
        return r;
    items = model_params(opened->model)->total;
    if (ckpt_items(ckpt) != items)
        return err_set(err, -EBADMSG, "%s has %llu weights, its model %llu", opened->path,
                       (unsigned long long)ckpt_items(ckpt), (unsigned long long)items);
    r = ckpt_read(ckpt, CKPT_WEIGHTS, 0, items, model_weights(opened->model), err);
    if (r == 0 && (r = model_check_weights(opened->model, err)) < 0)
        err_wrap(err, r, "%s", opened->path);
    if (r < 0)
        return r;
    memcpy(model_router_bias(opened->model), opened->meta->router_bias,
           opened->meta->experts * sizeof(float));
    model_pack(opened->model);
    return 0;
}

int opened_init(struct opened *opened, const char *path, const struct open_options *options,
                struct err *err)
{
    struct ckpt *ckpt = NULL;
    int r;

    memset(opened, 0, sizeof(*opened));
    r = open_meta(opened, path, &ckpt, err);
    if (r == 0)
        r = open_tokenizer(opened, ckpt, err);
    if (r == 0)
        r = open_model(opened, ckpt, options, err);
    ckpt_close(ckpt);
    return r;
}

int opened_meta(struct opened *opened, const char *path, struct err *err)
{
    struct ckpt *ckpt = NULL;
    int r;

    memset(opened, 0, sizeof(*opened));
    r = open_meta(opened, path, &ckpt, err);
    if (r == 0)
        r = open_tokenizer(opened, ckpt, err);
    ckpt_close(ckpt);
    return r;
}

void opened_done(struct opened *opened)
{
    model_free(opened->model);
    if (opened->exec.pool)
        exec_done(&opened->exec);
    tokenizer_free(opened->tokenizer);
    if (opened->meta)
        meta_done(opened->meta);
    free(opened->meta);
    memset(opened, 0, sizeof(*opened));
}
