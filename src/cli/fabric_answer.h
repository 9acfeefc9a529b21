/* cli/fabric_answer - what a fabric test found out, told as the user wishes: after the test, and by
 * `fabric show`. */
#ifndef CLI_FABRIC_ANSWER_H
#define CLI_FABRIC_ANSWER_H

#include "cli/state.h"
#include "fabric/result.h"

struct fabric_answer_args {
    bool json, verbose;
    const char *csv, *html, *against, *metric, *state;
};

/* The rows for a table of options whose struct holds `struct fabric_answer_args answer`. */
#define FABRIC_ANSWER_OPTS(args)                                                                   \
    {"json",                                                                                       \
     'j',                                                                                          \
     OPT_FLAG,                                                                                     \
     NULL,                                                                                         \
     "Answer in JSON, which 'fabric show' reads again",                                            \
     offsetof(args, answer.json)},                                                                 \
        {"csv",                                                                                    \
         0,                                                                                        \
         OPT_TEXT,                                                                                 \
         "FILE",                                                                                   \
         "Also write every measure as a row; -: only those",                                       \
         offsetof(args, answer.csv)},                                                              \
        {"html",                                                                                   \
         0,                                                                                        \
         OPT_TEXT,                                                                                 \
         "FILE",                                                                                   \
         "Also write the answer as one HTML page",                                                 \
         offsetof(args, answer.html)},                                                             \
        {"against",                                                                                \
         'a',                                                                                      \
         OPT_TEXT,                                                                                 \
         "TEST",                                                                                   \
         "Who got slower since that one",                                                          \
         offsetof(args, answer.against)},                                                          \
        {"metric",                                                                                 \
         'm',                                                                                      \
         OPT_TEXT,                                                                                 \
         "NAME",                                                                                   \
         "Of this number alone, with its nodes",                                                   \
         offsetof(args, answer.metric)},                                                           \
        {"verbose",                                                                                \
         'v',                                                                                      \
         OPT_FLAG,                                                                                 \
         NULL,                                                                                     \
         "Print everything, not only what fits a screen",                                          \
         offsetof(args, answer.verbose)},                                                          \
        STATE_OPT(args, answer.state)

/* Do these make sense? Before anything is measured or read. Returns -1 to go on, else the exit
 * code: a sentence was printed. */
int fabric_answer_check(const struct subcommand *command, const struct fabric_answer_args *args);

/* Judge, compare and print; `result` stays the caller's. `state` is where `args->against` is looked
 * for. Returns the exit code. */
int fabric_answer(const struct subcommand *command, const struct fabric_answer_args *args,
                  struct state *state, struct fabric_result *result);

#endif
