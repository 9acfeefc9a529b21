#include "coll/hub.h"

#include <errno.h>
#include <stdlib.h>

#define NOBODY SIZE_MAX

struct conn {
    enum { CONN_FREE, CONN_STRANGER, CONN_REFUSED, CONN_MEMBER } state;
    uint32_t rank;
    bool left, has_card;
    int64_t since_ms;
    struct buf in, card;
    size_t list_left; /* bytes of the list still to send */
    char words[64];   /* short messages to send */
    size_t words_len, words_sent;
};

struct hub {
    size_t size;
    uint64_t token;
    int64_t meet_ms, deadline_ms, note_ms; /* of this round; -1: none */
    uint64_t rounds;                       /* done */
    size_t cards;                          /* that have come in this round */
    struct buf list;                       /* of the last round, a whole message */
    struct fall fall, suspect;
    int64_t suspect_ms;
    size_t *members; /* (size): each rank's slot; NOBODY */
    struct conn *conns;
};

struct hub *hub_new(size_t size, uint64_t token, int64_t meet_ms, int64_t now_ms)
{
    struct hub *hub = calloc(1, sizeof(*hub));

    if (!hub)
        return NULL;
    *hub = (struct hub){.size = size,
                        .token = token,
                        .meet_ms = meet_ms,
                        .deadline_ms = now_ms + meet_ms,
                        .note_ms = now_ms + HUB_NOTE_MS,
                        .members = malloc(size * sizeof(*hub->members)),
                        .conns = calloc(hub_slots(size), sizeof(*hub->conns))};
    if (!hub->members || !hub->conns) {
        hub_free(hub);
        return NULL;
    }
    for (size_t i = 0; i < size; i++)
        hub->members[i] = NOBODY;
    return hub;
}

static void conn_done(struct conn *conn)
{
    buf_done(&conn->in);
    buf_done(&conn->card);
    *conn = (struct conn){0};
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    for (size_t i = 0; hub->conns && i < hub_slots(hub->size); i++)
        conn_done(&hub->conns[i]);
    buf_done(&hub->list);
    free(hub->members);
    free(hub->conns);
    free(hub);
}

/* A connection gets few short messages in its life; one that reads none of them is lost without. */
static void send_words(struct conn *conn, enum hub_kind kind, const void *bytes, uint32_t len)
{
    const struct hub_head head = {kind, len};

    if (sizeof(conn->words) - conn->words_len < sizeof(head) + len)
        return;
    memcpy(conn->words + conn->words_len, &head, sizeof(head));
    memcpy(conn->words + conn->words_len + sizeof(head), bytes, len);
    conn->words_len += sizeof(head) + len;
}

/* The first fall counts. But that a rank has come to its end may be as it should, and then a later
 * fall is the first. */
static void decide(struct hub *hub, struct fall fall)
{
    if (hub->fall.why != FALL_NONE && (hub->fall.why != FALL_LEFT || fall.why == FALL_LEFT))
        return;
    hub->fall = fall;
    for (size_t i = 0; i < hub->size; i++)
        if (hub->members[i] != NOBODY)
            send_words(&hub->conns[hub->members[i]], HUB_VERDICT, &fall, sizeof(fall));
}

void hub_accept(struct hub *hub, size_t slot, int64_t now_ms)
{
    hub->conns[slot] = (struct conn){.state = CONN_STRANGER, .since_ms = now_ms};
}

void hub_lost(struct hub *hub, size_t slot, enum fall_why why)
{
    struct conn *conn = &hub->conns[slot];

    if (conn->state == CONN_MEMBER) {
        hub->members[conn->rank] = NOBODY;
        hub->cards -= conn->has_card;
        if (!conn->left)
            decide(hub, (struct fall){.rank = conn->rank, .why = why});
    }
    conn_done(conn);
}

static bool is_passing(const struct conn *conn)
{
    return conn->state == CONN_STRANGER || conn->state == CONN_REFUSED;
}

bool hub_is_stale(const struct hub *hub, size_t slot, int64_t now_ms)
{
    const struct conn *conn = &hub->conns[slot];

    return is_passing(conn) && now_ms - conn->since_ms > HUB_STRANGER_MS;
}

static int take_hello(struct hub *hub, size_t slot, const char *bytes, size_t len, int64_t now_ms)
{
    struct conn *conn = &hub->conns[slot];
    struct hub_hello hello;

    (void)len;
    (void)now_ms;
    memcpy(&hello, bytes, sizeof(hello));
    if (hello.token != hub->token || hello.size != hub->size || hello.rank >= hub->size)
        return -EPROTO;
    if (hub->members[hello.rank] != NOBODY) {
        const struct fall taken = {.rank = hello.rank, .why = FALL_TWICE};

        send_words(conn, HUB_VERDICT, &taken, sizeof(taken));
        conn->state = CONN_REFUSED; /* until it has read that */
        return 0;
    }
    conn->state = CONN_MEMBER;
    conn->rank = hello.rank;
    hub->members[hello.rank] = slot;
    if (hub->fall.why != FALL_NONE)
        send_words(conn, HUB_VERDICT, &hub->fall, sizeof(hub->fall));
    return 0;
}

