#include "cli/state.h"

#include "control/event.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define FOLLOW_EVERY_NS 200000000

struct events_args {
    bool json, follow;
    int64_t since, attempt, rank;
    const char *kind, *state;
};

const struct opt events_opts[] = {
    {"follow", 'f', OPT_FLAG, NULL, "Wait for more until the run ends",
     offsetof(struct events_args, follow)},
    {"since", 0, OPT_NUMBER, "SEQ", "Only what came after this event",
     offsetof(struct events_args, since)},
    {"kind", 'k', OPT_TEXT, "KIND", "Only these kinds: 'node.*', \"rank.exited failed\"",
     offsetof(struct events_args, kind)},
    {"attempt", 'a', OPT_NUMBER, "A", "Only of this attempt",
     offsetof(struct events_args, attempt)},
    {"rank", 'r', OPT_NUMBER, "R", "Only of this rank", offsetof(struct events_args, rank)},
    {"json", 'j', OPT_FLAG, NULL, "One JSON object a line", offsetof(struct events_args, json)},
    STATE_OPT(struct events_args, state),
};
const size_t events_opt_count = ARRAY_LEN(events_opts);

struct reader {
    const struct events_args *args;
    struct arena *arena; /* of one event */
    const char *const *names;
    size_t name_count;
    uint64_t seq;
    bool ended;
};

static void print_json(const struct store_event *event, const char *node)
{
    json_t *fields = json_loads(event->fields, 0, NULL);
    json_t *object =
        json_pack("{s:I, s:I, s:I, s:I, s:s, s:s}", "seq", (json_int_t)event->seq, "at_ns",
                  (json_int_t)event->at_ns, "uncertain_ns", (json_int_t)event->uncertain_ns,
                  "attempt", (json_int_t)event->attempt, "kind", event->kind, "text", event->text);

    if (event->node >= 0)
        (void)json_object_set_new(object, "node", json_integer(event->node));
    if (node)
        (void)json_object_set_new(object, "node_name", json_string(node));
    if (event->rank >= 0)
        (void)json_object_set_new(object, "rank", json_integer(event->rank));
    (void)json_object_set_new(object, "fields", fields ? fields : json_object());
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(object);
}

/* A text of a program must not move the cursor of whoever reads about it. */
static void put_clean(const struct buf *line)
{
    for (size_t i = 0; i < line->len; i++) {
        unsigned char c = (unsigned char)line->p[i];

        (void)putchar(c < 0x20 || c == 0x7f ? ' ' : c);
    }
    (void)putchar('\n');
}

static void print_line(struct reader *reader, const struct store_event *event, const char *node)
{
    struct run_event decoded;
    struct buf line = {0};

    if (run_event_from_store(reader->arena, event, &decoded) == 0)
        run_event_print(&decoded, node, &line);
    if (!line.failed)
        put_clean(&line);
    buf_done(&line);
    arena_reset(reader->arena);
}

static bool is_wanted(const struct events_args *args, const struct store_event *event)
{
    return (!args->kind || str_glob_any(args->kind, str_of(event->kind))) &&
           (args->attempt < 0 || event->attempt == args->attempt) &&
           (args->rank < 0 || event->rank == args->rank);
}

static bool each(void *data, const struct store_event *event)
{
    struct reader *reader = data;
    const char *node = event->node >= 0 && (uint64_t)event->node < reader->name_count
                           ? reader->names[event->node]
                           : NULL;

    reader->seq = event->seq;
    reader->ended = !strcmp(event->kind, "run.ended");
    if (!is_wanted(reader->args, event))
        return true;
    if (reader->args->json)
        print_json(event, node);
    else
        print_line(reader, event, node);
    return !ferror(stdout);
}

/* Until the run has ended, or nobody is left to write events. */
static int follow(struct state *state, const char *run, struct reader *reader, struct err *err)
{
    for (;;) {
        bool alive = store_run_alive(state->store, run);
        int r = store_events(state->store, run, reader->seq, each, reader, err);

        if (r < 0 || fflush(stdout) != 0 || !reader->args->follow || reader->ended)
            return r;
        if (!alive) {
            (void)fprintf(stderr, "run %s has no controller now: nobody adds events\n", run);
            return 0;
        }
        (void)nanosleep(&(struct timespec){0, FOLLOW_EVERY_NS}, NULL);
    }
}

int cmd_events(const struct subcommand *command, int argc, char **argv)
{
    struct events_args args = {.attempt = -1, .rank = -1};
    struct reader reader = {.args = &args};
    struct store_run run;
    struct state state;
    struct err err = {0};
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    code = state_open_run(&state, command, args.state, argv, words, &run);
    if (code >= 0)
        return code;
    code = EXIT_WELL;
    reader.seq = (uint64_t)args.since;
    reader.arena = arena_new(0);
    reader.names = state_node_names(&state, run.id, &reader.name_count);
    if (!reader.arena)
        code = subcommand_trouble(command, "no memory");
    else if (follow(&state, run.id, &reader, &err) < 0)
        code = subcommand_trouble(command, "%s", err.text);
    arena_free(reader.arena);
    state_close(&state);
    return code;
}
