/* report/text - the parts of the terminal report. */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include "report/pen.h"

/* What the rules found, worst first, below `heading` (NULL: none), then the notes. -ENOMEM. */
int text_findings(const struct pen *pen, const char *heading);

/* What was not seen; what could not be read. */
int text_unknowns(const struct pen *pen);
void text_troubles(const struct pen *pen);

/* One difference: nodes, fields, evidence, harm and fix. */
void text_difference(const struct pen *pen, const struct difference *difference,
                     const char *number);

#endif
