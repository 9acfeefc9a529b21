#include "exchange/exchange.h"
#include "train/meta.h"
#include "trainer/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Training values that go along; a run may say others. */
#define PRESET "grok-tiny"

struct import_args {
    const char *out;
};

#define AT(member) offsetof(struct import_args, member)

const struct opt import_opts[] = {
    {"out", 'o', OPT_TEXT, "DIR", "Where the checkpoint goes", AT(out)},
};
const size_t import_opt_count = ARRAY_LEN(import_opts);

/* A folder that has no checkpoints yet, lest the newest of them hides this one. */
static int prepare_folder(const char *out, struct err *err)
{
    struct ckpt *ckpt;
    int r;

    if (mkdir(out, 0755) < 0 && errno != EEXIST)
        return err_set(err, -errno, "%s: %s", out, strerror(errno));
    r = ckpt_open(out, NULL, NULL, &ckpt, err);
    if (r == 0) {
        r = err_set(err, -EEXIST, "%s has a checkpoint already: %s", out, ckpt_path(ckpt));
        ckpt_close(ckpt);
        return r;
    }
    return r == -ENOENT ? 0 : r;
}

static char *meta_of(const struct exchange_model *model, struct err *err)
{
    struct meta *meta = calloc(1, sizeof(*meta));
    char *text = NULL;

    if (meta && train_preset(PRESET, &meta->config, err) == 0) {
        meta->config.model = model->config;
        if (meta->config.train.time > model->config.context)
            meta->config.train.time = model->config.context;
        meta->watch.window = (size_t)meta->config.watch.window;
        if (meta_init(meta, NULL) == 0) {
            memcpy(meta->router_bias, model->router_bias, meta->experts * sizeof(float));
            text = meta_print(meta);
        }
        meta_done(meta);
    }
    free(meta);
    if (!text)
        err_set(err, -ENOMEM, "no memory for " META_FILE);
    return text;
}

/* Weights alone: moments begin at zero wherever they are needed. */
static int save(const struct exchange_model *model, const char *out, char *meta, struct err *err)
{
    const struct ckpt_file files[] = {
        {META_FILE, meta, strlen(meta)},
        {META_TOKENIZER, model->tokenizer, model->tokenizer_len},
    };
    const struct ckpt_request request = {
        .folder = out,
        .ranks = 1,
        .items = model->params.total,
        .end = model->params.total,
        .vectors = {{CKPT_WEIGHTS, model->weights}},
        .vector_count = 1,
        .files = files,
        .file_count = model->tokenizer ? 2 : 1,
    };
    struct ckpt_writer *writer;
    struct ckpt_done done;
    struct err why = {0};
    int r = ckpt_writer_new(&writer, err);

    if (r < 0)
        return r;
    r = ckpt_writer_begin(writer, &request, err);
    if (r == 0) {
        (void)ckpt_writer_poll(writer, true, &done, &why);
        r = ckpt_commit(out, 0, &done, 1, err);
        if (why.code < 0 && err)
            *err = why; /* which file it was */
    }
    ckpt_writer_free(writer);
    return r;
}

int cmd_import(const struct subcommand *command, int argc, char **argv)
{
    struct import_args args = {0};
    struct exchange_model model = {0};
    struct err err = {0};
    char *meta = NULL;
    int words, r, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (words != 1 || !args.out)
        return subcommand_trouble(command, "name one model, and with --out where it goes");
    r = exchange_import(argv[0], &model, &err);
    if (r == 0)
        r = prepare_folder(args.out, &err);
    if (r == 0 && !(meta = meta_of(&model, &err)))
        r = err.code;
    if (r == 0)
        r = save(&model, args.out, meta, &err);
    if (r == 0)
        (void)printf("%s is in %s\n", argv[0], args.out);
    free(meta);
    exchange_done(&model);
    return r < 0 ? subcommand_trouble(command, "%s", err.text) : EXIT_WELL;
}
