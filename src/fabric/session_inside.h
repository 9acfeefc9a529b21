/* fabric/session_inside - what the files of the session share. */
#ifndef FABRIC_SESSION_INSIDE_H
#define FABRIC_SESSION_INSIDE_H

#include "base/map.h"
#include "base/rng.h"
#include "fabric/levels.h"
#include "fabric/pairing.h"
#include "fabric/session.h"

enum step {
    STEP_CARDS,
    STEP_CLOCK,
    STEP_NODES,
    STEP_TOGETHER,
    STEP_ALONE,
    STEP_DECIDE,
    STEP_CLOCK_AGAIN,
    STEP_LEAVE,
    STEP_DONE,
    STEP_COUNT
};

struct order_note { /* what was asked */
    enum order_kind kind;
    enum phase phase;
    uint32_t peer;
    bool answered;
    const char *device; /* pairs: by this rail; "" */
};

struct clock_reading { /* the best of some tries */
    bool have;
    double offset, half; /* seconds; half the round trip */
    int64_t wall_ns;     /* of the head, when it was taken */
};

struct seat {                     /* a node */
    VEC(struct order_note) notes; /* notes[seq - 1] */
    bool has_card, busy;
    uint32_t running; /* the pair it is in, or MEASURE_NOBODY */
    int64_t limit_ms; /* busy: it must have answered */
    int64_t sent_wall_ns;
    double sent_unsure; /* seconds by which that may be wrong */
    uint32_t clock_tries;
    struct clock_reading clock[2]; /* at the beginning, at the end */
};

struct running {
    struct pair pair;
    bool measured; /* anything came of it */
};

struct planned {
    struct pair pair;
    bool done;
};

struct session {
    struct session_options options;
    const struct level *level;
    struct fabric_result *result;
    struct session_world world;
    struct rng rng;
    struct seat *seats;
    uint32_t *group; /* by node; NULL: no groups */
    uint32_t node_count, group_count;
    enum step step;
    bool began, step_began, told_done, failed, stopping;
    uint32_t busy; /* seats that are */
    uint32_t missing_cards;
    int64_t began_ms, cards_ms, woken_ms;
    int64_t now_ms, wall_ns; /* of the event that is being dealt with */
    bool wall_exact;

    /* pairs */
    uint32_t meeting;
    VEC(struct running) running;     /* the pairs that run now */
    VEC(struct planned) queue;       /* to run alone */
    size_t queue_at;                 /* all before it are done */
    VEC(struct pair) failed_pairs;   /* nothing came of them: tried once more */
    VEC(uint32_t) owed;              /* nodes whose partner failed them in a random round */
    struct map met, measured;        /* pairs that were asked for, that have a measure */
    struct pair *round;              /* room for one */
    uint32_t *nodes;                 /* room for the nodes of one */
    uint32_t round_at, round_count;  /* together; then rails */
    uint32_t batches, batches_total; /* of this step, for the view */
    bool retried;                    /* the failed pairs were */
    uint32_t decided, asked_again;   /* rounds and pairs that the model asked for */
    const char *device;              /* rails: of this round; "" */
    uint32_t rail_count;
    char rails[CARD_DEVICES_MAX][ORDER_DEVICE_BYTES];
    uint32_t suspects;
};

/* intake.c */
void session_take(struct session *session, uint32_t node, uint32_t seq,
                  const struct answer *answer);
void session_trouble(struct session *session, enum trouble_kind kind, enum test test, uint32_t node,
                     uint32_t peer, const char *format, ...) __attribute__((format(printf, 6, 7)));
void session_take_clock(struct session *session, uint32_t node, const struct answer *answer);
void session_tell_clocks(struct session *session, bool drift);

/* seats.c */
/* Sends and remembers; the seat is busy until it answers, but for LEAVE. */
void session_send(struct session *session, uint32_t node, struct order *order);
bool session_is_well(const struct session *session, uint32_t node);

/* rounds.c: each starts the next pairs of its step; false: there are none. */
bool session_next_together(struct session *session);
bool session_next_alone(struct session *session);
bool session_next_decide(struct session *session);
/* What the steps of pairs begin with. */
void session_plan_pairs(struct session *session);
void session_pair_ended(struct session *session, uint32_t running);

/* Something of this pair was measured. */
void session_pair_measured(struct session *session, uint32_t a, uint32_t b);

#endif
