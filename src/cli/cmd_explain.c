#include "base/file.h"
#include "cli/story.h"
#include "fleet/symptom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CSV_BYTES_MAX ((size_t)4 << 30)

struct explain_args {
    struct answer_args answer;
    const char *slow, *metric, *pairs, *fabric, *state;
    bool higher_is_slower;
};

const struct opt explain_opts[] = {
    {"slow", 's', OPT_TEXT, "HOSTS", "The slow nodes: n417,n033 or n[001-003]",
     offsetof(struct explain_args, slow)},
    {"metric", 'm', OPT_TEXT, "FILE", "A number per node: lines of node,value; -: standard input",
     offsetof(struct explain_args, metric)},
    {"pairs", 0, OPT_TEXT, "FILE", "A number per pair: lines of node,node,value",
     offsetof(struct explain_args, pairs)},
    {"fabric", 'f', OPT_TEXT, "TEST", "What a fabric test found slow: LAST, its id, or a file",
     offsetof(struct explain_args, fabric)},
    {"higher-is-slower", 0, OPT_FLAG, NULL, "The numbers are times, not speeds",
     offsetof(struct explain_args, higher_is_slower)},
    ANSWER_OPTS(struct explain_args),
    STATE_OPT(struct explain_args, state),
};
const size_t explain_opt_count = ARRAY_LEN(explain_opts);

/* A file, a pipe (as the shell's <(...) is one) or "-"; *file becomes what to call it. */
static int read_numbers(const char **file, char **text, size_t *len, struct err *err)
{
    struct stat st;
    int fd, r;

    if (!strcmp(*file, "-")) {
        *file = "standard input";
        return file_read_stream(STDIN_FILENO, *file, CSV_BYTES_MAX, text, len, err);
    }
    if (stat(*file, &st) < 0 || !S_ISFIFO(st.st_mode))
        return file_read(*file, CSV_BYTES_MAX, text, len, err);
    fd = open(*file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "%s: %s", *file, strerror(errno));
    r = file_read_stream(fd, *file, CSV_BYTES_MAX, text, len, err);
    (void)close(fd);
    return r;
}

static int read_symptom(const struct request *request, const struct explain_args *args,
                        struct symptom *symptom, struct strangers *strangers, struct err *err)
{
    const char *file = args->metric ? args->metric : args->pairs;
    char *text;
    size_t len;
    int r;

    if (args->slow)
        return symptom_from_slow(request->arena, request->fleet, args->slow, symptom, strangers,
                                 err);
    r = read_numbers(&file, &text, &len, err);
    if (r < 0)
        return r;
    r = (args->metric ? symptom_from_metric : symptom_from_pairs)(
        request->arena, request->fleet, file, (struct str){text, len}, symptom, strangers, err);
    free(text);
    return r;
}

static void tell_strangers(const struct strangers *strangers, const char *what)
{
    if (!strangers->count)
        return;
    (void)fprintf(stderr, "firstlight explain: %zu %s%s left out, of nodes that were not read: ",
                  strangers->count, what, strangers->count == 1 ? "" : "s");
    for (size_t i = 0; i < strangers->named; i++)
        (void)fprintf(stderr, "%s%s", i ? ", " : "", strangers->names[i]);
    (void)fprintf(stderr, "%s\n", strangers->count > strangers->named ? " ..." : "");
}

static int explain(struct request *request, const struct explain_args *args,
                   struct explanation *explanation, struct err *err)
{
    struct symptom symptom;
    struct strangers strangers = {0};
    int r = read_symptom(request, args, &symptom, &strangers, err);

    if (r < 0)
        return r;
    tell_strangers(&strangers, args->slow ? "name" : "row");
    symptom.higher_is_slower = args->higher_is_slower;
    r = fleet_compare(request->fleet, &request->report.differences,
                      &request->report.difference_count, err);
    if (r == 0)
        r = fleet_explain(request->fleet, &symptom, explanation, err);
    request->report.kind = REPORT_EXPLAIN;
    request->report.explanation = explanation;
    return r;
}

static int explain_fabric(const struct subcommand *command, const struct explain_args *args,
                          char **paths, int count)
{
    struct request request;
    struct err err = {0};
    struct tale tale;
    int code = tale_load(&tale, command, args->state, args->fabric);

    if (code >= 0)
        return code;
    code = request_begin(&request, command, &args->answer, paths, count);
    if (code < 0 && tale_explain(&tale, &request, &err) < 0) {
        request_done(&request);
        code = subcommand_trouble(command, "%s", err.text);
    } else if (code < 0) {
        code = request_answer(&request);
    }
    tale_done(&tale);
    return code;
}

int cmd_explain(const struct subcommand *command, int argc, char **argv)
{
    struct explain_args args = {0};
    struct explanation explanation = {0};
    struct err err = {0};
    struct request request;
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (!!args.slow + !!args.metric + !!args.pairs + !!args.fabric != 1)
        return subcommand_trouble(
            command, "say who is slow, by one of --fabric, --slow, --metric and --pairs");
    if (!words)
        return subcommand_trouble(command, "which nodes? Give at least one PATH");
    if (args.fabric)
        return explain_fabric(command, &args, argv, words);
    code = request_begin(&request, command, &args.answer, argv, words);
    if (code >= 0)
        return code;
    if (explain(&request, &args, &explanation, &err) < 0) {
        request_done(&request);
        return subcommand_trouble(command, "%s", err.text);
    }
    return request_answer(&request);
}
