#include "report/story.h"

#include "report/explained.h"

const struct cause *chapter_cause(const struct chapter *chapter)
{
    return chapter->explained ? explained_cause(&chapter->explanation) : NULL;
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
                        explained_is_likely(&first->explanation, cause) ? "The likely cause"
                                                                        : "What explains it",
                        title_of(arena, report, cause));
}

const char *chapter_verdict(struct arena *arena, const struct report *report,
                            const struct chapter *chapter)
{
    return chapter->instead ? chapter->instead
                            : explained_verdict(arena, report, &chapter->explanation);
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
