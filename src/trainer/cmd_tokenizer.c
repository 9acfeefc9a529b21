#include "base/file.h"
#include "base/tree.h"
#include "base/vec.h"
#include "token/tokenizer.h"
#include "token/train.h"
#include "trainer/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES_MAX ((size_t)1 << 30) /* of what is taken as one text or line */
#define READ_BYTES     ((size_t)1 << 20)
#define FLUSH_BYTES    ((size_t)1 << 18)

struct tokenizer_args {
    int64_t vocab, threads, max_bytes;
    double coverage;
    const char *out, *tokenizer;
    bool lines, bos, eos, pieces, json;
};

#define AT(member) offsetof(struct tokenizer_args, member)

const struct opt tokenizer_opts[] = {
    {"vocab", 0, OPT_NUMBER, "N", "train: how many tokens, with specials and bytes", AT(vocab)},
    {"output", 'o', OPT_TEXT, "MODEL", "train: where the model goes", AT(out)},
    {"coverage", 0, OPT_REAL, "X",
     "train: the share of the text whose characters get a token (default 0.9995); others become "
     "bytes",
     AT(coverage)},
    {"max-bytes", 0, OPT_NUMBER, "N", "train: read no more, evenly over the files", AT(max_bytes)},
    {"threads", 't', OPT_NUMBER, "N", "train: default one a CPU; the model is the same",
     AT(threads)},
    {"tokenizer", 0, OPT_TEXT, "MODEL",
     "encode, decode, info: a SentencePiece BPE model, or tiktoken's ranks", AT(tokenizer)},
    {"lines", 'l', OPT_FLAG, NULL, "encode, decode: each line for itself", AT(lines)},
    {"bos", 0, OPT_FLAG, NULL, "encode: the beginning-of-text token first", AT(bos)},
    {"eos", 0, OPT_FLAG, NULL, "encode: the end-of-text token last", AT(eos)},
    {"pieces", 0, OPT_FLAG, NULL, "encode: what tokens are called, not their ids", AT(pieces)},
    {"json", 'j', OPT_FLAG, NULL, "info: in JSON", AT(json)},
};
const size_t tokenizer_opt_count = ARRAY_LEN(tokenizer_opts);

/* What encode and decode read and write. */
struct stream {
    const struct tokenizer_args *args;
    struct tokenizer *tokenizer;
    struct tokenizer_scratch *scratch;
    struct tokens tokens;
    struct buf out;
    size_t line; /* number of the one at work */
    struct err *err;
};

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "no memory for the text");
}

static int flush(struct stream *stream)
{
    int r;

    if (stream->out.failed)
        return no_memory(stream->err);
    r = file_put(STDOUT_FILENO, stream->out.p, stream->out.len);
    if (r < 0)
        return err_set(stream->err, r, "can't write: %s", strerror(-r));
    buf_clear(&stream->out);
    return 0;
}

static void put_id(struct buf *out, int32_t id)
{
    char digits[12], *p = digits + sizeof(digits);

    do {
        *--p = (char)('0' + id % 10);
        id /= 10;
    } while (id);
    buf_add(out, p, (size_t)(digits + sizeof(digits) - p));
}

static int put_special(struct stream *stream, bool wanted, enum tokenizer_special which)
{
    int32_t id = tokenizer_special_id(stream->tokenizer, which), *slot;

    if (!wanted)
        return 0;
    if (id < 0)
        return err_set(stream->err, -EINVAL, "%s has no token for the %s of a text",
                       stream->args->tokenizer, which == TOKENIZER_BOS ? "beginning" : "end");
    slot = vec_push(&stream->tokens);
    if (!slot)
        return no_memory(stream->err);
    *slot = id;
    return 0;
}

