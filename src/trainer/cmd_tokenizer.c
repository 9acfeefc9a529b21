#include "base/file.h"
#include "data/texts.h"
#include "token/tokenizer.h"
#include "token/train.h"
#include "trainer/commands.h"
#include "trainer/token_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct tokenizer_args {
    int64_t vocab, threads, max_bytes;
    double coverage;
    const char *out, *tokenizer, *text_key;
    bool lines, bos, eos, pieces, allow_invalid, skip_broken, quiet, json;
};

#define AT(member) offsetof(struct tokenizer_args, member)

const struct opt tokenizer_opts[] = {
    {"vocab", 0, OPT_NUMBER, "N",
     "train: how many tokens, with specials and bytes (default: about 2048)", AT(vocab)},
    {"out", 'o', OPT_TEXT, "MODEL", "train: where the model goes", AT(out)},
    {"coverage", 0, OPT_REAL, "X",
     "train: the share of the text whose characters get a token (default 0.9995); others become "
     "bytes",
     AT(coverage)},
    {"max-bytes", 0, OPT_NUMBER, "N", "train: read no more, evenly over the files", AT(max_bytes)},
    {"text-key", 0, OPT_TEXT, "KEY", "train: where a jsonl line has its text (text)", AT(text_key)},
    {"allow-invalid", 0, OPT_FLAG, NULL, "train: take text that is not UTF-8 as it is",
     AT(allow_invalid)},
    {"skip-broken", 0, OPT_FLAG, NULL, "train: pass over jsonl lines without a text",
     AT(skip_broken)},
    {"threads", 't', OPT_NUMBER, "N", "train: default one a CPU; the model is the same",
     AT(threads)},
    {"quiet", 'q', OPT_FLAG, NULL, "train: say nothing when all is well", AT(quiet)},
    {"tokenizer", 0, OPT_TEXT, "MODEL",
     "encode, decode, info: a SentencePiece BPE model, or tiktoken's ranks", AT(tokenizer)},
    {"lines", 'l', OPT_FLAG, NULL, "encode, decode: each line for itself", AT(lines)},
    {"bos", 0, OPT_FLAG, NULL, "encode: the beginning-of-text token first", AT(bos)},
    {"eos", 0, OPT_FLAG, NULL, "encode: the end-of-text token last", AT(eos)},
    {"pieces", 0, OPT_FLAG, NULL, "encode: what tokens are called, not their ids", AT(pieces)},
    {"json", 'j', OPT_FLAG, NULL, "info: in JSON", AT(json)},
};
const size_t tokenizer_opt_count = ARRAY_LEN(tokenizer_opts);

/* What a tokenizer is learnt of. */
struct learning {
    struct texts *texts;
    bool live; /* progress, on a terminal */
    uint64_t bytes;
};

static void show_progress(const struct learning *learning, const char *phase, double done)
{
    if (learning->live)
        (void)fprintf(stderr, "\r%s %3.0f %%\r", phase, done * 100);
}

static int next_piece(void *arg, struct buf *piece, struct err *err)
{
    struct learning *learning = arg;
    size_t before = piece->len;
    int r = texts_next(learning->texts, piece, err);

    learning->bytes += piece->len - before;
    show_progress(learning, "reading", texts_done(learning->texts));
    return r;
}

static void on_merges(void *arg, double merged)
{
    show_progress(arg, "merging", merged);
}

/* Learning takes minutes: that its result has a place is known before. */
static int check_place(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    struct stat st;
    int r = 0;

    if (!folder)
        return err_set(err, -ENOMEM, "no memory to learn");
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        r = err_set(err, -EISDIR, "%s is a folder; the model is a file", path);
    else if (access(folder, W_OK) < 0)
        r = err_set(err, -errno, "%s: %s", path, strerror(errno));
    free(folder);
    return r;
}

static int run_train(const struct tokenizer_args *args, char **words, size_t count, struct err *err)
{
    const struct texts_options options = {
        .text_key = args->text_key,
        .allow_invalid = args->allow_invalid,
        .skip_broken = args->skip_broken,
        .bytes_max = (uint64_t)args->max_bytes,
    };
    struct learning learning = {.live = !args->quiet && isatty(STDERR_FILENO)};
    const struct tokenizer_training training = {
        .vocab = (size_t)args->vocab,
        .threads = (size_t)args->threads,
        .character_coverage = args->coverage,
        .split_digits = true,
        .next = next_piece,
        .progress = on_merges,
        .arg = &learning,
    };
    struct tokenizer *tokenizer = NULL;
    struct buf model = {0};
    int r = check_place(args->out, err);

    if (r == 0)
        r = texts_open((const char *const *)words, count, &options, &learning.texts, err);
    if (r == 0)
        r = tokenizer_train(&training, &model, err);
    if (learning.live)
        (void)fputs("\r\033[K", stderr);
    if (r == 0)
        r = file_write(args->out, model.p, model.len, err);
    if (r == 0)
        r = tokenizer_load(args->out, &tokenizer, err);
    if (r == 0 && !args->quiet)
        (void)printf("%s: %zu tokens, learnt of %llu bytes of text\n", args->out,
                     tokenizer_vocab(tokenizer), (unsigned long long)learning.bytes);
    tokenizer_free(tokenizer);
    texts_free(learning.texts);
    buf_done(&model);
    return r;
}

