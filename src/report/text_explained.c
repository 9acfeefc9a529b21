#include "report/explained.h"
#include "report/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define CAUSES_SHOWN     5
#define CONSIDERED_SHOWN 4

static void put_cause(const struct pen *pen, const struct explanation *explanation,
                      const struct cause *cause, const struct metric *metric, uint32_t number)
{
    const struct difference *difference = &pen->report->differences[cause->difference];
    char label[16], value[METRIC_VALUE_BYTES];
    const char *test;

    (void)snprintf(label, sizeof(label), "%2u", number);
    text_difference(pen, difference, label);
    test = arena_printf(pen->arena,
                        "p = %.2g after correction (%.2g before): %u of %u slow and %u of %u fast "
                        "%s carry it",
                        cause->p_corrected, cause->p, cause->slow_with, cause->slow_all,
                        cause->fast_with, cause->fast_all,
                        strstr(explanation->note ? explanation->note : "", "pair") ? "pairs"
                                                                                   : "nodes");
    if (test)
        pen_block(pen, "test", PLAIN, test);
    if (cause->effect != 0) {
        const char *than = cause->effect < 0 ? "lower" : "higher";
        double size = fabs(cause->effect);

        pen_block(
            pen, "effect", PLAIN,
            metric ? arena_printf(pen->arena, "median with it %s %s than without",
                                  metric_value(metric->unit, size, value), than)
                   : arena_printf(pen->arena, "median with it %.4g %s than without", size, than));
    }
    if (cause->counter_examples.count)
        pen_block(pen, "but", YELLOW,
                  arena_printf(pen->arena, "fast in spite of it: %s",
                               pen_nodes(pen, cause->counter_examples.nodes,
                                         cause->counter_examples.count)));
}

static void put_confounders(const struct pen *pen, const struct explanation *explanation)
{
    if (!explanation->confounder_count)
        return;
    buf_puts(pen->out, "\n");
    pen_put(pen, BOLD, "Confounders: these fit as well and may be the real cause");
    buf_puts(pen->out, "\n");
    for (uint32_t i = 0; i < explanation->confounder_count; i++) {
        const struct cause *cause = &explanation->confounders[i];
        const struct difference *difference = &pen->report->differences[cause->difference];

        pen_block(pen, "-", PLAIN,
                  arena_printf(pen->arena, "%s on %s, p = %.2g", difference->title,
                               pen_nodes(pen, difference->nodes.nodes, difference->nodes.count),
                               cause->p_corrected));
    }
}

/* What was no answer, a line each. */
static void put_considered(const struct pen *pen, const struct explanation *explanation)
{
    if (explanation->cause_count <= explanation->likely_count)
        return;
    buf_puts(pen->out, "\n");
    pen_put(pen, BOLD,
            explanation->likely_count ? "What else was considered"
                                      : "The closest, none of them beyond chance");
    buf_puts(pen->out, "\n");
    for (uint32_t i = 0; i < explanation->cause_count && i < CONSIDERED_SHOWN; i++) {
        const struct cause *cause = &explanation->causes[i];
        const struct difference *difference = &pen->report->differences[cause->difference];

        if (explained_is_likely(explanation, cause))
            continue;
        pen_block(pen, "-", PLAIN,
                  arena_printf(pen->arena, "%s on %s: %u of %u slow and %u of %u fast, p = %.2g",
                               difference->title,
                               pen_nodes(pen, difference->nodes.nodes, difference->nodes.count),
                               cause->slow_with, cause->slow_all, cause->fast_with, cause->fast_all,
                               cause->p));
    }
}

void text_causes(const struct pen *pen, const struct explanation *explanation,
                 const struct metric *metric)
{
    uint32_t shown = explanation->explaining, number = 0;

    if (!pen->style->verbose && shown > CAUSES_SHOWN)
        shown = CAUSES_SHOWN;
    for (uint32_t i = 0; i < shown; i++)
        put_cause(pen, explanation, &explanation->causes[i], metric, ++number);
    for (uint32_t i = 0; i < explanation->likely_count; i++)
        put_cause(pen, explanation, explanation->likely[i], metric, ++number);
    if (!explanation->explaining && !explanation->none_slow && !explanation->all_slow)
        put_considered(pen, explanation);
    put_confounders(pen, explanation);
}

int text_explain(const struct pen *pen)
{
    const struct explanation *explanation = pen->report->explanation;
    const char *headline = explained_headline(pen->arena, pen->report, explanation);
    const char *verdict = explained_verdict(pen->arena, pen->report, explanation);

    if (!headline || !verdict)
        return -ENOMEM;
    pen_put(pen, explained_cause(explanation) ? RED : YELLOW, pen_clean(pen, headline));
    buf_puts(pen->out, "\n");
    text_cohorts(pen);
    if (explanation->note)
        pen_block(pen, "how", DIM, explanation->note);
    if (explanation->slow.count)
        pen_block(pen, "slow", PLAIN,
                  pen_nodes_share(pen, explanation->slow.nodes, explanation->slow.count));
    if (explained_cause(explanation))
        pen_block(pen, "cause", PLAIN, verdict);
    text_causes(pen, explanation, NULL);
    return pen->style->verbose || explanation->all_slow
               ? text_findings(pen, "By the rules (also what all nodes share)")
               : 0;
}
