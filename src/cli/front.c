#include "cli/front.h"

#include "base/term.h"
#include "base/vec.h"
#include "cli/collapse.h"
#include "cli/live.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_MS     150 /* a line waits so long for its like */
#define SECOND_NS     1000000000LL
#define SIGNAL_COUNT  4
#define DRAW_EVERY_NS 100000000LL /* of a status that changes faster than eyes */

struct front {
    struct front_options options;
    struct driver *driver;
    struct collapse *collapse; /* NULL: output is handed on as it is */
    struct event *tick, *signals[SIGNAL_COUNT];
    struct buf status;     /* the lines on the screen */
    unsigned status_lines; /* drawn now */
    int64_t began_ns, drawn_ns;
    uint32_t attempts, stops;
    bool terminal, colour, gone; /* gone: nobody looks any more */
};

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND_NS + t.tv_nsec;
}

/* The status lies below all output: it is taken away before anything is printed. */
static void erase(struct front *front)
{
    if (!front->status_lines)
        return;
    (void)fprintf(stderr, "\r\033[%uA\033[J", front->status_lines);
    (void)fflush(stderr);
    front->status_lines = 0;
}

static void draw(struct front *front)
{
    if (!front->terminal || front->gone || front->options.quiet || !front->status.len)
        return;
    erase(front);
    (void)fwrite(front->status.p, 1, front->status.len, stderr);
    (void)fflush(stderr);
    for (size_t i = 0; i < front->status.len; i++)
        front->status_lines += front->status.p[i] == '\n';
    front->drawn_ns = now_ns();
}

static void put(struct front *front, int stream, const char *bytes, size_t len)
{
    FILE *file = stream == 2 ? stderr : stdout;

    if (front->gone)
        return;
    if (fwrite(bytes, 1, len, file) != len && ferror(file))
        clearerr(file); /* a reader that has gone is no reason to end a run */
}

static void put_line(void *data, const struct collapse_line *line)
{
    struct front *front = data;
    struct buf text = {0};

    if (front->colour)
        buf_puts(&text, "\033[2m");
    collapse_print_ranks(line->ranks, line->count, &text);
    buf_puts(&text, front->colour ? ":\033[0m " : ": ");
    buf_add(&text, line->text.p, line->text.len);
    buf_puts(&text, "\n");
    erase(front);
    if (!text.failed)
        put(front, line->stream, text.p, text.len);
    buf_done(&text);
}

static void set_tick(struct front *front, int64_t at_ns)
{
    int64_t in_ns = at_ns - now_ns();
    struct timeval t = {0, 0};

    if (at_ns < 0)
        return;
    if (in_ns > 0)
        t = (struct timeval){in_ns / SECOND_NS, in_ns % SECOND_NS / 1000};
    (void)event_add(front->tick, &t);
}

static void on_tick(evutil_socket_t fd, short what, void *data)
{
    struct front *front = data;

    (void)fd;
    (void)what;
    set_tick(front, collapse_tick(front->collapse, now_ns()));
    (void)fflush(stdout);
    draw(front);
}

static void on_output(void *data, const struct msg_log *log, const char *node_name)
{
    struct front *front = data;
    struct str rest = log->bytes, line;

    if (front->options.json)
        return;
    if (log->skipped) {
        erase(front);
        (void)fprintf(stderr, "rank %u on %s: %llu lines are only in its log\n", log->rank,
                      node_name, (unsigned long long)log->skipped);
    }
    if (!front->collapse) {
        erase(front);
        put(front, (int)log->stream, rest.p, rest.len);
        (void)fflush(stdout);
    } else {
        while (str_line(&rest, &line))
            collapse_add(front->collapse, log->rank, (int)log->stream, line, now_ns());
        set_tick(front, collapse_tick(front->collapse, now_ns()));
    }
    draw(front);
}

static void print_json(const struct run_event *event)
{
    struct arena *arena = arena_new(0);
    struct store_event row;
    json_t *value;
    char *text = NULL;

    if (arena && run_event_to_store(arena, event, &row) == 0) {
        value = json_pack("{s:I, s:I, s:i, s:I, s:I, s:s, s:s, s:o}", "seq", (json_int_t)row.seq,
                          "at_ns", (json_int_t)row.at_ns, "attempt", (int)row.attempt, "node",
                          (json_int_t)row.node, "rank", (json_int_t)row.rank, "kind", row.kind,
                          "text", row.text, "fields", json_loads(row.fields, 0, NULL));
        text = json_dumps(value, JSON_COMPACT);
        json_decref(value);
    }
    if (text)
        (void)puts(text);
    (void)fflush(stdout);
    free(text);
    arena_free(arena);
}

