#include "probe/alone.h"

#include "base/clock.h"

#include <errno.h>

static uint32_t all_tests(void)
{
    uint32_t bits = 0;

    for (int i = 0; i < TEST_COUNT; i++)
        bits |= (uint32_t)(node_tests[i] != NULL) << i;
    return bits;
}

uint32_t alone_tests(const char *const *names, size_t count, struct err *err)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < count; i++) {
        int test = test_find(str_of(names[i]));
        struct buf known = {0};

        if (test >= 0 && node_tests[test]) {
            bits |= 1u << test;
            continue;
        }
        for (int k = 0; k < TEST_COUNT; k++)
            if (node_tests[k])
                buf_printf(&known, "%s%s", known.len ? ", " : "", test_kinds[k].name);
        (void)err_set(err, -EINVAL, "%s '%s'; tests of one machine are %s",
                      test < 0 ? "there is no test" : "one machine alone can't make the test",
                      names[i], known.failed ? "" : known.p);
        buf_done(&known);
        return 0;
    }
    return bits ? bits : all_tests();
}

void alone_measure(const struct card *card, uint32_t tests, uint32_t ms, struct told *told)
{
    const struct telling telling = told_telling(told);
    const struct probe probe = {.card = card,
                                .telling = &telling,
                                .ms = ms,
                                .deadline_ms = clock_now_ms() + ALONE_LIMIT_MS + 100 * (int64_t)ms};

    (void)carry_tests(&probe, node_tests, tests, -1);
}

static void print_measure(const struct measure *m, struct buf *out)
{
    char value[METRIC_VALUE_BYTES], low[METRIC_VALUE_BYTES], high[METRIC_VALUE_BYTES];
    enum unit unit = m->metric->unit;

    buf_printf(out, "%-14s %-16s %12s %12s %12s", m->metric->name, m->part,
               metric_value(unit, m->value, value), metric_value(unit, m->low, low),
               metric_value(unit, m->high, high));
    buf_printf(out, "%s%s\n", m->via[0] ? "  " : "", m->via);
}

void alone_print(const struct card *card, const struct told *told, struct buf *out)
{
    buf_printf(out, "%s: %u CPUs, %u NUMA node%s, %s\n", card->host, card->cpus, card->numa_nodes,
               card->numa_nodes == 1 ? "" : "s", card->ucx);
    if (told->measures.count > 0)
        buf_printf(out, "%-14s %-16s %12s %12s %12s\n", "metric", "part", "median", "low", "high");
    for (size_t i = 0; i < told->measures.count; i++)
        print_measure(&told->measures.items[i], out);
    for (size_t i = 0; i < told->troubles.count; i++)
        buf_printf(out, "%s: %s\n", test_kinds[told->troubles.items[i].test].name,
                   told->troubles.items[i].words);
}

void alone_print_json(const struct card *card, const struct told *told, struct buf *out)
{
    struct answer answer = {.measure_count = (uint32_t)told->measures.count,
                            .trouble_count = (uint32_t)told->troubles.count,
                            .measures = told->measures.items,
                            .troubles = told->troubles.items};

    answer_stamp(&answer);
    buf_puts(out, "{\"card\":");
    card_print(card, out);
    buf_puts(out, ",\"answer\":");
    answer_print(&answer, out);
    buf_puts(out, "}\n");
}