static int encode_text(struct stream *stream, struct str text)
{
    int r;

    stream->tokens.count = 0;
    r = put_special(stream, stream->args->bos, TOKENIZER_BOS);
    if (r < 0)
        return r;
    r = tokenizer_encode(stream->tokenizer, stream->scratch, text, &stream->tokens);
    if (r < 0)
        return no_memory(stream->err);
    r = put_special(stream, stream->args->eos, TOKENIZER_EOS);
    for (size_t i = 0; i < stream->tokens.count && r == 0; i++) {
        int32_t id = stream->tokens.items[i];

        if (i)
            buf_add(&stream->out, " ", 1);
        if (stream->args->pieces) {
            struct str piece = tokenizer_piece(stream->tokenizer, id, NULL, NULL);

            buf_add(&stream->out, piece.p, piece.len);
        } else {
            put_id(&stream->out, id);
        }
        if (stream->out.len > FLUSH_BYTES)
            r = flush(stream);
    }
    buf_add(&stream->out, "\n", 1);
    return r;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int parse_ids(struct stream *stream, struct str text)
{
    size_t line = stream->line, end;

    stream->tokens.count = 0;
    for (; text.len; text = str_skip(text, end)) {
        int64_t id;
        int32_t *slot;

        end = 0;
        if (is_space(text.p[0])) {
            line += text.p[0] == '\n';
            end = 1;
            continue;
        }
        while (end < text.len && !is_space(text.p[end]))
            end++;
        if (str_to_i64((struct str){text.p, end}, 10, &id) < 0 || id < 0 ||
            id >= (int64_t)tokenizer_vocab(stream->tokenizer))
            return err_set(stream->err, -EINVAL,
                           "line %zu of the input: '%.*s' is no token id: those of %s are 0 to %zu",
                           line, (int)(end < 40 ? end : 40), text.p, stream->args->tokenizer,
                           tokenizer_vocab(stream->tokenizer) - 1);
        slot = vec_push(&stream->tokens);
        if (!slot)
            return no_memory(stream->err);
        *slot = (int32_t)id;
    }
    return 0;
}

static int decode_text(struct stream *stream, struct str text)
{
    int r = parse_ids(stream, text);
    size_t bad;

    if (r < 0)
        return r;
    r = tokenizer_decode(stream->tokenizer, stream->tokens.items, stream->tokens.count,
                         &stream->out, &bad);
    if (stream->args->lines)
        buf_add(&stream->out, "\n", 1);
    return r < 0 ? no_memory(stream->err) : 0;
}

typedef int on_text(struct stream *stream, struct str text);

static int each_line(struct stream *stream, struct str *rest, on_text *act)
{
    const char *newline;
    int r = 0;

    while (r == 0 && (newline = memchr(rest->p, '\n', rest->len))) {
        struct str line = str_range(rest->p, newline);

        *rest = str_skip(*rest, line.len + 1);
        stream->line++;
        r = act(stream, line);
        if (r == 0 && stream->out.len > FLUSH_BYTES)
            r = flush(stream);
    }
    return r;
}

/* Reads stdin in pieces and hands on whole lines; the last may lack its newline. */
static int stream_lines(struct stream *stream, on_text *act)
{
    char *text = NULL;
    size_t len = 0, space = 0;
    ssize_t n = 1;
    int r = 0;

    while (r == 0 && n > 0) {
        struct str rest;

        if (len + READ_BYTES > space) {
            char *more = len > TEXT_BYTES_MAX ? NULL : realloc(text, (len + READ_BYTES) * 2);

            if (!more) {
                r = err_set(stream->err, -EFBIG, "line %zu of the input is too long",
                            stream->line + 1);
                break;
            }
            text = more;
            space = (len + READ_BYTES) * 2;
        }
        n = read(STDIN_FILENO, text + len, READ_BYTES);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n < 0) {
            r = err_set(stream->err, -errno, "can't read: %s", strerror(errno));
            break;
        }
        rest = (struct str){text, len + (size_t)n};
        if (n > 0 && memchr(text + len, '\n', (size_t)n))
            r = each_line(stream, &rest, act);
        if (r == 0 && n == 0 && rest.len) {
            stream->line++;
            r = act(stream, rest);
            rest.len = 0;
        }
        memmove(text, rest.p, rest.len);
        len = rest.len;
    }
    free(text);
    return r;
}

static int stream_whole(struct stream *stream, on_text *act)
{
    char *text;
    size_t len;
    int r = file_read_stream(STDIN_FILENO, "stdin", TEXT_BYTES_MAX, &text, &len, stream->err);

    if (r < 0)
        return r;
    stream->line = 1;
    r = act(stream, (struct str){text, len});
    free(text);
    return r;
}

static int run_stream(const struct tokenizer_args *args, on_text *act, struct err *err)
{
    struct stream stream = {.args = args, .err = err};
    int r = tokenizer_load(args->tokenizer, &stream.tokenizer, err);

    if (r < 0)
        return r;
    stream.scratch = tokenizer_scratch_new();
    if (!stream.scratch)
        r = no_memory(err);
    else
        r = args->lines ? stream_lines(&stream, act) : stream_whole(&stream, act);
    if (r == 0)
        r = flush(&stream);
    tokenizer_free(stream.tokenizer);
    tokenizer_scratch_free(stream.scratch);
    vec_done(&stream.tokens);
    buf_done(&stream.out);
    return r;
}

