/* fleetgen/fleetgen - fleets of synthetic nodes with one planted cause, from a seed.
 *
 * The same spec gives the same bytes everywhere. A fleet is made in memory: gen_node fills a tree
 * (facts/tree.h) as if a folder had been read; gen_write puts folders on a disk. */
#ifndef FLEETGEN_FLEETGEN_H
#define FLEETGEN_FLEETGEN_H

#include "base/err.h"
#include "facts/tree.h"
#include "mutate.h"
#include "render.h"
#include "texts.h"

#define GEN_NODES_MAX   100000
#define GEN_SOURCES_MAX 32
#define GEN_BATCHES     4

struct gen_spec {
    const char *model; /* "hgx-h100" */
    bool lean;         /* without the CPUs' integrated functions: less text */
    uint32_t nodes;    /* up to GEN_NODES_MAX */
    uint64_t seed;
    uint32_t bad;         /* nodes that carry the mutation */
    const char *mutation; /* id, or NULL: a healthy fleet */
    double wrong_labels;  /* share of the slow labels that point at a healthy node */
    struct noise_share noise;
    bool batches;     /* BIOS, firmware and DIMM batches that have nothing to do with the cause */
    uint32_t sources; /* bit i: source i of text_source_at is written; 0: all */
};

/* The noise that a real fleet shows. */
struct noise_share gen_noise(void);

struct gen_fleet;

/* The renderer is not owned; one renderer may serve many fleets of one thread (its templates are
 * kept, which makes later fleets cheaper). NULL with *err set: -EINVAL for a spec that can't be,
 * -ENOENT without lspci, -ENOMEM. */
struct gen_fleet *gen_new(const struct gen_spec *spec, struct renderer *renderer, struct err *err);
void gen_free(struct gen_fleet *fleet);

const struct gen_spec *gen_spec_of(const struct gen_fleet *fleet);
const struct mutation *gen_mutation(const struct gen_fleet *fleet); /* NULL: healthy */
int gen_which(const struct gen_fleet *fleet); /* the GPU or NIC number the fault is at */

/* About node `index`. */
void gen_name(const struct gen_fleet *fleet, uint32_t index, char out[16]); /* "n001" */
bool gen_is_bad(const struct gen_fleet *fleet, uint32_t index);
bool gen_is_labelled_slow(const struct gen_fleet *fleet, uint32_t index);
double gen_bandwidth(const struct gen_fleet *fleet, uint32_t index); /* GB/s, with noise */

/* A pair of nodes and what was measured between them: slow if either end is bad. */
double gen_pair_bandwidth(const struct gen_fleet *fleet, uint32_t a, uint32_t b);

/* One node's outputs. Zero-initialise; gen_node_done frees. A node may be filled again and again;
 * the tree's bytes live until then. */
struct gen_node {
    struct node_noise noise;
    struct host_facts host;
    struct buf texts[GEN_SOURCES_MAX];
    struct tree_entry entries[GEN_SOURCES_MAX];
    struct tree tree;
    char name[16];
};

/* Returns 0 or -ENOMEM. Several threads may fill nodes of one fleet, each its own gen_node. */
int gen_node(const struct gen_fleet *fleet, uint32_t index, struct gen_node *node);
void gen_node_done(struct gen_node *node);

/* The kind of node that `index` is: its machine and templates. */
const struct variant *gen_variant(const struct gen_fleet *fleet, uint32_t index);

#endif