static void on_event(void *data, const struct run_event *event, const char *node_name)
{
    struct front *front = data;
    struct buf line = {0};

    if (front->options.json)
        print_json(event);
    if (event->kind == EV_ATTEMPT_BEGUN)
        front->attempts++;
    if (front->options.quiet || front->options.json || front->gone ||
        !live_event(event, node_name, &line)) {
        buf_done(&line);
        return;
    }
    if (front->collapse)
        collapse_flush(front->collapse);
    erase(front);
    if (!line.failed)
        (void)fprintf(stderr, "%s%s%s", front->colour ? "\033[33m" : "", line.p,
                      front->colour ? "\033[0m" : "");
    buf_done(&line);
    draw(front);
}

static void on_view(void *data, const struct control_view *view)
{
    struct front *front = data;
    const struct live_style style = {term_columns(stderr), front->colour};
    struct live live;

    if (!front->terminal || front->options.quiet || front->options.json)
        return;
    live = live_of_view(front->options.run, view);
    buf_clear(&front->status);
    (void)live_print(&live, &style, &front->status);
    if (now_ns() - front->drawn_ns >= DRAW_EVERY_NS)
        draw(front);
}

static void on_trouble(void *data, const char *sentence)
{
    struct front *front = data;

    if (front->gone)
        return;
    erase(front);
    (void)fprintf(stderr, "firstlight run: %s\n", sentence);
    draw(front);
}

struct front *front_new(const struct front_options *options, struct driver_front *out)
{
    struct front *front = calloc(1, sizeof(*front));

    if (!front)
        return NULL;
    front->options = *options;
    front->began_ns = now_ns();
    front->terminal = isatty(STDERR_FILENO);
    front->colour = term_has_colour(stderr);
    if (options->job->ranks > 1 && isatty(STDOUT_FILENO))
        front->collapse = collapse_new((uint32_t)options->job->ranks, WINDOW_MS, put_line, front);
    if (!options->quiet && !options->json && options->plan && options->job->ranks > 1)
        (void)fprintf(stderr, "%s: %s%s", options->run, options->plan,
                      strchr(options->plan, '\n') ? "" : "\n");
    *out = (struct driver_front){front, on_event, on_output, on_view, on_trouble};
    return front;
}

static void on_stop(evutil_socket_t signo, short what, void *data)
{
    struct front *front = data;
    const char *why = signo == SIGINT ? "Ctrl-C" : "SIGTERM";

    (void)what;
    driver_wish(front->driver, front->stops++ ? WISH_KILL : WISH_STOP, why);
    if (front->stops == 1 && front->terminal)
        on_trouble(front, "stopping: ranks may save and leave; Ctrl-C again kills them");
}

static void on_hang_up(evutil_socket_t signo, short what, void *data)
{
    struct front *front = data;

    (void)signo;
    (void)what;
    front->gone = true;
    (void)freopen("/dev/null", "w", stdout);
    (void)freopen("/dev/null", "w", stderr);
}

static void on_warning(evutil_socket_t signo, short what, void *data)
{
    (void)signo;
    (void)what;
    driver_time_is_over(((struct front *)data)->driver);
}

int front_attach(struct front *front, struct driver *driver)
{
    static const struct {
        int signo;
        void (*act)(evutil_socket_t signo, short what, void *data);
    } rows[SIGNAL_COUNT] = {
        {SIGINT, on_stop}, {SIGTERM, on_stop}, {SIGHUP, on_hang_up}, {SIGUSR1, on_warning}};

    front->driver = driver;
    (void)signal(SIGPIPE, SIG_IGN);
    front->tick = evtimer_new(driver_base(driver), on_tick, front);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        front->signals[i] = evsignal_new(driver_base(driver), rows[i].signo, rows[i].act, front);
        if (!front->signals[i] || event_add(front->signals[i], NULL) < 0)
            return -ENOMEM;
    }
    return front->tick ? 0 : -ENOMEM;
}

void front_end(struct front *front, int exit_code)
{
    double seconds = (double)(now_ns() - front->began_ns) / SECOND_NS;
    const char *run = front->options.run;

    if (front->collapse)
        collapse_flush(front->collapse);
    erase(front);
    (void)fflush(stdout);
    if (front->gone || front->options.quiet || front->options.json)
        return;
    if (exit_code == 0) {
        if (front->terminal || front->attempts > 1)
            (void)fprintf(stderr, "%s: done in %.1f s%s\n", run, seconds,
                          front->attempts > 1 ? ", after restarts: 'firstlight show' tells" : "");
        return;
    }
    for (size_t i = 0; i < CAUSE_COUNT; i++)
        if (i != CAUSE_NONE && run_exits[i].code == exit_code) {
            (void)fprintf(stderr, "%s: %s (exit %d) after %.1f s\n", run, run_exits[i].meaning,
                          exit_code, seconds);
            break;
        }
    (void)fprintf(stderr, "firstlight show %s, firstlight logs %s tell more\n", run, run);
}

void front_free(struct front *front)
{
    if (!front)
        return;
    if (front->tick)
        event_free(front->tick);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (front->signals[i])
            event_free(front->signals[i]);
    collapse_free(front->collapse);
    buf_done(&front->status);
    free(front);
}
