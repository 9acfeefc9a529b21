#include "report/story.h"

const struct cause *chapter_cause(const struct chapter *chapter)
{
    if (!chapter->explained)
        return NULL;
    if (chapter->explanation.explaining)
        return &chapter->explanation.causes[0];
    return chapter->likely_count ? chapter->likely[0] : NULL;
}

bool chapter_is_likely(const struct chapter *chapter, const struct cause *cause)
{
    for (uint32_t i = 0; i < chapter->likely_count; i++)
        if (chapter->likely[i] == cause)
            return true;
    return false;
}

static const char *title_of(struct arena *arena, const struct report *report,
                            const struct cause *cause)
{
    const char *title = report_sentence(arena, report->differences[cause->difference].title);

    return title ? title : "";
}

const char *story_headline(struct arena *arena, const struct report *report)
{
    const struct story *story = report->story;
    const struct chapter *first;
    const struct cause *cause;
    const char *who, *by;

    if (!story->chapter_count)
        return "Nothing was slow in this test: there is nothing to explain.";
    first = &story->chapters[0];
    cause = chapter_cause(first);
    who = suspect_title(arena, story->fabric->result, first->suspects[0]);
    by = first->suspects[0]->metric
             ? arena_printf(arena, " by %s", first->suspects[0]->metric->name)
             : "";
    if (!who || !by)
        return NULL;
    if (first->suspect_count > 1) {
        who = arena_printf(arena, "%s, and %u more", who, first->suspect_count - 1);
        if (!who)
            return NULL;
    }
    if (!cause)
        return arena_printf(arena, "%s%s. %s", who, by,
                            first->instead ? "That is no node's setting."
                                           : "Nothing visible explains it.");
    return arena_printf(arena, "%s%s. %s: %s.", who, by,
                        chapter_is_likely(first, cause) ? "The likely cause" : "What explains it",
                        title_of(arena, report, cause));
}

/* "for n007: 'the IOMMU translates DMA', for n009: ..., and nothing visible for n012" */
static void print_likely(struct buf *out, struct arena *arena, const struct report *report,
                         const struct chapter *chapter)
{
    for (uint32_t i = 0; i < chapter->likely_count; i++) {
        const struct difference *difference = &report->differences[chapter->likely[i]->difference];
        const char *nodes =
            report_nodes(arena, report->fleet, difference->nodes.nodes, difference->nodes.count);

        buf_printf(out, "%sfor %s: '%s'", i ? ", " : "", nodes ? nodes : "", difference->title);
    }
    if (chapter->left.count) {
        const char *nodes =
            report_nodes(arena, report->fleet, chapter->left.nodes, chapter->left.count);

        buf_printf(out, "%snothing visible for %s", chapter->likely_count ? "; " : "",
                   nodes ? nodes : "");
    }
}

#define CAUTION "so few nodes cannot rule out chance: mend it and measure again"

const char *chapter_verdict(struct arena *arena, const struct report *report,
                            const struct chapter *chapter)
{
    const struct explanation *explanation = &chapter->explanation;
    struct buf out = {0};
    const char *text;

    if (chapter->instead)
        return chapter->instead;
    if (explanation->explaining)
        buf_printf(&out, "%u of %u differences explain%s it beyond chance", explanation->explaining,
                   explanation->tried, explanation->explaining == 1 ? "s" : "");
    else if (!chapter->likely_count)
        return "nothing visible explains it beyond chance";
    if (chapter->likely_count && chapter->likely[0]->slow_with == explanation->slow.count) {
        buf_printf(&out, "likely: '%s' is on %s alone, and is known to do harm; " CAUTION,
                   report->differences[chapter->likely[0]->difference].title,
                   explanation->slow.count == 1 ? "the slow node" : "the slow nodes");
    } else if (chapter->likely_count) {
        buf_puts(&out, explanation->explaining ? "; of the others, likely " : "likely ");
        print_likely(&out, arena, report, chapter);
        buf_puts(&out,
                 ". What is named is on no node that is well, and is known to do harm; " CAUTION);
    } else if (chapter->left.count) {
        buf_puts(&out, "; ");
        print_likely(&out, arena, report, chapter);
    }
    text = out.failed ? NULL : arena_copy(arena, out.p, out.len);
    buf_done(&out);
    return text;
}

const char *chapter_by_pairs(struct arena *arena, const struct report *report,
                             const struct chapter *chapter)
{
    const struct cause *cause = chapter_cause(chapter), *first;

    if (!chapter->by_pairs || !chapter->pairs.cause_count)
        return "";
    first = &chapter->pairs.causes[0];
    if (cause && first->difference == cause->difference)
        return arena_printf(arena,
                            "asked by pairs of nodes the same difference comes first: in %u of %u "
                            "slow pairs and %u of %u others (p = %.2g)",
                            first->slow_with, first->slow_all, first->fast_with, first->fast_all,
                            first->p_corrected);
    return arena_printf(arena, "asked by pairs of nodes another comes first: %s (p = %.2g)",
                        report->differences[first->difference].title, first->p_corrected);
}
