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

/* The causes of an explanation, each with its test, what else was considered, and confounders;
 * `metric` says what its numbers are, NULL: nobody knows. */
void text_causes(const struct pen *pen, const struct explanation *explanation,
                 const struct metric *metric);

/* What explains who is slow. -ENOMEM. */
int text_explain(const struct pen *pen);

/* What a fabric test found slow, and what explains it. -ENOMEM. */
int text_story(const struct pen *pen);

#endif
