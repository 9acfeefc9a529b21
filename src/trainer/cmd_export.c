#include "exchange/exchange.h"
#include "exchange/otherwise.h"
#include "trainer/commands.h"
#include "trainer/opened.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct export_args {
    const char *format, *precision, *out;
    int64_t shard_bytes;
};

#define AT(member) offsetof(struct export_args, member)

const struct opt export_opts[] = {
    {"format", 'f', OPT_TEXT, "FORMAT", "safetensors (a folder) or gguf (a file)", AT(format)},
    {"out", 'o', OPT_TEXT, "PATH", "Where to; a folder must not be there yet", AT(out)},
    {"precision", 0, OPT_TEXT, "TYPE", "fp32 or bf16 (default: as trained)", AT(precision)},
    {"shard-bytes", 0, OPT_NUMBER, "N", "Most bytes of one safetensors file (default 5G)",
     AT(shard_bytes)},
};
const size_t export_opt_count = ARRAY_LEN(export_opts);

static int format_of(const char *word, enum exchange_format *out, struct err *err)
{
    if (word && !strcmp(word, "safetensors"))
        *out = EXCHANGE_SAFETENSORS;
    else if (word && !strcmp(word, "gguf"))
        *out = EXCHANGE_GGUF;
    else
        return err_set(err, -EINVAL, "say --format safetensors or gguf%s%s%s",
                       word ? ", not '" : "", word ? word : "", word ? "'" : "");
    return 0;
}

/* The weights as they lie in the checkpoint: nothing is computed, so no model is made. */
static int read_weights(const struct opened *opened, struct exchange_model *model, struct err *err)
{
    struct ckpt *ckpt = NULL;
    int r = params_init(&model->params, &model->config, err);

    if (r == 0)
        r = ckpt_open(opened->path, NULL, NULL, &ckpt, err);
    if (r == 0 && ckpt_items(ckpt) != model->params.total)
        r = err_set(err, -EBADMSG, "%s has %llu weights, its model %zu", opened->path,
                    (unsigned long long)ckpt_items(ckpt), model->params.total);
    if (r == 0 && !(model->weights = calloc(model->params.total, sizeof(float))))
        r = err_set(err, -ENOMEM, "no memory for %zu weights", model->params.total);
    if (r == 0)
        r = ckpt_read(ckpt, CKPT_WEIGHTS, 0, model->params.total, model->weights, err);
    ckpt_close(ckpt);
    return r;
}

/* Who compares logits should not have to find out why. */
static void warn(const struct exchange_model *model, enum exchange_format format)
{
    struct buf otherwise = {0};

    if (exchange_has_bias(model))
        (void)fprintf(
            stderr, "firstlight-train export: the router chooses with a bias, which other programs "
                    "don't apply: their logits differ; a training that ends with "
                    "router.bias_fade has none\n");
    if (format == EXCHANGE_GGUF)
        otherwise_in_llama(&model->config, &otherwise);
    if (otherwise.len && !otherwise.failed)
        (void)fprintf(stderr, "firstlight-train export: llama.cpp comes to other logits: %s\n",
                      otherwise.p);
    buf_done(&otherwise);
}

static int export_opened(const struct opened *opened, enum exchange_format format,
                         const struct export_args *args, struct err *err)
{
    struct exchange_model model = {.config = opened->meta->config.model,
                                   .router_bias = opened->meta->router_bias};
    enum dtype type = DTYPE_F32;
    int r = opened_precision(args->precision, &opened->meta->config, &type, err);

    if (opened->tokenizer) { /* only lent */
        struct str bytes = tokenizer_bytes(opened->tokenizer);

        model.tokenizer = (char *)bytes.p;
        model.tokenizer_len = bytes.len;
    }
    if (r == 0)
        r = read_weights(opened, &model, err);
    if (r == 0)
        r = exchange_export(&model, format, type, (uint64_t)args->shard_bytes, args->out, err);
    if (r == 0)
        warn(&model, format);
    params_done(&model.params);
    free(model.weights);
    return r;
}

int cmd_export(const struct subcommand *command, int argc, char **argv)
{
    struct export_args args = {.shard_bytes = 5000000000};
    struct opened opened = {0};
    enum exchange_format format = EXCHANGE_SAFETENSORS;
    struct err err = {0};
    int words, r, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (words != 1 || !args.out)
        return subcommand_trouble(command, "name one model, and with --out where it goes");
    r = format_of(args.format, &format, &err);
    if (r == 0)
        r = opened_meta(&opened, argv[0], &err);
    if (r == 0)
        r = export_opened(&opened, format, &args, &err);
    if (r == 0)
        (void)printf("%s is in %s\n", opened.path, args.out);
    opened_done(&opened);
    return r < 0 ? subcommand_trouble(command, "%s", err.text) : EXIT_WELL;
}
