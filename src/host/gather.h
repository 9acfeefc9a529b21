/* host/gather - facts in the order in which a text tells them, attached to the node as blocks.
 *
 * A parser of this room adds facts by their whole path ("cpu.online") in any order; gather_done
 * sorts them and attaches one block per subject, first path part and source. Where two sources know
 * the same fact, the one that was parsed first wins: a later one adds only what is new. */
#ifndef HOST_GATHER_H
#define HOST_GATHER_H

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "facts/node.h"

/* What one file can make a gather hold; further facts are dropped and named as unseen. */
#define GATHER_FACTS_MAX 65536
/* A path longer than this is dropped: no setting has such a name. */
#define GATHER_PATH_MAX 256

struct gather_row {
    uint32_t subject, line, order;
    uint32_t path_len, block_len, text_len;
    size_t path, text; /* offsets into `bytes` */
    int64_t number;
    uint16_t source;
    uint8_t class, type;
    bool dropped;
};

struct gather {
    struct node *node;
    VEC(struct gather_row) rows;
    struct buf bytes;
    uint16_t source; /* of the facts added from here on */
    bool full, failed;
};

#define GATHER_HOST 0 /* the host's subject in every node */

void gather_init(struct gather *gather, struct node *node, uint16_t source);

/* `line` counts from 1. The texts are copied. */
void gather_text(struct gather *gather, uint32_t subject, enum fact_class class, uint32_t line,
                 struct str path, struct str text);
void gather_number(struct gather *gather, uint32_t subject, enum fact_class class, uint32_t line,
                   struct str path, int64_t number, struct str text);
void gather_flag(struct gather *gather, uint32_t subject, enum fact_class class, uint32_t line,
                 struct str path, bool on);

/* "prefix" + "." + "name" as a path for the calls above. */
struct gather_path {
    char text[GATHER_PATH_MAX];
    size_t len;
};
struct str gather_join(struct gather_path *path, const char *prefix, struct str name);

/* Attach everything and free. Returns 0 or -ENOMEM. */
int gather_done(struct gather *gather, struct err *err);

#endif
