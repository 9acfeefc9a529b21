#include "data/build.h"
#include "data/check.h"
#include "data/index.h"
#include "trainer/commands.h"
#include "trainer/data_show.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct data_args {
    const char *tokenizer, *out, *text_key;
    double held_out;
    int64_t threads, shard_tokens, time, seed, window, count;
    bool allow_invalid, skip_broken, quiet, json;
};

#define HELD_OUT_UNSAID (-HUGE_VAL)

#define AT(member) offsetof(struct data_args, member)

const struct opt data_opts[] = {
    {"tokenizer", 't', OPT_TEXT, "MODEL", "build: the tokenizer, which is copied beside the shards",
     AT(tokenizer)},
    {"out", 'o', OPT_TEXT, "DIR", "build: the folder for the shards", AT(out)},
    {"held-out", 0, OPT_REAL, "PART",
     "build: part kept from training, 0 to 0.5 (0.01; of small texts more, up to 0.1)",
     AT(held_out)},
    {"threads", 'j', OPT_NUMBER, "N", "build: threads that encode (one a CPU)", AT(threads)},
    {"shard-tokens", 0, OPT_NUMBER, "N", "build: tokens in a shard file (100M)", AT(shard_tokens)},
    {"text-key", 0, OPT_TEXT, "KEY", "build: where a jsonl line has its text (text)", AT(text_key)},
    {"allow-invalid", 0, OPT_FLAG, NULL, "build: take text that is not UTF-8 as it is",
     AT(allow_invalid)},
    {"skip-broken", 0, OPT_FLAG, NULL,
     "build: pass over jsonl lines that are no JSON, no UTF-8 or have no text, and count them",
     AT(skip_broken)},
    {"quiet", 'q', OPT_FLAG, NULL, "build: no progress", AT(quiet)},
    {"window", 0, OPT_NUMBER, "N", "show: first window; step S begins at (S - 1) * train.batch (0)",
     AT(window)},
    {"count", 'n', OPT_NUMBER, "N", "show: so many windows (1)", AT(count)},
    {"time", 0, OPT_NUMBER, "N", "show: tokens in a window, as train.time (256)", AT(time)},
    {"seed", 0, OPT_NUMBER, "N", "show: as train.seed (1)", AT(seed)},
    {"json", 0, OPT_FLAG, NULL, "Answer in JSON", AT(json)},
};
const size_t data_opt_count = ARRAY_LEN(data_opts);

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct live {
    double begin, shown;
    uint64_t bytes_first; /* of an interrupted build: done already */
};

#define SHOW_EVERY_S 0.2

/* One line of a terminal, written over again. */
static void show_progress(void *arg, uint64_t bytes_done, uint64_t bytes_total, uint64_t tokens)
{
    struct live *live = arg;
    double now = now_s(), seconds = now - live->begin, rate;

    if (live->bytes_first == UINT64_MAX)
        live->bytes_first = bytes_done;
    if (now - live->shown < SHOW_EVERY_S)
        return;
    live->shown = now;
    rate = seconds > 0 ? (double)(bytes_done - live->bytes_first) / seconds : 0;
    (void)fprintf(stderr, "\r\033[K%5.1f %%  %.1f of %.1f MB  %.2f M tokens  %.1f MB/s",
                  bytes_total ? 100 * (double)bytes_done / (double)bytes_total : 100,
                  (double)bytes_done * 1e-6, (double)bytes_total * 1e-6, (double)tokens * 1e-6,
                  rate * 1e-6);
    if (rate > 0)
        (void)fprintf(stderr, "  %.0f s left", (double)(bytes_total - bytes_done) / rate);
}

