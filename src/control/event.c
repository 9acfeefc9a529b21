#include "control/event.h"

#include "control/exit.h"
#include "control/words.h"

#include <errno.h>
#include <jansson.h>

const struct run_event_row run_event_rows[EV_KIND_COUNT] = {
    [EV_NONE] = {"none", {NULL}},
    [EV_RUN_CREATED] = {"run.created", {"nodes", "world"}},
    [EV_CONTROLLER_STARTED] = {"controller.started", {"generation", "pid"}},
    [EV_NODE_STARTING] = {"node.starting", {NULL}},
    [EV_NODE_UP] = {"node.up", {"incarnation", "cpus", "gpus"}},
    [EV_NODE_DOWN] = {"node.down", {NULL}},
    [EV_NODE_LOST] = {"node.lost", {NULL}},
    [EV_NODE_EXCLUDED] = {"node.excluded", {NULL}},
    [EV_NODE_CLOCK] = {"node.clock", {"offset_ns", "uncertain_ns"}},
    [EV_ATTEMPT_BEGUN] = {"attempt.begun", {"nodes", "world", "resume_step"}},
    [EV_NODE_SWAPPED] = {"node.swapped", {"node_rank", "old_node"}},
    [EV_CHECKPOINT_CHOSEN] = {"checkpoint.chosen", {"step"}},
    [EV_CHECKPOINT_QUARANTINED] = {"checkpoint.quarantined", {NULL}},
    [EV_CHECKPOINT_SAVED] = {"checkpoint.saved", {"step"}},
    [EV_RANKS_STARTED] = {"ranks.started", {"count"}},
    [EV_SPAWN_FAILED] = {"spawn.failed", {"errno"}},
    [EV_ATTEMPT_RUNNING] = {"attempt.running", {NULL}},
    [EV_RENDEZVOUS] = {"rendezvous", {NULL}},
    [EV_STEP] = {"step", {"step"}},
    [EV_PHASE_ENDED] = {"phase.ended", {"phase", "ns"}},
    [EV_RANK_EXITED] = {"rank.exited", {"status", "by"}},
    [EV_NODE_EMPTY] = {"node.empty", {"stragglers"}},
    [EV_FAILED] = {"failed", {"cause", "status", "next_ns"}},
    [EV_STOP_ASKED] = {"stop.asked", {"how", "cause"}},
    [EV_ATTEMPT_ENDED] = {"attempt.ended", {"how"}},
    [EV_HONOURED] = {"honoured", {"saved"}},
    [EV_HANG] = {"hang", {"ns"}},
    [EV_WAITING] = {"waiting", {NULL}},
    [EV_NOTE] = {"note", {NULL}},
    [EV_RUN_ENDED] = {"run.ended", {"exit_code"}},
};

/* What a line says: $a $b $c numbers, $A a as a wait status, $B who did it, $P a as a phase, $N b
 * as a duration, $n a as a duration, $H a as a way to stop, $E a as the end of an attempt, $C a as
 * a cause, $K where it begins, $t the text. A text that has no place of its own
 * follows a colon. */
static const char *const templates[EV_KIND_COUNT] = {
    [EV_NONE] = "something that this version does not know",
    [EV_RUN_CREATED] = "created: $a nodes, $b ranks",
    [EV_CONTROLLER_STARTED] = "controller $a started (pid $b)",
    [EV_NODE_STARTING] = "is started",
    [EV_NODE_UP] = "is up: $t, $b cpus, $c gpus",
    [EV_NODE_DOWN] = "has no link",
    [EV_NODE_LOST] = "is lost",
    [EV_NODE_EXCLUDED] = "is left out",
    [EV_NODE_CLOCK] = "clock differs by $n +-$N",
    [EV_ATTEMPT_BEGUN] = "begins: $a nodes, $b ranks",
    [EV_NODE_SWAPPED] = "takes over $t",
    [EV_CHECKPOINT_CHOSEN] = "$K",
    [EV_CHECKPOINT_QUARANTINED] = "torn checkpoint put aside",
    [EV_CHECKPOINT_SAVED] = "saved step $a",
    [EV_RANKS_STARTED] = "$a ranks started",
    [EV_SPAWN_FAILED] = "could not start its ranks",
    [EV_ATTEMPT_RUNNING] = "its ranks run",
    [EV_RENDEZVOUS] = "every rank has spoken to the store",
    [EV_STEP] = "step $a",
    [EV_PHASE_ENDED] = "$P took $N",
    [EV_RANK_EXITED] = "$A$B",
    [EV_NODE_EMPTY] = "is empty",
    [EV_FAILED] = "failed ($C): $t",
    [EV_STOP_ASKED] = "$H asked",
    [EV_ATTEMPT_ENDED] = "ended: $E",
    [EV_HONOURED] = "left when asked",
    [EV_HANG] = "no step for $n",
    [EV_WAITING] = "$t",
    [EV_NOTE] = "$t",
    [EV_RUN_ENDED] = "the run ended with exit code $a",
};

static const char *const phase_names[PHASE_COUNT] = {
    "detect", "abort", "drain", "check", "swap", "spawn", "rendezvous", "load", "first step"};

static const char *name_of(const char *const *names, size_t count, int64_t index)
{
    return index >= 0 && (uint64_t)index < count ? names[index] : "?";
}

