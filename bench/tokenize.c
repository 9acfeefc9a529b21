/* tokenize - what one core encodes and decodes, without a program's start.
 *
 *   tokenize MODEL TEXT [ROUNDS]
 *
 * Each round encodes the text line by line, as spm_encode does, and decodes it; the best counts.
 * Times are the thread's own, so a busy machine changes little. */
#include "base/file.h"
#include "token/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int encode_lines(const struct tokenizer *tokenizer, struct tokenizer_scratch *scratch,
                        struct str text, struct tokens *tokens)
{
    struct str line;
    int r = 0;

    tokens->count = 0;
    while (r == 0 && str_line(&text, &line))
        r = tokenizer_encode(tokenizer, scratch, line, tokens);
    return r;
}

static int rounds(const struct tokenizer *tokenizer, struct str text, int count)
{
    struct tokenizer_scratch *scratch = tokenizer_scratch_new();
    double encode = 1e9, decode = 1e9;
    struct tokens tokens = {0};
    struct buf back = {0};
    int r = scratch ? 0 : -1;
    size_t bad;

    for (int i = 0; i < count && r == 0; i++) {
        double begin = now(), middle;

        r = encode_lines(tokenizer, scratch, text, &tokens);
        middle = now();
        buf_clear(&back);
        if (r == 0)
            r = tokenizer_decode(tokenizer, tokens.items, tokens.count, &back, &bad);
        encode = middle - begin < encode ? middle - begin : encode;
        decode = now() - middle < decode ? now() - middle : decode;
    }
    if (r == 0)
        (void)printf("encode %.1f MB/s, %.1f M tokens/s; decode %.1f MB/s; %.2f bytes a token\n",
                     (double)text.len / encode / 1e6, (double)tokens.count / encode / 1e6,
                     (double)text.len / decode / 1e6, (double)text.len / (double)tokens.count);
    vec_done(&tokens);
    buf_done(&back);
    tokenizer_scratch_free(scratch);
    return r;
}

int main(int argc, char **argv)
{
    struct tokenizer *tokenizer;
    struct err err = {0};
    double begin = now();
    char *text;
    size_t len;
    int r;

    if (argc < 3) {
        (void)fprintf(stderr, "usage: tokenize MODEL TEXT [ROUNDS]\n");
        return 2;
    }
    if (tokenizer_load(argv[1], &tokenizer, &err) < 0 ||
        file_read(argv[2], (size_t)1 << 30, &text, &len, &err) < 0) {
        (void)fprintf(stderr, "tokenize: %s\n", err.text);
        return 2;
    }
    (void)printf("load %.0f ms; ", (now() - begin) * 1e3);
    r = rounds(tokenizer, (struct str){text, len}, argc > 3 ? atoi(argv[3]) : 5);
    free(text);
    tokenizer_free(tokenizer);
    return r ? 2 : 0;
}
