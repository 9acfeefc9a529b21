/* fleet/fleet - thousands of nodes: loaded in parallel, judged, compared, explained.
 *
 * A node is loaded, judged by the rules and reduced to signatures (one 64-bit number for each
 * role's configuration); its text is dropped. Differences are found on signatures and opened only
 * where they differ. All memory belongs to the fleet. */
#ifndef FLEET_FLEET_H
#define FLEET_FLEET_H

#include "base/err.h"
#include "node/inputs.h"
#include "rules/rules.h"

struct fleet;

/* Classes of facts that a fleet's pool must keep. Identity is needed for bus numbers (the tree) and
 * to find serial numbers that occur twice. */
enum { FLEET_KEEP = FACT_KEEP_COMPARED | 1 << FACT_IDENTITY };

/* The rules that judge and name, as functions, so that a test can bring its own catalogue. */
struct fleet_judge {
    struct rules *(*open)(struct fact_pool *pool, enum policy policy);
    void (*close)(struct rules *rules);
    int (*judge)(const struct rules *rules, struct node *node, const struct topo *topo,
                 struct findings *out);
    size_t (*count)(void);
    const struct rule *(*at)(size_t index);
    enum claim (*claims)(const struct rule *rule, const char *who, const char *path);
};
extern const struct fleet_judge fleet_judge_catalogue;

struct fleet_options {
    enum policy policy;
    unsigned threads; /* 0: as many as there are CPUs, at most 64 */
    void (*progress)(void *context, size_t done,
                     size_t total); /* may be NULL; any thread, locked */
    void *context;
    const struct fleet_judge *judge; /* NULL: the catalogue */
    struct fact_pool *pool; /* NULL: the fleet makes its own; not owned, keeps FLEET_KEEP */
};

/* A line of a file that proves something, as text: it outlives the node. */
struct proof {
    const char *source; /* "fleet/n417/lspci.txt" */
    uint32_t line;      /* from 1; of a binary source the byte offset */
    bool binary;
    const char
        *where; /* role or subject: "gpu3.port 0000:15:01.0"; a rule's own words follow ": " */
    const char *text; /* the line, trimmed, at most 400 bytes; of a binary source "path = value" */
};

struct fleet_finding {
    const struct rule *rule;
    const char *detail;
    const struct proof *proofs;        /* the first PROOFS_MAX places */
    uint32_t proof_count, place_count; /* kept, and all */
};

struct fleet_unknown {
    const char *what, *why;
    const struct rule *rule; /* or NULL */
};

struct fleet_node {
    const char *name;
    uint32_t cohort;
    const char *error; /* could not be loaded: one sentence; everything below is then empty */
    const char *const *sources; /* what was read: names, in order; for display at most 64 */
    uint32_t source_count;
    struct fleet_finding *findings;
    uint32_t finding_count;
    struct fleet_unknown *unknowns;
    uint32_t unknown_count;
};

struct fleet_cohort {
    const char *name; /* "8x H100 (Dell XE9680)" or "A", "B" ... : what its nodes have in common */
    uint32_t node_count;
};

/* A set of nodes: indices in rising order. */
struct node_set {
    const uint32_t *nodes;
    uint32_t count;
};

enum difference_kind {
    DIFF_SETTING,
    DIFF_MISSING_DEVICE,
    DIFF_EXTRA_DEVICE,
    DIFF_RENUMBERED,   /* bus numbers shifted; nothing else */
    DIFF_TOOL_VERSION, /* another lspci (or other tool) printed it */
};

struct diff_value {
    const char *text; /* "absent" when the nodes lack it */
    struct node_set nodes;
};

struct diff_field {
    const char *role, *path; /* "gpu3.port", "ACS.ACSCtl.ReqRedir"; path "device": is it there */
    const char *place;       /* the slot "rb2/01.0", else the subject's name */
    const struct diff_value *values; /* [0] is the majority's, then the others, larger sets first */
    uint32_t value_count;
};

