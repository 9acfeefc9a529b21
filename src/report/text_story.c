#include "report/story.h"
#include "report/text.h"

#include <errno.h>
#include <stdio.h>

#define SUSPECTS_SHOWN 6 /* of a chapter */

static int put_suspect(const struct pen *pen, const struct chapter *chapter, uint32_t number)
{
    const struct fabric_result *result = pen->report->story->fabric->result;
    const struct suspect *suspect = chapter->suspects[0];
    const char *title = suspect_title(pen->arena, result, suspect);
    const char *numbers = suspect_numbers(pen->arena, suspect);
    const char *grounds = suspect_grounds(pen->arena, suspect);
    uint32_t shown = chapter->suspect_count;
    char label[16];

    if (!title || !numbers || !grounds)
        return -ENOMEM;
    if (!pen->style->verbose && shown > SUSPECTS_SHOWN)
        shown = SUSPECTS_SHOWN;
    (void)snprintf(label, sizeof(label), "%2u", number);
    pen_title(pen, label, suspect_kind_names[suspect->kind], RED, title,
              suspect->metric ? suspect->metric->name : NULL);
    pen_block(pen, "what", PLAIN, suspect->sentence);
    if (*numbers)
        pen_block(pen, "number", PLAIN, numbers);
    pen_block(pen, "why", PLAIN, grounds);
    for (uint32_t i = 1; i < shown; i++)
        pen_block(pen, i > 1 ? "" : "and", PLAIN, chapter->suspects[i]->sentence);
    if (chapter->suspect_count > shown)
        pen_block(pen, "", DIM,
                  arena_printf(pen->arena, "... and %u more", chapter->suspect_count - shown));
    return 0;
}

static int put_causes(const struct pen *pen, const struct chapter *chapter)
{
    const struct explanation *explanation = &chapter->explanation;
    const char *by_pairs = chapter_by_pairs(pen->arena, pen->report, chapter);
    const struct metric *metric = chapter->suspects[0]->metric;

    if (!by_pairs)
        return -ENOMEM;
    if (explanation->note)
        pen_block(pen, "how", DIM, explanation->note);
    if (*by_pairs)
        pen_block(pen, "pairs", PLAIN, by_pairs);
    text_causes(pen, explanation, metric);
    return 0;
}

static int put_chapter(const struct pen *pen, const struct chapter *chapter, uint32_t number)
{
    const char *verdict = chapter_verdict(pen->arena, pen->report, chapter);
    int r = put_suspect(pen, chapter, number);

    if (r < 0 || !verdict)
        return -ENOMEM;
    if (*chapter->since)
        pen_block(pen, "since", PLAIN, chapter->since);
    if (*chapter->others)
        pen_block(pen, "else", PLAIN, chapter->others);
    pen_block(pen, "cause", chapter_cause(chapter) ? GREEN : YELLOW, verdict);
    return chapter->explained ? put_causes(pen, chapter) : 0;
}

/* Do all nodes do badly? Then the rules have the word, not what differs. */
static bool all_are_slow(const struct story *story)
{
    for (uint32_t i = 0; i < story->chapter_count; i++)
        if (story->chapters[i].suspects[0]->kind == SUSPECT_ALL)
            return true;
    return false;
}

int text_story(const struct pen *pen)
{
    const struct story *story = pen->report->story;
    const char *headline = story_headline(pen->arena, pen->report);
    const char *origin = fabric_origin(pen->arena, story->fabric->result);
    int r = 0;

    if (!headline || !origin)
        return -ENOMEM;
    pen_put(pen, story->chapter_count ? RED : GREEN, pen_clean(pen, headline));
    buf_puts(pen->out, "\n");
    pen_put(pen, DIM, pen_clean(pen, origin));
    buf_printf(pen->out, "\n%s\n", story->matched);
    text_cohorts(pen);
    for (uint32_t i = 0; r == 0 && i < story->chapter_count; i++)
        r = put_chapter(pen, &story->chapters[i], i + 1);
    if (r == 0 && (pen->style->verbose || all_are_slow(story)))
        r = text_findings(pen, "By the rules (also what all nodes share)");
    return r;
}
