/* The node's machine with a world that writes down what it was asked: scripts of inputs against
 * traces, each input in each state, and random inputs under invariants. */
#include "base/rng.h"
#include "base/str.h"
#include "ranks/machine.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS    INT64_C(1000000)
#define RANKS 2u

/* ---- a world that only writes down ---- */

struct trace {
    struct ranks_machine *machine;
    struct buf text;
    int64_t now_ns, wake_at_ns;
    bool left;
};

static void say(struct trace *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct trace *t, const char *format, ...)
{
    char word[256];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(word, sizeof(word), format, args);
    va_end(args);
    buf_printf(&t->text, "%s%s", t->text.len ? " " : "", word);
}

static void on_spawn(void *data, const struct msg_start *start)
{
    say(data, "spawn:%u", start->attempt);
}

static void on_signal(void *data, uint32_t rank, int signo)
{
    say(data, "signal:%u:%d", rank, signo);
}

static void on_group(void *data, int signo)
{
    say(data, "group:%d", signo);
}

static void on_ask(void *data, uint32_t how)
{
    say(data, "ask:%u", how);
}

static void on_open(void *data, const struct msg_start *start)
{
    (void)start;
    say(data, "open");
}

static void on_close(void *data)
{
    say(data, "close");
}

static void on_answer(void *data, struct str bytes)
{
    say(data, "answer:%.*s", STR_ARG(bytes));
}

static void on_store_up(void *data)
{
    say(data, "store_up");
}

static void on_find(void *data, const struct msg_find_checkpoint *ask)
{
    say(data, "find:%u", ask->attempt);
}

static void on_read(void *data, const struct msg_log_read *ask)
{
    say(data, "read:%u", ask->rank);
}

static void on_credit(void *data, uint64_t bytes)
{
    say(data, "credit:%d", (int)bytes);
}

static void on_send(void *data, const struct message *message)
{
    static const char *const kinds[] = {"?",     "started", "failed", "exited", "empty",
                                        "saved", "phase",   "left",   "note"};
    const struct msg_event *event = &message->event;

    if (message->id == MSG_HELLO)
        say(data, "hello(g%d,%u,%s,%ualive,from%d)", (int)message->hello.generation,
            message->hello.attempt, message->hello.empty ? "empty" : "lives",
            message->hello.ranks_alive.count, (int)message->hello.events_from);
    else if (message->id == MSG_PONG)
        say(data, "pong:%d", (int)message->pong.sent_ns);
    else if (event->kind == AGENT_NOTE)
        say(data, "#%d:note", (int)event->number);
    else if (event->rank >= 0)
        say(data, "#%d:%s:r%d:%d:%d", (int)event->number, kinds[event->kind], (int)event->rank,
            (int)event->a, (int)event->b);
    else
        say(data, "#%d:%s:%u:%d", (int)event->number, kinds[event->kind], event->attempt,
            (int)event->a);
}

static void on_cut(void *data, const char *why)
{
    (void)why;
    say(data, "cut");
}

static void on_wake(void *data, int64_t at_ns)
{
    struct trace *t = data;

    if (!t->wake_at_ns || at_ns < t->wake_at_ns)
        t->wake_at_ns = at_ns;
}

static void on_leave(void *data, const char *why)
{
    (void)why;
    say(data, "leave");
    ((struct trace *)data)->left = true;
}

static const struct ranks_self self = {
    .node = 3, .incarnation = 77, .host = "n003", .boot_id = "boot", .pid = 12, .cpus = 4};

static const struct ranks_world writer = {
    .spawn = on_spawn,
    .signal = on_signal,
    .signal_group = on_group,
    .ask_stop = on_ask,
    .store_open = on_open,
    .store_close = on_close,
    .store_answer = on_answer,
    .store_link_up = on_store_up,
    .find_checkpoint = on_find,
    .log_read = on_read,
    .log_credit = on_credit,
    .send = on_send,
    .cut = on_cut,
    .wake = on_wake,
    .leave = on_leave,
};

/* ---- scripts: words of inputs ---- */

static void advance(struct trace *t, int64_t ms)
{
    int64_t end_ns = t->now_ns + ms * MS;

    while (t->wake_at_ns && t->wake_at_ns <= end_ns && !t->left) {
        t->now_ns = t->wake_at_ns;
        t->wake_at_ns = 0;
        ranks_tick(t->machine, t->now_ns);
    }
    t->now_ns = end_ns;
}

