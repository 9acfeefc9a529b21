/* base/opt - command-line options from a table.
 *
 * The table is static and says where in a command's own struct each value goes, so that parsing,
 * --help and shell completion read the same rows. */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum opt_type {
    OPT_FLAG,   /* bool */
    OPT_TEXT,   /* const char * */
    OPT_NUMBER, /* int64_t, not negative */
    OPT_REAL,   /* double */
    OPT_LIST,   /* struct opt_list: may be given several times */
};

#define OPT_LIST_MAX 256
struct opt_list {
    const char *items[OPT_LIST_MAX];
    size_t count;
};

struct opt {
    const char *name; /* without "--" */
    char letter;      /* 0: none */
    enum opt_type type;
    const char *arg; /* "FILE"; NULL for flags */
    const char *help;
    size_t offset;
};

/* Reads argv[1..] into the struct at `args`. Words that are no options are moved to the front of
 * argv, their count goes to *words (argv[0] .. argv[*words - 1]); "--" ends the options. Numbers
 * take a suffix k, M or G (1000s). Returns 0 or -EINVAL with a sentence. */
int opt_parse(const struct opt *opts, size_t count, void *args, int argc, char **argv, int *words,
              struct err *err);

#define OPT_HELP_WIDTH 79 /* columns: terminals are at least so wide */

/* The options as help text, in lines of that width. */
void opt_help(const struct opt *opts, size_t count, struct buf *out);

#endif
