/* measure/measure - one number that was measured, and what went wrong instead of one.
 *
 * Nodes are indices into the list of nodes of the fabric test. Texts are bounded and valid UTF-8.
 */
#ifndef MEASURE_MEASURE_H
#define MEASURE_MEASURE_H

#include "measure/metric.h"

#define MEASURE_TEXT_BYTES 64 /* of part and via */
#define MEASURE_NOBODY     UINT32_MAX

/* Pairs are measured twice: with as few others at work as time allows, and all at once, which
 * stresses the core of the network on purpose. */
enum phase { PHASE_ALONE, PHASE_TOGETHER, PAIR_PHASES };
extern const char *const phase_names[PAIR_PHASES]; /* "alone", "together" */

struct measure {
    const struct metric *metric;
    uint32_t node,
        peer; /* peer: MEASURE_NOBODY but for pairs, where node sends and peer receives */
    enum phase phase;
    uint64_t bytes;                /* of a message or a buffer; 0: does not apply */
    char part[MEASURE_TEXT_BYTES]; /* of the node: "numa0", "numa0>numa1", "cpu3", "mlx5_0:1",
                                      "gpu0>gpu1", "/tmp"; "" */
    char via[MEASURE_TEXT_BYTES];  /* transport/device, as UCX names them: "rc_mlx5/mlx5_0:1",
                                      "tcp/eth0"; "" */
    double value;                  /* the median of what was repeated */
    double low, high; /* the least and the most of them; both `value` when it was one */
};

enum trouble_kind {
    TROUBLE_HUNG,     /* did not answer in time */
    TROUBLE_DIED,     /* the probe, or its node, is gone */
    TROUBLE_PEER,     /* the other node of a pair could not be reached */
    TROUBLE_FALLBACK, /* TCP although both nodes have an RDMA port that is up */
    TROUBLE_NAMES,    /* a name does not lead to the node, or not back */
    TROUBLE_TEST,     /* a test could not be made; the words say why */
    TROUBLE_COUNT
};
extern const char *const trouble_names[TROUBLE_COUNT]; /* "hung", "died", ... */

#define TROUBLE_WORDS_BYTES 256

struct fabric_trouble {
    enum trouble_kind kind;
    enum test test;
    uint32_t node, peer; /* peer may be MEASURE_NOBODY */
    char words[TROUBLE_WORDS_BYTES];
};

/* The words of an index, as tables of fields want them. */
const char *test_word(size_t index);
const char *phase_word(size_t index);
const char *trouble_word(size_t index);

#endif