static struct message start_of(uint32_t attempt, uint32_t nproc)
{
    return (struct message){.id = MSG_START,
                            .start = {.attempt = attempt,
                                      .nnodes = 1,
                                      .first_rank = 0,
                                      .nproc = nproc,
                                      .world = RANKS,
                                      .job = STR("{}"),
                                      .run = STR("r"),
                                      .resume = STR(""),
                                      .master_addr = STR("")}};
}

/* "stop:1:0:3000" is one word: a name and up to three numbers. */
static void play_word(struct trace *t, const char *word)
{
    struct ranks_machine *m = t->machine;
    struct message message = {0};
    char name[16] = "";
    int a = 0, b = 0, c = 0;

    if (word[0] == '+') {
        advance(t, atoi(word + 1));
        return;
    }
    assert_true(sscanf(word, "%15[a-z_]:%d:%d:%d", name, &a, &b, &c) >= 1);
    if (!strcmp(name, "up"))
        ranks_link_up(m, "10.0.0.7", t->now_ns);
    else if (!strcmp(name, "down"))
        ranks_link_down(m, t->now_ns);
    else if (!strcmp(name, "started"))
        ranks_started(m, t->now_ns);
    else if (!strcmp(name, "failed"))
        ranks_spawn_failed(m, a, "python4: no such program", t->now_ns);
    else if (!strcmp(name, "exit")) /* rank, status, 1: the OOM killer */
        ranks_exited(m, (uint32_t)a, b, c == 1, STR("words"), t->now_ns, t->now_ns);
    else if (!strcmp(name, "exit_before")) /* it died a millisecond ago */
        ranks_exited(m, (uint32_t)a, b, c == 1, STR(""), t->now_ns - MS, t->now_ns);
    else if (!strcmp(name, "empty"))
        ranks_empty(m, (uint32_t)a, t->now_ns);
    else if (!strcmp(name, "grows"))
        ranks_checkpoint_grows(m, t->now_ns);
    else if (!strcmp(name, "page"))
        ranks_page_used(m, (uint32_t)a);
    else if (!strcmp(name, "seen"))
        ranks_stop_seen(m, (uint32_t)a);
    else if (!strcmp(name, "saved"))
        ranks_checkpoint_saved(m, (uint32_t)a, b, STR("ckpt/1"), t->now_ns, t->now_ns);
    else if (!strcmp(name, "phase"))
        ranks_phase(m, (uint32_t)a, (uint32_t)b, t->now_ns, t->now_ns);
    else if (!strcmp(name, "say"))
        ranks_note(m, STR("hello"), t->now_ns);
    else if (!strcmp(name, "term"))
        ranks_ask_leave(m, "SIGTERM", t->now_ns);
    else {
        if (!strcmp(name, "welcome"))
            message = (struct message){.id = MSG_WELCOME,
                                       .welcome = {.generation = (uint64_t)(a ? a : 1),
                                                   .heartbeat_ms = (uint32_t)b,
                                                   .hold_ms = 5000}};
        else if (!strcmp(name, "start"))
            message = start_of((uint32_t)a, b ? (uint32_t)b : RANKS);
        else if (!strcmp(name, "stop"))
            message = (struct message){.id = MSG_STOP,
                                       .stop = {.attempt = (uint32_t)a,
                                                .how = (uint32_t)b,
                                                .grace_ms = (uint32_t)c,
                                                .why = STR("")}};
        else if (!strcmp(name, "signal"))
            message = (struct message){
                .id = MSG_SIGNAL,
                .signal = {.attempt = (uint32_t)a, .rank = b, .signo = (uint32_t)c}};
        else if (!strcmp(name, "ping"))
            message = (struct message){.id = MSG_PING, .ping = {.sent_ns = a}};
        else if (!strcmp(name, "ack"))
            message = (struct message){.id = MSG_ACK, .ack = {.event = (uint64_t)a}};
        else if (!strcmp(name, "store"))
            message = (struct message){.id = MSG_STORE_DOWN,
                                       .store = {.attempt = (uint32_t)a, .bytes = STR("kv")}};
        else if (!strcmp(name, "find"))
            message = (struct message){.id = MSG_FIND_CHECKPOINT,
                                       .find_checkpoint = {.attempt = (uint32_t)a}};
        else if (!strcmp(name, "read"))
            message = (struct message){.id = MSG_LOG_READ, .log_read = {.rank = (uint32_t)a}};
        else if (!strcmp(name, "credit"))
            message = (struct message){.id = MSG_LOG_CREDIT, .log_credit = {.bytes = (uint64_t)a}};
        else if (!strcmp(name, "leave"))
            message = (struct message){.id = MSG_LEAVE, .leave = {.why = STR("done")}};
        else
            fail_msg("no such word: %s", word);
        ranks_message(m, &message, t->now_ns);
    }
}

