/* report/html - the parts of the HTML page about nodes. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "report/page.h"

/* Names of nodes, and how many of all they are: "n[001-003] (3 of 64)". */
const char *html_share(const struct page *page, const uint32_t *nodes, uint32_t count);

/* A card for a difference; with its test when it is the cause of something, else NULL. */
void html_difference(const struct page *page, const struct difference *difference,
                     const struct cause *cause);

/* The causes of an explanation, and what else was considered. */
void html_causes(const struct page *page, const struct explanation *explanation);

/* What the rules found. 0 or -ENOMEM. */
int html_findings(const struct page *page);

/* Nodes against differences. */
void html_table(const struct page *page);

/* What a fabric test found slow, and what explains it. 0 or -ENOMEM. */
int html_story(const struct page *page);

#endif
