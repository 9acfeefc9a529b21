/* train/reduce - the sum of the shards' gradients in a fixed tree, whoever computed them.
 *
 * The tree over `shards` leaves: at each level neighbours (2i, 2i+1) are added, an odd one out goes
 * up as it is. A rank owns a run of leaves, adds what is complete below it, and sends to the owner
 * of each range the parts that are left; the owner adds those in the tree's order. So the sum has
 * the same bits on any number of ranks. */
#ifndef TRAIN_REDUCE_H
#define TRAIN_REDUCE_H

#include "coll/coll.h"
#include "kernels/exec.h"

/* The leaves of rank `rank` of `ranks`: [*begin, *end), as even as can be. */
void reduce_share(size_t shards, size_t rank, size_t ranks, size_t *begin, size_t *end);

/* The items [*begin, *end) of a vector of `items` that rank `rank` owns; whole FLAT_BLOCKs. */
void reduce_range(uint64_t items, size_t rank, size_t ranks, uint64_t *begin, uint64_t *end);

/* The bytes that the rank with most of them takes in reduce_new. */
uint64_t reduce_bytes(size_t shards, uint64_t items, size_t ranks);

struct reduce;

/* Memory for as many partial sums as this rank can have at once. */
int reduce_new(const struct exec *exec, struct coll *coll, size_t shards, uint64_t items,
               struct reduce **out, struct err *err);
void reduce_free(struct reduce *reduce);

/* Where the next shard's gradient goes; then it is pushed. */
float *reduce_slot(struct reduce *reduce);
void reduce_push(struct reduce *reduce);

/* All of this rank's shards are pushed: exchange, add. Returns the sum of this rank's range (items
 * [begin, end) of reduce_range), which stays valid until the next reduce_slot; NULL with *err. */
float *reduce_finish(struct reduce *reduce, struct err *err);

#endif
