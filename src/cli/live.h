/* cli/live - a run's status in at most three lines that fit a terminal, and its events as lines
 * where there is none. Pure: values in, text out. */
#ifndef CLI_LIVE_H
#define CLI_LIVE_H

#include "base/arena.h"
#include "control/control.h"

#include <jansson.h>

#define LIVE_LINES_MAX 3

struct live {
    const char *run;   /* id; "" leaves it out */
    const char *state; /* "running" */
    uint32_t attempt;
    uint32_t nodes_up, nodes_wanted, spares_up, ranks_running, world;
    int64_t step, total, tokens_per_s, eta_s; /* -1: not told */
    double loss;                              /* NaN: not told */
    const char *phase, *waiting, *headline;   /* "" */
    int exit_code;                            /* -1: not ended */
    int64_t ends_in_s;                        /* of the time that there is; 0, -1: no limit */
};

struct live_style {
    int columns; /* no line is longer */
    bool colour;
};

struct live live_of_view(const char *run, const struct control_view *view);
/* An answer to {"do":"view"}; what it does not have is not told. Texts live as long as `view`. */
struct live live_of_json(const char *run, const json_t *view);

/* 1 to LIVE_LINES_MAX lines, each with its newline; returns how many. */
int live_print(const struct live *live, const struct live_style *style, struct buf *out);

/* "14:02:11.381 attempt 2 n003 rank 17 exited 1: ValueError: boom\n"; false and nothing for a kind
 * that is not worth a line to people. */
bool live_event(const struct run_event *event, const char *node_name, struct buf *out);

/* "3 s", "4 min 10 s", "2 h 13 min", "5 d 2 h" */
void live_print_duration(int64_t seconds, struct buf *out);
/* "950", "48.2k", "1.25M" */
void live_print_count(int64_t count, struct buf *out);

#endif
