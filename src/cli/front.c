#include "cli/front.h"

#include "base/clock.h"
#include "base/term.h"
#include "base/vec.h"
#include "cli/collapse.h"
#include "cli/live.h"
#include "cli/streams.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_MS     150 /* a line waits so long for its like */
#define SAY_BYTES     4608
#define SECOND_NS     1000000000LL
#define SIGNAL_COUNT  5
#define DRAW_EVERY_NS 100000000LL /* of a status that changes faster than eyes */
#define DRAW_BEHIND   (16u << 10) /* bytes that wait to be written: later, then */
#define TWICE_NS      300000000LL /* two signals of one wish come closer together */
#define PATIENCE_MS   10000       /* at the end, for a reader that takes nothing */
#define SHOW_ALL_MAX  256         /* ranks whose output is all shown, when nothing else is asked */

struct front {
    struct front_options options;
    struct driver *driver;
    struct streams *streams;
    struct collapse *collapse; /* NULL: output is handed on as it is */
    struct event *tick, *redraw, *signals[SIGNAL_COUNT];
    struct buf status;     /* the lines on the screen */
    unsigned status_lines; /* drawn now */
    struct buf cause;      /* that was said last */
    int64_t began_ns, drawn_ns, stopped_ns;
    uint32_t attempts; /* the newest one's number */
    uint32_t stops;
    bool terminal, colour;
    enum run_cause failed; /* the last failure's; CAUSE_NONE: none */
};

static void say(struct front *front, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct front *front, const char *format, ...)
{
    char line[SAY_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    streams_own(front->streams, STDERR_FILENO, str_of(line));
}

/* The status lies below all output: it is taken away before anything is printed. */
static void erase(struct front *front)
{
    if (front->status_lines)
        say(front, "\r\033[%uA\033[J", front->status_lines);
    front->status_lines = 0;
}

static void draw(struct front *front)
{
    const struct timeval later = {0, DRAW_EVERY_NS / 1000};

    if (!front->terminal || front->options.quiet || !front->status.len)
        return;
    if (streams_waiting(front->streams) > DRAW_BEHIND) {
        (void)event_add(front->redraw, &later);
        return;
    }
    erase(front);
    streams_own(front->streams, STDERR_FILENO, (struct str){front->status.p, front->status.len});
    for (size_t i = 0; i < front->status.len; i++)
        front->status_lines += front->status.p[i] == '\n';
    front->drawn_ns = clock_now_ns();
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
        streams_output(front->streams, line->stream, (struct str){text.p, text.len});
    buf_done(&text);
}

static void set_tick(struct front *front, int64_t at_ns)
{
    int64_t in_ns = at_ns - clock_now_ns();
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
    set_tick(front, collapse_tick(front->collapse, clock_now_ns()));
    draw(front);
}

static void on_redraw(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    draw(data);
}

static bool is_shown(const struct front *front, uint32_t rank)
{
    const struct job *job = front->options.job;

    if (front->options.json || job->show == JOB_SHOW_NONE)
        return false;
    return rank == 0 || job->show == JOB_SHOW_ALL ||
           (job->show == JOB_SHOW_AUTO && job->ranks <= SHOW_ALL_MAX);
}

static void on_output(void *data, const struct msg_log *log, const char *node_name)
{
    struct front *front = data;
    struct str rest = log->bytes, line;

    if (!is_shown(front, log->rank))
        return;
    erase(front);
    if (log->skipped)
        say(front, "rank %u on %s: %llu line%s only in its log\n", log->rank, node_name,
            (unsigned long long)log->skipped, log->skipped == 1 ? " is" : "s are");
    if (!front->collapse)
        streams_output(front->streams, (int)log->stream, rest);
    while (front->collapse && str_line(&rest, &line))
        collapse_add(front->collapse, log->rank, (int)log->stream, line, clock_now_ns());
    if (front->collapse)
        set_tick(front, collapse_tick(front->collapse, clock_now_ns()));
    draw(front);
}

static bool is_behind(void *data)
{
    return streams_behind(((struct front *)data)->streams);
}

static void print_json(struct front *front, const struct run_event *event)
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
    if (text) {
        streams_own(front->streams, STDOUT_FILENO, str_of(text));
        streams_own(front->streams, STDOUT_FILENO, STR("\n"));
    }
    free(text);
    arena_free(arena);
}

/* The first attempt begins and the last ends without words: the plan and the end say it. So does
 * the failure, in one sentence for all nodes, of a program that can't be started. */
static bool is_calm(const struct run_event *event)
{
    switch (event->kind) {
    case EV_RUN_CREATED:
    case EV_SPAWN_FAILED:
    case EV_ATTEMPT_ENDED:
    case EV_RUN_ENDED:
        return true;
    case EV_ATTEMPT_BEGUN:
    case EV_ATTEMPT_RUNNING:
        return event->attempt == 1;
    default:
        return false;
    }
}

/* Why the run ends is often why its only attempt failed. */
static bool said_before(struct front *front, const struct run_event *event)
{
    if (event->kind != EV_FAILED)
        return false;
    if (str_eq(event->text, (struct str){front->cause.p, front->cause.len}))
        return true;
    buf_clear(&front->cause);
    buf_add(&front->cause, event->text.p, event->text.len);
    return false;
}

/* Ranks that have nothing to do with each other: nothing else says that one went wrong. */
static bool is_news(const struct front *front, const struct run_event *event)
{
    return front->options.job->independent &&
           (event->kind == EV_SPAWN_FAILED ||
            (event->kind == EV_RANK_EXITED && event->a != 0 && event->b != 1));
}

