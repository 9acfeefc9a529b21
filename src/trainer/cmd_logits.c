#include "train/sampler.h"
#include "trainer/commands.h"
#include "trainer/opened.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct logits_args {
    const char *tokens, *text, *kernels, *precision;
    int64_t threads, top;
    bool json, all;
};

#define AT(member) offsetof(struct logits_args, member)

const struct opt logits_opts[] = {
    {"tokens", 0, OPT_TEXT, "IDS", "Token ids: 1,45,7", AT(tokens)},
    {"text", 0, OPT_TEXT, "TEXT", "Or a text, with the beginning-of-text token before it",
     AT(text)},
    {"all", 'a', OPT_FLAG, NULL, "After every token (default: after the last)", AT(all)},
    {"top", 'n', OPT_NUMBER, "N", "The N highest, without --json (default 10)", AT(top)},
    {"precision", 0, OPT_TEXT, "TYPE", "fp32 or bf16 (default: as trained)", AT(precision)},
    {"threads", 't', OPT_NUMBER, "N", "Default: one a CPU", AT(threads)},
    {"kernels", 0, OPT_TEXT, "LEVEL", "ref, avx2, avx512, avx512bf16 (default: the best)",
     AT(kernels)},
    {"json", 'j', OPT_FLAG, NULL, "All logits, in JSON", AT(json)},
};
const size_t logits_opt_count = ARRAY_LEN(logits_opts);

static int parse_ids(const char *text, struct tokens *out, struct err *err)
{
    struct str rest = str_of(text), word;
    int64_t id;

    while (str_cut(&rest, ',', &word)) {
        int32_t *slot = vec_push(out);

        if (str_to_i64(str_trim(word), 10, &id) < 0 || id < 0 || id > INT32_MAX)
            return err_set(err, -EINVAL, "--tokens: '%.*s' is no token id", STR_ARG(word));
        if (!slot)
            return err_set(err, -ENOMEM, "no memory for the tokens");
        *slot = (int32_t)id;
    }
    return 0;
}

static int encode(const struct opened *opened, const char *text, struct tokens *out,
                  struct err *err)
{
    if (!opened->tokenizer)
        return err_set(err, -EINVAL, "%s has no tokenizer; give --tokens", opened->path);
    return sampler_prompt(opened->tokenizer, text, out, err);
}

static void print_json(const struct tokens *tokens, const float *logits, size_t vocab, size_t first)
{
    (void)printf("[");
    for (size_t i = first; i < tokens->count; i++) {
        (void)printf("%s{\"position\": %zu, \"token\": %d, \"logits\": [", i > first ? ",\n " : "",
                     i, tokens->items[i]);
        for (size_t j = 0; j < vocab; j++)
            (void)printf("%s%.9g", j ? "," : "", (double)logits[i * vocab + j]);
        (void)printf("]}");
    }
    (void)puts("]");
}

/* On one line, whatever is in it. */
static void print_piece(struct str piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        unsigned char c = (unsigned char)piece.p[i];

        if (c == '\n')
            (void)fputs("\\n", stdout);
        else if (c == '\t')
            (void)fputs("\\t", stdout);
        else if (c < 0x20 || c == 0x7f)
            (void)printf("\\x%02x", c);
        else
            (void)putchar(c);
    }
}

static void print_top(const struct opened *opened, const float *logits, size_t vocab, size_t top)
{
    bool *shown = calloc(vocab, sizeof(*shown));

    for (size_t n = 0; shown && n < top && n < vocab; n++) {
        size_t best = vocab;

        for (size_t j = 0; j < vocab; j++)
            if (!shown[j] && (best == vocab || logits[j] > logits[best]))
                best = j;
        shown[best] = true;
        (void)printf("%10.4f  %6zu", (double)logits[best], best);
        if (opened->tokenizer && best < tokenizer_vocab(opened->tokenizer)) {
            struct str piece = tokenizer_piece(opened->tokenizer, (int32_t)best, NULL, NULL);

            (void)fputs("  ", stdout);
            print_piece(piece);
        }
        (void)puts("");
    }
    free(shown);
}

static int answer(struct opened *opened, const struct logits_args *args,
                  const struct tokens *tokens, struct err *err)
{
    size_t vocab = (size_t)opened->meta->config.model.vocab;
    struct model_batch batch = {.batch = 1, .time = tokens->count, .tokens = tokens->items};
    float *logits = calloc(tokens->count * vocab, sizeof(*logits));
    int r = logits ? model_logits(opened->model, &batch, logits, err)
                   : err_set(err, -ENOMEM, "no memory for %zu x %zu logits", tokens->count, vocab);
    size_t first = args->all ? 0 : tokens->count - 1;

    if (r == 0 && args->json)
        print_json(tokens, logits, vocab, first);
    for (size_t i = first; r == 0 && !args->json && i < tokens->count; i++) {
        if (args->all)
            (void)printf("after position %zu:\n", i);
        print_top(opened, logits + i * vocab, vocab, (size_t)args->top);
    }
    free(logits);
    return r;
}

int cmd_logits(const struct subcommand *command, int argc, char **argv)
{
    struct logits_args args = {.top = 10};
    struct open_options open = {0};
    struct opened opened = {0};
    struct tokens tokens = {0};
    struct err err = {0};
    int words, r, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (words != 1 || !args.tokens == !args.text)
        return subcommand_trouble(command, "name one model, and --tokens or --text");
    open.threads = args.threads;
    open.kernels = args.kernels;
    open.precision = args.precision;
    r = args.tokens ? parse_ids(args.tokens, &tokens, &err) : opened_meta(&opened, argv[0], &err);
    if (r == 0 && args.text)
        r = encode(&opened, args.text, &tokens, &err);
    opened_done(&opened);
    if (r == 0 && !tokens.count)
        r = err_set(&err, -EINVAL, "there is no token");
    open.time = tokens.count; /* memory for no more than there is */
    if (r == 0)
        r = opened_init(&opened, argv[0], &open, &err);
    if (r == 0)
        r = answer(&opened, &args, &tokens, &err);
    opened_done(&opened);
    vec_done(&tokens);
    return r < 0 ? subcommand_trouble(command, "%s", err.text) : EXIT_WELL;
}
