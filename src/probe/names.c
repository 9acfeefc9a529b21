#include "probe/names.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define TELLING_MS 200 /* of the test's time: to say that a name was not answered */
#define LIST_BYTES 128

/* What a thread of its own finds out; that thread or its starter frees it, whoever is later. */
struct lookup {
    const struct resolver *resolver;
    char name[CARD_TEXT_BYTES];

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t done_cond;
    bool done, left_alone;
    int error; /* of the name */
    double forward_s;
    size_t count, asked; /* asked: addresses whose names are known, or not to be had */
    struct {
        union address address;
        char name[NI_MAXHOST];
        int error;
        double seconds;
    } found[NAMES_ADDRESSES_MAX];
};

static void lookup_free(struct lookup *lookup)
{
    (void)pthread_mutex_destroy(&lookup->mutex);
    (void)pthread_cond_destroy(&lookup->done_cond);
    free(lookup);
}

static double seconds_since(int64_t begin_ns)
{
    return (double)(clock_now_ns() - begin_ns) * 1e-9;
}

static void look_forward(struct lookup *lookup)
{
    union address addresses[NAMES_ADDRESSES_MAX];
    size_t count = 0;
    int64_t begin = clock_now_ns();
    int error = lookup->resolver->addresses(lookup->name, addresses, &count);
    double seconds = seconds_since(begin);

    (void)pthread_mutex_lock(&lookup->mutex);
    lookup->error = error;
    lookup->forward_s = seconds;
    lookup->count = error ? 0 : count;
    for (size_t i = 0; i < lookup->count; i++)
        lookup->found[i].address = addresses[i];
    (void)pthread_mutex_unlock(&lookup->mutex);
}

static void look_back(struct lookup *lookup, size_t index)
{
    char name[NI_MAXHOST] = "";
    int64_t begin = clock_now_ns();
    int error = lookup->resolver->name(&lookup->found[index].address, name);
    double seconds = seconds_since(begin);

    (void)pthread_mutex_lock(&lookup->mutex);
    lookup->found[index].error = error;
    lookup->found[index].seconds = seconds;
    memcpy(lookup->found[index].name, name, sizeof(name));
    lookup->asked = index + 1;
    (void)pthread_mutex_unlock(&lookup->mutex);
}

static void *look(void *arg)
{
    struct lookup *lookup = arg;
    bool left_alone;

    look_forward(lookup);
    for (size_t i = 0; i < lookup->count; i++)
        look_back(lookup, i);
    (void)pthread_mutex_lock(&lookup->mutex);
    lookup->done = true;
    left_alone = lookup->left_alone;
    (void)pthread_cond_signal(&lookup->done_cond);
    (void)pthread_mutex_unlock(&lookup->mutex);
    if (left_alone)
        lookup_free(lookup);
    return NULL;
}

static struct lookup *lookup_new(const struct resolver *resolver, const char *name)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    pthread_condattr_t monotonic;

    if (!lookup)
        return NULL;
    lookup->resolver = resolver;
    (void)snprintf(lookup->name, sizeof(lookup->name), "%s", name);
    (void)pthread_mutex_init(&lookup->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&lookup->done_cond, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return lookup;
}

/* Start the thread and wait for it until then. Returns 0, -ETIME when it is still at work, or why
 * there is no thread. The mutex is held afterwards. */
static int lookup_run(struct lookup *lookup, int64_t until_ms)
{
    struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
    pthread_t thread;
    int r = pthread_create(&thread, NULL, look, lookup);

    if (r == 0)
        (void)pthread_detach(thread);
    (void)pthread_mutex_lock(&lookup->mutex);
    if (r != 0) {
        lookup->done = true;
        return -r;
    }
    while (!lookup->done && r == 0)
        r = pthread_cond_timedwait(&lookup->done_cond, &lookup->mutex, &until);
    return lookup->done ? 0 : -ETIME;
}

static void lookup_leave(struct lookup *lookup)
{
    bool done = lookup->done;

    lookup->left_alone = true;
    (void)pthread_mutex_unlock(&lookup->mutex);
    if (done)
        lookup_free(lookup);
}

/* ---- what is wrong with it ---- */

struct view {
    const struct probe *probe;
    const struct lookup *lookup;
    const char *own_name;
    bool of_peer;
    uint32_t peer;
    char who[CARD_TEXT_BYTES + 32]; /* "its own name n012", "the name n013 of its peer" */
    union address own[NAMES_OWN_MAX];
    size_t own_count; /* NAMES_OWN_MAX: there may be more */
};

#define TELL(view, ...)                                                                            \
    probe_tell_trouble((view)->probe, TROUBLE_NAMES, TEST_NAMES, (view)->peer, __VA_ARGS__)

static const char *text_of(const union address *address, char out[INET6_ADDRSTRLEN])
{
    const void *bytes = address->any.sa_family == AF_INET ? (const void *)&address->v4.sin_addr
                                                          : &address->v6.sin6_addr;

    return inet_ntop(address->any.sa_family, bytes, out, INET6_ADDRSTRLEN) ? out : "?";
}

static bool same(const union address *a, const union address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    return a->any.sa_family == AF_INET
               ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
               : memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

static bool is_loopback(const union address *address)
{
    return address->any.sa_family == AF_INET ? ntohl(address->v4.sin_addr.s_addr) >> 24 == 127
                                             : IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

static bool is_link_local(const union address *address)
{
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address->v6.sin6_addr);
}

static bool is_own(const struct view *view, const union address *address)
{
    for (size_t i = 0; i < view->own_count; i++)
        if (same(&view->own[i], address))
            return true;
    return false;
}

/* The addresses by which others could reach this node, as a list; "": none. */
static const char *reachable(const struct view *view, char out[LIST_BYTES])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < view->own_count; i++) {
        char text[INET6_ADDRSTRLEN];
        int n;

        if (is_loopback(&view->own[i]) || is_link_local(&view->own[i]))
            continue;
        n = snprintf(out + len, LIST_BYTES - len, "%s%s", len ? ", " : "",
                     text_of(&view->own[i], text));
        if ((size_t)n >= LIST_BYTES - len) {
            out[len] = '\0'; /* one that does not fit whole is left out */
            break;
        }
        len += (size_t)n;
    }
    return out;
}

