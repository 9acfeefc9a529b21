/* fleetgen/fleetgen - fleets of synthetic nodes with one planted cause, from a seed.
 *
 * The same spec gives the same bytes everywhere. A fleet is made in memory: fleet_node fills a tree
 * (facts/tree.h) as if a folder had been read; fleet_write puts folders on a disk. */
#ifndef FLEETGEN_FLEETGEN_H
#define FLEETGEN_FLEETGEN_H

#include "base/err.h"
#include "facts/tree.h"
#include "mutate.h"
#include "render.h"
#include "texts.h"

#define FLEET_NODES_MAX   100000
#define FLEET_SOURCES_MAX 32
#define FLEET_BATCHES     4

struct fleet_spec {
    const char *model; /* "hgx-h100" */
    bool lean;         /* without the CPUs' integrated functions: half the text */
    uint32_t nodes;    /* up to FLEET_NODES_MAX */
    uint64_t seed;
    uint32_t bad;         /* nodes that carry the mutation */
    const char *mutation; /* id, or NULL: a healthy fleet */
    double wrong_labels;  /* share of the slow labels that point at a healthy node */
    struct noise_share noise;
    bool batches;     /* BIOS, firmware and DIMM batches that have nothing to do with the cause */
    uint32_t sources; /* bit i: source i of text_source_at is written; 0: all */
};

/* The noise that a real fleet shows. */
struct noise_share fleet_noise(void);

struct fleet;

/* The renderer is not owned; one renderer may serve many fleets of one thread (its templates are
 * kept, which makes later fleets cheaper). NULL with *err set: -EINVAL for a spec that can't be,
 * -ENOENT without lspci, -ENOMEM. */
struct fleet *fleet_new(const struct fleet_spec *spec, struct renderer *renderer, struct err *err);
void fleet_free(struct fleet *fleet);

const struct fleet_spec *fleet_spec_of(const struct fleet *fleet);
const struct mutation *fleet_mutation(const struct fleet *fleet); /* NULL: healthy */
int fleet_which(const struct fleet *fleet); /* the GPU or NIC number the fault is at */

/* About node `index`. */
void fleet_name(const struct fleet *fleet, uint32_t index, char out[16]); /* "n001" */
bool fleet_is_bad(const struct fleet *fleet, uint32_t index);
bool fleet_is_labelled_slow(const struct fleet *fleet, uint32_t index);
double fleet_bandwidth(const struct fleet *fleet, uint32_t index); /* GB/s, with noise */

/* A pair of nodes and what was measured between them: slow if either end is bad. */
double fleet_pair_bandwidth(const struct fleet *fleet, uint32_t a, uint32_t b);

/* One node's outputs. Zero-initialise; fleet_node_done frees. A node may be filled again and again;
 * the tree's bytes live until then. */
struct fleet_node {
    struct node_noise noise;
    struct host_facts host;
    struct buf texts[FLEET_SOURCES_MAX];
    struct tree_entry entries[FLEET_SOURCES_MAX];
    struct tree tree;
    char name[16];
};

/* Returns 0 or -ENOMEM. */
int fleet_node(const struct fleet *fleet, uint32_t index, struct fleet_node *node);
void fleet_node_done(struct fleet_node *node);

/* The kind of node that `index` is: its machine and templates. */
const struct variant *fleet_variant(const struct fleet *fleet, uint32_t index);

#endif
