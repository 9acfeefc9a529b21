/* A node of lines, judged, and questions about what was found. */
#ifndef TEST_RULES_JUDGED_H
#define TEST_RULES_JUDGED_H

#include "rules/rules.h"
#include "support/facts_of.h"

#include <stdio.h>

struct judged {
    struct fact_pool *pool;
    struct fact_builder *builder;
    struct node *node;
    struct topo *topo;
    struct rules *rules;
    struct findings findings;
};

static inline struct judged judged_new(const char *kind, const char *lines)
{
    struct judged j = {.pool = fact_pool_new(FACT_KEEP_ALL)};

    j.builder = fact_builder_new(j.pool);
    j.node = node_new(j.builder, "n001");
    assert_non_null(j.node);
    if (lines)
        facts_of(j.node, kind, lines);
    return j;
}

static inline void judge(struct judged *j, enum policy policy)
{
    rules_free(j->rules);
    j->topo = topo_build(j->node);
    assert_non_null(j->topo);
    j->rules = rules_new(j->pool, policy);
    assert_non_null(j->rules);
    assert_int_equal(rules_judge(j->rules, j->node, j->topo, &j->findings), 0);
}

static inline struct judged judged_of(const char *kind, const char *lines, enum policy policy)
{
    struct judged j = judged_new(kind, lines);

    judge(&j, policy);
    return j;
}

static inline void judged_done(struct judged *j)
{
    rules_free(j->rules);
    node_free(j->node);
    fact_builder_free(j->builder);
    fact_pool_free(j->pool);
}

static inline const struct finding *judged_finding(const struct judged *j, const char *id)
{
    for (uint32_t i = 0; i < j->findings.count; i++)
        if (!strcmp(j->findings.items[i].rule->id, id))
            return &j->findings.items[i];
    return NULL;
}

/* The unknown that names this rule, or NULL. */
static inline const struct unknown *judged_unknown(const struct judged *j, const char *id)
{
    for (uint32_t i = 0; i < j->findings.unknown_count; i++)
        for (uint32_t k = 0; k < j->findings.unknowns[i].rule_count; k++)
            if (!strcmp(j->findings.unknowns[i].rules[k]->id, id))
                return &j->findings.unknowns[i];
    return NULL;
}

static inline uint32_t judged_count(const struct judged *j, enum severity least)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < j->findings.count; i++)
        count += j->findings.items[i].rule->severity >= least;
    return count;
}

/* All findings of at least this severity, one a line, for a message. */
static inline void judged_print(const struct judged *j, enum severity least)
{
    for (uint32_t i = 0; i < j->findings.count; i++) {
        const struct finding *f = &j->findings.items[i];

        if (f->rule->severity < least)
            continue;
        print_message("%s %s: %s (%u places)\n", severity_name(f->rule->severity), f->rule->id,
                      f->detail ? f->detail : "", f->evidence_count);
        for (uint32_t e = 0; e < f->evidence_count && e < 4; e++) {
            const struct evidence *ev = &f->evidence[e];

            print_message("    %s %s=%s %s\n", j->node->subjects[ev->subject].name,
                          ev->at.fact ? fact_key_name(j->pool, ev->at.fact->key) : "",
                          ev->at.fact ? ev->at.fact->text : "", ev->text ? ev->text : "");
        }
    }
}

#endif
