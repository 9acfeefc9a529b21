/* fabric/session - a fabric test as a state machine: it decides what to measure next, and does
 * nothing.
 *
 *   CARDS -> CLOCK -> NODE TESTS -> PAIRS (rounds together; then alone) -> CLOCK -> DONE
 *
 * Input: cards, answers, nodes that are gone, time. Output through struct session_world. All nodes
 * may be asked at once in node tests; in pairs each node is in one at a time. A node that does not
 * answer within its order's limit and a grace is NODE_HUNG and gets no further orders; the pair's
 * other end goes on. Few nodes: every pair, as a tournament. Many: some rounds of random pairs
 * (across groups and within them), then rounds of suspects against nodes that are known to be well,
 * until the model (fabric/model.h) is sure or the budget of pairs is spent. */
#ifndef FABRIC_SESSION_H
#define FABRIC_SESSION_H

#include "fabric/result.h"

struct session;

struct session_options {
    enum fabric_level level;
    uint32_t tests;         /* bits */
    uint64_t seed;          /* of random rounds */
    double pairs_share;     /* of all pairs, at most, when there are many nodes; 0: the level's */
    uint32_t all_pairs_max; /* nodes up to which every pair is measured; 0: the level's */
    int64_t time_ms;        /* end by then with what there is; 0: no limit */
    bool gpu;               /* GPU buffers where both ends have them */
};

/* What is called never calls the session: it keeps what is to be done for after the call. */
struct session_world {
    void *data;
    void (*order)(void *data, uint32_t node, uint32_t seq, const struct order *order);
    /* These are new in the result. */
    void (*troubles)(void *data, const struct fabric_trouble *troubles, size_t count);
    void (*wake)(void *data, int64_t at_ms); /* session_tick then; the earliest wish counts */
    void (*done)(void *data);                /* once: nothing more will be asked */
};

/* `result` has its nodes and is filled; not owned. Ranks of orders and answers are the nodes'
 * indices. NULL: no memory. */
struct session *session_new(const struct session_options *options, struct fabric_result *result,
                            const struct session_world *world);
void session_free(struct session *session);

void session_begin(struct session *session, int64_t now_ms, int64_t wall_ns);
void session_card(struct session *session, uint32_t node, const struct card *card, int64_t now_ms);
/* An answer to order `seq`; those to older orders count too, those to no order don't. */
void session_answer(struct session *session, uint32_t node, uint32_t seq,
                    const struct answer *answer, int64_t now_ms, int64_t wall_ns);
void session_gone(struct session *session, uint32_t node, enum node_fate fate, const char *words,
                  int64_t now_ms);
/* End early: what has been measured stays, the result is not whole. */
void session_stop(struct session *session, int64_t now_ms);
void session_tick(struct session *session, int64_t now_ms);

/* What a progress line shows. */
struct session_view {
    char doing[96];  /* "pairs, all at once: round 3 of 7" */
    double share;    /* of all that is planned now, 0 to 1 */
    int64_t left_ms; /* -1: cannot be told yet */
    uint32_t nodes_well, nodes_bad;
    uint32_t suspects; /* so far */
};
void session_view(const struct session *session, int64_t now_ms, struct session_view *view);

#endif
