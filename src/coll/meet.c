#include "coll/meet.h"

#include "base/clock.h"
#include "coll/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_MAX 200
#define LATE_MS        5000       /* rank 0 waits for cards; the others so much longer for it */
#define MISSING        UINT32_MAX /* in place of a length: the next word is who has not come */

int meet_open(struct meet *meet, const struct coll_options *options, struct err *err)
{
    const char *name = options->name ? options->name : "";

    *meet = (struct meet){.store = {.fd = -1},
                          .host = options->store_host,
                          .port = options->store_port,
                          .name = name,
                          .rank = options->rank,
                          .size = options->size,
                          .meet_ms = options->meet_ms ? options->meet_ms : COLL_MEET_MS};
    meet->deadline_ms = clock_now_ms() + meet->meet_ms;
    if (!options->store_host || !options->store_port)
        return err_set(err, -EINVAL, "%zu ranks need a store to meet at", options->size);
    if (strlen(name) > NAME_BYTES_MAX)
        return err_set(err, -EINVAL, "the group's name has more than %d bytes", NAME_BYTES_MAX);
    return store_client_open(&meet->store, meet->host, meet->port, meet->deadline_ms, err);
}

void meet_close(struct meet *meet)
{
    store_client_close(&meet->store);
}

static const char *key_of(const struct meet *meet, const char *who, char *key)
{
    (void)snprintf(key, STORE_CLIENT_KEY_MAX, "coll/%s/%u/%s", meet->name, meet->round, who);
    return key;
}

static const char *key_of_rank(const struct meet *meet, size_t rank, char *key)
{
    char who[24];

    (void)snprintf(who, sizeof(who), "%zu", rank);
    return key_of(meet, who, key);
}

static int missing(const struct meet *meet, size_t rank, struct err *err)
{
    return err_set(err, -ETIMEDOUT, "rank %zu of %zu has not come within %g s", rank, meet->size,
                   (double)meet->meet_ms / 1000);
}

/* Add rank i's card, with its length in front, to the list. */
static int collect_one(struct meet *meet, size_t i, char *list, size_t *at, struct err *err)
{
    char key[STORE_CLIENT_KEY_MAX];
    size_t len;
    void *card;
    uint32_t word;
    int r = store_client_get_any(&meet->store, key_of_rank(meet, i, key), meet_card_max(meet->size),
                                 &card, &len, meet->deadline_ms, err);

    if (r < 0)
        return r;
    word = (uint32_t)len;
    memcpy(list + *at, &word, 4);
    memcpy(list + *at + 4, card, len);
    *at += 4 + len;
    free(card);
    return 0;
}

/* All cards, or who is missing. (A connection that still waits for a key can't be used to say so:
 * it takes a new one.) */
static int collect(struct meet *meet, char *list, size_t *len, struct err *err)
{
    for (size_t i = 0; i < meet->size; i++) {
        const uint32_t words[2] = {MISSING, (uint32_t)i};
        int r = collect_one(meet, i, list, len, err);

        if (r == -ETIMEDOUT) {
            memcpy(list, words, sizeof(words));
            *len = sizeof(words);
            store_client_close(&meet->store);
            return store_client_open(&meet->store, meet->host, meet->port, 0, err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* Point each card into what `collect` made. */
static int split(const struct meet *meet, const char *list, size_t len, struct meet_card *cards,
                 struct err *err)
{
    size_t at = 0;

    for (size_t i = 0; i < meet->size; i++) {
        uint32_t words[2];

        if (len - at < 4)
            return err_set(err, -EPROTO, "the store's list of ranks is cut off at rank %zu", i);
        memcpy(words, list + at, 4);
        if (words[0] == MISSING && len - at >= 8) {
            memcpy(words, list + at, 8);
            return missing(meet, words[1], err);
        }
        at += 4;
        if (words[0] > len - at)
            return err_set(err, -EPROTO, "the store's list of ranks is cut off in rank %zu", i);
        cards[i] = (struct meet_card){list + at, words[0]};
        at += words[0];
    }
    return 0;
}

/* Rank 0 waits for all cards and gives everybody the list. */
static int give_list(struct meet *meet, char **list, size_t *len, struct err *err)
{
    char key[STORE_CLIENT_KEY_MAX];
    int r;

    *len = 0;
    *list = malloc(meet->size * (4 + meet_card_max(meet->size)));
    if (!*list)
        return err_set(err, -ENOMEM, "no memory to meet %zu ranks", meet->size);
    r = collect(meet, *list, len, err);
    if (r == 0)
        r = store_client_set(&meet->store, key_of(meet, "all", key), *list, *len, err);
    if (r < 0)
        free(*list);
    return r;
}

int meet_all(struct meet *meet, const void *mine, size_t len, struct meet_card *cards, void **all,
             struct err *err)
{
    char key[STORE_CLIENT_KEY_MAX], *list;
    size_t list_len;
    int r;

    if (len > meet_card_max(meet->size))
        return err_set(err, -E2BIG, "rank %zu tells %zu bytes; %zu are the limit", meet->rank, len,
                       meet_card_max(meet->size));
    r = store_client_set(&meet->store, key_of_rank(meet, meet->rank, key), mine, len, err);
    if (r == 0 && meet->rank == 0) {
        r = give_list(meet, &list, &list_len, err);
    } else if (r == 0) {
        r = store_client_get_any(&meet->store, key_of(meet, "all", key),
                                 meet->size * (4 + meet_card_max(meet->size)), (void **)&list,
                                 &list_len, meet->deadline_ms + LATE_MS, err);
        if (r == -ETIMEDOUT)
            return missing(meet, 0, err);
    }
    if (r < 0)
        return r;
    meet->round++;
    r = split(meet, list, list_len, cards, err);
    if (r < 0)
        free(list);
    else
        *all = list;
    return r;
}

int meet_agree(struct meet *meet, int r, struct err *err)
{
    struct meet_card *cards = calloc(meet->size, sizeof(*cards));
    struct {
        int32_t r;
        char text[300];
    } mine = {.r = r}, theirs;
    void *all;
    int met;

    if (!cards)
        return err_set(err, -ENOMEM, "no memory to meet %zu ranks", meet->size);
    if (r < 0 && err)
        (void)snprintf(mine.text, sizeof(mine.text), "%s", err->text);
    met = meet_all(meet, &mine, sizeof(mine), cards, &all, err);
    for (size_t i = 0; met == 0 && i < meet->size; i++) {
        if (cards[i].len != sizeof(theirs))
            met = err_set(err, -EPROTO, "rank %zu is another version of this program", i);
        else
            memcpy(&theirs, cards[i].p, sizeof(theirs));
        if (met == 0 && theirs.r < 0)
            met = err_set(err, theirs.r, "rank %zu: %.299s", i, theirs.text);
        if (met < 0)
            free(all);
    }
    if (met == 0)
        free(all);
    free(cards);
    return met;
}
