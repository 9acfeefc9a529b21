/* rules/rules - a catalogue of settings that hurt, and one node judged by it.
 *
 * Judging reads facts and the tree, changes nothing, and never takes what it did not see for good:
 * that becomes an `unknown`. */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "facts/node.h"
#include "topo/topo.h"

/* Worst last. INFO is consistency and notes: it is printed, but is no finding for the exit code. */
enum severity {
    SEVERITY_INFO,
    SEVERITY_RELIABILITY,
    SEVERITY_LATENCY,
    SEVERITY_BANDWIDTH,
    SEVERITY_FATAL,
};
const char *severity_name(enum severity severity); /* "info" "reliability" ... */

/* What is right depends on what the cluster is for. */
enum policy { POLICY_BARE_METAL, POLICY_VM_ATS, POLICY_GB200, POLICY_COUNT };
const char *policy_name(enum policy policy);       /* "bare-metal" "vm-ats" "gb200" */
int policy_of(const char *name, enum policy *out); /* -EINVAL */
#define POLICY_ANY ((1u << POLICY_COUNT) - 1)

/* What a rule rests on. Only BASIS_KNOWN: printed as "unconfirmed". */
enum { BASIS_SOURCE = 1, BASIS_DUMP = 2, BASIS_KNOWN = 4 };

struct fix {
    const char *where; /* "BIOS (AMI, Supermicro)", "BIOS (Dell)", "run time", "kernel", "site" */
    const char *what;
};
#define RULE_FIXES_MAX 8

struct check; /* rules/check.h: what a rule's function gets and reports through */

struct rule {
    unsigned number; /* its row in the catalogue */
    const char *id;  /* "ACS_REDIRECT_ON_P2P_PATH" */
    const char *title;
    enum severity severity;
    unsigned basis;                    /* BASIS_* bits */
    unsigned policies;                 /* 1u << POLICY_* bits under which it is judged */
    bool bios;                         /* a BIOS option does this */
    const char *looks_at, *good, *bad; /* for people: the exact spelling of the tools */
    const char *harm;                  /* what it does, with the published number */
    const char *source;                /* where that was read */
    struct fix fixes[RULE_FIXES_MAX];

    /* How a node is judged: a row's test, or a function. See rules/check.h. */
    const struct row_test *tests;
    unsigned test_count;
    void (*check)(struct check *check);
    /* What `check` rests on, as "who:block who:block+who2": when none of it was seen, the rule is
     * unknown (the second only in a node that has a who2). Rows say it themselves. */
    const char *needs;

    /* How a difference between nodes is named: globs "who:path", where who is a device kind or
     * subject kind or "*" ("port:ACS.ACSCtl.*Redir", "host:cmdline.iommu", "*:IOMMU.present").
     * `claims` are the setting itself, `moves` what changes along with it. NULL-terminated. */
    const char *const *claims;
    const char *const *moves;
};

/* The catalogue, in order of numbers. */
size_t rule_count(void);
const struct rule *rule_at(size_t index);
const struct rule *rule_by_id(const char *id); /* NULL */

struct evidence {
    uint32_t subject;
    struct fact_at at; /* at.fact may be NULL: then `text` says it all */
    const char *text;  /* in words, when the line does not speak for itself; may be NULL */
};

struct finding {
    const struct rule *rule;
    const char *detail; /* "4 ports between gpu0..gpu3 and their NICs", or NULL */
    const struct evidence *evidence;
    uint32_t evidence_count;
};

/* Something that was not seen. Rules that lack the same source are folded into one unknown. */
struct unknown {
    const struct rule *rule;         /* the only rule it is about; NULL: several, or the node */
    const char *what, *why;          /* "kernel log (dmesg)", "not among the inputs" */
    const struct rule *const *rules; /* all rules that were not judged for it */
    uint32_t rule_count;             /* may be 0: nothing to judge hangs on it */
};

struct findings { /* everything in the node's arena */
    struct finding *items;
    uint32_t count;
    struct unknown *unknowns;
    uint32_t unknown_count;
};

struct rules;

/* The catalogue made ready for one pool (its paths as keys). Shared by threads once made. NULL when
 * there is no memory. */
struct rules *rules_new(struct fact_pool *pool, enum policy policy);
void rules_free(struct rules *rules);

/* One finding a rule at most (its evidence lists all places), worst first. Returns 0 or -ENOMEM. */
int rules_judge(const struct rules *rules, struct node *node, const struct topo *topo,
                struct findings *out);

/* How well a rule names a changed fact. */
enum claim { CLAIM_NONE, CLAIM_MOVES, CLAIM_SETTING };
/* `who` is what changed: the subject kind ("host", "ib", "dimm" ...) or, for PCI, the device kind
 * ("gpu", "nic", "nvswitch", "nvme", "port" for bridges, "other"); `path` the fact's path. */
enum claim rule_claims(const struct rule *rule, const char *who, const char *path);

#endif
