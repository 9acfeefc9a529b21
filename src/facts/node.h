/* facts/node - one node: where its facts come from, what they are about, and what was not seen.
 *
 * A node holds subjects (the host itself, each PCI device, each RDMA port ...); a subject carries
 * references to fact blocks; a reference says in which source and from which line on the block
 * stands. Everything a node holds lives in its own arena and in the builder's pool. One thread. */
#ifndef FACTS_NODE_H
#define FACTS_NODE_H

#include "base/arena.h"
#include "facts/facts.h"
#include "facts/tree.h"

/* Kinds of things that facts are about, and how their names are written. */
enum subject_kind {
    SUBJECT_HOST,    /* "" */
    SUBJECT_PCI,     /* "0000:19:00.0": domain always, lower case */
    SUBJECT_IB_PORT, /* "mlx5_0/1": RDMA device and port */
    SUBJECT_NET,     /* "eth0" */
    SUBJECT_DIMM,    /* the locator: "DIMM_P0_A0" */
    SUBJECT_NUMA,    /* "0" */
    SUBJECT_KINDS,
};

/* The kind's word in paths and output: "host", "pci", "ib", "net", "dimm", "numa". */
const char *subject_kind_name(enum subject_kind kind);

struct fact_ref {
    const struct fact_block *block;
    uint32_t line;    /* of the block's first line in the source, from 1; bytes: offset */
    uint16_t source;  /* index into node->sources */
    uint16_t ordinal; /* how many blocks of the same name it had before from the same source: a card
                         may have two vendor capabilities; two sources tell of one thing */
};

struct subject {
    enum subject_kind kind;
    const char *name;
    uint64_t bdf; /* PCI: domain << 16 | bus << 8 | device << 3 | function; RDMA port and network
                     interface: of the function they stand on, where known; else 0 */
    struct fact_ref *refs;
    uint32_t count, space;
};

struct source {
    const char *name; /* the file as the user named it, or "n001.snap:lspci.txt" */
    const char *kind; /* "lspci", "config", "dmesg" ...: the parser that read it */
    struct str text;  /* the bytes; owned by the node's arena or by whoever made the node; may be
                         empty when they were not kept */
    const uint32_t
        *lines;         /* line i of `text` (from 0) was line lines[i] of the file; NULL: i + 1 */
    uint32_t line_base; /* lines of the file before `text`, when that is a part of a file */
    bool binary;        /* lines are byte offsets */
};

/* Something that could not be seen, and why: printed as unknown, never taken for clean. */
struct unseen {
    const char *what;  /* "PCI capabilities", "BIOS version" */
    const char *why;   /* "lspci ran without root" */
    const char *block; /* globs of block names, separated by blanks, whose absence means nothing:
                          "ACS AER"; NULL: none */
    int subject;       /* index of the subject it is about, -1: the node */
    int source;        /* index, -1: none */
};

struct node {
    struct arena *arena;
    struct fact_builder *builder; /* not owned */
    struct fact_pool *pool;       /* not owned */
    const char *name;
    struct subject *subjects; /* subjects[0] is the host */
    uint32_t subject_count, subject_space;
    uint32_t *pci_index; /* open hash table from bdf to subject; 0: free (subject 0 is the host) */
    uint32_t pci_count, pci_space;
    struct source *sources;
    uint32_t source_count, source_space;
    struct unseen *unseen;
    uint32_t unseen_count, unseen_space;
    bool failed; /* there was no memory for something: node_ok tells */
};

/* Bounds on what one node's files can make grow. */
#define NODE_BYTES_MAX    ((size_t)1 << 30)
#define NODE_SUBJECTS_MAX 65536
#define NODE_SOURCES_MAX  65535
#define NODE_UNSEEN_MAX   4096

/* NULL when there is no memory. `name` is copied. */
struct node *node_new(struct fact_builder *builder, const char *name);
void node_free(struct node *node);

/* 0, or -ENOMEM when anything since node_new did not fit. */
int node_ok(const struct node *node);

/* Each returns an index; on no memory it sets node->failed and returns 0 (host, first source). */
uint16_t node_source(struct node *node, const char *name, const char *kind, struct str text);
/* The source of a tree's entry: "n001.snap:proc/cmdline", "fleet/n001/proc/cmdline". */
uint16_t node_tree_source(struct node *node, const struct tree *tree,
                          const struct tree_entry *entry, const char *kind);
uint32_t node_subject(struct node *node, enum subject_kind kind, struct str name);
uint32_t node_pci(struct node *node, uint64_t bdf); /* the subject of a PCI function */

/* The subject's index, or -1. */
int node_find(const struct node *node, enum subject_kind kind, struct str name);
int node_find_pci(const struct node *node, uint64_t bdf);

/* Give a subject a block (NULL: sets failed). */
void node_attach(struct node *node, uint32_t subject, const struct fact_block *block,
                 uint16_t source, uint32_t line);

void node_add_unseen(struct node *node, int subject, int source, const char *block,
                     const char *what, const char *why);

/* Does it explain why a block of this name is absent? */
bool unseen_covers(const struct unseen *unseen, struct str block);

/* A fact and where it stands. */
struct fact_at {
    const struct fact *fact; /* NULL: the subject has no such fact */
    const struct fact_ref *ref;
};

/* The first fact with this key on the subject. */
struct fact_at node_fact(const struct node *node, uint32_t subject, uint32_t key);

/* The first block of this name on the subject, or NULL. */
const struct fact_ref *node_block(const struct node *node, uint32_t subject, uint32_t name);

/* Where a fact stands: line number in the file (or byte offset), and the line's text without blanks
 * at its ends; empty when the source's bytes were not kept or are binary. */
uint32_t node_fact_line(const struct node *node, struct fact_at at);
struct str node_fact_text(const struct node *node, struct fact_at at);

/* "0000:19:00.0", "19:00.0" (domain 0) to a bdf and back. -EINVAL when it is none. `out` has room
 * for BDF_TEXT_MAX bytes. Domains may have up to 8 digits. */
#define BDF_TEXT_MAX 20
int bdf_parse(struct str text, uint64_t *bdf);
void bdf_print(uint64_t bdf, char out[BDF_TEXT_MAX]);

#endif