/* Facts that differ over the same set of nodes: one cause. */
struct difference {
    uint32_t rank; /* from 1 */
    enum difference_kind kind;
    uint32_t cohort;
    const struct rule *cause;        /* or NULL */
    const struct rule *also[4];      /* further rules that name some of its fields and find fault */
    const char *title;               /* always: the rule's, or what can be said without one */
    struct node_set nodes;           /* the minority: those that are not like the others */
    const struct diff_field *fields; /* the telling ones first */
    uint32_t field_count, changed_facts;
    double score;               /* what the ranking rests on; larger is more telling */
    const struct proof *proofs; /* one carrier's line and one other's for the first fields */
    uint32_t proof_count;
};

/* What the user says about who is slow. One of the three. */
enum symptom_kind { SYMPTOM_SLOW, SYMPTOM_METRIC, SYMPTOM_PAIRS };

struct symptom_pair {
    uint32_t a, b;
    double value;
};

struct symptom {
    enum symptom_kind kind;
    struct node_set slow; /* SLOW */
    const double *value;  /* METRIC: per node, NAN where none was given */
    const struct symptom_pair *pairs;
    size_t pair_count;     /* PAIRS */
    bool higher_is_slower; /* for latencies; default: lower is slower */
};

struct cause {
    uint32_t difference;                               /* index into compare's list */
    double p;                                          /* of its test, before correction */
    double p_corrected;                                /* after how many were tried (Holm) */
    uint32_t slow_with, slow_all, fast_with, fast_all; /* nodes (for pairs: pairs) */
    struct node_set counter_examples;                  /* carry it and are fast */
    bool majority_slow; /* the other way round: nodes like the others are the slow ones, and the
                           sets above are theirs */
    double effect;      /* METRIC: median with minus median without; PAIRS likewise; SLOW: 0 */
};

#define LIKELY_MAX 8

struct explanation {
    const struct cause *causes; /* best first; those above the level are `explains`.. */
    uint32_t cause_count;
    uint32_t explaining; /* how many of them pass p_corrected <= 0.05 */
    uint32_t tried;
    /* Of the slow nodes that nothing proven is on: what is on some of them and on no node that is
     * well, and does harm as far as rules know, but on too few to prove it; what is on most of them
     * first. Without these and without explaining ones "nothing visible explains it". */
    const struct cause *likely[LIKELY_MAX];
    uint32_t likely_count;
    struct node_set left;     /* slow nodes that neither is on */
    bool none_slow, all_slow; /* by what was given: then nothing can be told apart */
    const struct cause
        *confounders; /* differences in BIOS version, firmware, rack that fit as well */
    uint32_t confounder_count;
    struct node_set slow; /* as used: for METRIC and PAIRS the nodes below the split */
    const char *note;     /* how it was tested, in one sentence */
};

/* NULL when there is no memory. */
struct fleet *fleet_new(const struct fleet_options *options);
void fleet_free(struct fleet *fleet);

/* Load and judge all inputs. Nodes that cannot be read keep an error sentence. Returns 0 or
 * -ENOMEM. Called once. */
int fleet_load(struct fleet *fleet, const struct inputs *inputs, struct err *err);

/* Judge and keep one node that was built in memory over fleet_pool; the next fleet_node. The node
 * itself may go afterwards. Instead of fleet_load; one thread. Returns 0 or a negative
 * errno. */
int fleet_add_node(struct fleet *fleet, struct node *node, const struct topo *topo,
                   struct err *err);
struct fact_pool *fleet_pool(const struct fleet *fleet);

size_t fleet_node_count(const struct fleet *fleet);
const struct fleet_node *fleet_node(const struct fleet *fleet, size_t index);
size_t fleet_cohort_count(const struct fleet *fleet);
const struct fleet_cohort *fleet_cohort(const struct fleet *fleet, size_t index);

/* Find, fold and rank the differences. Returns 0 or a negative errno. The list belongs to the
 * fleet; asking again gives the same. Adds cohorts and findings about values that must not occur
 * twice to the nodes. */
int fleet_compare(struct fleet *fleet, const struct difference **out, size_t *count,
                  struct err *err);

/* Score the differences (fleet_compare first). Returns 0 or a negative errno. */
int fleet_explain(struct fleet *fleet, const struct symptom *symptom, struct explanation *out,
                  struct err *err);

#endif
