#include "measure/measure.h"

const char *const phase_names[PAIR_PHASES] = {
    [PHASE_ALONE] = "alone",
    [PHASE_TOGETHER] = "together",
};

const char *const trouble_names[TROUBLE_COUNT] = {
    [TROUBLE_HUNG] = "hung", [TROUBLE_DIED] = "died",         [TROUBLE_PEER] = "peer",
    [TROUBLE_TEST] = "test", [TROUBLE_FALLBACK] = "fallback", [TROUBLE_NAMES] = "names",
};

const char *test_word(size_t index)
{
    return test_kinds[index].name;
}

const char *phase_word(size_t index)
{
    return phase_names[index];
}

const char *trouble_word(size_t index)
{
    return trouble_names[index];
}
