/* report/fabric_map - the map of a fabric test's pairs, for a terminal. */
#ifndef REPORT_FABRIC_MAP_H
#define REPORT_FABRIC_MAP_H

#include "report/fabric.h"
#include "report/pen.h"

/* Of the phase of which there is most; of both with --verbose. Nothing where nothing was measured.
 * 0 or -ENOMEM. */
int fabric_map_text(const struct pen *pen, const struct fabric_report *report);

#endif
