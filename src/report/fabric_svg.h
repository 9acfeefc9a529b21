/* report/fabric_svg - a heat map as a picture inside an HTML page: what a cell means is said when
 * one points at it. */
#ifndef REPORT_FABRIC_SVG_H
#define REPORT_FABRIC_SVG_H

#include "report/fabric.h"
#include "report/heat.h"
#include "report/page.h"

#define SVG_CELLS_MAX 72 /* along a side: about 700 kB a map, and two of them fit side by side */

/* With its heading and what the colours mean. */
void svg_heat(const struct page *page, const struct fabric_result *result, const struct heat *heat);

/* The heat maps of both phases side by side. 0 or -ENOMEM. */
int fabric_maps(const struct page *page, const struct fabric_report *report);

#endif
