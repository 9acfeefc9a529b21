/* Which back end it will be. */
#include "coll/parts.h"

#include <errno.h>

int coll_open(const struct coll_options *options, struct coll **out, struct err *err)
{
    if (options->size == 0 || options->size > COLL_RANKS_MAX || options->rank >= options->size)
        return err_set(err, -EINVAL, "rank %zu of %zu: a group has 1 to %d ranks, from 0",
                       options->rank, options->size, COLL_RANKS_MAX);
    if (options->size == 1)
        return coll_open_self(out, err);
    return err_set(err, -ENOTSUP, "several ranks of different processes can't meet yet");
}
