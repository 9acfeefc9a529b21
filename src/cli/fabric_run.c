#include "cli/fabric_run.h"

#include "base/clock.h"
#include "cli/fabric_work.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAW_MS  250
#define LEAVE_MS 1500 /* for probes to go by themselves when all is measured */
#define SAID_MAX 12
#define TWICE_MS 300 /* two signals of one wish come closer together */

static void set_timer(struct event *timer, int64_t in_ms)
{
    struct timeval t = {in_ms / 1000, in_ms % 1000 * 1000};

    (void)event_add(timer, &t);
}

static const char *node_name(const struct fabric_work *w, uint32_t node)
{
    return node < w->result->nodes.count ? w->result->nodes.items[node].name : "";
}

/* ---- the session's world ---- */

static void on_order(void *data, uint32_t node, uint32_t seq, const struct order *order)
{
    struct fabric_work *w = data;
    struct order told = *order;
    char key[ORDER_KEY_BYTES];
    struct buf text = {0};
    uint32_t rank = w->rank_of_node[node];

    if (rank == MEASURE_NOBODY)
        return;
    if (told.kind == ORDER_PAIR)
        told.peer = w->rank_of_node[told.peer];
    order_print(&told, &text);
    if (!text.failed)
        (void)driver_store_set(w->driver, str_of(order_key(rank, seq, key)),
                               (struct str){text.p, text.len});
    buf_done(&text); /* one that is lost is a node that does not answer */
}

static void on_troubles(void *data, const struct fabric_trouble *troubles, size_t count)
{
    struct fabric_work *w = data;

    for (size_t i = 0; i < count && w->said <= SAID_MAX; i++, w->said++)
        if (w->said < SAID_MAX)
            fabric_line_say(w, node_name(w, troubles[i].node), troubles[i].words);
        else
            fabric_line_say(w, "", "and more, which the report has");
}

static void on_wake(void *data, int64_t at_ms)
{
    struct fabric_work *w = data;
    int64_t in_ms = at_ms - clock_now_ms();

    if (w->wake_ms && w->wake_ms <= at_ms)
        return;
    w->wake_ms = at_ms;
    set_timer(w->wake, in_ms > 0 ? in_ms : 0);
}

static void on_done(void *data)
{
    struct fabric_work *w = data;

    w->over = true;
    fabric_line_erase(w);
    set_timer(w->leave, LEAVE_MS); /* what hangs will not go by itself */
}

static void on_trouble(void *data, const char *sentence)
{
    fabric_line_say(data, "", sentence);
}

/* ---- the loop ---- */

static void on_wake_time(evutil_socket_t fd, short what, void *data)
{
    struct fabric_work *w = data;

    (void)fd;
    (void)what;
    w->wake_ms = 0;
    session_tick(w->session, clock_now_ms());
}

static void on_draw(evutil_socket_t fd, short what, void *data)
{
    struct fabric_work *w = data;

    (void)fd;
    (void)what;
    fabric_keep_flush(w->keep);
    fabric_line_draw(w);
    set_timer(w->draw, DRAW_MS);
}

static void on_leave(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    driver_wish(((struct fabric_work *)data)->driver, WISH_KILL, "all is measured");
}

static void on_signal(evutil_socket_t signo, short what, void *data)
{
    struct fabric_work *w = data;
    int64_t now_ms = clock_now_ms();

    (void)what;
    if (w->stopped_ms && now_ms - w->stopped_ms < TWICE_MS)
        return;
    if (!w->begun || w->stopped_ms)
        driver_wish(w->driver, WISH_KILL, signo == SIGINT ? "Ctrl-C" : "SIGTERM");
    else
        session_stop(w->session, now_ms);
    w->stopped_ms = now_ms;
}

