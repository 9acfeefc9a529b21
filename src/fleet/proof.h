/* fleet/proof - the lines behind a finding as text that outlives the node. */
#ifndef FLEET_PROOF_H
#define FLEET_PROOF_H

#include "fleet/fleet.h"
#include "fleet/words.h"

#define PROOFS_MAX     16
#define PROOF_TEXT_MAX 400

/* A place whose line is wanted. */
struct proof_wish {
    struct proof *proof;
    uint32_t subject;
    struct fact_at at; /* fact NULL: the words must do */
    const char *words; /* or NULL */
};

/* Fill the proofs in one pass over each source. Texts go to `words`, source names to `arena`.
 * 0 or -ENOMEM. */
int proofs_fill(struct arena *arena, struct words *words, const struct node *node,
                const struct topo *topo, const struct proof_wish *wishes, size_t count);

#endif
