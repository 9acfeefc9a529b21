/* report/explained - an explanation in words, for all three forms and for each chapter of a story.
 */
#ifndef REPORT_EXPLAINED_H
#define REPORT_EXPLAINED_H

#include "report/report.h"

/* The cause that is named: the first that explains, or the likely one; NULL. */
const struct cause *explained_cause(const struct explanation *explanation);

bool explained_is_likely(const struct explanation *explanation, const struct cause *cause);

/* The answer as one sentence, in `arena`; NULL: no memory. */
const char *explained_headline(struct arena *arena, const struct report *report,
                               const struct explanation *explanation);

/* How sure: a sentence about the causes that are named, or why none is. NULL: no memory. */
const char *explained_verdict(struct arena *arena, const struct report *report,
                              const struct explanation *explanation);

#endif
