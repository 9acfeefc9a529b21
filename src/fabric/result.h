/* fabric/result - everything a fabric test has found out: nodes, measures, troubles.
 *
 * It only grows, is kept in the store as it does, and is what reports, comparison with an older
 * test, `explain` and files (fabric/file.h) work on. */
#ifndef FABRIC_RESULT_H
#define FABRIC_RESULT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/vec.h"
#include "measure/order.h"

#define FABRIC_NODES_MAX    100000
#define FABRIC_MEASURES_MAX 50000000
#define FABRIC_TROUBLES_MAX 1000000

enum node_fate {
    NODE_EXPECTED, /* its card has not come (yet) */
    NODE_WELL,     /* it answers */
    NODE_ABSENT,   /* its agent could not be started, or it never connected */
    NODE_HUNG,     /* its probe stopped to answer */
    NODE_DIED,     /* probe or node went away in the middle */
    NODE_FATE_COUNT
};
extern const char *const node_fate_names[NODE_FATE_COUNT];

struct fabric_node {
    const char *name;  /* as the head calls it */
    const char *group; /* leaf, rack or rail group, as given by a topology; "": not known */
    enum node_fate fate;
    const char *words; /* one sentence when it is not well; "" */
    struct card card;
};

enum fabric_level { LEVEL_QUICK, LEVEL_FULL, LEVEL_COUNT };
extern const char *const fabric_level_names[LEVEL_COUNT];

struct fabric_result {
    struct arena *arena;        /* of texts */
    const char *id;             /* of the run */
    int64_t began_ns, ended_ns; /* wall clock; ended 0: not yet */
    enum fabric_level level;
    uint32_t tests;                     /* bits */
    bool whole;                         /* all that was planned was done */
    uint32_t rounds;                    /* of pairs */
    uint32_t pairs_planned, pairs_done; /* distinct pairs */
    VEC(struct fabric_node) nodes;
    VEC(struct measure) measures; /* node and peer: indices of nodes */
    VEC(struct fabric_trouble) troubles;
};

struct fabric_result *result_new(void);
void result_free(struct fabric_result *result);

/* Each copies. Returns 0, -ENOMEM, or -E2BIG with a sentence. */
int result_add_node(struct fabric_result *result, const char *name, const char *group,
                    struct err *err);
int result_add_measure(struct fabric_result *result, const struct measure *measure,
                       struct err *err);
int result_add_trouble(struct fabric_result *result, const struct fabric_trouble *trouble,
                       struct err *err);
/* `node` is one of the result. The first fate that is not well stays. */
int result_set_fate(struct fabric_result *result, uint32_t node, enum node_fate fate,
                    const char *words, struct err *err);

#endif