/* Without their domains, which one of them may lack. */
static bool same_host(const char *a, const char *b)
{
    size_t len = strcspn(a, ".");

    return len == strcspn(b, ".") && strncasecmp(a, b, len) == 0;
}

static void judge_forward(const struct view *view, const union address *address)
{
    char text[INET6_ADDRSTRLEN], list[LIST_BYTES];

    (void)text_of(address, text);
    (void)reachable(view, list);
    if (is_loopback(address) && (view->of_peer || list[0]))
        TELL(view, "%s leads to %s, which is loopback%s%s", view->who, text,
             view->of_peer ? "" : "; other nodes reach it by ", view->of_peer ? "" : list);
    else if (view->of_peer && is_own(view, address))
        TELL(view, "%s leads to %s, which is an address of %s itself", view->who, text,
             view->own_name);
    else if (!view->of_peer && list[0] && view->own_count < NAMES_OWN_MAX && !is_own(view, address))
        TELL(view, "%s leads to %s, which is no address of this node (%s)", view->who, text, list);
}

static void judge_back(const struct view *view, size_t index)
{
    const struct lookup *lookup = view->lookup;
    const char *name = lookup->found[index].name;
    char text[INET6_ADDRSTRLEN];

    (void)text_of(&lookup->found[index].address, text);
    if (lookup->found[index].error)
        TELL(view, "%s leads to %s, which does not lead back to a name: %s", view->who, text,
             gai_strerror(lookup->found[index].error));
    else if (!same_host(name, lookup->name))
        TELL(view, "%s leads to %s, which leads back to %s", view->who, text, name);
}

/* What is still asked when the time is over. */
static void tell_slow(const struct view *view, int64_t waited_ms)
{
    const struct lookup *lookup = view->lookup;
    char text[INET6_ADDRSTRLEN];

    if (lookup->count == 0)
        TELL(view, "%s was looked up for %.1f s without an answer", view->who,
             (double)waited_ms * 1e-3);
    else
        TELL(view, "%s leads to %s, whose name was looked up without an answer in %.1f s",
             view->who, text_of(&lookup->found[lookup->asked].address, text),
             (double)waited_ms * 1e-3);
}

static void judge(const struct view *view)
{
    const struct lookup *lookup = view->lookup;
    const char *part = view->of_peer ? "peer" : "own";
    double forward = lookup->forward_s, back[NAMES_ADDRESSES_MAX];
    size_t count = 0;

    if (lookup->error) {
        TELL(view, "%s leads nowhere: %s", view->who, gai_strerror(lookup->error));
        return;
    }
    probe_tell(view->probe, "names.forward", MEASURE_NOBODY, 0, part, NULL, &forward, 1);
    for (size_t i = 0; i < lookup->count; i++) {
        const union address *address = &lookup->found[i].address;

        judge_forward(view, address);
        if (i >= lookup->asked || is_loopback(address) || is_link_local(address))
            continue; /* such addresses have the name of any host, or none */
        judge_back(view, i);
        back[count++] = lookup->found[i].seconds;
    }
    probe_tell(view->probe, "names.reverse", MEASURE_NOBODY, 0, part, NULL, back, count);
}

/* Look up view->lookup's name and tell what came of it. */
static void measure(struct view *view, const struct resolver *resolver, const char *name)
{
    int64_t begin = clock_now_ms();
    struct lookup *lookup = lookup_new(resolver, name);
    int r = lookup ? lookup_run(lookup, view->probe->deadline_ms - TELLING_MS) : -ENOMEM;

    if (r < 0 && r != -ETIME) {
        probe_tell_trouble(view->probe, TROUBLE_TEST, TEST_NAMES, view->peer,
                           "%s can't be looked up: %s", view->who, strerror(-r));
    } else {
        view->lookup = lookup;
        if (r == -ETIME)
            tell_slow(view, clock_now_ms() - begin);
        if (r == 0 || lookup->count)
            judge(view);
    }
    if (lookup)
        lookup_leave(lookup);
}

static bool is_number(const char *name)
{
    union address address;

    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

void names_measure(const struct probe *probe, const struct resolver *resolver, const char *own_name)
{
    const char *peer_name = probe->order ? probe->order->peer_name : "";
    struct view view = {.probe = probe, .own_name = own_name, .peer = MEASURE_NOBODY};

    view.own_count = resolver->own(view.own);
    (void)snprintf(view.who, sizeof(view.who), "its own name %s", own_name);
    measure(&view, resolver, own_name);
    if (!*peer_name || same_host(peer_name, own_name) || is_number(peer_name))
        return; /* an address has no name to lead to */
    view.of_peer = true;
    view.peer = probe->order->peer;
    (void)snprintf(view.who, sizeof(view.who), "the name %s of its peer", peer_name);
    measure(&view, resolver, peer_name);
}

void probe_test_names(const struct probe *probe)
{
    char name[CARD_TEXT_BYTES] = "";

    if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
        probe_tell_trouble(probe, TROUBLE_NAMES, TEST_NAMES, MEASURE_NOBODY,
                           "this node has no name of its own");
    else
        names_measure(probe, &names_resolver, name);
}
