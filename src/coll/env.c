/* What the launcher says of this rank. */
#include "base/str.h"
#include "coll/coll.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 128

/* `name` as a number below `end`; `absent` when it is not set. */
static int number(const char *name, uint64_t end, uint64_t absent, uint64_t *out, struct err *err)
{
    const char *text = getenv(name);

    *out = absent;
    if (!text)
        return 0;
    if (str_to_u64(str_of(text), 10, out) < 0 || *out >= end)
        return err_set(err, -EINVAL, "%s=%.40s is not a whole number below %llu", name, text,
                       (unsigned long long)end);
    return 0;
}

int coll_options_from_env(struct coll_options *options, struct err *err)
{
    static char name[NAME_MAX_BYTES];
    const char *run = getenv("TORCHELASTIC_RUN_ID");
    uint64_t rank, size, attempt;
    int r;

    *options = (struct coll_options){.size = 1, .backend = "auto"};
    if (!getenv("RANK"))
        return 0;
    r = number("RANK", COLL_RANKS_MAX, 0, &rank, err);
    if (r == 0)
        r = number("WORLD_SIZE", COLL_RANKS_MAX + 1, 1, &size, err);
    if (r == 0)
        r = number("TORCHELASTIC_RESTART_COUNT", (uint64_t)1 << 32, 0, &attempt, err);
    if (r < 0)
        return r;
    if (rank >= size)
        return err_set(err, -EINVAL, "RANK=%llu, but WORLD_SIZE=%llu: ranks count from 0",
                       (unsigned long long)rank, (unsigned long long)size);
    options->rank = rank;
    options->size = size;
    options->store_host = getenv("MASTER_ADDR");
    options->store_port = getenv("MASTER_PORT");
    if (size > 1 && (!options->store_host || !options->store_port))
        return err_set(err, -EINVAL, "WORLD_SIZE=%llu, but %s is not set: where do ranks meet?",
                       (unsigned long long)size,
                       options->store_host ? "MASTER_PORT" : "MASTER_ADDR");
    if (run && strlen(run) > 64)
        return err_set(err, -EINVAL, "TORCHELASTIC_RUN_ID has more than 64 bytes");
    (void)snprintf(name, sizeof(name), "%s.%llu", run ? run : "run", (unsigned long long)attempt);
    options->name = name;
    return 0;
}