const char *run_phase_name(enum run_phase phase)
{
    return name_of(phase_names, PHASE_COUNT, phase);
}

static int64_t number(const struct run_event *event, size_t i)
{
    return i == 0 ? event->a : i == 1 ? event->b : event->c;
}

int run_event_to_store(struct arena *arena, const struct run_event *event, struct store_event *out)
{
    const struct run_event_row *row = &run_event_rows[event->kind];
    struct buf fields = {0};

    buf_puts(&fields, "{");
    for (size_t i = 0; i < ARRAY_LEN(row->fields) && row->fields[i]; i++)
        buf_printf(&fields, "%s\"%s\":%lld", i ? "," : "", row->fields[i],
                   (long long)number(event, i));
    buf_puts(&fields, "}");
    *out = (struct store_event){
        .seq = event->seq,
        .at_ns = event->at_ns,
        .uncertain_ns = event->uncertain_ns,
        .attempt = event->attempt,
        .node = event->node,
        .rank = event->rank,
        .kind = row->name,
        .text = arena_copy(arena, event->text.p ? event->text.p : "", event->text.len),
        .fields = fields.failed ? NULL : arena_copy(arena, fields.p, fields.len),
    };
    buf_done(&fields);
    return out->text && out->fields ? 0 : -ENOMEM;
}

static enum run_event_kind kind_of(const char *name)
{
    for (int kind = EV_NONE + 1; kind < EV_KIND_COUNT; kind++)
        if (strcmp(run_event_rows[kind].name, name) == 0)
            return (enum run_event_kind)kind;
    return EV_NONE;
}

int run_event_from_store(struct arena *arena, const struct store_event *event,
                         struct run_event *out)
{
    json_t *fields = json_loads(event->fields, JSON_REJECT_DUPLICATES, NULL);
    int64_t *const numbers[] = {&out->a, &out->b, &out->c};
    char *text = arena_copy(arena, event->text, strlen(event->text));

    *out = (struct run_event){
        .kind = kind_of(event->kind),
        .seq = event->seq,
        .at_ns = event->at_ns,
        .uncertain_ns = event->uncertain_ns,
        .attempt = event->attempt,
        .node = event->node,
        .rank = event->rank,
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers) && run_event_rows[out->kind].fields[i]; i++)
        *numbers[i] =
            json_integer_value(json_object_get(fields, run_event_rows[out->kind].fields[i]));
    json_decref(fields);
    if (!text)
        return -ENOMEM;
    out->text = str_of(text);
    return 0;
}

static void print_field(const struct run_event *event, char field, struct buf *out)
{
    static const char *const by[] = {"", " (ended by us)", ""};
    static const char *const hows[] = {"abort", "a polite stop", "an end by force", "a save"};
    static const char *const ends[] = {"all ranks exited 0", "failed", "stopped"};

    switch (field) {
    case 'a':
    case 'b':
    case 'c':
        buf_printf(out, "%lld", (long long)number(event, (size_t)(field - 'a')));
        break;
    case 'A':
        words_print_status((int)event->a, event->b == 2, out);
        break;
    case 'B':
        buf_puts(out, name_of(by, ARRAY_LEN(by), event->b));
        break;
    case 'P':
        buf_puts(out, name_of(phase_names, PHASE_COUNT, event->a));
        break;
    case 'N':
        words_print_ns(event->b, out);
        break;
    case 'n':
        words_print_ns(event->a, out);
        break;
    case 'H':
        buf_puts(out, name_of(hows, ARRAY_LEN(hows), event->a));
        break;
    case 'E':
        buf_puts(out, name_of(ends, ARRAY_LEN(ends), event->a));
        break;
    case 'C':
        buf_puts(out, event->a >= 0 && event->a < CAUSE_COUNT ? run_exits[event->a].name : "?");
        break;
    case 'K':
        if (!event->text.len)
            buf_puts(out, "begins at the beginning: there is no checkpoint");
        else if (event->a < 0)
            buf_puts(out, "goes on from a checkpoint");
        else
            buf_printf(out, "goes on from step %lld", (long long)event->a);
        break;
    case 't':
        buf_add(out, event->text.p, event->text.len);
        break;
    }
}

void run_event_print(const struct run_event *event, const char *node_name, struct buf *out)
{
    /* Texts for programs, and the last words of a rank that had no trouble. */
    bool told = event->kind == EV_ATTEMPT_BEGUN ||
                (event->kind == EV_RANK_EXITED && event->a == 0 && event->b == 0);
    bool placed = event->kind == EV_FAILED; /* its text names node and rank */

    words_print_clock(event->at_ns, out);
    if (event->attempt)
        buf_printf(out, " attempt %u", event->attempt);
    if (event->node >= 0 && node_name && !placed)
        buf_printf(out, " %s", node_name);
    if (event->rank >= 0 && !placed)
        buf_printf(out, " rank %lld", (long long)event->rank);
    buf_puts(out, " ");
    for (const char *p = templates[event->kind]; *p; p++) {
        if (*p != '$') {
            buf_add(out, p, 1);
            continue;
        }
        told = told || p[1] == 't';
        print_field(event, *++p, out);
    }
    if (!told && event->text.len)
        buf_printf(out, ": %.*s", STR_ARG(event->text));
}