static void play(struct trace *t, const char *script)
{
    struct str rest = str_of(script), word;

    while (str_word(&rest, &word)) {
        char text[64];

        (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(word));
        play_word(t, text);
    }
}

static void trace_begin(struct trace *t)
{
    struct ranks_world world = writer;

    *t = (struct trace){.now_ns = 1000000 * MS};
    world.data = t;
    t->machine = ranks_machine_new(&self, &world);
    assert_non_null(t->machine);
}

static void trace_end(struct trace *t)
{
    ranks_machine_free(t->machine);
    buf_done(&t->text);
}

/* A stop's how: 0 abort, 1 polite, 2 kill. Statuses as wait gives them: 9 SIGKILL, 15 SIGTERM, 256
 * exit 1. Each line of `want` answers what the words since the last one brought. */
#define BEGUN   "up welcome start:1 started "
#define BEGUN_T "hello(g0,0,empty,0alive,from1) open spawn:1 #1:started:1:2 "

static const struct {
    const char *name, *script, *want;
} scripts[] = {
    {"an attempt that ends well", BEGUN "exit:0:0 exit:1:0 empty",
     BEGUN_T "#2:exited:r0:0:0 #3:exited:r1:0:0 close #4:empty:1:0"},
    {"stragglers of ranks that ended well have a second", BEGUN "exit:0:0 exit:1:0 +999 +1 empty:2",
     BEGUN_T "#2:exited:r0:0:0 #3:exited:r1:0:0 group:9 close #4:empty:1:2"},
    {"stragglers of one that failed have none", BEGUN "exit:0:256 exit:1:0 empty:1",
     BEGUN_T "#2:exited:r0:256:0 #3:exited:r1:0:0 group:9 close #4:empty:1:1"},
    {"a spawn that failed", "up welcome start:1 failed:2 start:1",
     "hello(g0,0,empty,0alive,from1) open spawn:1 #1:failed:1:2 close #2:empty:1:0 #1:failed:1:2 "
     "#2:empty:1:0"},
    {"an exit tells that the ranks had started", "up welcome start:1 exit:1:0 started",
     "hello(g0,0,empty,0alive,from1) open spawn:1 #1:started:1:2 #2:exited:r1:0:0"},
    {"an abort: SIGTERM, then SIGKILL, again until it is over",
     BEGUN "stop:1:0:3000 exit:0:15 +2999 +1 exit:1:9 +1000 empty",
     BEGUN_T "signal:0:15 signal:1:15 #2:exited:r0:15:1 group:9 #3:exited:r1:9:1 group:9 group:9 "
             "close #4:empty:1:0"},
    {"a death before our signal is not ours",
     BEGUN "exit_before:0:11 stop:1:0:3000 exit_before:1:11",
     BEGUN_T "#2:exited:r0:11:0 signal:1:15 #3:exited:r1:11:0 group:9"},
    {"a kill at once", BEGUN "stop:1:2:0 exit:0:9 exit:1:9 empty",
     BEGUN_T "group:9 #2:exited:r0:9:1 #3:exited:r1:9:1 group:9 close #4:empty:1:0"},
    {"the OOM killer", BEGUN "exit:0:9:1", BEGUN_T "#2:exited:r0:9:2"},
    {"a polite stop without libfirstlight: SIGTERM at once",
     BEGUN "stop:1:1:10000 exit:0:0 exit:1:15",
     BEGUN_T "ask:1 signal:0:15 signal:1:15 #2:exited:r0:0:1 #3:left:r0:0:0 #4:exited:r1:15:1 "
             "group:9"},
    {"a polite stop with it: who saw it gets no SIGTERM",
     BEGUN "page:0 page:1 stop:1:1:10000 seen:0 +5000 saved:0:7 exit:0:0 +4999 +1",
     BEGUN_T "ask:1 signal:1:15 #2:saved:r0:7:0 #3:exited:r0:0:1 #4:left:r0:0:1 group:9"},
    {"the grace grows with a checkpoint",
     BEGUN "page:0 page:1 stop:1:1:1000 seen:0 seen:1 +900 grows +900 grows +999 +1",
     BEGUN_T "ask:1 group:9"},
    {"but ten times at most",
     BEGUN "page:0 seen:0 page:1 seen:1 stop:1:1:1000 +900 grows +900 grows +900 grows +900 grows "
           "+900 grows +900 grows +900 grows +900 grows +900 grows +900 grows +900 grows +99 "
           "say +1",
     BEGUN_T "ask:1 #2:note group:9"},
    {"a stop by more force replaces a gentler one, never the other way",
     BEGUN "page:0 page:1 stop:1:1:10000 stop:1:1:1 stop:1:0:1000 stop:1:1:9000 +1000 stop:1:2:0",
     BEGUN_T "ask:1 signal:0:15 signal:1:15 group:9 group:9"},
    {"a stop while the ranks start waits for them", "up welcome start:1 stop:1:2:0 +100 started",
     "hello(g0,0,empty,0alive,from1) open spawn:1 #1:started:1:2 group:9"},
    {"a START while an older attempt lives ends that first",
     BEGUN "start:2 start:3 exit:0:9 exit:1:9 empty started",
     BEGUN_T "group:9 #2:exited:r0:9:1 #3:exited:r1:9:1 group:9 close #4:empty:1:0 open spawn:3 "
             "#5:started:3:2"},
    {"a START while an older attempt starts, too",
     "up welcome start:1 start:2 started exit:0:9 exit:1:9 empty",
     "hello(g0,0,empty,0alive,from1) open spawn:1 #1:started:1:2 group:9 #2:exited:r0:9:1 "
     "#3:exited:r1:9:1 group:9 close #4:empty:1:0 open spawn:2"},
    {"a START that is repeated does nothing twice and repeats its events",
     BEGUN "start:1 ack:1 start:1", BEGUN_T "#1:started:1:2"},
    {"a START of an older attempt is ignored",
     BEGUN "exit:0:0 exit:1:0 empty ack:4 start:1 start:3 start:2",
     BEGUN_T "#2:exited:r0:0:0 #3:exited:r1:0:0 close #4:empty:1:0 open spawn:3"},
    {"a STOP of an attempt that never began fences it",
     "up welcome stop:2:0:0 start:2 start:1 start:3",
     "hello(g0,0,empty,0alive,from1) #1:empty:2:0 #1:empty:2:0 open spawn:3"},
    {"a STOP of the next attempt while the older one ends",
     BEGUN "start:2 stop:2:0:0 exit:0:9 exit:1:9 empty start:2",
     BEGUN_T "group:9 #2:exited:r0:9:1 #3:exited:r1:9:1 group:9 close #4:empty:1:0 #5:empty:2:0 "
             "#1:started:1:2 #2:exited:r0:9:1 #3:exited:r1:9:1 #4:empty:1:0 #5:empty:2:0"},
    {"a START for ranks that the world has not", "up welcome start:1:3",
     "hello(g0,0,empty,0alive,from1) #1:failed:1:22 #2:empty:1:0"},
    {"nothing is obeyed before WELCOME", "up start:1 leave ping:1 welcome start:1",
     "hello(g0,0,empty,0alive,from1) open spawn:1"},
    {"a controller of an older generation is cut",
     "up welcome:5 down up welcome:4 start:1 down up welcome:5 start:1",
     "hello(g0,0,empty,0alive,from1) hello(g5,0,empty,0alive,from1) cut "
     "hello(g5,0,empty,0alive,from1) #1:note open spawn:1"},
    {"events are sent again after a reconnect, those not acknowledged",
     BEGUN "ack:1 down exit:0:0 up welcome ack:2 exit:1:0",
     BEGUN_T "hello(g1,1,lives,1alive,from2) #2:exited:r0:0:0 store_up #3:exited:r1:0:0"},
    {"a store's answer to another attempt is dropped", BEGUN "store:2 store:1 store:0",
     BEGUN_T "answer:kv"},
    {"signals reach the rank that is meant, or all",
     BEGUN "signal:1:1:10 signal:1:-1:12 signal:2:0:9 signal:1:7:9 signal:1:0:0 signal:1:0:99",
     BEGUN_T "signal:1:10 signal:0:12 signal:1:12"},
    {"a rank that died of a forwarded signal is ours, of another not",
     BEGUN "signal:1:-1:10 exit:0:10 exit:1:11",
     BEGUN_T "signal:0:10 signal:1:10 #2:exited:r0:10:1 "
             "#3:exited:r1:11:0 group:9"},
    {"pings are answered; three silent beats lose the link",
     "up welcome:1:1000 ping:5 +2000 ping:6 +2999 +1 ping:7 up",
     "hello(g0,0,empty,0alive,from1) pong:5 pong:6 cut hello(g1,0,empty,0alive,from1)"},
    {"a controller that does not say WELCOME is cut", "up +9999 +1",
     "hello(g0,0,empty,0alive,from1) cut"},
    {"the hold: stopped politely, killed, gone",
     BEGUN "page:0 page:1 down +4999 +1 +30000 +29999 +1 exit:0:9 exit:1:9 empty",
     BEGUN_T "ask:1 signal:0:15 signal:1:15 group:9 group:9 close leave"},
    {"an empty node leaves when the hold is over", "up welcome down +4999 +1",
     "hello(g0,0,empty,0alive,from1) leave"},
    {"a link without WELCOME does not end the hold",
     "up welcome:2 down +3000 up +1000 welcome:1 +999 +1",
     "hello(g0,0,empty,0alive,from1) hello(g2,0,empty,0alive,from1) cut leave"},
    {"a controller that is back while the hold's stop goes on takes us on",
     BEGUN "ack:1 down +5000 up welcome:2 ack:2 exit:0:15 exit:1:15 empty start:2",
     BEGUN_T "ask:1 signal:0:15 signal:1:15 hello(g1,1,lives,2alive,from2) #2:note store_up "
             "#3:exited:r0:15:1 #4:exited:r1:15:1 group:9 close #5:empty:1:0 open spawn:2"},
    {"nobody ever came", "+1 term", "leave"},
    {"LEAVE kills first", BEGUN "leave exit:0:9 exit:1:9 empty start:2",
     BEGUN_T "group:9 #2:exited:r0:9:1 #3:exited:r1:9:1 group:9 close #4:empty:1:0 leave"},
    {"LEAVE with a START that waits", BEGUN "start:2 leave exit:0:9 exit:1:9 empty",
     BEGUN_T "group:9 #2:exited:r0:9:1 #3:exited:r1:9:1 group:9 close #4:empty:1:0 leave"},
    {"SIGTERM stops politely and leaves; twice kills",
     BEGUN "term start:2 term exit:0:9 exit:1:9 empty",
     BEGUN_T
     "ask:1 signal:0:15 signal:1:15 group:9 #2:exited:r0:9:1 #3:exited:r1:9:1 group:9 close "
     "#4:empty:1:0 leave"},
    {"phases of the job's rank 0 alone", BEGUN "phase:0:2 phase:1:2", BEGUN_T "#2:phase:r0:2:0"},
    {"what is asked of the node goes to its world", "up welcome find:4 read:1 credit:9",
     "hello(g0,0,empty,0alive,from1) find:4 read:1 credit:9"},
    {"what SIGKILL does not end is told once", BEGUN "stop:1:2:0 +10000 +1000",
     BEGUN_T "group:9 group:9 group:9 group:9 group:9 group:9 group:9 group:9 group:9 group:9 "
             "group:9 #2:note group:9"},
};