/* All cards are there: everybody gets the list. */
static void end_round(struct hub *hub)
{
    struct hub_head head = {HUB_LIST, 0};

    buf_clear(&hub->list);
    buf_add(&hub->list, (const char *)&head, sizeof(head));
    for (size_t i = 0; i < hub->size; i++) {
        struct conn *conn = &hub->conns[hub->members[i]];
        uint32_t len = (uint32_t)conn->card.len;

        buf_add(&hub->list, (const char *)&len, sizeof(len));
        buf_add(&hub->list, conn->card.p, conn->card.len);
        conn->has_card = false;
        buf_clear(&conn->card);
    }
    hub->cards = 0;
    hub->rounds++;
    hub->deadline_ms = hub->note_ms = -1;
    if (hub->list.failed) {
        decide(hub, (struct fall){.why = FALL_FAILED});
        return;
    }
    head.bytes = (uint32_t)(hub->list.len - sizeof(head));
    memcpy(hub->list.p, &head, sizeof(head));
    for (size_t i = 0; i < hub->size; i++)
        hub->conns[hub->members[i]].list_left = hub->list.len;
}

static int take_card(struct hub *hub, size_t slot, const char *bytes, size_t len, int64_t now_ms)
{
    struct conn *conn = &hub->conns[slot];

    if (conn->has_card || conn->list_left > 0)
        return -EPROTO;
    buf_add(&conn->card, bytes, len);
    if (conn->card.failed)
        return -ENOMEM;
    conn->has_card = true;
    if (hub->cards++ == 0 && hub->rounds > 0)
        hub->deadline_ms = now_ms + hub->meet_ms;
    if (hub->cards == hub->size)
        end_round(hub);
    return 0;
}

/* Of a rank that can't be reached or sends nothing we may be about to hear that it has left because
 * of a third, or waits for one itself: then that one is it. */
static void suspect(struct hub *hub, struct fall fall, int64_t now_ms)
{
    if (hub->suspect.why != FALL_NONE && hub->suspect.rank != fall.by)
        return;
    hub->suspect = fall;
    hub->suspect_ms = now_ms + HUB_SUSPECT_MS;
}

/* What one rank can know of another, or of itself. */
static bool is_known(const struct fall *fall, size_t size)
{
    switch (fall->why) {
    case FALL_FAILED:
    case FALL_EARLY:
    case FALL_UNREACHED:
    case FALL_STUCK:
        return fall->rank < size;
    default:
        return false;
    }
}

static int take_blame(struct hub *hub, size_t slot, const char *bytes, size_t len, int64_t now_ms)
{
    struct conn *conn = &hub->conns[slot];
    struct fall fall;
    size_t accused;

    (void)len;
    memcpy(&fall, bytes, sizeof(fall));
    fall.by = conn->rank;
    if (!is_known(&fall, hub->size))
        return -EPROTO;
    accused = hub->members[fall.rank];
    if (fall.why == FALL_FAILED || fall.why == FALL_EARLY)
        decide(hub, fall);
    else if (hub->fall.why != FALL_NONE && (accused == NOBODY || hub->conns[accused].left))
        send_words(conn, HUB_VERDICT, &hub->fall, sizeof(hub->fall));
    else
        suspect(hub, fall, now_ms);
    return 0;
}

static int take_leave(struct hub *hub, size_t slot, const char *bytes, size_t len, int64_t now_ms)
{
    struct conn *conn = &hub->conns[slot];

    (void)bytes;
    (void)len;
    (void)now_ms;
    conn->left = true;
    decide(hub, (struct fall){.rank = conn->rank, .why = FALL_LEFT});
    return 0;
}

/* One whole message. */
static int take(struct hub *hub, size_t slot, struct hub_head head, const char *bytes,
                int64_t now_ms)
{
    static int (*const takes[HUB_KINDS])(struct hub *, size_t, const char *, size_t, int64_t) = {
        [HUB_HELLO] = take_hello,
        [HUB_CARD] = take_card,
        [HUB_BLAME] = take_blame,
        [HUB_LEAVE] = take_leave,
    };

    return takes[head.kind](hub, slot, bytes, head.bytes, now_ms);
}

