#include "fleet/labels.h"

#include "base/stats.h"

#include <errno.h>
#include <math.h>

static void label_slow(const struct fleet *fleet, const struct symptom *symptom, struct labels *out)
{
    for (uint32_t n = 0; n < fleet->nodes.count; n++)
        out->known[n] = fleet->records.items[n].layout != NULL;
    for (uint32_t i = 0; i < symptom->slow.count; i++)
        if (symptom->slow.nodes[i] < fleet->nodes.count)
            out->slow[symptom->slow.nodes[i]] = true;
}

/* Each cohort has its own idea of fast. */
static int label_metric(struct arena *arena, const struct fleet *fleet,
                        const struct symptom *symptom, struct labels *out)
{
    size_t count = fleet->nodes.count;
    double *value = arena_alloc(arena, (count + 1) * sizeof(*value));
    double *sorted = arena_alloc(arena, (count + 1) * sizeof(*sorted));

    if (!value || !sorted)
        return -ENOMEM;
    for (size_t n = 0; n < count; n++)
        value[n] = symptom->higher_is_slower ? -symptom->value[n] : symptom->value[n];
    for (size_t c = 0; c < fleet->cohort_count; c++) {
        const struct node_set *nodes = &fleet->members[c];
        double threshold;
        size_t known = 0;

        for (uint32_t i = 0; i < nodes->count; i++)
            if (!isnan(value[nodes->nodes[i]]))
                sorted[known++] = value[nodes->nodes[i]];
        (void)stats_split_low(sorted, known, &threshold);
        for (uint32_t i = 0; i < nodes->count; i++) {
            uint32_t n = nodes->nodes[i];

            out->known[n] = !isnan(value[n]);
            out->slow[n] = out->known[n] && value[n] < threshold;
        }
        if (c == 0)
            out->threshold = symptom->higher_is_slower ? -threshold : threshold;
    }
    out->value = value;
    return 0;
}

static int label_pairs(struct arena *arena, const struct fleet *fleet,
                       const struct symptom *symptom, struct labels *out)
{
    uint32_t count = (uint32_t)fleet->nodes.count;
    int r = pairs_init(arena, symptom, count, &out->threshold, &out->pairs);

    if (r < 0)
        return r;
    for (uint32_t n = 0; n < count; n++)
        out->known[n] =
            out->pairs.start[n + 1] > out->pairs.start[n] && fleet->records.items[n].layout;
    return pairs_name(&out->pairs, out->slow, out->open, LABELS_OPEN_MAX, &out->open_count);
}

int labels_make(struct arena *arena, const struct fleet *fleet, const struct symptom *symptom,
                struct labels *out)
{
    size_t count = fleet->nodes.count;

    *out = (struct labels){.known = arena_alloc(arena, count + 1),
                           .slow = arena_alloc(arena, count + 1)};
    if (!out->known || !out->slow)
        return -ENOMEM;
    if (symptom->kind == SYMPTOM_METRIC)
        return label_metric(arena, fleet, symptom, out);
    if (symptom->kind == SYMPTOM_PAIRS)
        return label_pairs(arena, fleet, symptom, out);
    label_slow(fleet, symptom, out);
    return 0;
}
