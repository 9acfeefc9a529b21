/* report/html - the parts of the HTML page about nodes. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "report/page.h"

/* A card for a difference; with its test when it is the cause of something, else NULL. */
void html_difference(const struct page *page, const struct difference *difference,
                     const struct cause *cause);

/* The causes of an explanation, and what else was considered. */
void html_causes(const struct page *page, const struct explanation *explanation);

/* What the rules found. 0 or -ENOMEM. */
int html_findings(const struct page *page);

/* What a fabric test found slow, and what explains it. 0 or -ENOMEM. */
int html_story(const struct page *page);

#endif
