#include "ranks/uplink.h"
#include "base/rng.h"
#include "base/str.h"

#include <errno.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct address {
    struct sockaddr_storage addr;
    int len;
};

struct uplink {
    struct event_base *base;
    struct uplink_watch watch;
    unsigned char key[LINK_KEY_BYTES];
    struct rng rng;
    struct address addresses[UPLINK_ADDRESSES_MAX];
    size_t count, next; /* next: the one to try */
    int wait_ms;        /* before the next try but one */
    bool up;
    struct link *link; /* NULL: between two tries */
    struct event *again;
};

static int parse_addresses(struct uplink *uplink, const char *text, struct err *err)
{
    struct str rest = str_of(text), word;

    while (str_cut(&rest, ',', &word)) {
        struct address *address = &uplink->addresses[uplink->count];
        char one[128];

        if (uplink->count == UPLINK_ADDRESSES_MAX)
            return err_set(err, -E2BIG, "more than %d addresses of the controller",
                           UPLINK_ADDRESSES_MAX);
        address->len = sizeof(address->addr);
        (void)snprintf(one, sizeof(one), "%.*s", STR_ARG(word));
        if (word.len >= sizeof(one) ||
            evutil_parse_sockaddr_port(one, (struct sockaddr *)&address->addr, &address->len) < 0 ||
            ((struct sockaddr_in *)&address->addr)->sin_port == 0) /* sin6_port is there too */
            return err_set(err, -EINVAL,
                           "'%.*s' is no numeric address with a port, as 10.0.0.1:4711",
                           STR_ARG(word));
        uplink->count++;
    }
    return uplink->count ? 0 : err_set(err, -EINVAL, "no address of the controller");
}

static void try_later(struct uplink *uplink)
{
    int ms = uplink->wait_ms / 2 + (int)rng_below(&uplink->rng, (uint64_t)uplink->wait_ms / 2 + 1);
    struct timeval in = {ms / 1000, ms % 1000 * 1000};

    uplink->link = NULL;
    uplink->up = false;
    uplink->wait_ms *= 2;
    if (uplink->wait_ms > UPLINK_WAIT_MAX_MS)
        uplink->wait_ms = UPLINK_WAIT_MAX_MS;
    (void)event_add(uplink->again, &in);
}

static void on_up(struct link *link, void *data)
{
    struct uplink *uplink = data;
    char own[64] = "";

    (void)link_own_address(link, own, sizeof(own));
    uplink->up = true;
    uplink->wait_ms = UPLINK_WAIT_MIN_MS;
    uplink->next = (uplink->next + uplink->count - 1) % uplink->count; /* it works: keep to it */
    uplink->watch.up(uplink->watch.data, own);
}

static void on_message(struct link *link, void *data, const struct message *message)
{
    struct uplink *uplink = data;

    (void)link;
    uplink->watch.message(uplink->watch.data, message);
}

static void on_down(struct link *link, void *data, const char *why)
{
    struct uplink *uplink = data;
    bool was_up = uplink->up;

    (void)link;
    try_later(uplink);
    if (was_up)
        uplink->watch.down(uplink->watch.data, why);
}

static void on_again(evutil_socket_t fd, short what, void *data)
{
    static const struct link_watch watch = {.up = on_up, .message = on_message, .down = on_down};
    struct uplink *uplink = data;
    const struct address *address = &uplink->addresses[uplink->next];

    (void)fd, (void)what;
    uplink->next = (uplink->next + 1) % uplink->count;
    uplink->link = link_connect(uplink->base, (const struct sockaddr *)&address->addr,
                                (socklen_t)address->len, uplink->key, &watch, uplink, NULL);
    if (!uplink->link)
        try_later(uplink);
}

struct uplink *uplink_new(struct event_base *base, const char *addresses,
                          const unsigned char key[LINK_KEY_BYTES], uint64_t seed,
                          const struct uplink_watch *watch, struct err *err)
{
    struct uplink *uplink = calloc(1, sizeof(*uplink));

    if (!uplink) {
        (void)err_set(err, -ENOMEM, "no memory for the link");
        return NULL;
    }
    uplink->base = base;
    uplink->watch = *watch;
    uplink->rng.state = seed;
    uplink->wait_ms = UPLINK_WAIT_MIN_MS;
    memcpy(uplink->key, key, LINK_KEY_BYTES);
    uplink->again = evtimer_new(base, on_again, uplink);
    if (!uplink->again)
        (void)err_set(err, -ENOMEM, "no memory for the link");
    else if (parse_addresses(uplink, addresses, err) == 0) {
        event_active(uplink->again, EV_TIMEOUT, 0);
        return uplink;
    }
    uplink_free(uplink);
    return NULL;
}

void uplink_free(struct uplink *uplink)
{
    if (!uplink)
        return;
    if (uplink->link)
        link_close(uplink->link);
    if (uplink->again)
        event_free(uplink->again);
    explicit_bzero(uplink->key, sizeof(uplink->key));
    free(uplink);
}

void uplink_send(struct uplink *uplink, const struct message *message)
{
    if (uplink->up)
        (void)link_send(uplink->link, message); /* one that fails is going down */
}

size_t uplink_queued(const struct uplink *uplink)
{
    return uplink->up ? link_queued(uplink->link) : 0;
}

void uplink_cut(struct uplink *uplink)
{
    if (!uplink->link)
        return;
    link_close(uplink->link);
    try_later(uplink);
}