static int run_stream(const struct tokenizer_args *args, bool decode, struct err *err)
{
    const struct token_stream options = {
        .path = args->tokenizer,
        .decode = decode,
        .lines = args->lines,
        .bos = args->bos,
        .eos = args->eos,
        .pieces = args->pieces,
    };

    return token_stream_run(&options, err);
}

static const char *const type_names[] = {
    [1] = "normal",       [2] = "unknown", [3] = "control",
    [4] = "user_defined", [5] = "unused",  [6] = "byte",
};
static const char *const special_names[] = {"unk", "bos", "eos", "pad"};

static int run_info(const struct tokenizer_args *args, struct err *err)
{
    size_t types[ARRAY_LEN(type_names)] = {0};
    struct tokenizer *tokenizer;
    int type = 0, r = tokenizer_load(args->tokenizer, &tokenizer, err);
    const char *kind;

    if (r < 0)
        return r;
    for (size_t i = 0; i < tokenizer_vocab(tokenizer); i++) {
        (void)tokenizer_piece(tokenizer, (int32_t)i, NULL, &type);
        types[type]++;
    }
    kind = tokenizer_kind_of(tokenizer) == TOKENIZER_TIKTOKEN ? "tiktoken" : "sentencepiece-bpe";
    (void)printf(args->json ? "{\"kind\": \"%s\", \"vocab\": %zu, \"bytes\": %zu, \"hash\": "
                              "\"%016llx\""
                            : "kind          %s\nvocab         %zu\nbytes         %zu\n"
                              "hash          %016llx\n",
                 kind, tokenizer_vocab(tokenizer), tokenizer_bytes(tokenizer).len,
                 (unsigned long long)tokenizer_hash(tokenizer));
    for (size_t i = 0; i < ARRAY_LEN(special_names); i++)
        (void)printf(args->json ? ", \"%s\": %d" : "%-13s %d\n", special_names[i],
                     (int)tokenizer_special_id(tokenizer, (enum tokenizer_special)i));
    for (size_t i = 1; i < ARRAY_LEN(type_names); i++)
        (void)printf(args->json ? ", \"%s_pieces\": %zu" : "%-13s %zu pieces\n", type_names[i],
                     types[i]);
    if (args->json)
        (void)printf("}\n");
    tokenizer_free(tokenizer);
    return 0;
}

static int check(const struct tokenizer_args *args, const char *verb, int words, struct err *err)
{
    if (strcmp(verb, "train") == 0) {
        if (!args->out)
            return err_set(err, -EINVAL, "train wants -o MODEL: where it goes");
        return words ? 0 : err_set(err, -EINVAL, "train wants files or folders of text");
    }
    if (!args->tokenizer)
        return err_set(err, -EINVAL, "%s wants --tokenizer MODEL", verb);
    return words ? err_set(err, -EINVAL, "%s takes no file; its text comes from stdin", verb) : 0;
}

int cmd_tokenizer(const struct subcommand *command, int argc, char **argv)
{
    struct tokenizer_args args = {.text_key = "text"};
    struct err err = {0};
    const char *verb;
    int words, r = subcommand_parse(command, &args, argc, argv, &words);

    if (r >= 0)
        return r;
    verb = words ? argv[0] : "";
    if (strcmp(verb, "train") != 0 && strcmp(verb, "encode") != 0 && strcmp(verb, "decode") != 0 &&
        strcmp(verb, "info") != 0)
        return subcommand_trouble(command, "tokenizer takes train, encode, decode or info%s%s",
                                  words ? ", not " : "", verb);
    r = check(&args, verb, words - 1, &err);
    if (r == 0 && strcmp(verb, "train") == 0)
        r = run_train(&args, argv + 1, (size_t)words - 1, &err);
    else if (r == 0 && strcmp(verb, "info") == 0)
        r = run_info(&args, &err);
    else if (r == 0)
        r = run_stream(&args, strcmp(verb, "decode") == 0, &err);
    return r < 0 ? subcommand_trouble(command, "%s", err.text) : EXIT_WELL;
}
