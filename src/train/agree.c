/* Ranks that differ from each other in what they were told, or in bits that should be the same. */
#include "base/hash.h"
#include "train/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What may differ from rank to rank: neither changes a bit. The level is looked at as what it has
 * become. */
static bool is_own(const char *key)
{
    return !strcmp(key, "train.threads") || !strcmp(key, "train.kernels");
}

/* A hash of each setting, then of the level and of the data. */
static void fill_hashes(const struct train *train, uint64_t *out)
{
    size_t count;
    const struct setting *settings = train_settings(&count);
    const char *level = kernel_level_name(train->exec.level);

    for (size_t i = 0; i < count; i++) {
        struct buf text = {0};

        setting_print(&settings[i], train->config, &text);
        out[i] = is_own(settings[i].key) ? 0 : hash64(text.p, text.len);
        buf_done(&text);
    }
    out[count] = hash64(level, strlen(level));
    out[count + 1] = dataset_hash(train->data);
}

static int tell_difference(size_t rank, size_t which, struct err *err)
{
    size_t count;
    const struct setting *settings = train_settings(&count);

    if (which < count)
        return err_set(err, -EINVAL, "ranks 0 and %zu were told different values of %s", rank,
                       settings[which].key);
    if (which == count)
        return err_set(err, -EINVAL,
                       "ranks 0 and %zu run on CPUs of different kernel levels, whose bits differ: "
                       "name one that both have by train.kernels",
                       rank);
    return err_set(err, -EINVAL, "ranks 0 and %zu see different data", rank);
}

int train_agree(struct train *train, struct err *err)
{
    size_t ranks = coll_size(train->coll), count;
    uint64_t *own, *all;
    int r;

    (void)train_settings(&count);
    own = calloc(count + 2, sizeof(*own));
    all = calloc(ranks * (count + 2), sizeof(*all));
    if (own && all) {
        fill_hashes(train, own);
        r = coll_gather(train->coll, own, (count + 2) * sizeof(*own), all, err);
    } else {
        r = err_set(err, -ENOMEM, "no memory to compare the ranks' settings");
    }
    for (size_t i = 0; r == 0 && i < ranks * (count + 2); i++)
        if (all[i] != all[i % (count + 2)])
            r = tell_difference(i / (count + 2), i % (count + 2), err);
    free(own);
    free(all);
    return r;
}

/* The rank that more than half of them contradict; `ranks`: it can't be told. */
static size_t odd_one(const uint64_t *hashes, size_t ranks)
{
    size_t odd = ranks, majority = 0, votes = 0;

    for (size_t i = 0; i < ranks; i++) { /* Boyer and Moore: whoever has more than half, stays */
        if (votes == 0)
            majority = i;
        votes += hashes[i] == hashes[majority] ? 1 : (size_t)-1;
    }
    votes = 0;
    for (size_t i = 0; i < ranks; i++) {
        votes += hashes[i] == hashes[majority];
        if (odd == ranks && hashes[i] != hashes[majority])
            odd = i;
    }
    return votes > ranks / 2 ? odd : ranks;
}

/* Every rank has all weights: were they gathered alike? A difference is memory or a wire that
 * lies. */
int train_weights_hash(struct train *train, uint64_t *hash, struct err *err)
{
    size_t ranks = coll_size(train->coll), odd;
    int r;

    *hash = hash64(model_weights(train->model), train->items * sizeof(float));
    r = coll_gather(train->coll, hash, sizeof(*hash), train->hashes, err);
    if (r < 0)
        return r;
    train->known_step = train->step;
    train->known_hash = *hash;
    for (size_t i = 1; i < ranks; i++) {
        if (train->hashes[i] == train->hashes[0])
            continue;
        odd = odd_one(train->hashes, ranks);
        if (odd == ranks)
            return err_set(err, -EBADMSG,
                           "step %lld: the weights of ranks 0 and %zu differ (%016llx, %016llx): "
                           "the memory of one, or a link between them, changes bits",
                           (long long)train->step, i, (unsigned long long)train->hashes[0],
                           (unsigned long long)train->hashes[i]);
        return err_set(err, -EBADMSG,
                       "step %lld: the weights of rank %zu (%016llx) are not those of the others: "
                       "its memory, or its link, changes bits",
                       (long long)train->step, odd, (unsigned long long)train->hashes[odd]);
    }
    return 0;
}

int train_weights_kept(const struct train *train, struct err *err)
{
    if (train->known_step != train->step ||
        hash64(model_weights(train->model), train->items * sizeof(float)) == train->known_hash)
        return 0;
    return err_set(err, -EBADMSG,
                   "step %lld: weights changed in the memory of rank %zu while it computed with "
                   "them",
                   (long long)train->step + 1, coll_rank(train->coll));
}
