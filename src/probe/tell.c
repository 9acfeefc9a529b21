#include "probe/probe.h"

#include "base/stats.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void probe_tell(const struct probe *probe, const char *metric, uint32_t peer, uint64_t bytes,
                const char *part, const char *via, double *values, size_t count)
{
    struct measure measure = {.metric = metric_find(str_of(metric)),
                              .node = probe->rank,
                              .peer = peer,
                              .phase = probe->order ? probe->order->phase : PHASE_ALONE,
                              .bytes = bytes};

    assert(measure.metric);
    if (count == 0)
        return;
    str_keep(measure.part, sizeof(measure.part), str_of(part ? part : ""));
    str_keep(measure.via, sizeof(measure.via), str_of(via ? via : ""));
    measure.low = measure.high = values[0];
    for (size_t i = 1; i < count; i++) {
        if (values[i] < measure.low)
            measure.low = values[i];
        if (values[i] > measure.high)
            measure.high = values[i];
    }
    measure.value = stats_median(values, count);
    probe->telling->measure(probe->telling->data, &measure);
}

void probe_tell_trouble(const struct probe *probe, enum trouble_kind kind, enum test test,
                        uint32_t peer, const char *format, ...)
{
    struct fabric_trouble trouble = {.kind = kind, .test = test, .node = probe->rank, .peer = peer};
    char words[4 * TROUBLE_WORDS_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    str_keep(trouble.words, sizeof(trouble.words), str_of(words));
    probe->telling->trouble(probe->telling->data, &trouble);
}
