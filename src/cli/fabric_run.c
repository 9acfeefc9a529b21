#include "cli/fabric_run.h"

#include "base/clock.h"
#include "base/term.h"
#include "cli/fabric_keep.h"
#include "cli/live.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAW_MS  250
#define LEAVE_MS 1500 /* for probes to go by themselves when all is measured */
#define SAID_MAX 12
#define TWICE_MS 300 /* two signals of one wish come closer together */

struct world {
    const struct fabric_run *run;
    struct fabric_result *result;
    struct session *session;
    struct driver *driver;
    struct fabric_keep *keep;
    struct event *wake, *draw, *leave, *signals[2];
    uint32_t *node_of_rank, *rank_of_node; /* MEASURE_NOBODY: none */
    uint32_t ranks;
    int64_t wake_ms, stopped_ms;
    uint32_t said; /* troubles, while it runs */
    bool begun, over, terminal;
    char line[256]; /* on the screen */
};

static void set_timer(struct event *timer, int64_t in_ms)
{
    struct timeval t = {in_ms / 1000, in_ms % 1000 * 1000};

    (void)event_add(timer, &t);
}

/* ---- what people see ---- */

static void erase(struct world *w)
{
    if (w->line[0])
        (void)fprintf(stderr, "\r\033[K");
    w->line[0] = '\0';
}

static void draw(struct world *w)
{
    struct session_view view;
    struct buf left = {0};

    if (!w->terminal || !w->begun || w->over)
        return;
    session_view(w->session, clock_now_ms(), &view);
    if (view.left_ms >= 0) {
        buf_puts(&left, ", about ");
        live_print_duration((view.left_ms + 999) / 1000, &left);
        buf_puts(&left, " left");
    }
    erase(w);
    (void)snprintf(w->line, sizeof(w->line), "%3.0f %%  %s%s; %u nodes answer%s", 100 * view.share,
                   view.doing, left.failed || !left.len ? "" : left.p, view.nodes_well,
                   view.suspects ? ", suspects so far: " : "");
    if (view.suspects)
        (void)snprintf(w->line + strlen(w->line), sizeof(w->line) - strlen(w->line), "%u",
                       view.suspects);
    (void)fprintf(stderr, "%.*s", term_columns(stderr) - 1, w->line);
    (void)fflush(stderr);
    buf_done(&left);
}

static void say(struct world *w, const char *who, const char *words)
{
    if (w->run->quiet)
        return;
    erase(w);
    (void)fprintf(stderr, "firstlight fabric: %s%s%s\n", who, *who ? ": " : "", words);
    draw(w);
}

static const char *node_name(const struct world *w, uint32_t node)
{
    return node < w->result->nodes.count ? w->result->nodes.items[node].name : "";
}

/* ---- the session's world ---- */

static void on_order(void *data, uint32_t node, uint32_t seq, const struct order *order)
{
    struct world *w = data;
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
    struct world *w = data;

    for (size_t i = 0; i < count && w->said <= SAID_MAX; i++, w->said++)
        if (w->said < SAID_MAX)
            say(w, node_name(w, troubles[i].node), troubles[i].words);
        else
            say(w, "", "and more, which the report has");
}

static void on_wake(void *data, int64_t at_ms)
{
    struct world *w = data;
    int64_t in_ms = at_ms - clock_now_ms();

    if (w->wake_ms && w->wake_ms <= at_ms)
        return;
    w->wake_ms = at_ms;
    set_timer(w->wake, in_ms > 0 ? in_ms : 0);
}

static void on_done(void *data)
{
    struct world *w = data;

    w->over = true;
    erase(w);
    set_timer(w->leave, LEAVE_MS); /* what hangs will not go by itself */
}

/* ---- news from the run ---- */

static void take_card(struct world *w, uint32_t rank, struct str text)
{
    uint32_t node = w->node_of_rank[rank];
    struct err err = {0};
    struct card card;

    if (card_read(text, &card, &err) < 0)
        session_gone(w->session, node, NODE_DIED, err.text, clock_now_ms());
    else
        session_card(w->session, node, &card, clock_now_ms());
}

/* Ranks become nodes; false: one of them is none. */
static bool place(const struct world *w, uint32_t *node, uint32_t *peer)
{
    if (*node >= w->ranks || (*peer != MEASURE_NOBODY && *peer >= w->ranks))
        return false;
    *node = w->node_of_rank[*node];
    if (*peer != MEASURE_NOBODY)
        *peer = w->node_of_rank[*peer];
    return true;
}

/* What names no rank is left out. */
static void place_answer(const struct world *w, struct answer *answer)
{
    uint32_t measures = answer->measure_count, troubles = answer->trouble_count;

    answer->measure_count = answer->trouble_count = 0;
    for (uint32_t i = 0; i < measures; i++) {
        struct measure m = answer->measures[i];

        if (place(w, &m.node, &m.peer))
            answer->measures[answer->measure_count++] = m;
    }
    for (uint32_t i = 0; i < troubles; i++) {
        struct fabric_trouble t = answer->troubles[i];

        if (place(w, &t.node, &t.peer))
            answer->troubles[answer->trouble_count++] = t;
    }
}

static void take_answer(struct world *w, uint32_t rank, uint32_t seq, struct str text)
{
    struct arena *arena = arena_new(0);
    uint32_t node = w->node_of_rank[rank];
    struct err err = {0};
    struct answer answer;
    int r = arena ? answer_read(arena, text, &answer, &err) : -ENOMEM;

    if (r == 0) {
        place_answer(w, &answer);
        session_answer(w->session, node, seq, &answer, clock_now_ms(), clock_wall_ns());
    } else if (r != -ENOMEM) {
        session_gone(w->session, node, NODE_DIED, err.text, clock_now_ms());
    }
    arena_free(arena);
}

