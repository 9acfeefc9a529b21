/* report/pen - writing for a terminal: colours, wrapped blocks, evidence lines.
 *
 * A pen appends to a buffer; texts from nodes are cleaned of control characters, so that they
 * cannot move the cursor of whoever reads about them. What does not fit the pen's arena is left
 * out. */
#ifndef REPORT_PEN_H
#define REPORT_PEN_H

#include "report/report.h"

enum colour { PLAIN, BOLD, DIM, RED, YELLOW, GREEN, CYAN };

struct pen {
    const struct report *report;
    const struct report_style *style;
    struct arena *arena;
    struct buf *out;
};

/* The escape sequence, "" without colours; a severity's colour. */
const char *pen_colour(const struct pen *pen, enum colour colour);
enum colour pen_severity(enum severity severity);

void pen_put(const struct pen *pen, enum colour colour, const char *text);

/* Lines of whole words, as wide as there are columns. */
void pen_text(const struct pen *pen, enum colour colour, const char *text);

/* A copy without control characters; "" for NULL. */
const char *pen_clean(const struct pen *pen, const char *text);

/* "   label  text", wrapped, with later lines under the text. */
void pen_block(const struct pen *pen, const char *label, enum colour colour, const char *text);

/* "n[001-003]", and with their share: "n[001-003] (3 of 512)". Never NULL. */
const char *pen_nodes(const struct pen *pen, const uint32_t *nodes, uint32_t count);
const char *pen_nodes_share(const struct pen *pen, const uint32_t *nodes, uint32_t count);

/* " 1 fatal  what is wrong  RULE_ID" after an empty line; `id` may be NULL. */
void pen_title(const struct pen *pen, const char *number, const char *word, enum colour colour,
               const char *title, const char *id);

/* Evidence lines, of `places` in all; harm, source and fixes of a rule. */
void pen_proofs(const struct pen *pen, const struct proof *proofs, uint32_t count, uint32_t places);
void pen_harm_and_fix(const struct pen *pen, const struct rule *rule);

#endif
