/* rules/engine - the inside of the room: rules made ready for a pool, and what judging gathers.
 * Only this room's files include it. */
#ifndef RULES_ENGINE_H
#define RULES_ENGINE_H

#include "base/vec.h"
#include "rules/check.h"
#include "rules/origin.h"

struct ready_path {
    uint32_t block, key; /* key 0: the last part is a glob */
    const char *path;    /* without "host:" */
    bool host;
};

struct ready_condition {
    const struct condition *source; /* op OP_NONE: none */
    struct ready_path path, other;
};

struct ready_test {
    const struct rule *rule;
    const struct row_test *row;
    struct ready_condition is, when[CONDITIONS_MAX], unless[CONDITIONS_MAX];
    uint32_t next_key;   /* 1 + index of the next test on the same key */
    uint32_t next_block; /* 1 + index of the next test on the block: globs and absences */
};

/* A rule rests on facts in `block` of some of `who`. */
struct need {
    const struct rule *rule;
    uint32_t rule_index;
    unsigned who, has;
    uint32_t block; /* key */
    const char *name;
    const struct origin *origin; /* the source that shows it; NULL: PCI registers */
};

struct rules {
    struct fact_pool *pool;
    enum policy policy;
    struct ready_path keys[KEY_COUNT];
    struct ready_test *tests;
    uint32_t test_count;
    struct need *needs;
    uint32_t need_count;
    uint32_t key_count; /* of the arrays by key */
    uint32_t *by_key;   /* key -> 1 + its first test */
    uint32_t *by_block; /* block's key -> 1 + its first test by block */
    uint32_t *block_at; /* block's key -> 1 + its place among the blocks that matter */
    uint32_t block_count;
    struct arena *arena;
};

bool rules_has(const struct rules *rules, const struct rule *rule); /* under its policy */

/* Whose block of one name was seen, and where. */
struct seen_block {
    uint32_t who;    /* WHO_* bits of the subjects that have it */
    uint16_t source; /* the last source it was seen in */
    bool several;    /* in several sources */
};

/* What is gathered while a node is judged. */
struct report {
    struct arena *arena;
    bool failed;
    VEC(struct evidence) evidence; /* of the rule at hand */
    const char *detail;
    VEC(struct finding) findings;
    VEC(struct unknown) unknowns;
    struct seen_block *seen; /* by block_at */
};

/* judge_who.c: fills check->who and check->there. Returns 0 or -ENOMEM. */
int judge_mark_who(struct check *check);

/* judge_row.c: is the fact what the condition asks for, as far as the fact alone tells; and does
 * all the rest of its row hold for the subject? */
bool fact_satisfies(const struct condition *condition, const struct fact *fact);
bool row_holds(const struct check *check, uint32_t subject, const struct ready_test *test,
               const struct fact *fact);

/* judge_unseen.c: which rules lack which source. */
void judge_unseen(struct check *check);

/* check.c */
struct fact_at check_at(const struct check *check, uint32_t subject, const struct ready_path *path);
const char *report_printf(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
