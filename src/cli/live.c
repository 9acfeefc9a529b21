#include "cli/live.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define BAR_MIN   10
#define BAR_MAX   40
#define PARTS_MAX 8

#define NEAR_END_S 600
#define FAR_END_S  (30 * 86400)

enum tint { TINT_NONE, TINT_BOLD, TINT_DIM, TINT_YELLOW, TINT_RED, TINT_GREEN };

static const char *const tints[] = {"", "\033[1m", "\033[2m", "\033[33m", "\033[1;31m", "\033[32m"};

/* A line is parts with two blanks between; what does not fit is left out, from the last on. */
struct part {
    char text[256];
    enum tint tint;
};

struct line {
    struct part parts[PARTS_MAX];
    size_t count;
};

static void add(struct line *line, enum tint tint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct line *line, enum tint tint, const char *format, ...)
{
    struct part *part = &line->parts[line->count];
    va_list args;

    if (line->count == PARTS_MAX)
        return;
    va_start(args, format);
    (void)vsnprintf(part->text, sizeof(part->text), format, args);
    va_end(args);
    for (char *p = part->text; *p; p++) /* a program's words do not move the cursor */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    part->tint = tint;
    line->count += *part->text != '\0';
}

/* Columns, as if each character had one: bytes that go on a UTF-8 character have none. */
static size_t width(const char *text)
{
    size_t columns = 0;

    for (; *text; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

static void cut(char *text, size_t columns)
{
    size_t used = 0;

    for (; *text; text++) {
        if (((unsigned char)*text & 0xc0) == 0x80)
            continue;
        if (used++ == columns) {
            *text = '\0';
            return;
        }
    }
}

static size_t line_width(const struct line *line)
{
    size_t columns = line->count ? (line->count - 1) * 2 : 0;

    for (size_t i = 0; i < line->count; i++)
        columns += width(line->parts[i].text);
    return columns;
}

static bool put(struct line *line, const struct live_style *style, struct buf *out)
{
    size_t columns = (size_t)style->columns;

    while (line->count > 1 && line_width(line) > columns)
        line->count--;
    if (!line->count)
        return false;
    cut(line->parts[0].text, columns);
    for (size_t i = 0; i < line->count; i++) {
        const struct part *part = &line->parts[i];
        bool tinted = style->colour && part->tint != TINT_NONE;

        buf_printf(out, "%s%s%s%s", i ? "  " : "", tinted ? tints[part->tint] : "", part->text,
                   tinted ? "\033[0m" : "");
    }
    buf_puts(out, "\n");
    return true;
}

void live_print_duration(int64_t seconds, struct buf *out)
{
    long long s = seconds < 0 ? 0 : seconds;

    if (s < 60)
        buf_printf(out, "%lld s", s);
    else if (s < 3600)
        buf_printf(out, "%lld min %lld s", s / 60, s % 60);
    else if (s < 86400)
        buf_printf(out, "%lld h %lld min", s / 3600, s / 60 % 60);
    else
        buf_printf(out, "%lld d %lld h", s / 86400, s / 3600 % 24);
}

void live_print_count(int64_t count, struct buf *out)
{
    static const char units[] = {'k', 'M', 'G', 'T'};
    double value = (double)count;
    size_t unit = 0;

    if (count < 1000) {
        buf_printf(out, "%lld", (long long)count);
        return;
    }
    for (value /= 1000; value >= 999.5 && unit + 1 < sizeof(units); unit++)
        value /= 1000;
    buf_printf(out, "%.3g%c", value, units[unit]);
}

/* "[####------]" in what the rest of the line leaves; nothing when that is too little. */
static void put_bar_first(struct line *line, const struct live *live, int columns)
{
    int room = columns - (int)line_width(line) - 4, full;
    char bar[BAR_MAX + 1];

    if (room < BAR_MIN || line->count == PARTS_MAX)
        return;
    room = room > BAR_MAX ? BAR_MAX : room;
    full =
        live->step >= live->total ? room : (int)((double)live->step / (double)live->total * room);
    memset(bar, '-', (size_t)room);
    memset(bar, '#', (size_t)full);
    bar[room] = '\0';
    memmove(line->parts + 1, line->parts, line->count * sizeof(*line->parts));
    line->count++;
    (void)snprintf(line->parts[0].text, sizeof(line->parts[0].text), "[%s]", bar);
    line->parts[0].tint = TINT_GREEN;
}

static bool print_steps(const struct live *live, const struct live_style *style, struct buf *out)
{
    struct line line = {0};
    struct buf text = {0};
    bool bar = live->total > 0 && live->step >= 0;

    if (live->step < 0)
        return false;
    if (bar)
        add(&line, TINT_BOLD, "step %lld/%lld %d%%", (long long)live->step, (long long)live->total,
            live->step >= live->total ? 100
                                      : (int)(100.0 * (double)live->step / (double)live->total));
    else
        add(&line, TINT_BOLD, "step %lld", (long long)live->step);
    if (!isnan(live->loss))
        add(&line, TINT_NONE, "loss %.4g", live->loss);
    if (live->eta_s >= 0) {
        live_print_duration(live->eta_s, &text);
        add(&line, TINT_NONE, "%s left", text.p ? text.p : "");
    }
    if (live->tokens_per_s >= 0) {
        buf_clear(&text);
        live_print_count(live->tokens_per_s, &text);
        add(&line, TINT_NONE, "%s tokens/s", text.p ? text.p : "");
    }
    buf_done(&text);
    if (bar)
        put_bar_first(&line, live, style->columns);
    return put(&line, style, out);
}

static enum tint tint_of_state(const struct live *live)
{
    if (live->exit_code > 0)
        return TINT_RED;
    if (live->exit_code == 0 || !strcmp(live->state, "running"))
        return TINT_GREEN;
    return TINT_YELLOW;
}

/* An end that is a month away is none that anybody waits for. */
static void add_end(struct line *line, const struct live *live)
{
    struct buf text = {0};

    if (live->ends_in_s <= 0 || live->ends_in_s > FAR_END_S)
        return;
    live_print_duration(live->ends_in_s, &text);
    add(line, live->ends_in_s < NEAR_END_S ? TINT_YELLOW : TINT_DIM, "ends in %s",
        text.p ? text.p : "");
    buf_done(&text);
}

static bool print_where(const struct live *live, const struct live_style *style, struct buf *out)
{
    bool short_of = live->nodes_up < live->nodes_wanted;
    uint32_t restarts = live->attempt > 1 ? live->attempt - 1 : 0;
    struct line line = {0};

    add(&line, tint_of_state(live), "%s%s%s", live->state, *live->phase ? ": " : "", live->phase);
    if (live->world)
        add(&line, live->ranks_running < live->world ? TINT_YELLOW : TINT_NONE, "%u/%u ranks",
            live->ranks_running, live->world);
    if (live->nodes_wanted > 1 || short_of || live->spares_up) {
        char spares[32] = "";

        if (live->spares_up)
            (void)snprintf(spares, sizeof(spares), " + %u spare%s", live->spares_up,
                           live->spares_up == 1 ? "" : "s");
        add(&line, short_of ? TINT_YELLOW : TINT_NONE, "%u/%u nodes%s", live->nodes_up,
            live->nodes_wanted, spares);
    }
    if (restarts)
        add(&line, TINT_YELLOW, "%u restart%s", restarts, restarts == 1 ? "" : "s");
    add_end(&line, live);
    add(&line, TINT_DIM, "%s", live->run);
    return put(&line, style, out);
}

static bool print_words(const struct live *live, const struct live_style *style, struct buf *out)
{
    bool known =
        !strcmp(live->state, "running") && live->exit_code < 0; /* as the line above says */
    struct line line = {0};

    if (*live->waiting)
        add(&line, TINT_YELLOW, "%s", live->waiting);
    else if (!known)
        add(&line, live->exit_code > 0 ? TINT_RED : TINT_NONE, "%s", live->headline);
    return put(&line, style, out);
}

int live_print(const struct live *live, const struct live_style *style, struct buf *out)
{
    return print_steps(live, style, out) + print_where(live, style, out) +
           print_words(live, style, out);
}

struct live live_of_view(const char *run, const struct control_view *view)
{
    return (struct live){
        .run = run,
        .state = run_state_name(view->state),
        .attempt = view->attempt,
        .nodes_up = view->nodes_up,
        .nodes_wanted = view->nodes_wanted,
        .spares_up = view->spares_up,
        .ranks_running = view->ranks_running,
        .world = view->world,
        .step = view->step,
        .total = view->total,
        .tokens_per_s = view->tokens_per_s,
        .eta_s = view->eta_s,
        .loss = view->loss,
        .phase = view->phase ? view->phase : "",
        .waiting = view->waiting ? view->waiting : "",
        .headline = view->headline ? view->headline : "",
        .exit_code = view->exit_code,
        .ends_in_s = view->ends_in_s,
    };
}

static int64_t told(const json_t *view, const char *name)
{
    const json_t *value = json_object_get(view, name);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static uint32_t count_of(const json_t *view, const char *name)
{
    int64_t value = told(view, name);

    return value < 0 || value > UINT32_MAX ? 0 : (uint32_t)value;
}

static const char *text_of(const json_t *view, const char *name)
{
    const char *text = json_string_value(json_object_get(view, name));

    return text ? text : "";
}

struct live live_of_json(const char *run, const json_t *view)
{
    const json_t *loss = json_object_get(view, "loss");

    return (struct live){
        .run = run,
        .state = text_of(view, "state"),
        .attempt = count_of(view, "attempt"),
        .nodes_up = count_of(view, "nodes_up"),
        .nodes_wanted = count_of(view, "nodes_wanted"),
        .spares_up = count_of(view, "spares_up"),
        .ranks_running = count_of(view, "ranks_running"),
        .world = count_of(view, "world"),
        .step = told(view, "step"),
        .total = told(view, "total"),
        .tokens_per_s = told(view, "tokens_per_s"),
        .eta_s = told(view, "eta_s"),
        .loss = json_is_number(loss) ? json_number_value(loss) : NAN,
        .phase = text_of(view, "phase"),
        .waiting = text_of(view, "waiting"),
        .headline = text_of(view, "headline"),
        .exit_code = (int)told(view, "exit_code"),
        .ends_in_s = told(view, "ends_in_s"),
    };
}

bool live_event(const struct run_event *event, const char *node_name, struct buf *out)
{
    /* What a person who watches a healthy run need not read. */
    static const bool quiet[EV_KIND_COUNT] = {
        [EV_NONE] = true,         [EV_CONTROLLER_STARTED] = true, [EV_NODE_STARTING] = true,
        [EV_NODE_UP] = true,      [EV_NODE_CLOCK] = true,         [EV_RANKS_STARTED] = true,
        [EV_RENDEZVOUS] = true,   [EV_RANK_EXITED] = true,        [EV_NODE_EMPTY] = true,
        [EV_HONOURED] = true,     [EV_PHASE_ENDED] = true,        [EV_STEP] = true,
        [EV_SPAWN_FAILED] = true, /* the failure says it */
    };

    if (event->kind >= EV_KIND_COUNT || quiet[event->kind])
        return false;
    run_event_print(event, node_name, out);
    buf_puts(out, "\n");
    return true;
}
