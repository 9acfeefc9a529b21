#include "cli/common.h"

#include "base/file.h"
#include "base/term.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Memory for the list of inputs: about 300 bytes a file. */
#define REQUEST_BYTES_MAX ((size_t)1 << 30)
#define PROGRESS_EVERY_MS 200

/* Progress is printed by whichever thread finished a node; the fleet calls it under a lock. */
struct progress {
    bool shown;
    struct timespec last;
};

static void show_progress(void *context, size_t done, size_t total)
{
    struct progress *progress = context;
    struct timespec now;
    int64_t ms;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    ms = (int64_t)(now.tv_sec - progress->last.tv_sec) * 1000 +
         (now.tv_nsec - progress->last.tv_nsec) / 1000000;
    if (ms < PROGRESS_EVERY_MS && done != total)
        return;
    if (done == total && !progress->shown)
        return;
    progress->last = now;
    progress->shown = true;
    (void)fprintf(stderr, "\rread %zu of %zu nodes%s", done, total, done == total ? "\n" : "");
    (void)fflush(stderr);
}

static int load(struct request *request, char **paths, int count, struct err *err)
{
    struct progress progress = {0};
    struct fleet_options options = {.threads = (unsigned)request->args->threads};
    int r;

    (void)clock_gettime(CLOCK_MONOTONIC, &progress.last);
    if (request->args->policy && policy_of(request->args->policy, &options.policy) < 0)
        return err_set(err, -EINVAL, "--policy is bare-metal, vm-ats or gb200, not '%s'",
                       request->args->policy);
    request->arena = arena_new(REQUEST_BYTES_MAX);
    if (!request->arena)
        return err_set(err, -ENOMEM, "no memory");
    r = inputs_find(request->arena, (const char *const *)paths, (size_t)count, &request->inputs,
                    err);
    if (r < 0)
        return r;
    if (!request->args->quiet && isatty(STDERR_FILENO)) {
        options.progress = show_progress;
        options.context = &progress;
    }
    request->fleet = fleet_new(&options);
    if (!request->fleet)
        return err_set(err, -ENOMEM, "no memory");
    r = fleet_load(request->fleet, &request->inputs, err);
    if (r < 0)
        return r;
    request->report.fleet = request->fleet;
    request->report.policy = options.policy;
    request->report.troubles = request->inputs.troubles;
    request->report.trouble_count = request->inputs.trouble_count;
    return 0;
}

int request_begin(struct request *request, const struct subcommand *command,
                  const struct answer_args *args, char **paths, int count)
{
    struct err err = {0};

    *request = (struct request){.command = command, .args = args};
    if (load(request, paths, count, &err) < 0) {
        request_done(request);
        return subcommand_trouble(command, "%s", err.text);
    }
    return -1;
}

void request_done(struct request *request)
{
    fleet_free(request->fleet);
    arena_free(request->arena);
}

/* Nodes that could not be read. */
static size_t count_failed(const struct request *request)
{
    size_t failed = 0;

    for (size_t i = 0; i < fleet_node_count(request->fleet); i++)
        failed += fleet_node(request->fleet, i)->error != NULL;
    return failed;
}

/* Nothing could be read at all: that is trouble with the request, not an answer. What was read in
 * part is not well. */
static int exit_code(const struct request *request)
{
    size_t failed = count_failed(request);

    if (failed == fleet_node_count(request->fleet))
        return EXIT_TROUBLE;
    return failed || request->report.trouble_count || report_has_findings(&request->report)
               ? EXIT_FINDINGS
               : EXIT_WELL;
}

static int write_html(const struct request *request, struct err *err)
{
    struct buf page = {0};
    int r = report_html(&request->report, &page);

    if (r < 0)
        (void)err_set(err, r, "no memory for the HTML page");
    else
        r = file_write(request->args->html, page.p, page.len, err);
    buf_done(&page);
    return r;
}

int request_answer(struct request *request)
{
    struct report_style style = {.colour = term_has_colour(stdout),
                                 .columns = term_columns(stdout),
                                 .verbose = request->args->verbose};
    struct err err = {0};
    struct buf out = {0};
    int code, r = request->args->json ? report_json(&request->report, &out)
                                      : report_text(&request->report, &style, &out);

    if (r == 0)
        (void)fwrite(out.p, 1, out.len, stdout);
    else
        (void)err_set(&err, r, "no memory for the answer");
    buf_done(&out);
    if (r == 0 && request->args->html)
        r = write_html(request, &err);
    if (r < 0)
        code = subcommand_trouble(request->command, "%s", err.text);
    else
        code = exit_code(request);
    request_done(request);
    return code;
}