/* Files for training: those named, and all below folders whose names don't begin with a dot. */
struct corpus_paths {
    VEC(char *) paths;
    const char *folder;
};

static int add_path(struct corpus_paths *paths, const char *folder, const char *name)
{
    char **slot = vec_push(&paths->paths);

    if (!slot || asprintf(slot, "%s%s%s", folder, *folder ? "/" : "", name) < 0) {
        if (slot)
            *slot = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int visit(void *data, const char *name, const struct stat *st)
{
    struct corpus_paths *paths = data;
    const char *slash = strrchr(name, '/');

    if (!S_ISREG(st->st_mode) || (slash ? slash + 1 : name)[0] == '.')
        return 0;
    return add_path(paths, paths->folder, name);
}

static int by_name(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static int collect_paths(struct corpus_paths *paths, int count, char **words, struct err *err)
{
    for (int i = 0; i < count; i++) {
        size_t before = paths->paths.count;
        struct stat st;
        int r;

        if (stat(words[i], &st) < 0)
            return err_set(err, -errno, "%s: %s", words[i], strerror(errno));
        paths->folder = words[i];
        r = S_ISDIR(st.st_mode) ? tree_walk(words[i], visit, paths) : add_path(paths, "", words[i]);
        if (r < 0)
            return err_set(err, r, "%s: %s", words[i], strerror(-r));
        if (paths->paths.count == before)
            return err_set(err, -ENOENT, "%s: there is no file in this folder", words[i]);
        qsort(paths->paths.items + before, paths->paths.count - before, sizeof(*paths->paths.items),
              by_name);
    }
    return 0;
}

static void show_progress(void *arg, const char *phase, double done)
{
    (void)arg;
    (void)fprintf(stderr, "\r%s %3.0f %% \r", phase, done * 100);
}

static int run_train(const struct tokenizer_args *args, int count, char **words, struct err *err)
{
    struct tokenizer_training training = {
        .vocab = (size_t)args->vocab,
        .threads = (size_t)args->threads,
        .character_coverage = args->coverage,
        .split_digits = true,
        .text_bytes_max = (uint64_t)args->max_bytes,
        .progress = isatty(STDERR_FILENO) ? show_progress : NULL,
    };
    struct corpus_paths paths = {.folder = NULL};
    struct buf model = {0};
    int r = collect_paths(&paths, count, words, err);

    if (r == 0)
        r = tokenizer_train(&training, (const char *const *)paths.paths.items, paths.paths.count,
                            &model, err);
    if (r == 0)
        r = file_write(args->out, model.p, model.len, err);
    buf_done(&model);
    for (size_t i = 0; i < paths.paths.count; i++)
        free(paths.paths.items[i]);
    vec_done(&paths.paths);
    return r;
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
        if (!args->vocab || !args->out)
            return err_set(err, -EINVAL, "train wants --vocab N and -o MODEL");
        return words ? 0 : err_set(err, -EINVAL, "train wants files or folders of text");
    }
    if (!args->tokenizer)
        return err_set(err, -EINVAL, "%s wants --tokenizer MODEL", verb);
    return words ? err_set(err, -EINVAL, "%s takes no file; its text comes from stdin", verb) : 0;
}

int cmd_tokenizer(const struct subcommand *command, int argc, char **argv)
{
    struct tokenizer_args args = {0};
    struct err err = {0};
    const char *verb;
    int words, r = subcommand_parse(command, &args, argc, argv, &words);

    if (r >= 0)
        return r;
    verb = words ? argv[0] : "";
    if (strcmp(verb, "train") != 0 && strcmp(verb, "encode") != 0 && strcmp(verb, "decode") != 0 &&
        strcmp(verb, "info") != 0)
        return subcommand_trouble(command, "'%s' is none of train, encode, decode, info", verb);
    r = check(&args, verb, words - 1, &err);
    if (r == 0 && strcmp(verb, "train") == 0)
        r = run_train(&args, words - 1, argv + 1, &err);
    else if (r == 0 && strcmp(verb, "info") == 0)
        r = run_info(&args, &err);
    else if (r == 0)
        r = run_stream(&args, strcmp(verb, "encode") == 0 ? encode_text : decode_text, &err);
    return r < 0 ? subcommand_trouble(command, "%s", err.text) : EXIT_WELL;
}
