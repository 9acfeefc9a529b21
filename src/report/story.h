/* report/story - what a fabric test found slow, and what explains it, in chapters.
 *
 * A chapter is what is slow by one number: the nodes that are, or one link or group, which no
 * node's setting explains. As in report/report the renderers decide nothing. */
#ifndef REPORT_STORY_H
#define REPORT_STORY_H

#include "report/fabric.h"

struct chapter {
    const struct suspect *const *suspects; /* the worst first; at least one, all by one metric */
    uint32_t suspect_count;
    const char *since;   /* one sentence: since when; "" when it was not looked for */
    const char *instead; /* why no difference between nodes is asked for; NULL: it is */
    bool explained;      /* explanation has been made */
    struct explanation explanation;
    bool by_pairs; /* the next has been made: the same question by pairs */
    struct explanation pairs;
    const char *others; /* one sentence about the nodes' other numbers; "" */
};

struct story {
    const struct fabric_report *fabric;
    const struct chapter *chapters;
    uint32_t chapter_count;
    const char *matched; /* one sentence: how many of the nodes that were measured were read */
};

/* The cause that is named: of the first that explains, or the likely one; NULL. */
const struct cause *chapter_cause(const struct chapter *chapter);

/* Of all chapters together, in `arena`; NULL: no memory. */
const char *story_headline(struct arena *arena, const struct report *report);

/* How sure: a sentence about the causes that are named, or why none is. */
const char *chapter_verdict(struct arena *arena, const struct report *report,
                            const struct chapter *chapter);

/* "By pairs of nodes the same difference comes first (p = 0.001)"; "" when it was not asked. */
const char *chapter_by_pairs(struct arena *arena, const struct report *report,
                             const struct chapter *chapter);

#endif