static void test_scripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct trace t;

        trace_begin(&t);
        play(&t, scripts[i].script);
        if (strcmp(t.text.p ? t.text.p : "", scripts[i].want) != 0)
            fail_msg("%s\n  want: %s\n   got: %s", scripts[i].name, scripts[i].want, t.text.p);
        trace_end(&t);
    }
}

/* ---- each input in each state ---- */

static const char *const states[] = {
    "up welcome start:1 failed:2 ack:9",
    "up welcome start:1",
    "up welcome start:1 started ack:9",
    "up welcome start:1 started ack:9 stop:1:0:3000",
};

static const struct {
    const char *input;
    const char *want[ARRAY_LEN(states)]; /* idle, starting, running, ending */
} matrix[] = {
    {"start:1", {"", "", "", ""}},
    {"start:2", {"open spawn:2", "", "group:9", "group:9"}},
    {"start:0", {"", "", "", ""}},
    {"stop:1:0:1000", {"", "", "signal:0:15 signal:1:15", ""}},
    {"stop:1:1:1000", {"", "", "ask:1 signal:0:15 signal:1:15", ""}},
    {"stop:1:2:1000", {"", "", "group:9", "group:9"}},
    {"stop:1:9:1000", {"", "", "group:9", "group:9"}},
    {"stop:1:3:0", {"", "", "ask:2", ""}},
    {"stop:2:3:0", {"", "", "", ""}},
    {"stop:0:0:1000", {"", "", "", ""}},
    {"stop:2:0:1000", {"#3:empty:2:0", "", "group:9", "group:9"}},
    {"started", {"", "#1:started:1:2", "", ""}},
    {"failed:12", {"", "#1:failed:1:12 close #2:empty:1:0", "", ""}},
    {"exit:0:0", {"", "#1:started:1:2 #2:exited:r0:0:0", "#2:exited:r0:0:0", "#2:exited:r0:0:1"}},
    {"exit:0:0 exit:0:0",
     {"", "#1:started:1:2 #2:exited:r0:0:0", "#2:exited:r0:0:0", "#2:exited:r0:0:1"}},
    {"exit:2:0", {"", "", "", ""}},
    {"empty", {"", "", "", ""}},
    {"grows", {"", "", "", ""}},
    {"page:0 seen:1 page:9", {"", "", "", ""}},
    {"saved:0:5", {"", "", "#2:saved:r0:5:0", "#2:saved:r0:5:0"}},
    {"phase:0:2", {"", "", "#2:phase:r0:2:0", "#2:phase:r0:2:0"}},
    {"say", {"#3:note", "#1:note", "#2:note", "#2:note"}},
    {"store:1", {"", "answer:kv", "answer:kv", "answer:kv"}},
    {"signal:1:0:10", {"", "", "signal:0:10", "signal:0:10"}},
    {"ping:3", {"pong:3", "pong:3", "pong:3", "pong:3"}},
    {"leave", {"leave", "", "group:9", "group:9"}},
    {"term", {"leave", "", "ask:1 signal:0:15 signal:1:15", ""}},
    {"term term", {"leave", "", "ask:1 signal:0:15 signal:1:15 group:9", "group:9"}},
    {"leave say ping:1",
     {"leave", "#1:note pong:1", "group:9 #2:note pong:1", "group:9 #2:note pong:1"}},
    {"up",
     {"hello(g1,1,empty,0alive,from3)", "hello(g1,1,lives,0alive,from1)",
      "hello(g1,1,lives,2alive,from2)", "hello(g1,1,lives,2alive,from2)"}},
    {"down down", {"", "", "", ""}},
    {"welcome", {"", "store_up", "store_up", "store_up"}},
};