/* May this connection send this now? */
static bool is_welcome(const struct hub *hub, const struct conn *conn, struct hub_head head)
{
    switch (head.kind) {
    case HUB_HELLO:
        return conn->state == CONN_STRANGER && head.bytes == sizeof(struct hub_hello);
    case HUB_CARD:
        return conn->state == CONN_MEMBER && head.bytes <= hub_card_max(hub->size);
    case HUB_BLAME:
        return conn->state == CONN_MEMBER && head.bytes == sizeof(struct fall);
    case HUB_LEAVE:
        return conn->state == CONN_MEMBER && head.bytes == 0;
    default:
        return false;
    }
}

int hub_feed(struct hub *hub, size_t slot, const void *bytes, size_t len, int64_t now_ms)
{
    struct conn *conn = &hub->conns[slot];
    size_t at = 0;
    struct hub_head head;

    buf_add(&conn->in, bytes, len);
    if (conn->in.failed)
        return -ENOMEM;
    while (conn->state != CONN_REFUSED && conn->in.len - at >= sizeof(head)) {
        int r;

        memcpy(&head, conn->in.p + at, sizeof(head));
        if (!is_welcome(hub, conn, head))
            return -EPROTO;
        if (conn->in.len - at - sizeof(head) < head.bytes)
            break;
        r = take(hub, slot, head, conn->in.p + at + sizeof(head), now_ms);
        if (r < 0)
            return r;
        at += sizeof(head) + head.bytes;
    }
    if (conn->state == CONN_REFUSED)
        at = conn->in.len;
    memmove(conn->in.p, conn->in.p + at, conn->in.len - at);
    conn->in.len -= at;
    return 0;
}

/* The list before words that are not yet begun: a verdict does not overtake it. */
struct str hub_output(const struct hub *hub, size_t slot)
{
    const struct conn *conn = &hub->conns[slot];

    if (conn->list_left > 0 && conn->words_sent == 0)
        return (struct str){hub->list.p + (hub->list.len - conn->list_left), conn->list_left};
    return (struct str){conn->words + conn->words_sent, conn->words_len - conn->words_sent};
}

void hub_sent(struct hub *hub, size_t slot, size_t bytes)
{
    struct conn *conn = &hub->conns[slot];

    if (conn->list_left > 0 && conn->words_sent == 0) {
        conn->list_left -= bytes;
        return;
    }
    conn->words_sent += bytes;
    if (conn->words_sent == conn->words_len)
        conn->words_sent = conn->words_len = 0;
}

/* Who has not told its card in this round. */
static struct hub_waiting waiting_for(const struct hub *hub)
{
    struct hub_waiting waiting = {0};

    for (size_t i = hub->size; i-- > 0;) {
        if (hub->members[i] != NOBODY && hub->conns[hub->members[i]].has_card)
            continue;
        waiting.rank = (uint32_t)i;
        waiting.missing++;
    }
    return waiting;
}

/* The time that is left of `until_ms`, when that is less than `least`. */
static int64_t sooner(int64_t least, int64_t until_ms, int64_t now_ms)
{
    int64_t left = until_ms > now_ms ? until_ms - now_ms : 0;

    return least < 0 || left < least ? left : least;
}

int hub_tick(struct hub *hub, int64_t now_ms)
{
    bool meeting = hub->fall.why == FALL_NONE && hub->deadline_ms >= 0;
    int64_t next = -1;

    if (hub->suspect.why != FALL_NONE && now_ms >= hub->suspect_ms) {
        decide(hub, hub->suspect);
        hub->suspect.why = FALL_NONE;
    }
    if (meeting && hub->note_ms >= 0 && now_ms >= hub->note_ms) {
        const struct hub_waiting waiting = waiting_for(hub);

        if (hub->members[0] != NOBODY)
            send_words(&hub->conns[hub->members[0]], HUB_WAITING, &waiting, sizeof(waiting));
        hub->note_ms = -1;
    }
    if (meeting && now_ms >= hub->deadline_ms) {
        decide(hub, (struct fall){.rank = waiting_for(hub).rank, .why = FALL_LATE});
        meeting = false;
    }
    if (hub->suspect.why != FALL_NONE)
        next = sooner(next, hub->suspect_ms, now_ms);
    if (meeting && hub->note_ms >= 0)
        next = sooner(next, hub->note_ms, now_ms);
    if (meeting)
        next = sooner(next, hub->deadline_ms, now_ms);
    for (size_t i = 0; i < hub_slots(hub->size); i++)
        if (is_passing(&hub->conns[i]))
            next = sooner(next, hub->conns[i].since_ms + HUB_STRANGER_MS + 1, now_ms);
    return next > INT32_MAX ? INT32_MAX : (int)next;
}
