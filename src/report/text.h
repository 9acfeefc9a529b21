/* report/text - the parts of the terminal report. */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include "measure/metric.h"
#include "report/pen.h"

/* How many nodes something was found on, in one sentence. -ENOMEM. */
int text_nodes(const struct pen *pen);
/* How many nodes of which kinds there are. */
void text_cohorts(const struct pen *pen);

/* What the rules found, worst first, below `heading` (NULL: none), then the notes. -ENOMEM. */
int text_findings(const struct pen *pen, const char *heading);

/* What was not seen; what could not be read. */
int text_unknowns(const struct pen *pen);
void text_troubles(const struct pen *pen);

/* One difference: nodes, fields, evidence, harm and fix. */
void text_difference(const struct pen *pen, const struct difference *difference,
                     const char *number);

/* A difference as the cause of what `explanation` is about, with its test; `metric` says what its
 * numbers are, NULL: nobody knows. */
void text_cause(const struct pen *pen, const struct explanation *explanation,
                const struct cause *cause, const struct metric *metric, uint32_t number);

/* Differences that fit as well: "-  title on nodes, p = ..." */
void text_confounders(const struct pen *pen, const struct explanation *explanation);

/* What a fabric test found slow, and what explains it. -ENOMEM. */
int text_story(const struct pen *pen);

#endif