static void test_each_input_in_each_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(matrix); i++) {
        for (size_t s = 0; s < ARRAY_LEN(states); s++) {
            struct trace t;

            trace_begin(&t);
            play(&t, states[s]);
            buf_clear(&t.text);
            play(&t, matrix[i].input);
            if (strcmp(t.text.p ? t.text.p : "", matrix[i].want[s]) != 0)
                fail_msg("%s after %s\n  want: %s\n   got: %s", matrix[i].input, states[s],
                         matrix[i].want[s], t.text.p);
            trace_end(&t);
        }
    }
}

static void test_notes_are_bounded_and_exits_are_not(void **state)
{
    struct trace t;

    (void)state;
    trace_begin(&t);
    play(&t, BEGUN "down");
    for (int i = 0; i < RANKS_EVENTS_MAX + 10; i++)
        ranks_note(t.machine, STR("n"), t.now_ns);
    play(&t, "exit:0:0 exit:1:0 empty");
    buf_clear(&t.text);
    play(&t, "up welcome");
    assert_non_null(strstr(t.text.p, "#65536:note #65537:exited:r0:0:0 #65538:exited:r1:0:0 "
                                     "#65539:empty:1:0"));
    buf_clear(&t.text);
    play(&t, "ack:65538");
    assert_string_equal(t.text.p, "#65540:note"); /* that notes were dropped */
    trace_end(&t);
}

