#include "report/explained.h"

const struct cause *explained_cause(const struct explanation *explanation)
{
    if (explanation->explaining)
        return &explanation->causes[0];
    return explanation->likely_count ? explanation->likely[0] : NULL;
}

bool explained_is_likely(const struct explanation *explanation, const struct cause *cause)
{
    for (uint32_t i = 0; i < explanation->likely_count; i++)
        if (explanation->likely[i] == cause)
            return true;
    return false;
}

const char *explained_headline(struct arena *arena, const struct report *report,
                               const struct explanation *explanation)
{
    const struct cause *cause = explained_cause(explanation);
    const struct difference *difference;
    const char *title, *nodes;

    if (!cause)
        return explanation->none_slow  ? "No node is slow by these numbers."
               : explanation->all_slow ? "All that was measured is slow: no difference can explain "
                                         "it, the rules may."
                                       : "Nothing visible explains it.";
    difference = &report->differences[cause->difference];
    nodes = report_nodes(arena, report->fleet, difference->nodes.nodes, difference->nodes.count);
    if (explained_is_likely(explanation, cause))
        return arena_printf(arena, "Likely: %s, on %s.", difference->title, nodes ? nodes : "");
    title = report_sentence(arena, difference->title);
    return arena_printf(arena, "%s: on %s.", title ? title : "", nodes ? nodes : "");
}

/* "for n007: 'the IOMMU translates DMA', for n009: ..., and nothing visible for n012" */
static void print_likely(struct buf *out, struct arena *arena, const struct report *report,
                         const struct explanation *explanation)
{
    for (uint32_t i = 0; i < explanation->likely_count; i++) {
        const struct difference *difference =
            &report->differences[explanation->likely[i]->difference];
        const char *nodes =
            report_nodes(arena, report->fleet, difference->nodes.nodes, difference->nodes.count);

        buf_printf(out, "%sfor %s: '%s'", i ? ", " : "", nodes ? nodes : "", difference->title);
    }
    if (explanation->left.count) {
        const char *nodes =
            report_nodes(arena, report->fleet, explanation->left.nodes, explanation->left.count);

        buf_printf(out, "%snothing visible for %s", explanation->likely_count ? "; " : "",
                   nodes ? nodes : "");
    }
}

#define CAUTION "so few nodes cannot rule out chance: mend it and measure again"

const char *explained_verdict(struct arena *arena, const struct report *report,
                              const struct explanation *explanation)
{
    struct buf out = {0};
    const char *text;

    if (explanation->explaining)
        buf_printf(&out, "%u of %u differences explain%s it beyond chance", explanation->explaining,
                   explanation->tried, explanation->explaining == 1 ? "s" : "");
    else if (!explanation->likely_count)
        return "nothing visible explains it beyond chance";
    if (!explanation->explaining && explanation->likely_count == 1 && !explanation->left.count) {
        buf_printf(&out, "likely: '%s' is on %s alone, and is known to do harm; " CAUTION,
                   report->differences[explanation->likely[0]->difference].title,
                   explanation->slow.count == 1 ? "the slow node" : "the slow nodes");
    } else if (explanation->likely_count) {
        buf_puts(&out, explanation->explaining ? "; of the others, likely " : "likely ");
        print_likely(&out, arena, report, explanation);
        buf_puts(&out,
                 ". What is named is on no node that is well, and is known to do harm; " CAUTION);
    } else if (explanation->left.count) {
        buf_puts(&out, "; ");
        print_likely(&out, arena, report, explanation);
    }
    text = out.failed ? NULL : arena_copy(arena, out.p, out.len);
    buf_done(&out);
    return text;
}
