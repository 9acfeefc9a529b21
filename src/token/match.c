/* token/match - see match.h. */
#include "token/match.h"

#include <errno.h>

static uint32_t child_of(const struct matcher *matcher, uint32_t node, unsigned char byte)
{
    uint32_t at = matcher->nodes.items[node].child;

    while (at && matcher->nodes.items[at].byte != byte)
        at = matcher->nodes.items[at].sibling;
    return at;
}

/* A node without a text, below `parent`; 0: no memory. */
static uint32_t add_child(struct matcher *matcher, uint32_t parent, unsigned char byte)
{
    uint32_t at = (uint32_t)matcher->nodes.count;
    struct match_node *node = vec_push(&matcher->nodes);

    if (!node)
        return 0;
    node->id = -1;
    node->byte = byte;
    node->sibling = matcher->nodes.items[parent].child;
    matcher->nodes.items[parent].child = at;
    return at;
}

int matcher_add(struct matcher *matcher, struct str text, int32_t id)
{
    uint32_t at = 0;

    if (!matcher->nodes.count) {
        struct match_node *root = vec_push(&matcher->nodes);

        if (!root)
            return -ENOMEM;
        root->id = -1;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.p[i];
        uint32_t next = child_of(matcher, at, byte);

        at = next ? next : add_child(matcher, at, byte);
        if (!at)
            return -ENOMEM;
    }
    matcher->nodes.items[at].id = id;
    matcher->begins[(unsigned char)text.p[0]] = true;
    return 0;
}

void matcher_done(struct matcher *matcher)
{
    vec_done(&matcher->nodes);
}

size_t matcher_find(const struct matcher *matcher, struct str text, int32_t *id)
{
    size_t longest = 0;
    uint32_t at = 0;

    if (!text.len || !matcher->begins[(unsigned char)text.p[0]])
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        at = child_of(matcher, at, (unsigned char)text.p[i]);
        if (!at)
            break;
        if (matcher->nodes.items[at].id >= 0) {
            longest = i + 1;
            *id = matcher->nodes.items[at].id;
        }
    }
    return longest;
}