static bool print_event(struct front *front, const struct run_event *event, const char *node_name,
                        struct buf *line)
{
    if (!is_news(front, event))
        return !is_calm(event) && !said_before(front, event) && live_event(event, node_name, line);
    run_event_print(event, node_name, line);
    buf_puts(line, "\n");
    return true;
}

static void on_event(void *data, const struct run_event *event, const char *node_name)
{
    struct front *front = data;
    struct buf line = {0};

    if (front->options.json)
        print_json(front, event);
    if (event->kind == EV_ATTEMPT_BEGUN)
        front->attempts = event->attempt;
    if (event->kind == EV_FAILED && event->a > CAUSE_NONE && event->a < CAUSE_COUNT)
        front->failed = (enum run_cause)event->a;
    if ((front->options.quiet && event->kind != EV_FAILED) || front->options.json ||
        !print_event(front, event, node_name, &line)) {
        buf_done(&line);
        return;
    }
    if (front->collapse)
        collapse_flush(front->collapse);
    erase(front);
    if (!line.failed)
        say(front, "%s%s%s", front->colour ? "\033[33m" : "", line.p,
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
    if (clock_now_ns() - front->drawn_ns >= DRAW_EVERY_NS)
        draw(front);
}

static void on_trouble(void *data, const char *sentence)
{
    struct front *front = data;

    erase(front);
    say(front, "firstlight run: %s\n", sentence);
    draw(front);
}

struct front *front_new(const struct front_options *options, struct driver_front *out)
{
    struct front *front = calloc(1, sizeof(*front));

    if (!front)
        return NULL;
    front->options = *options;
    front->streams = streams_new();
    if (!front->streams) {
        free(front);
        return NULL;
    }
    front->began_ns = clock_now_ns();
    front->terminal = isatty(STDERR_FILENO);
    front->colour = term_has_colour(stderr);
    if (options->job->ranks > 1 && isatty(STDOUT_FILENO))
        front->collapse = collapse_new((uint32_t)options->job->ranks, WINDOW_MS, put_line, front);
    if (!options->quiet && !options->json && options->plan && options->job->ranks > 1)
        say(front, "%s: %s%s", options->run, options->plan,
            strchr(options->plan, '\n') ? "" : "\n");
    *out = (struct driver_front){.data = front,
                                 .event = on_event,
                                 .output = on_output,
                                 .behind = is_behind,
                                 .view = on_view,
                                 .trouble = on_trouble};
    return front;
}

static void on_stop(evutil_socket_t signo, short what, void *data)
{
    struct front *front = data;
    const char *why = signo == SIGINT ? "Ctrl-C" : "SIGTERM";

    (void)what;
    if (front->stops && clock_now_ns() - front->stopped_ns < TWICE_NS)
        return; /* the same wish, to us and to our group */
    front->stopped_ns = clock_now_ns();
    driver_wish(front->driver, front->stops++ ? WISH_KILL : WISH_STOP, why);
    if (front->stops == 1 && front->terminal)
        on_trouble(front, "stopping: ranks may save and leave; Ctrl-C again kills them");
}

static void on_hang_up(evutil_socket_t signo, short what, void *data)
{
    struct front *front = data;

    (void)signo;
    (void)what;
    streams_mute(front->streams);
}

/* The terminal has another size: the status is laid out anew. */
static void on_resize(evutil_socket_t signo, short what, void *data)
{
    struct front *front = data;
    struct control_view view;

    (void)signo;
    (void)what;
    driver_view(front->driver, &view);
    on_view(front, &view);
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
    } rows[SIGNAL_COUNT] = {{SIGINT, on_stop},
                            {SIGTERM, on_stop},
                            {SIGHUP, on_hang_up},
                            {SIGUSR1, on_warning},
                            {SIGWINCH, on_resize}};

    front->driver = driver;
    (void)signal(SIGPIPE, SIG_IGN);
    front->tick = evtimer_new(driver_base(driver), on_tick, front);
    front->redraw = evtimer_new(driver_base(driver), on_redraw, front);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        front->signals[i] = evsignal_new(driver_base(driver), rows[i].signo, rows[i].act, front);
        if (!front->signals[i] || event_add(front->signals[i], NULL) < 0)
            return -ENOMEM;
    }
    return front->tick && front->redraw ? 0 : -ENOMEM;
}

void front_end(struct front *front, int exit_code)
{
    double seconds = (double)(clock_now_ns() - front->began_ns) / SECOND_NS;
    const char *run = front->options.run;
    enum run_cause cause = front->failed; /* several causes have one exit code */

    if (front->collapse)
        collapse_flush(front->collapse);
    erase(front);
    if (front->options.quiet || front->options.json)
        return;
    if (exit_code == 0) {
        if (front->attempts > 1)
            say(front, "%s: done in %.1f s, after %u restart%s: 'firstlight show %s' tells more\n",
                run, seconds, front->attempts - 1, front->attempts > 2 ? "s" : "", run);
        else if (front->terminal)
            say(front, "%s: done in %.1f s\n", run, seconds);
        return;
    }
    for (size_t i = CAUSE_NONE + 1; i < CAUSE_COUNT && run_exits[cause].code != exit_code; i++)
        cause = (enum run_cause)i;
    if (run_exits[cause].code == exit_code)
        say(front, "%s: %s (exit %d) after %.1f s\n", run, run_exits[cause].meaning, exit_code,
            seconds);
    say(front, "'firstlight show %s' and 'firstlight logs %s' tell more\n", run, run);
}

void front_free(struct front *front)
{
    if (!front)
        return;
    if (front->tick)
        event_free(front->tick);
    if (front->redraw)
        event_free(front->redraw);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (front->signals[i])
            event_free(front->signals[i]);
    collapse_free(front->collapse);
    streams_end(front->streams, PATIENCE_MS);
    buf_done(&front->status);
    buf_done(&front->cause);
    free(front);
}
