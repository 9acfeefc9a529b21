/* Which back end it will be. */
#include "base/str.h"
#include "coll/meet.h"
#include "coll/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*open)(const struct coll_options *, struct meet *, struct coll **, struct err *);
} backends[] = {
    {"shm", coll_open_shm},
    {"ucx", coll_open_ucx},
};

/* What a rank tells of itself first. Ranks of one host share memory when they see the same
 * processes. */
struct card {
    char backend[16];
    char boot[40];
    uint64_t pid_namespace;
};

static int card_of_this(const struct coll_options *options, struct card *card, struct err *err)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    FILE *file = fopen(path, "re");
    struct stat at;

    *card = (struct card){0};
    if (!file || !fgets(card->boot, sizeof(card->boot), file)) {
        int r = file ? -EIO : -errno;

        if (file)
            (void)fclose(file);
        return err_set(err, r, "%s: %s", path, strerror(-r));
    }
    (void)fclose(file);
    if (stat("/proc/self/ns/pid", &at) < 0)
        return err_set(err, -errno, "/proc/self/ns/pid: %s", strerror(errno));
    card->pid_namespace = at.st_ino;
    (void)snprintf(card->backend, sizeof(card->backend), "%s", options->backend);
    return 0;
}

/* All ranks must ask for the same. *other: the first rank that shares no memory with rank 0; it
 * stays 0 when all do. */
static int compare(const struct meet_card *cards, size_t size, size_t *other, struct err *err)
{
    struct card first, card;

    for (size_t i = 0; i < size; i++) {
        if (cards[i].len != sizeof(card))
            return err_set(err, -EPROTO, "rank %zu is another version of this program", i);
        memcpy(&card, cards[i].p, sizeof(card));
        card.backend[sizeof(card.backend) - 1] = '\0';
        if (i == 0)
            first = card;
        if (strcmp(card.backend, first.backend) != 0)
            return err_set(err, -EINVAL, "rank %zu wants the back end %s, rank 0 %s", i,
                           card.backend, first.backend);
        if (*other == 0 &&
            (strcmp(card.boot, first.boot) != 0 || card.pid_namespace != first.pid_namespace))
            *other = i;
    }
    return 0;
}

/* The back end that all agree on. */
static int choose(struct meet *meet, const struct coll_options *options, const char **name,
                  struct err *err)
{
    struct meet_card *cards = calloc(options->size, sizeof(*cards));
    struct card mine;
    size_t other = 0;
    void *all = NULL;
    int r = cards ? card_of_this(options, &mine, err)
                  : err_set(err, -ENOMEM, "no memory to meet %zu ranks", options->size);

    if (r == 0)
        r = meet_all(meet, &mine, sizeof(mine), cards, &all, err);
    if (r == 0)
        r = compare(cards, options->size, &other, err);
    free(cards);
    free(all);
    if (r < 0)
        return r;
    *name = options->backend;
    if (strcmp(*name, "auto") == 0)
        *name = other == 0 ? "shm" : "ucx";
    if (strcmp(*name, "shm") == 0 && other != 0)
        return err_set(err, -EINVAL,
                       "ranks 0 and %zu can't share memory: they are on two hosts or in two "
                       "containers; the back end ucx takes them",
                       other);
    return 0;
}

static int open_many(const struct coll_options *options, struct coll **out, struct err *err)
{
    const char *name;
    struct meet meet;
    int r = meet_open(&meet, options, err);

    if (r == 0)
        r = choose(&meet, options, &name, err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(backends); i++)
        if (strcmp(backends[i].name, name) == 0)
            r = backends[i].open(options, &meet, out, err);
    meet_close(&meet, r);
    return r;
}

int coll_open(const struct coll_options *options, struct coll **out, struct err *err)
{
    struct coll_options all = *options;

    if (options->size == 0 || options->size > COLL_RANKS_MAX || options->rank >= options->size)
        return err_set(err, -EINVAL, "rank %zu of %zu: a group has 1 to %d ranks, from 0",
                       options->rank, options->size, COLL_RANKS_MAX);
    if (!all.backend)
        all.backend = "auto";
    if (strcmp(all.backend, "auto") != 0 && strcmp(all.backend, "shm") != 0 &&
        strcmp(all.backend, "ucx") != 0)
        return err_set(err, -EINVAL, "no back end '%s': it is auto, shm or ucx", all.backend);
    if (options->size == 1)
        return coll_open_self(out, err);
    return open_many(&all, out, err);
}
