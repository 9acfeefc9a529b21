/* firstlight-probe - measures: what the head of a fabric test orders, as a rank of its run; or by
 * itself this machine. */
#include "base/opt.h"
#include "base/subcommand.h"
#include "base/term.h"
#include "probe/alone.h"
#include "probe/card.h"
#include "probe/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct arguments {
    int64_t ms;
    bool json, help, version;
};

static const struct opt options[] = {
    {"ms", 0, OPT_NUMBER, "N", "milliseconds for each single measurement, instead of 200",
     offsetof(struct arguments, ms)},
    {"json", 0, OPT_FLAG, NULL, "print JSON: what this machine has, and what was measured",
     offsetof(struct arguments, json)},
    {"help", 'h', OPT_FLAG, NULL, "print this text", offsetof(struct arguments, help)},
    {"version", 0, OPT_FLAG, NULL, "print the version", offsetof(struct arguments, version)},
};

static void print_help(struct buf *out)
{
    buf_puts(out, "usage: firstlight-probe [OPTION ...] [TEST ...]\n\n"
                  "Measure this machine, by all tests or those named. As a rank of a run\n"
                  "('firstlight fabric' makes it), obey the run's head instead.\n\ntests:\n");
    for (int i = 0; i < TEST_COUNT; i++)
        if (node_tests[i])
            buf_printf(out, "  %-10s %s\n", test_kinds[i].name, test_kinds[i].what);
    buf_puts(out, "\noptions:\n");
    opt_help(options, ARRAY_LEN(options), out);
}

static int trouble(const char *sentence)
{
    (void)fprintf(stderr, "firstlight-probe: %s\n", sentence);
    return EXIT_TROUBLE;
}

/* Writes what is in *out, which is done with. */
static int answer(struct buf *out, int code)
{
    bool failed = out->failed;

    if (!failed)
        term_write(stdout, out->p, out->len);
    buf_done(out);
    if (failed || fflush(stdout) != 0 || ferror(stdout))
        return trouble("the answer could not be written to standard output");
    return code;
}

static int collect(struct card *card, struct err *err)
{
    int r = card_collect("", card, err);

    if (r == 0)
        carry_ucx(card);
    return r;
}

static int measure_alone(const struct arguments *args, const char *const *names, size_t count)
{
    struct err err = {0};
    uint32_t tests = alone_tests(names, count, &err);
    struct told told = {0};
    struct buf out = {0};
    struct card card;
    int code;

    if (args->ms < 1 || args->ms > ALONE_MS_MAX) {
        (void)err_set(&err, -EINVAL, "--ms takes 1 to %d", ALONE_MS_MAX);
        return trouble(err.text);
    }
    if (tests == 0 || collect(&card, &err) < 0)
        return trouble(err.text);
    alone_measure(&card, tests, (uint32_t)args->ms, &told);
    (args->json ? alone_print_json : alone_print)(&card, &told, &out);
    code = told.troubles.count > 0 ? EXIT_FINDINGS : EXIT_WELL;
    told_done(&told);
    return answer(&out, code);
}

static int serve(const char *rank_text)
{
    struct card card;
    struct serving serving = {getenv("MASTER_ADDR"), getenv("MASTER_PORT"), 0, &card, node_tests};
    struct err err = {0};
    uint64_t rank;

    if (!serving.host || !serving.port)
        return trouble("RANK is set, as in a run, but MASTER_ADDR or MASTER_PORT is not");
    if (str_to_u64(str_of(rank_text), 10, &rank) < 0 || rank >= ORDER_RANKS_MAX) {
        (void)err_set(&err, -EINVAL, "RANK is '%.40s', not a number below %d", rank_text,
                      ORDER_RANKS_MAX);
        return trouble(err.text);
    }
    serving.rank = (uint32_t)rank;
    if (collect(&card, &err) < 0 || probe_serve(&serving, &err) < 0)
        return trouble(err.text);
    return EXIT_WELL;
}

int main(int argc, char **argv)
{
    struct arguments args = {.ms = ALONE_MS};
    const char *rank = getenv("RANK");
    struct err err = {0};
    struct buf out = {0};
    int words;

    (void)signal(SIGPIPE, SIG_IGN); /* a head that is gone is a write error */
    if (opt_parse(options, ARRAY_LEN(options), &args, argc, argv, &words, &err) < 0)
        return trouble(err.text);
    if (args.version)
        buf_puts(&out, "firstlight-probe " FIRSTLIGHT_VERSION "\n");
    else if (args.help)
        print_help(&out);
    if (out.len > 0)
        return answer(&out, EXIT_WELL);
    if (rank && argc == 1)
        return serve(rank);
    return measure_alone(&args, (const char *const *)argv, (size_t)words);
}
