#include "coll/meet.h"

#include "base/clock.h"
#include "coll/parts.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define NAME_BYTES_MAX 200
#define LATE_MS        5000 /* the hub says who is late; without a word from it so much later */
#define VERDICT_MS     100  /* for a word of rank 0 to reach the store */
#define MAGIC          0x31425548u

/* What rank 0 puts into the store. */
struct place {
    uint32_t magic;
    uint16_t family, port; /* family 0: on the store's own host */
    uint8_t address[16];   /* IPv4 takes 4 */
    uint64_t token;
    struct fall fall; /* why is not FALL_NONE: who comes now comes too late */
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int late(const struct meet *meet, uint32_t rank, struct err *err)
{
    return err_set(err, -ETIMEDOUT, "rank %u of %zu has not come within %g s", rank,
                   meet->options->size, (double)meet->meet_ms / 1000);
}

static int fallen(const struct meet *meet, const struct fall *fall, struct err *err)
{
    return fall->why == FALL_LATE ? late(meet, fall->rank, err) : fall_say(fall, err);
}

static void note(const struct meet *meet, const char *text)
{
    if (meet->options->note)
        meet->options->note(meet->options->note_arg, text);
}

static bool is_loopback(const union address *at)
{
    if (at->any.sa_family == AF_INET)
        return ntohl(at->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&at->v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&at->v6.sin6_addr) && at->v6.sin6_addr.s6_addr[12] == 127);
}

/* Where others find this host: at the address by which it reaches the store. When that is loopback
 * they find it where they find the store. */
static int place_of_this(const struct meet *meet, struct place *place, struct err *err)
{
    union address at = {0};
    socklen_t len = sizeof(at);

    *place = (struct place){.magic = MAGIC};
    if (getsockname(meet->store.fd, &at.any, &len) < 0)
        return err_set(err, -errno, "the address of rank 0: %s", strerror(errno));
    if (getrandom(&place->token, sizeof(place->token), 0) != sizeof(place->token))
        return err_set(err, -EIO, "no random number to meet by");
    if (is_loopback(&at))
        return at.any.sa_family;
    place->family = at.any.sa_family;
    if (at.any.sa_family == AF_INET6)
        memcpy(place->address, &at.v6.sin6_addr, 16);
    else
        memcpy(place->address, &at.v4.sin_addr, 4);
    return at.any.sa_family;
}

static int start_hub(struct meet *meet, struct err *err)
{
    struct place place;
    int family = place_of_this(meet, &place, err), r;

    if (family < 0)
        return family;
    r = watch_start_hub(&meet->watch, meet->options->size, place.token, meet->meet_ms, family,
                        &place.port, err);
    return r == 0 ? store_client_set(&meet->store, meet->key, &place, sizeof(place), err) : r;
}

/* Rank 0: who comes later must hear who was first to fall, though the hub has gone. */
static void tell_latecomers(struct meet *meet)
{
    const struct place place = {.magic = MAGIC, .fall = meet->watch.fall};

    if (meet->store.fd >= 0 && place.fall.why != FALL_NONE)
        (void)store_client_set(&meet->store, meet->key, &place, sizeof(place), NULL);
}

/* Where the hub is. When that takes long, rank 1 says so for all. (A connection that still waits
 * for a key is of no more use: it takes a new one.) */
static int find_place(struct meet *meet, struct place *place, struct err *err)
{
    int64_t note_ms = clock_now_ms() + HUB_NOTE_MS, end_ms = meet->deadline_ms;
    bool patient = meet->options->rank != 1 || note_ms >= end_ms;
    int r = store_client_get(&meet->store, meet->key, place, sizeof(*place),
                             patient ? end_ms : note_ms, err);

    if (r == -ETIMEDOUT && !patient) {
        note(meet, "waiting for rank 0");
        store_client_close(&meet->store);
        r = store_client_open(&meet->store, meet->options->store_host, meet->options->store_port,
                              meet->deadline_ms, err);
        if (r == 0)
            r = store_client_get(&meet->store, meet->key, place, sizeof(*place), end_ms, err);
    }
    return r == -ETIMEDOUT ? late(meet, 0, err) : r;
}

/* The hub is gone. Has rank 0 said in the store who fell first? That may just be on its way. */
static bool find_verdict(struct meet *meet)
{
    struct place place;

    (void)poll(NULL, 0, VERDICT_MS);
    if (store_client_get(&meet->store, meet->key, &place, sizeof(place), clock_now_ms() + LATE_MS,
                         NULL) < 0)
        return false;
    if (place.fall.why != FALL_NONE)
        meet->watch.fall = place.fall;
    return place.fall.why != FALL_NONE;
}

static int join_hub(struct meet *meet, struct err *err)
{
    struct place place;
    union address at = {0};
    socklen_t len = sizeof(at);
    int r = find_place(meet, &place, err);

    if (r < 0)
        return r;
    if (place.magic != MAGIC)
        return err_set(err, -EPROTO, "rank 0 is another version of this program");
    if (place.fall.why != FALL_NONE)
        return fallen(meet, &place.fall, err);
    if (getpeername(meet->store.fd, &at.any, &len) < 0)
        return err_set(err, -errno, "the address of the store: %s", strerror(errno));
    if (place.family != 0) {
        at = (union address){.any.sa_family = place.family};
        if (place.family == AF_INET6)
            memcpy(&at.v6.sin6_addr, place.address, 16);
        else
            memcpy(&at.v4.sin_addr, place.address, 4);
    }
    if (at.any.sa_family == AF_INET6)
        at.v6.sin6_port = htons(place.port);
    else
        at.v4.sin_port = htons(place.port);
    r = watch_connect(&meet->watch, meet->options->rank, meet->options->size, place.token, &at.any,
                      at.any.sa_family == AF_INET6 ? sizeof(at.v6) : sizeof(at.v4), err);
    return r < 0 && find_verdict(meet) ? fallen(meet, &meet->watch.fall, err) : r;
}

