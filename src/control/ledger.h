/* control/ledger - what the machine said in one turn: first to be stored, then to be done.
 *
 * Events, metrics and journal are written in one go; while that fails, what is to be done waits
 * behind them, in order. */
#ifndef CONTROL_LEDGER_H
#define CONTROL_LEDGER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "control/control.h"
#include "store/store.h"

enum deed_kind { DEED_SEND, DEED_LAUNCH, DEED_FORGET, DEED_END };

struct deed {
    enum deed_kind kind;
    uint32_t node;
    size_t at, len; /* DEED_SEND: the encoded message in `bytes` */
    int exit_code;  /* DEED_END */
};

struct ledger {
    struct arena *arena; /* texts of events */
    VEC(struct store_event) events;
    VEC(struct store_metric) metrics;
    VEC(struct deed) deeds;
    struct buf bytes;
    struct buf journal; /* of attempt journal_attempt */
    uint32_t journal_attempt;
    int journal_fd; /* of journal_fd_attempt; -1: none */
    uint32_t journal_fd_attempt;
    bool failed; /* failed: no memory; the run can't go on */
    const char *run, *run_dir;
    struct store *store;
};

struct ledger_doer {
    void *data;
    void (*send)(void *data, uint32_t node, struct str bytes);
    void (*launch)(void *data, const uint32_t *nodes, size_t count);
    void (*forget)(void *data, uint32_t node);
    void (*ended)(void *data, int exit_code);
};

int ledger_init(struct ledger *ledger, struct store *store, const char *run, const char *run_dir);
void ledger_done(struct ledger *ledger);

void ledger_event(struct ledger *ledger, const struct run_event *event);
void ledger_metric(struct ledger *ledger, const struct store_metric *metric);
void ledger_journal(struct ledger *ledger, uint32_t attempt, struct str bytes);
void ledger_send(struct ledger *ledger, uint32_t node, const struct message *message);
void ledger_deed(struct ledger *ledger, enum deed_kind kind, uint32_t node, int exit_code);

/* Write, then do. Returns 0, or why it could not write: nothing was done then, and the next call
 * tries again. */
int ledger_flush(struct ledger *ledger, const struct ledger_doer *doer, struct err *err);

/* Do it, and store nothing: for a run that ends and will not be able to say so. */
void ledger_give_up(struct ledger *ledger, const struct ledger_doer *doer);

/* The journal of an attempt: DIR/store.N. */
const char *ledger_journal_path(struct arena *arena, const char *run_dir, uint32_t attempt);

#endif
