#include "base/term.h"
#include "train/sampler.h"
#include "trainer/commands.h"
#include "trainer/opened.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct sample_args {
    struct opt_list prompts;
    int64_t tokens, seed, threads;
    double temperature, top_p;
    const char *kernels;
    bool json;
};

#define AT(member) offsetof(struct sample_args, member)

const struct opt sample_opts[] = {
    {"prompt", 'p', OPT_LIST, "TEXT", "How it begins; several are continued side by side",
     AT(prompts)},
    {"tokens", 'n', OPT_NUMBER, "N", "At most so many new tokens (default 128)", AT(tokens)},
    {"temperature", 0, OPT_REAL, "X", "0: always the likeliest token (default 0.8)",
     AT(temperature)},
    {"top-p", 0, OPT_REAL, "X", "Among the likeliest of so much probability (default 0.95)",
     AT(top_p)},
    {"seed", 0, OPT_NUMBER, "N", "The same seed gives the same text (default 1)", AT(seed)},
    {"threads", 't', OPT_NUMBER, "N", "Default: one a CPU", AT(threads)},
    {"kernels", 0, OPT_TEXT, "LEVEL", "ref, avx2, avx512, avx512bf16 (default: the best)",
     AT(kernels)},
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON", AT(json)},
};
const size_t sample_opt_count = ARRAY_LEN(sample_opts);

struct sampled {
    struct opened opened;
    const struct sample_args *args;
    struct tokens *prompts, *said; /* said: prompt and what follows */
    size_t count;
    bool streams; /* one prompt, for a person: printed as it comes */
    bool began;   /* the prompt is printed, which it is not before all is known to be well */
    struct tokenizer_stream stream;
};

static void begin_stream(struct sampled *sampled)
{
    if (!sampled->began && sampled->args->prompts.count)
        (void)fputs(sampled->args->prompts.items[0], stdout);
    sampled->began = true;
}

/* The text of a token, as soon as it is certain. */
static bool on_token(void *arg, size_t prompt, int32_t id)
{
    struct sampled *sampled = arg;
    struct tokens *said = &sampled->said[prompt];
    int32_t *slot = vec_push(said);
    struct buf text = {0};

    if (!slot)
        return false;
    *slot = id;
    if (sampled->streams)
        begin_stream(sampled);
    if (sampled->streams &&
        tokenizer_decode_next(sampled->opened.tokenizer, &sampled->stream, id, &text) == 0)
        term_write(stdout, text.p, text.len);
    (void)fflush(stdout);
    buf_done(&text);
    return true;
}

/* What follows is told as what follows the prompt, which is printed as it was given. */
static int hear_prompt(struct sampled *sampled)
{
    const struct tokens *said = &sampled->said[0];
    struct buf text = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < said->count; i++)
        r = tokenizer_decode_next(sampled->opened.tokenizer, &sampled->stream, said->items[i],
                                  &text);
    buf_done(&text);
    return r;
}

static int encode_prompts(struct sampled *sampled, struct err *err)
{
    const struct tokenizer *tokenizer = sampled->opened.tokenizer;
    int r = 0;

    for (size_t i = 0; r == 0 && i < sampled->count; i++) {
        const char *text = sampled->args->prompts.count ? sampled->args->prompts.items[i] : "";
        struct tokens *prompt = &sampled->prompts[i];

        r = sampler_prompt(tokenizer, text, prompt, err);
        for (size_t j = 0; r == 0 && j < prompt->count; j++) {
            int32_t *slot = vec_push(&sampled->said[i]);

            if (slot)
                *slot = prompt->items[j];
            else
                r = err_set(err, -ENOMEM, "no memory for the prompts");
        }
    }
    if (r == 0 && sampled->streams && hear_prompt(sampled) < 0)
        r = err_set(err, -ENOMEM, "no memory for the prompts");
    return r;
}

/* What was said, whole; several under each other, or as JSON. */
static int print_all(const struct sampled *sampled, struct err *err)
{
    json_t *array = json_array();
    int r = 0;

    for (size_t i = 0; r == 0 && i < sampled->count; i++) {
        struct buf text = {0};
        size_t bad;

        r = tokenizer_decode(sampled->opened.tokenizer, sampled->said[i].items,
                             sampled->said[i].count, &text, &bad);
        if (r < 0)
            err_set(err, r, "prompt %zu: its tokens have no text", i);
        else if (sampled->args->json)
            (void)json_array_append_new(array, json_pack("{s:I, s:s%}", "tokens",
                                                         (json_int_t)sampled->said[i].count, "text",
                                                         text.p ? text.p : "", text.len));
        else {
            (void)fputs(i ? "---\n" : "", stdout);
            term_write(stdout, text.p, text.len);
            (void)puts("");
        }
        buf_done(&text);
    }
    if (r == 0 && sampled->args->json) {
        (void)json_dumpf(array, stdout, JSON_INDENT(2));
        (void)puts("");
    }
    json_decref(array);
    return r;
}

static void end_stream(struct sampled *sampled)
{
    struct buf text = {0};

    begin_stream(sampled);
    (void)tokenizer_decode_end(&sampled->stream, &text);
    term_write(stdout, text.p, text.len);
    (void)puts("");
    buf_done(&text);
}

static int sample(struct sampled *sampled, const char *path, struct err *err)
{
    const struct sample_args *args = sampled->args;
    struct open_options open = {.time = 1, .threads = args->threads, .kernels = args->kernels};
    struct sampler_options options = {
        .tokens = (size_t)args->tokens,
        .temperature = args->temperature,
        .top_p = args->top_p,
        .seed = (uint64_t)args->seed,
    };
    int r = opened_init(&sampled->opened, path, &open, err);

    if (r < 0)
        return r;
    if (!sampled->opened.tokenizer)
        return err_set(err, -EINVAL, "%s has no tokenizer: there is no text to sample", path);
    r = encode_prompts(sampled, err);
    if (r == 0)
        r = sampler_run(sampled->opened.model, &options, sampled->prompts, sampled->count, on_token,
                        sampled, err);
    if (r == 0 && sampled->streams)
        end_stream(sampled);
    else if (r == 0)
        r = print_all(sampled, err);
    return r;
}

int cmd_sample(const struct subcommand *command, int argc, char **argv)
{
    struct sample_args args = {.tokens = 128, .temperature = 0.8, .top_p = 0.95, .seed = 1};
    struct sampled sampled = {.args = &args};
    struct err err = {0};
    int words, r, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (words != 1)
        return subcommand_trouble(command, "which model? name a checkpoint or a folder of them");
    sampled.count = args.prompts.count ? args.prompts.count : 1;
    sampled.streams = sampled.count == 1 && !args.json;
    sampled.prompts = calloc(sampled.count, sizeof(*sampled.prompts));
    sampled.said = calloc(sampled.count, sizeof(*sampled.said));
    r = sampled.prompts && sampled.said ? sample(&sampled, argv[0], &err)
                                        : err_set(&err, -ENOMEM, "no memory for the prompts");
    for (size_t i = 0; sampled.prompts && sampled.said && i < sampled.count; i++) {
        vec_done(&sampled.prompts[i]);
        vec_done(&sampled.said[i]);
    }
    free(sampled.prompts);
    free(sampled.said);
    opened_done(&sampled.opened);
    return r < 0 ? subcommand_trouble(command, "%s", err.text) : EXIT_WELL;
}
