/* cli/common - what inspect, compare and explain share: the options, the nodes, the answer. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include "cli/commands.h"
#include "report/report.h"

#include <stddef.h>

struct answer_args {
    bool json, verbose, quiet;
    const char *html, *policy;
    int64_t threads;
};

/* The rows for a table of options whose struct holds `struct answer_args answer`. */
#define ANSWER_OPTS(args)                                                                          \
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON", offsetof(args, answer.json)},                  \
        {"html",                                                                                   \
         0,                                                                                        \
         OPT_TEXT,                                                                                 \
         "FILE",                                                                                   \
         "Also write the answer as one HTML page",                                                 \
         offsetof(args, answer.html)},                                                             \
        {"policy",                                                                                 \
         'p',                                                                                      \
         OPT_TEXT,                                                                                 \
         "POLICY",                                                                                 \
         "bare-metal (default), vm-ats or gb200",                                                  \
         offsetof(args, answer.policy)},                                                           \
        {"verbose",                                                                                \
         'v',                                                                                      \
         OPT_FLAG,                                                                                 \
         NULL,                                                                                     \
         "Print everything, not only what fits a screen",                                          \
         offsetof(args, answer.verbose)},                                                          \
        {"quiet",                                                                                  \
         'q',                                                                                      \
         OPT_FLAG,                                                                                 \
         NULL,                                                                                     \
         "No progress on standard error",                                                          \
         offsetof(args, answer.quiet)},                                                            \
    {                                                                                              \
        "threads", 't', OPT_NUMBER, "N", "Threads that read nodes (default: one a CPU)",           \
            offsetof(args, answer.threads)                                                         \
    }

/* A request: the nodes that were read, and the report that points into them. */
struct request {
    const struct subcommand *command;
    const struct answer_args *args;
    struct arena *arena;
    struct inputs inputs;
    struct fleet *fleet;
    struct report report;
};

/* Find and load the nodes. Returns -1 to go on, else the exit code (the sentence is printed). */
int request_begin(struct request *request, const struct subcommand *command,
                  const struct answer_args *args, char **paths, int count);

/* Print the answer and write the HTML page; frees all. Returns the exit code. */
int request_answer(struct request *request);
void request_done(struct request *request);

#endif