static int attach(struct fabric_work *w)
{
    struct event_base *base = driver_base(w->driver);
    const int signos[] = {SIGINT, SIGTERM};

    w->wake = evtimer_new(base, on_wake_time, w);
    w->draw = evtimer_new(base, on_draw, w);
    w->leave = evtimer_new(base, on_leave, w);
    for (size_t i = 0; i < ARRAY_LEN(signos); i++) {
        w->signals[i] = evsignal_new(base, signos[i], on_signal, w);
        if (!w->signals[i] || event_add(w->signals[i], NULL) < 0)
            return -ENOMEM;
    }
    if (!w->wake || !w->draw || !w->leave)
        return -ENOMEM;
    set_timer(w->draw, DRAW_MS);
    return 0;
}

static void detach(struct fabric_work *w)
{
    struct event *all[] = {w->wake, w->draw, w->leave, w->signals[0], w->signals[1]};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i])
            event_free(all[i]);
}

static int name_nodes(struct fabric_work *w, struct err *err)
{
    const struct saved *saved = &w->run->ready->saved;
    int r = 0;

    for (uint32_t i = 0; i < saved->node_count && r == 0; i++)
        r = result_add_node(w->result, saved->names[i],
                            saved->groups && saved->groups[i] ? saved->groups[i] : "", err);
    return r;
}

static int serve(struct fabric_work *w, struct store *store, struct err *err)
{
    const struct run_ready *ready = w->run->ready;
    const struct driver_config config = {.store = store,
                                         .dir = ready->dir,
                                         .run = ready->run,
                                         .ends_at_s = ready->ends_at_s,
                                         .front = {.data = w,
                                                   .event = fabric_news_event,
                                                   .trouble = on_trouble,
                                                   .stored = fabric_news_stored,
                                                   .begun = fabric_news_begun}};
    int r = 0;

    w->driver = driver_new(&config, &ready->saved, err);
    if (!w->driver)
        return err->code ? err->code : -EIO;
    if (attach(w) < 0)
        r = err_set(err, -ENOMEM, "no memory for the test");
    else
        (void)driver_run(w->driver);
    if (r == 0 && !w->begun)
        r = err_set(err, -EIO, "%s did not begin: 'firstlight show %s' tells why", ready->run,
                    ready->run);
    if (r == 0 && !w->over)
        session_stop(w->session, clock_now_ms());
    return r;
}

int fabric_run(const struct fabric_run *run, struct fabric_result **out, struct err *err)
{
    uint32_t count = run->ready->saved.node_count;
    struct fabric_work w = {.run = run, .terminal = isatty(STDERR_FILENO) && !run->quiet};
    const struct session_world session_world = {
        .data = &w, .order = on_order, .troubles = on_troubles, .wake = on_wake, .done = on_done};
    struct store *store = NULL;
    int r;

    w.result = result_new();
    w.node_of_rank = calloc(count + 1, sizeof(*w.node_of_rank));
    w.rank_of_node = calloc(count + 1, sizeof(*w.rank_of_node));
    r = w.result && w.node_of_rank && w.rank_of_node
            ? name_nodes(&w, err)
            : err_set(err, -ENOMEM, "no memory for %u nodes", count);
    if (r == 0) {
        w.result->id = arena_copy(w.result->arena, run->ready->run, strlen(run->ready->run));
        w.result->level = run->session.level;
        w.result->tests = run->session.tests;
        w.result->began_ns = clock_wall_ns();
        w.session = session_new(&run->session, w.result, &session_world);
        r = w.session ? store_open(run->ready->dir, false, &store, err)
                      : err_set(err, -ENOMEM, "no memory for %u nodes", count);
    }
    if (r == 0)
        r = fabric_keep_begin(store, w.result, &w.keep, err);
    if (r == 0)
        r = serve(&w, store, err);
    fabric_line_erase(&w);
    w.over = true;
    if (w.result)
        w.result->ended_ns = clock_wall_ns();
    if (w.keep && fabric_keep_end(w.keep) < 0)
        fabric_line_say(&w, "", "the result could not be kept in the store");
    detach(&w);
    driver_free(w.driver);
    session_free(w.session);
    store_close(store);
    free(w.node_of_rank);
    free(w.rank_of_node);
    if (r < 0) {
        result_free(w.result);
        return r;
    }
    *out = w.result;
    return 0;
}