int meet_open(struct meet *meet, const struct coll_options *options, struct err *err)
{
    const char *name = options->name ? options->name : "";
    int r;

    *meet = (struct meet){.store = {.fd = -1},
                          .watch = {.fd = -1},
                          .options = options,
                          .meet_ms = options->meet_ms ? options->meet_ms : COLL_MEET_MS};
    meet->deadline_ms = clock_now_ms() + meet->meet_ms;
    if (!options->store_host || !options->store_port)
        return err_set(err, -EINVAL, "%zu ranks need a store to meet at", options->size);
    if (strlen(name) > NAME_BYTES_MAX)
        return err_set(err, -EINVAL, "the group's name has more than %d bytes", NAME_BYTES_MAX);
    (void)snprintf(meet->key, sizeof(meet->key), "coll/%s/hub", name);
    r = store_client_open(&meet->store, options->store_host, options->store_port, meet->deadline_ms,
                          err);
    if (r == 0)
        r = options->rank == 0 ? start_hub(meet, err) : join_hub(meet, err);
    return r;
}

void meet_close(struct meet *meet, int r)
{
    if (r < 0 && meet->watch.fall.why == FALL_NONE)
        watch_blame(&meet->watch, meet->options->rank, FALL_FAILED,
                    meet->options->rank == 0 ? HUB_SUSPECT_MS : 0);
    if (r < 0 && meet->options->rank == 0)
        tell_latecomers(meet);
    watch_close(&meet->watch);
    store_client_close(&meet->store);
}

/* "waiting for rank 3 and 4 others of 8" */
static void say_waiting(const struct meet *meet, const void *bytes, size_t len)
{
    struct hub_waiting waiting;
    char others[40] = "", text[120];

    if (len != sizeof(waiting))
        return;
    memcpy(&waiting, bytes, sizeof(waiting));
    if (waiting.missing > 1)
        (void)snprintf(others, sizeof(others), " and %u other%s", waiting.missing - 1,
                       waiting.missing > 2 ? "s" : "");
    (void)snprintf(text, sizeof(text), "waiting for rank %u%s of %zu", waiting.rank, others,
                   meet->options->size);
    note(meet, text);
}

/* Point each card into the hub's list. */
static int split(const struct meet *meet, const char *list, size_t len, struct meet_card *cards,
                 struct err *err)
{
    size_t at = 0;

    for (size_t i = 0; i < meet->options->size; i++) {
        uint32_t bytes;

        if (len - at < sizeof(bytes))
            return err_set(err, -EPROTO, "rank 0's list of ranks is cut off at rank %zu", i);
        memcpy(&bytes, list + at, sizeof(bytes));
        at += sizeof(bytes);
        if (bytes > len - at)
            return err_set(err, -EPROTO, "rank 0's list of ranks is cut off in rank %zu", i);
        cards[i] = (struct meet_card){list + at, bytes};
        at += bytes;
    }
    return 0;
}

/* The round's list, or who has fallen. */
static int read_list(struct meet *meet, void **list, size_t *len, struct err *err)
{
    const struct fall *fall = &meet->watch.fall;
    int64_t end_ms = clock_now_ms() + meet->meet_ms + LATE_MS;

    for (;;) {
        int r = watch_read(&meet->watch, list, len, end_ms);

        if (r == HUB_LIST)
            return 0;
        if (r == -ECONNRESET) {
            if (fall->rank == 0 && fall->why == FALL_DIED)
                (void)find_verdict(meet);
            return fallen(meet, fall, err);
        }
        if (r == -ETIMEDOUT)
            return late(meet, 0, err);
        if (r < 0)
            return err_set(err, r, "rank 0: %s", strerror(-r));
        if (r == HUB_WAITING)
            say_waiting(meet, *list, *len);
        free(*list);
    }
}

int meet_all(struct meet *meet, const void *mine, size_t len, struct meet_card *cards, void **all,
             struct err *err)
{
    size_t max = hub_card_max(meet->options->size), list_len;
    void *list;
    int r;

    if (len > max)
        return err_set(err, -E2BIG, "rank %zu tells %zu bytes; %zu are the limit",
                       meet->options->rank, len, max);
    (void)watch_send(&meet->watch, HUB_CARD, mine, len); /* when it fails, reading says why */
    r = read_list(meet, &list, &list_len, err);
    if (r < 0)
        return r;
    r = split(meet, list, list_len, cards, err);
    if (r < 0)
        free(list);
    else
        *all = list;
    return r;
}

int meet_agree(struct meet *meet, int r, struct err *err)
{
    size_t size = meet->options->size;
    struct meet_card *cards = calloc(size, sizeof(*cards));
    struct {
        int32_t r;
        char text[300];
    } mine = {.r = r}, theirs;
    void *all = NULL;
    int met;

    if (!cards)
        return err_set(err, -ENOMEM, "no memory to meet %zu ranks", size);
    if (r < 0 && err)
        (void)snprintf(mine.text, sizeof(mine.text), "%s", err->text);
    met = meet_all(meet, &mine, sizeof(mine), cards, &all, err);
    for (size_t i = 0; met == 0 && i < size; i++) {
        if (cards[i].len != sizeof(theirs)) {
            met = err_set(err, -EPROTO, "rank %zu is another version of this program", i);
            break;
        }
        memcpy(&theirs, cards[i].p, sizeof(theirs));
        if (theirs.r < 0)
            met = err_set(err, theirs.r, "rank %zu: %.299s", i, theirs.text);
    }
    free(all);
    free(cards);
    return met;
}
