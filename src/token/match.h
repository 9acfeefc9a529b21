/* token/match - the longest of some texts that another text begins with. */
#ifndef TOKEN_MATCH_H
#define TOKEN_MATCH_H

#include "base/str.h"
#include "base/vec.h"

#include <stdbool.h>

struct match_node {
    uint32_t child, sibling; /* 0: none */
    int32_t id;              /* -1: no text ends here */
    unsigned char byte;
};

struct matcher {
    VEC(struct match_node) nodes; /* the first is the root; empty: no texts */
    bool begins[256];             /* with which bytes texts begin */
};

/* Texts of at least one byte. Returns 0 or -ENOMEM. */
int matcher_add(struct matcher *matcher, struct str text, int32_t id);
void matcher_done(struct matcher *matcher);

/* Length of the longest match at the begin of `text`; 0: none. */
size_t matcher_find(const struct matcher *matcher, struct str text, int32_t *id);

#endif