/* ---- random inputs: a world with processes, and what must always hold ---- */

struct fuzz_world {
    struct rng rng;
    struct ranks_machine *machine;
    int64_t now_ns, wake_at_ns;
    /* processes */
    uint32_t spawned;    /* the last attempt */
    bool answer_pending; /* its spawn has not answered */
    bool group, alive[RANKS], killed, stubborn;
    uint32_t stragglers;
    bool store_open;
    /* the controller's side */
    bool link, welcomed, left, hello_first;
    uint64_t number, acked, resend_from;
    uint32_t attempt_sent, empty_told;
    uint32_t exits[RANKS], started_told;
};

static bool anything_lives(const struct fuzz_world *w)
{
    return w->answer_pending || w->group;
}

static void fuzz_spawn(void *data, const struct msg_start *start)
{
    struct fuzz_world *w = data;

    assert_true(start->attempt > w->spawned); /* never twice, never an older one */
    assert_false(anything_lives(w));
    assert_true(w->store_open);
    assert_int_equal(start->nproc, RANKS);
    w->spawned = start->attempt;
    w->answer_pending = true;
    w->killed = false;
}

static void fuzz_signal(void *data, uint32_t rank, int signo)
{
    struct fuzz_world *w = data;

    (void)signo;
    assert_true(rank < RANKS && w->alive[rank]);
}

