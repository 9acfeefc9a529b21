/* cli/fabric_work - a fabric test while it runs: what its files share. */
#ifndef CLI_FABRIC_WORK_H
#define CLI_FABRIC_WORK_H

#include "cli/fabric_keep.h"
#include "cli/fabric_run.h"

#include <event2/event.h>

/* Nodes are ranks to the run, and indices of the result to the session. */
struct fabric_work {
    const struct fabric_run *run;
    struct fabric_result *result;
    struct session *session;
    struct driver *driver;
    struct fabric_keep *keep;
    struct event *wake, *draw, *leave, *signals[2];
    uint32_t *node_of_rank, *rank_of_node; /* MEASURE_NOBODY: none */
    uint32_t ranks;
    int64_t wake_ms, stopped_ms;
    uint32_t said; /* troubles, while it runs */
    bool begun, over, terminal;
    char line[256]; /* on the screen */
};

/* fabric_line.c: the line on the terminal, and sentences above it. */
void fabric_line_erase(struct fabric_work *w);
void fabric_line_draw(struct fabric_work *w);
void fabric_line_say(struct fabric_work *w, const char *who, const char *words);

/* fabric_news.c: what the run tells the session, `data` is the work. */
void fabric_news_stored(void *data, struct str key, struct str text);
void fabric_news_begun(void *data, uint32_t attempt, const uint32_t *nodes, uint32_t count);
void fabric_news_event(void *data, const struct run_event *event, const char *name);

#endif
