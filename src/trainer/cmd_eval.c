#include "data/dataset.h"
#include "trainer/commands.h"
#include "trainer/opened.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WINDOWS_AT_ONCE 8

struct eval_args {
    struct opt_list data;
    int64_t windows, time, threads;
    const char *kernels, *precision;
    bool json, all;
};

#define AT(member) offsetof(struct eval_args, member)

const struct opt eval_opts[] = {
    {"data", 'd', OPT_LIST, "DIR", "What 'data build' made; its held-out split is judged",
     AT(data)},
    {"all", 'a', OPT_FLAG, NULL, "Judge the other split: what a model may have trained on",
     AT(all)},
    {"windows", 'n', OPT_NUMBER, "N", "The first N windows (default: all)", AT(windows)},
    {"time", 0, OPT_NUMBER, "N", "Tokens in a window (default: as trained)", AT(time)},
    {"precision", 0, OPT_TEXT, "TYPE", "fp32 or bf16 (default: as trained)", AT(precision)},
    {"threads", 't', OPT_NUMBER, "N", "Default: one a CPU", AT(threads)},
    {"kernels", 0, OPT_TEXT, "LEVEL", "ref, avx2, avx512, avx512bf16 (default: the best)",
     AT(kernels)},
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON", AT(json)},
};
const size_t eval_opt_count = ARRAY_LEN(eval_opts);

struct evaluation {
    struct opened opened;
    struct dataset *data;
    size_t time;
    uint64_t windows, targets;
    bool whole; /* the split, so that its bytes are known */
    double loss_sum;
};

static int open_data(struct evaluation *eval, const struct eval_args *args, struct err *err)
{
    struct dataset_source sources[DATASET_SOURCES_MAX];
    struct dataset_options options = {.held_out = !args->all};
    int r;

    if (!args->data.count || args->data.count > DATASET_SOURCES_MAX)
        return err_set(err, -EINVAL, "name 1 to %d folders with --data", DATASET_SOURCES_MAX);
    for (size_t i = 0; i < args->data.count; i++)
        sources[i] = (struct dataset_source){.path = args->data.items[i]};
    eval->time = args->time ? (size_t)args->time : (size_t)eval->opened.meta->config.train.time;
    options.time = eval->time;
    r = dataset_open(sources, args->data.count, &options, &eval->data, err);
    if (r < 0)
        return r;
    if (eval->opened.tokenizer &&
        tokenizer_hash(eval->opened.tokenizer) != dataset_tokenizer_hash(eval->data))
        return err_set(err, -EINVAL, "%s was built with another tokenizer than %s was trained with",
                       args->data.items[0], eval->opened.path);
    eval->windows = dataset_windows(eval->data);
    eval->whole = !args->windows || (uint64_t)args->windows >= eval->windows;
    if (!eval->whole)
        eval->windows = (uint64_t)args->windows;
    if (!eval->windows)
        return err_set(err, -EINVAL, "%s has no %s", args->data.items[0],
                       args->all ? "tokens" : "held-out split; --all judges what was trained on");
    return 0;
}

static int judge(struct evaluation *eval, struct err *err)
{
    int32_t *tokens = calloc(2 * WINDOWS_AT_ONCE * eval->time, sizeof(*tokens));
    int32_t *targets = tokens + WINDOWS_AT_ONCE * eval->time;
    int r = tokens ? 0 : err_set(err, -ENOMEM, "no memory for the windows");

    for (uint64_t first = 0; r == 0 && first < eval->windows; first += WINDOWS_AT_ONCE) {
        struct model_batch batch = {0, eval->time, tokens, targets, NULL};
        struct model_result result = {0};

        for (; r == 0 && batch.batch < WINDOWS_AT_ONCE && first + batch.batch < eval->windows;
             batch.batch++)
            r = dataset_window(eval->data, first + batch.batch, tokens + batch.batch * eval->time,
                               targets + batch.batch * eval->time, NULL, err);
        if (r == 0)
            r = model_loss(eval->opened.model, &batch, &result, err);
        eval->loss_sum += result.loss_sum;
        eval->targets += result.targets;
    }
    free(tokens);
    if (r == 0 && !eval->targets)
        r = err_set(err, -EINVAL, "the windows have no targets");
    return r;
}

static void print(const struct evaluation *eval, bool json)
{
    uint64_t bytes = eval->whole ? dataset_text_bytes(eval->data) : 0;
    double loss = eval->loss_sum / (double)eval->targets;
    double bits = bytes ? eval->loss_sum / log(2) / (double)bytes : 0;

    if (json) {
        json_t *answer = json_pack(
            "{s:s, s:I, s:I, s:f, s:f, s:o}", "checkpoint", eval->opened.path, "windows",
            (json_int_t)eval->windows, "targets", (json_int_t)eval->targets, "loss", loss,
            "perplexity", exp(loss), "bits_per_byte", bytes ? json_real(bits) : json_null());

        (void)json_dumpf(answer, stdout, JSON_INDENT(2));
        (void)puts("");
        json_decref(answer);
        return;
    }
    (void)printf("%s on %llu windows, %llu targets: loss %.4f, perplexity %.3f", eval->opened.path,
                 (unsigned long long)eval->windows, (unsigned long long)eval->targets, loss,
                 exp(loss));
    if (bytes)
        (void)printf(", %.4f bits per byte", bits);
    (void)puts("");
}

int cmd_eval(const struct subcommand *command, int argc, char **argv)
{
    struct eval_args args = {0};
    struct evaluation eval = {0};
    struct open_options open = {.batch = WINDOWS_AT_ONCE};
    struct err err = {0};
    int words, r, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (words != 1)
        return subcommand_trouble(command, "which model? name a checkpoint or a folder of them");
    open.time = (size_t)args.time;
    open.threads = args.threads;
    open.kernels = args.kernels;
    open.precision = args.precision;
    r = opened_init(&eval.opened, argv[0], &open, &err);
    if (r == 0)
        r = open_data(&eval, &args, &err);
    if (r == 0)
        r = judge(&eval, &err);
    if (r == 0)
        print(&eval, args.json);
    dataset_free(eval.data);
    opened_done(&eval.opened);
    return r < 0 ? subcommand_trouble(command, "%s", err.text) : EXIT_WELL;
}