static void fuzz_group(void *data, int signo)
{
    struct fuzz_world *w = data;

    assert_int_equal(signo, SIGKILL);
    assert_false(w->answer_pending);
    w->killed = true;
}

static void fuzz_ask(void *data, uint32_t how)
{
    (void)how;
    assert_true(((struct fuzz_world *)data)->group);
}

static void fuzz_open(void *data, const struct msg_start *start)
{
    struct fuzz_world *w = data;

    (void)start;
    assert_false(w->store_open);
    w->store_open = true;
}

static void fuzz_close(void *data)
{
    struct fuzz_world *w = data;

    assert_true(w->store_open);
    w->store_open = false;
}

static void fuzz_answer(void *data, struct str bytes)
{
    (void)bytes;
    assert_true(((struct fuzz_world *)data)->store_open);
}

static void fuzz_event(struct fuzz_world *w, const struct msg_event *event)
{
    assert_true(event->number > w->acked);
    if (w->resend_from) { /* the first after WELCOME is the one HELLO named, then each in turn */
        assert_true(event->number == w->resend_from);
        w->resend_from = event->number < w->number ? event->number + 1 : 0;
    }
    if (event->number <= w->number)
        return;
    assert_true(event->number == w->number + 1); /* no holes */
    w->number = event->number;
    if (event->kind == AGENT_RANKS_STARTED) {
        assert_true(event->attempt > w->started_told);
        w->started_told = event->attempt;
    } else if (event->kind == AGENT_RANK_EXITED) {
        assert_int_equal(event->attempt, w->started_told);
        assert_true(w->exits[event->rank] < event->attempt); /* once */
        w->exits[event->rank] = event->attempt;
    } else if (event->kind == AGENT_NODE_EMPTY) {
        assert_true(event->attempt > w->empty_told);
        assert_true(event->attempt != w->started_told ||
                    (w->exits[0] == event->attempt && w->exits[1] == event->attempt));
        w->empty_told = event->attempt;
    }
}

static void fuzz_send(void *data, const struct message *message)
{
    struct fuzz_world *w = data;

    assert_true(w->link);
    if (message->id == MSG_HELLO) {
        assert_false(w->welcomed);
        assert_true(message->hello.empty == !anything_lives(w));
        assert_true(message->hello.events_from == w->acked + 1);
        return;
    }
    assert_true(w->welcomed);
    if (message->id == MSG_EVENT)
        fuzz_event(w, &message->event);
}

static void fuzz_cut(void *data, const char *why)
{
    struct fuzz_world *w = data;

    (void)why;
    assert_true(w->link);
    w->link = w->welcomed = false;
}

static void fuzz_wake(void *data, int64_t at_ns)
{
    struct fuzz_world *w = data;

    if (!w->wake_at_ns || at_ns < w->wake_at_ns)
        w->wake_at_ns = at_ns;
}

static void fuzz_leave(void *data, const char *why)
{
    struct fuzz_world *w = data;

    assert_non_null(why);
    assert_false(w->left);
    assert_false(anything_lives(w));
    assert_false(w->store_open);
    w->left = true;
}

static void fuzz_nothing(void *data)
{
    (void)data;
}

static const struct ranks_world checker = {
    .spawn = fuzz_spawn,
    .signal = fuzz_signal,
    .signal_group = fuzz_group,
    .ask_stop = fuzz_ask,
    .store_open = fuzz_open,
    .store_close = fuzz_close,
    .store_answer = fuzz_answer,
    .store_link_up = fuzz_nothing,
    .send = fuzz_send,
    .cut = fuzz_cut,
    .wake = fuzz_wake,
    .leave = fuzz_leave,
};

/* One thing that happens to the processes; false: there was nothing. */
static bool processes_move(struct fuzz_world *w)
{
    uint32_t rank = (uint32_t)rng_below(&w->rng, RANKS);

    if (w->answer_pending) {
        w->answer_pending = false;
        if (rng_below(&w->rng, 8) == 0) {
            ranks_spawn_failed(w->machine, 2, "no such program", w->now_ns);
            return true;
        }
        w->group = w->alive[0] = w->alive[1] = true;
        w->stragglers = (uint32_t)rng_below(&w->rng, 2);
        ranks_started(w->machine, w->now_ns);
        return true;
    }
    if (!w->group)
        return false;
    if (!w->alive[rank])
        rank = (rank + 1) % RANKS;
    if (w->alive[rank]) {
        w->alive[rank] = false;
        ranks_exited(w->machine, rank, w->killed ? 9 : (int)rng_below(&w->rng, 2) * 256, false,
                     STR("x"), w->now_ns, w->now_ns);
        return true;
    }
    if (w->stragglers && !w->killed)
        return false;
    w->group = false;
    ranks_empty(w->machine, w->stragglers, w->now_ns);
    return true;
}

