/* node/load - one input as a node with its tree.
 *
 * A loader belongs to one thread and keeps what makes the next node cheap: parsed blocks and
 * buffers. */
#ifndef NODE_LOAD_H
#define NODE_LOAD_H

#include "base/err.h"
#include "facts/node.h"
#include "node/inputs.h"
#include "topo/topo.h"

struct loader;

struct loaded {
    struct node *node; /* the caller frees with loaded_done */
    struct topo *topo;
    void *bytes;              /* what node->sources point into */
    struct loaded *next_part; /* a text that held several machines gives several nodes */
};

/* NULL when there is no memory. */
struct loader *loader_new(struct fact_pool *pool);
void loader_free(struct loader *loader);

/* Read, parse, build the tree. Pieces that cannot be read become node->unseen with a sentence and
 * the rest is processed; an error (one sentence, negative errno) only when nothing of the input
 * could be used. */
int loader_load(struct loader *loader, const struct input *input, struct loaded *out,
                struct err *err);

/* The same of a tree in memory, whose bytes the caller keeps for as long as the node lives. */
int loader_load_tree(struct loader *loader, const char *name, const struct tree *tree,
                     struct loaded *out, struct err *err);
void loaded_done(struct loaded *loaded);

#endif
