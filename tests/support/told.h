/* tests/support/told - a probe whose tests tell into memory, and questions about what they told. */
#ifndef SUPPORT_TOLD_H
#define SUPPORT_TOLD_H

#include "base/clock.h"
#include "probe/probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct told {
    struct measure measures[512];
    size_t measure_count;
    struct fabric_trouble troubles[64];
    size_t trouble_count;
    struct telling telling;
    struct card card;
    struct probe probe;
};

static void told_measure(void *data, const struct measure *measure)
{
    struct told *told = data;

    assert_true(told->measure_count < ARRAY_LEN(told->measures));
    told->measures[told->measure_count++] = *measure;
}

static void told_trouble(void *data, const struct fabric_trouble *trouble)
{
    struct told *told = data;

    assert_true(told->trouble_count < ARRAY_LEN(told->troubles));
    told->troubles[told->trouble_count++] = *trouble;
}

/* A probe of rank 7, with so many ms for each measurement and ten minutes for all. */
static inline void told_init(struct told *told, uint32_t ms)
{
    *told = (struct told){.telling = {told, told_measure, told_trouble}};
    told->probe = (struct probe){.card = &told->card,
                                 .telling = &told->telling,
                                 .rank = 7,
                                 .ms = ms,
                                 .deadline_ms = clock_now_ms() + 600000};
}

/* The one measure of that name and part; it must be there once, and sane. */
static inline const struct measure *told_find(const struct told *told, const char *metric,
                                              const char *part)
{
    const struct measure *found = NULL;

    for (size_t i = 0; i < told->measure_count; i++) {
        const struct measure *m = &told->measures[i];

        if (strcmp(m->metric->name, metric) != 0 || strcmp(m->part, part) != 0)
            continue;
        if (found)
            fail_msg("%s of %s was told twice", metric, part);
        found = m;
    }
    if (!found)
        fail_msg("%s of %s was not told", metric, part);
    assert_int_equal(found->node, 7);
    assert_int_equal(found->peer, MEASURE_NOBODY);
    assert_true(isfinite(found->value) && found->low > 0);
    assert_true(found->low <= found->value && found->value <= found->high);
    return found;
}

/* What was told holds these words once. */
static inline const struct fabric_trouble *told_words(const struct told *told, const char *words)
{
    const struct fabric_trouble *found = NULL;

    for (size_t i = 0; i < told->trouble_count; i++)
        if (strstr(told->troubles[i].words, words)) {
            if (found)
                fail_msg("told twice: %s", words);
            found = &told->troubles[i];
        }
    if (!found)
        fail_msg("not told: %s; first of %zu: %s", words, told->trouble_count,
                 told->trouble_count ? told->troubles[0].words : "-");
    return found;
}

static inline void told_no_trouble(const struct told *told)
{
    if (told->trouble_count)
        fail_msg("trouble: %s", told->troubles[0].words);
}

#endif