/* "card/3", "answer/3/17"; other keys are the probes' own. */
static void on_stored(void *data, struct str key, struct str text)
{
    struct world *w = data;
    struct str rest = key, kind, number;
    uint64_t rank, seq;

    (void)str_cut(&rest, '/', &kind);
    if (!w->begun || (!str_is(kind, "card") && !str_is(kind, "answer")))
        return;
    (void)str_cut(&rest, '/', &number);
    if (str_to_u64(number, 10, &rank) == 0 && rank < w->ranks) {
        if (str_is(kind, "card"))
            take_card(w, (uint32_t)rank, text);
        else if (str_to_u64(rest, 10, &seq) == 0 && seq <= UINT32_MAX)
            take_answer(w, (uint32_t)rank, (uint32_t)seq, text);
    }
    (void)driver_store_delete(w->driver, key);
}

static void on_begun(void *data, uint32_t attempt, const uint32_t *nodes, uint32_t count)
{
    struct world *w = data;

    if (w->begun || attempt == 0)
        return; /* ranks are independent: there is one attempt */
    for (uint32_t i = 0; i < w->result->nodes.count; i++)
        w->rank_of_node[i] = MEASURE_NOBODY;
    for (uint32_t r = 0; r < count; r++) {
        w->node_of_rank[r] = nodes[r];
        w->rank_of_node[nodes[r]] = r;
    }
    w->ranks = count;
    w->begun = true;
    session_begin(w->session, clock_now_ms(), clock_wall_ns());
    for (uint32_t i = 0; i < w->result->nodes.count; i++) {
        const struct fabric_node *node = &w->result->nodes.items[i];

        if (w->rank_of_node[i] == MEASURE_NOBODY || node->fate > NODE_WELL)
            session_gone(w->session, i, NODE_ABSENT,
                         node->words[0] ? node->words : "its agent did not come", clock_now_ms());
    }
}

static void on_event(void *data, const struct run_event *event, const char *name)
{
    struct world *w = data;
    char words[TROUBLE_WORDS_BYTES];

    (void)name;
    if (event->node < 0 || event->node >= (int64_t)w->result->nodes.count)
        return;
    (void)snprintf(words, sizeof(words), "%.*s", STR_ARG(event->text));
    if (event->kind == EV_NODE_LOST || event->kind == EV_NODE_EXCLUDED) {
        if (!w->begun)
            (void)result_set_fate(w->result, (uint32_t)event->node, NODE_ABSENT, words, NULL);
        else
            session_gone(w->session, (uint32_t)event->node, NODE_DIED, words, clock_now_ms());
    } else if (event->kind == EV_SPAWN_FAILED) {
        session_gone(w->session, (uint32_t)event->node, NODE_DIED,
                     words[0] ? words : "its probe could not be started", clock_now_ms());
    } else if (event->kind == EV_RANK_EXITED && !w->over) {
        struct buf said = {0};

        if (WIFSIGNALED(event->a))
            buf_printf(&said, "its probe was killed by signal %d (%s)", WTERMSIG((int)event->a),
                       strsignal(WTERMSIG((int)event->a)));
        else
            buf_printf(&said, "its probe ended with exit code %d%s%s", WEXITSTATUS((int)event->a),
                       words[0] ? ": " : "", words);
        session_gone(w->session, (uint32_t)event->node, NODE_DIED,
                     said.failed ? "its probe ended" : said.p, clock_now_ms());
        buf_done(&said);
    }
}

static void on_trouble(void *data, const char *sentence)
{
    say(data, "", sentence);
}

/* ---- the loop ---- */

static void on_wake_time(evutil_socket_t fd, short what, void *data)
{
    struct world *w = data;

    (void)fd;
    (void)what;
    w->wake_ms = 0;
    session_tick(w->session, clock_now_ms());
}

static void on_draw(evutil_socket_t fd, short what, void *data)
{
    struct world *w = data;

    (void)fd;
    (void)what;
    fabric_keep_flush(w->keep);
    draw(w);
    set_timer(w->draw, DRAW_MS);
}

static void on_leave(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    driver_wish(((struct world *)data)->driver, WISH_KILL, "all is measured");
}

static void on_signal(evutil_socket_t signo, short what, void *data)
{
    struct world *w = data;
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

static int attach(struct world *w)
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

static void detach(struct world *w)
{
    struct event *all[] = {w->wake, w->draw, w->leave, w->signals[0], w->signals[1]};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i])
            event_free(all[i]);
}

static int name_nodes(struct world *w, struct err *err)
{
    const struct saved *saved = &w->run->ready->saved;
    int r = 0;

    for (uint32_t i = 0; i < saved->node_count && r == 0; i++)
        r = result_add_node(w->result, saved->names[i],
                            saved->groups && saved->groups[i] ? saved->groups[i] : "", err);
    return r;
}

static int serve(struct world *w, struct store *store, struct err *err)
{
    const struct run_ready *ready = w->run->ready;
    const struct driver_config config = {.store = store,
                                         .dir = ready->dir,
                                         .run = ready->run,
                                         .ends_at_s = ready->ends_at_s,
                                         .front = {.data = w,
                                                   .event = on_event,
                                                   .trouble = on_trouble,
                                                   .stored = on_stored,
                                                   .begun = on_begun}};
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
    struct world w = {.run = run, .terminal = isatty(STDERR_FILENO) && !run->quiet};
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
    erase(&w);
    w.over = true;
    if (w.result)
        w.result->ended_ns = clock_wall_ns();
    if (w.keep && fabric_keep_end(w.keep) < 0)
        say(&w, "", "the result could not be kept in the store");
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