static void print_built(const struct data_args *args, const struct data_built *built,
                        double seconds)
{
    if (args->json) {
        json_t *answer = json_pack(
            "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "out", args->out,
            "documents", (json_int_t)built->documents, "tokens", (json_int_t)built->tokens,
            "held_out_documents", (json_int_t)built->held_documents, "held_out_tokens",
            (json_int_t)built->held_tokens, "text_bytes", (json_int_t)built->bytes,
            "empty_documents", (json_int_t)built->empty, "broken_lines", (json_int_t)built->broken,
            "shards", (json_int_t)built->shards, "reused_shards", (json_int_t)built->reused_shards,
            "reused_tokens", (json_int_t)built->reused_tokens, "seconds", seconds);

        (void)json_dumpf(answer, stdout, JSON_INDENT(2));
        (void)puts("");
        json_decref(answer);
        return;
    }
    (void)printf("%s: %" PRIu64 " tokens of %" PRIu64 " documents in %" PRIu64
                 " shards; held out: %" PRIu64 " tokens of %" PRIu64 " documents\n",
                 args->out, built->tokens, built->documents, built->shards, built->held_tokens,
                 built->held_documents);
    (void)printf("%" PRIu64 " bytes of text, %.3f bytes a token, in %.1f s\n", built->bytes,
                 built->tokens ? (double)built->bytes / (double)built->tokens : 0, seconds);
    if (!built->held_tokens && args->held_out != 0)
        (void)printf("nothing is held out of so little text: --held-out takes a larger part\n");
    if (built->empty)
        (void)printf("%" PRIu64 " documents without text were left out\n", built->empty);
    if (built->broken)
        (void)printf("%" PRIu64 " broken lines were passed over\n", built->broken);
    if (built->reused_tokens)
        (void)printf("%" PRIu64 " tokens and %" PRIu64 " whole shards were there from an earlier "
                     "build\n",
                     built->reused_tokens, built->reused_shards);
}

static int run_build(const struct subcommand *command, const struct data_args *args,
                     char *const *paths, size_t count)
{
    struct live live = {.begin = now_s(), .bytes_first = UINT64_MAX};
    bool show = !args->quiet && isatty(STDERR_FILENO);
    const struct data_build build = {
        .tokenizer = args->tokenizer,
        .out = args->out,
        .threads = (size_t)args->threads,
        .held_out = args->held_out == HELD_OUT_UNSAID ? 0 : args->held_out,
        .held_out_by_size = args->held_out == HELD_OUT_UNSAID,
        .shard_tokens = (uint64_t)args->shard_tokens,
        .text_key = args->text_key,
        .allow_invalid = args->allow_invalid,
        .skip_broken = args->skip_broken,
        .progress = show ? show_progress : NULL,
        .arg = &live,
    };
    struct data_built built;
    struct err err = {0};
    int r;

    if (!args->tokenizer || !args->out)
        return subcommand_trouble(command, "build takes --tokenizer MODEL and -o DIR");
    if (!count)
        return subcommand_trouble(command, "build of what? name files or folders of text");
    r = data_build(&build, (const char *const *)paths, count, &built, &err);
    if (show)
        (void)fputs("\r\033[K", stderr);
    if (r < 0)
        return subcommand_trouble(command, "%s", err.text);
    print_built(args, &built, now_s() - live.begin);
    return EXIT_WELL;
}

static json_t *split_json(const struct data_split_index *split)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "tokens", (json_int_t)split->tokens, "documents",
                     (json_int_t)split->documents, "text_bytes", (json_int_t)split->text_bytes,
                     "shards", (json_int_t)split->shards.count);
}

static void print_info_json(const struct data_index *index)
{
    char hash[20];
    json_t *paths = json_array(), *answer;

    (void)snprintf(hash, sizeof(hash), "%016" PRIx64, index->tokenizer_hash);
    for (size_t i = 0; i < index->paths.count; i++) {
        const struct data_path *path = &index->paths.items[i];

        (void)json_array_append_new(paths, json_pack("{s:s, s:I, s:I, s:I, s:I}", "path",
                                                     path->path, "files", (json_int_t)path->files,
                                                     "documents", (json_int_t)path->documents,
                                                     "text_bytes", (json_int_t)path->text_bytes,
                                                     "tokens", (json_int_t)path->tokens));
    }
    answer = json_pack(
        "{s:s, s:I, s:i, s:I, s:i, s:i, s:i, s:I, s:o, s:o, s:o}", "tokenizer_hash", hash,
        "vocabulary", (json_int_t)index->vocab, "token_bytes", (int)data_token_bytes(index),
        "shard_tokens", (json_int_t)index->shard_tokens, "bos", (int)index->bos, "eos",
        (int)index->eos, "pad", (int)index->pad, "empty_documents",
        (json_int_t)index->empty_documents, "train", split_json(&index->splits[DATA_TRAIN]),
        "held_out", split_json(&index->splits[DATA_HELD_OUT]), "sources", paths);
    (void)json_dumpf(answer, stdout, JSON_INDENT(2));
    (void)puts("");
    json_decref(answer);
}