static void controller_speaks(struct fuzz_world *w)
{
    struct message message;
    uint32_t attempt = w->attempt_sent;

    switch (rng_below(&w->rng, 6)) {
    case 0:
    case 1:
        attempt = attempt - (uint32_t)rng_below(&w->rng, 2) + (uint32_t)rng_below(&w->rng, 3);
        if (attempt > w->attempt_sent)
            w->attempt_sent = attempt;
        message = start_of(attempt, RANKS);
        break;
    case 2:
        attempt += (uint32_t)rng_below(&w->rng, 8) == 0;
        if (attempt > w->attempt_sent)
            w->attempt_sent = attempt;
        message = (struct message){.id = MSG_STOP,
                                   .stop = {.attempt = attempt,
                                            .how = (uint32_t)rng_below(&w->rng, 4),
                                            .grace_ms = (uint32_t)rng_below(&w->rng, 3000),
                                            .why = STR("")}};
        break;
    case 3:
        w->acked += rng_below(&w->rng, w->number - w->acked + 1);
        if (w->resend_from && w->resend_from <= w->acked)
            w->resend_from = 0;
        message = (struct message){.id = MSG_ACK, .ack = {.event = w->acked}};
        break;
    case 4:
        message = (struct message){.id = MSG_PING};
        break;
    default:
        message = (struct message){.id = MSG_STORE_DOWN,
                                   .store = {.attempt = attempt, .bytes = STR("kv")}};
        break;
    }
    ranks_message(w->machine, &message, w->now_ns);
}

static void link_moves(struct fuzz_world *w)
{
    struct message welcome = {.id = MSG_WELCOME,
                              .welcome = {.generation = 1, .heartbeat_ms = 1000, .hold_ms = 8000}};

    if (!w->link) {
        w->link = true;
        ranks_link_up(w->machine, "10.0.0.7", w->now_ns);
    } else if (!w->welcomed && !w->left) {
        w->welcomed = true;
        w->resend_from = w->acked < w->number ? w->acked + 1 : 0;
        ranks_message(w->machine, &welcome, w->now_ns);
        assert_true(w->left || w->resend_from == 0);
    } else if (rng_below(&w->rng, 8) == 0) {
        w->link = w->welcomed = false;
        ranks_link_down(w->machine, w->now_ns);
    }
}

static void time_moves(struct fuzz_world *w)
{
    w->now_ns += (int64_t)rng_below(&w->rng, 700) * MS;
    if (w->wake_at_ns && w->wake_at_ns <= w->now_ns) {
        w->wake_at_ns = 0;
        ranks_tick(w->machine, w->now_ns);
    }
}

static void one_seed(uint64_t seed)
{
    struct fuzz_world w = {.rng = {seed}, .now_ns = MS, .attempt_sent = 1};
    struct ranks_world world = checker;
    struct message leave = {.id = MSG_LEAVE, .leave = {.why = STR("done")}};

    world.data = &w;
    w.machine = ranks_machine_new(&self, &world);
    assert_non_null(w.machine);
    for (int i = 0; i < 300 && !w.left; i++) {
        switch (rng_below(&w.rng, 5)) {
        case 0:
            time_moves(&w);
            break;
        case 1:
            link_moves(&w);
            break;
        case 2:
            (void)processes_move(&w);
            break;
        case 3:
            if (w.welcomed)
                controller_speaks(&w);
            break;
        default:
            if (w.group)
                ranks_checkpoint_grows(w.machine, w.now_ns);
            break;
        }
    }
    /* Told to leave, it ends, as long as SIGKILL kills. */
    for (int i = 0; i < 200 && !w.left; i++) {
        link_moves(&w);
        if (w.welcomed && !w.left)
            ranks_message(w.machine, &leave, w.now_ns);
        time_moves(&w);
        (void)processes_move(&w);
    }
    assert_true(w.left);
    ranks_machine_free(w.machine);
}

static void test_random_inputs_keep_the_invariants(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++)
        one_seed(seed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_each_input_in_each_state),
        cmocka_unit_test(test_notes_are_bounded_and_exits_are_not),
        cmocka_unit_test(test_random_inputs_keep_the_invariants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
