#include "measure/rows.h"

#include "measure/order.h"

#include <float.h>

#define ENDS(type)                                                                                 \
    {"node", FIELD_U32, FIELD_AT(type, node), .max = ORDER_RANKS_MAX, .needed = true},             \
    {                                                                                              \
        "peer", FIELD_U32, FIELD_AT(type, peer), .max = ORDER_RANKS_MAX, .absent = MEASURE_NOBODY  \
    }

const struct field measure_rows[MEASURE_ROWS] = {
    {"metric", FIELD_METRIC, FIELD_AT(measure, metric), .needed = true},
    {"phase", FIELD_CHOICE, FIELD_AT(measure, phase), .max = PAIR_PHASES, .word = phase_word},
    {"bytes", FIELD_U64, FIELD_AT(measure, bytes), .max = FIELD_WHOLE_MAX},
    {"part", FIELD_TEXT, FIELD_TEXT_AT(measure, part)},
    {"via", FIELD_TEXT, FIELD_TEXT_AT(measure, via)},
    {"value", FIELD_REAL, FIELD_AT(measure, value), -DBL_MAX, DBL_MAX, .needed = true},
    {"low", FIELD_REAL, FIELD_AT(measure, low), -DBL_MAX, DBL_MAX, .needed = true},
    {"high", FIELD_REAL, FIELD_AT(measure, high), -DBL_MAX, DBL_MAX, .needed = true},
    ENDS(measure),
};

const struct field trouble_rows[TROUBLE_ROWS] = {
    {"kind", FIELD_CHOICE, FIELD_AT(fabric_trouble, kind), .max = TROUBLE_COUNT, .needed = true,
     .word = trouble_word},
    {"test", FIELD_CHOICE, FIELD_AT(fabric_trouble, test), .max = TEST_COUNT, .needed = true,
     .word = test_word},
    {"words", FIELD_TEXT, FIELD_TEXT_AT(fabric_trouble, words)},
    ENDS(fabric_trouble),
};