static void print_info(const struct data_index *index)
{
    (void)printf("vocabulary %" PRIu64 " (%zu bytes a token), tokenizer %016" PRIx64 "\n\n",
                 index->vocab, data_token_bytes(index), index->tokenizer_hash);
    (void)printf("%-10s %15s %12s %16s %7s\n", "split", "tokens", "documents", "bytes of text",
                 "shards");
    for (size_t i = 0; i < DATA_SPLITS; i++) {
        const struct data_split_index *split = &index->splits[i];

        (void)printf("%-10s %15" PRIu64 " %12" PRIu64 " %16" PRIu64 " %7zu\n",
                     i == DATA_TRAIN ? "train" : "held out", split->tokens, split->documents,
                     split->text_bytes, split->shards.count);
    }
    (void)printf("\n%15s %12s %16s %7s  %s\n", "tokens", "documents", "bytes of text", "files",
                 "source");
    for (size_t i = 0; i < index->paths.count; i++) {
        const struct data_path *path = &index->paths.items[i];

        (void)printf("%15" PRIu64 " %12" PRIu64 " %16" PRIu64 " %7" PRIu64 "  %s\n", path->tokens,
                     path->documents, path->text_bytes, path->files, path->path);
    }
}

static int run_info(const struct subcommand *command, const struct data_args *args,
                    char *const *folders, size_t count)
{
    struct data_index index;
    struct err err = {0};

    if (count != 1)
        return subcommand_trouble(command, "info takes the folder of one `data build`");
    if (data_index_read(folders[0], DATA_INDEX, &index, &err) < 0)
        return subcommand_trouble(command, "%s", err.text);
    (args->json ? print_info_json : print_info)(&index);
    data_index_done(&index);
    return EXIT_WELL;
}

static void add_sentence(void *arg, const char *sentence)
{
    (void)json_array_append_new(arg, json_string(sentence));
}

static int run_check(const struct subcommand *command, const struct data_args *args,
                     char *const *folders, size_t count)
{
    json_t *wrong = json_array();
    struct err err = {0};
    uint64_t files = 0;
    int bad;

    if (count != 1) {
        json_decref(wrong);
        return subcommand_trouble(command, "check takes the folder of one `data build`");
    }
    bad = data_check(folders[0], add_sentence, wrong, &files, &err);
    if (bad >= 0 && args->json) {
        json_t *answer = json_pack("{s:I, s:O}", "files", (json_int_t)files, "wrong", wrong);

        (void)json_dumpf(answer, stdout, JSON_INDENT(2));
        (void)puts("");
        json_decref(answer);
    } else if (bad >= 0) {
        for (size_t i = 0; i < json_array_size(wrong); i++)
            (void)puts(json_string_value(json_array_get(wrong, i)));
        if (bad)
            (void)printf("%d of %" PRIu64 " files are wrong\n", bad, files);
        else
            (void)printf("%" PRIu64 " files, all as they were written\n", files);
    }
    json_decref(wrong);
    if (bad < 0)
        return subcommand_trouble(command, "%s", err.text);
    return bad ? EXIT_FINDINGS : EXIT_WELL;
}

static int run_show(const struct subcommand *command, const struct data_args *args,
                    char *const *folders, size_t count)
{
    const struct data_show show = {
        .time = (size_t)args->time,
        .seed = (uint64_t)args->seed,
        .first = (uint64_t)args->window,
        .count = (uint64_t)args->count,
        .json = args->json,
    };
    struct err err = {0};

    if (!count)
        return subcommand_trouble(command, "show takes folders of `data build`, as train --data");
    return data_show(&show, folders, count, &err) < 0 ? subcommand_trouble(command, "%s", err.text)
                                                      : EXIT_WELL;
}

int cmd_data(const struct subcommand *command, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct subcommand *command, const struct data_args *args,
                   char *const *words, size_t count);
    } verbs[] = {
        {"build", run_build}, {"info", run_info}, {"check", run_check}, {"show", run_show}};
    struct data_args args = {
        .held_out = HELD_OUT_UNSAID,
        .shard_tokens = 100000000,
        .text_key = "text",
        .time = 256,
        .seed = 1,
        .count = 1,
    };
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    for (size_t i = 0; words && i < ARRAY_LEN(verbs); i++)
        if (!strcmp(argv[0], verbs[i].name))
            return verbs[i].run(command, &args, argv + 1, (size_t)words - 1);
    return subcommand_trouble(command, "data takes build, info, check or show%s%s",
                              words ? ", not " : "", words ? argv[0] : "");
}
