/* The real firstlight-agent under a small controller: ranks start, print, meet in the store, end;
 * links break and come back; agents are killed. ctest labels: slow */
#include "job/job.h"
#include "progress/page.h"
#include "rendezvous/kv.h"
#include "wire/link.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <glob.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S 60 /* for one thing that must happen; it takes milliseconds */

struct controller {
    struct event_base *base;
    struct link_server *server;
    struct link *link; /* NULL: the agent is not there */
    struct kv *kv;
    unsigned char key[LINK_KEY_BYTES];
    char folder[128];
    struct buf log;     /* what the agent said, in words */
    struct buf printed; /* live output */
    uint64_t generation, incarnation;
    pid_t warden, agent; /* the process we started; the one that says HELLO */
};

static const char *const kinds[] = {"?",     "started", "failed", "exited", "empty",
                                    "saved", "phase",   "left",   "note"};

static void say(struct controller *c, struct message message)
{
    assert_non_null(c->link);
    assert_int_equal(link_send(c->link, &message), 0);
}

static void on_kv_send(void *data, uint32_t node, struct str bytes)
{
    (void)node;
    say(data, (struct message){.id = MSG_STORE_DOWN, .store = {.attempt = 1, .bytes = bytes}});
}

static void note_status(struct controller *c, const struct msg_status *status)
{
    for (uint32_t i = 0; i < status->step.count; i++)
        buf_printf(&c->log, "status(r%u step %lld of %lld connected %d waits '%.*s')\n", i,
                   (long long)status->step.items[i], (long long)status->total.items[i],
                   (int)status->connected.items[i], STR_ARG(status->waits.items[i]));
}

static void note_lines(struct controller *c, const struct msg_log *log)
{
    struct str rest = log->bytes, line;

    while (str_line(&rest, &line))
        buf_printf(&c->printed, "%u/%u:%.*s\n", log->rank, log->stream, STR_ARG(line));
}

static void on_message(struct link *link, void *data, const struct message *message)
{
    struct controller *c = data;
    const struct msg_event *event = &message->event;
    const struct msg_hello *hello = &message->hello;
    struct kv_out out = {.data = c, .send = on_kv_send};

    (void)link;
    switch (message->id) {
    case MSG_HELLO:
        c->agent = (pid_t)hello->pid;
        c->incarnation = hello->incarnation;
        buf_printf(&c->log, "hello(node %u attempt %u %s %u alive, generation %d, from %d, %.*s)\n",
                   hello->node, hello->attempt, hello->empty ? "empty" : "lives",
                   hello->ranks_alive.count, (int)hello->generation, (int)hello->events_from,
                   STR_ARG(hello->data_addr));
        assert_true(hello->cpus >= 1);
        say(c, (struct message){.id = MSG_WELCOME,
                                .welcome = {.generation = c->generation,
                                            .node = hello->node,
                                            .node_name = STR("n003"),
                                            .run = STR("test"),
                                            .heartbeat_ms = 20000,
                                            .hold_ms = 60000,
                                            .log_bytes_max = 1 << 20}});
        say(c, (struct message){.id = MSG_LOG_CREDIT, .log_credit = {.bytes = 1 << 20}});
        break;
    case MSG_EVENT:
        buf_printf(&c->log, "#%d %s a%u r%d %d %d '%.*s'\n", (int)event->number, kinds[event->kind],
                   event->attempt, (int)event->rank, (int)event->a, (int)event->b,
                   STR_ARG(event->text));
        break;
    case MSG_LOG:
        note_lines(c, &message->log);
        break;
    case MSG_LOG_DATA:
        buf_printf(&c->log, "log(%d of %d: %.*s)%.*s\n", (int)message->log_data.offset,
                   (int)message->log_data.log_size, STR_ARG(message->log_data.bytes),
                   STR_ARG(message->log_data.complaint));
        break;
    case MSG_CHECKPOINT:
        buf_printf(&c->log, "checkpoint(%u '%.*s' %d '%.*s')\n", message->checkpoint.attempt,
                   STR_ARG(message->checkpoint.path), (int)message->checkpoint.step,
                   STR_ARG(message->checkpoint.complaint));
        break;
    case MSG_STORE_UP:
        assert_int_equal(kv_take(c->kv, 0, c->incarnation, message->store.bytes, 0, &out, NULL), 0);
        break;
    case MSG_STATUS:
        note_status(c, &message->status);
        break;
    case MSG_PONG:
        buf_puts(&c->log, "pong\n");
        break;
    default:
        fail_msg("message %d of an agent", (int)message->id);
    }
}

static void on_down(struct link *link, void *data, const char *why)
{
    struct controller *c = data;

    (void)why;
    if (c->link == link)
        c->link = NULL;
    buf_puts(&c->log, "down\n");
}

static void *on_accepted(void *server_data, struct link *link)
{
    struct controller *c = server_data;

    c->link = link;
    return c;
}

static void on_nothing(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what, (void)data;
}

/* The loop for 10 ms at most. */
static void turn(struct controller *c)
{
    struct timeval tick = {0, 10000};

    (void)event_base_once(c->base, -1, EV_TIMEOUT, on_nothing, NULL, &tick);
    (void)event_base_loop(c->base, EVLOOP_ONCE);
}

/* Run the loop until `text` is in what was said. */
static void wait_in(struct controller *c, struct buf *where, const char *text)
{
    for (time_t end = time(NULL) + PATIENCE_S; !where->p || !strstr(where->p, text); turn(c))
        if (time(NULL) > end)
            fail_msg("'%s' never came:\n%s", text, where->p ? where->p : "");
}

static void wait_for(struct controller *c, const char *text)
{
    wait_in(c, &c->log, text);
}

static int wait_exit(struct controller *c, pid_t pid)
{
    time_t end = time(NULL) + PATIENCE_S;
    int status;

    for (; waitpid(pid, &status, WNOHANG) == 0; turn(c))
        if (time(NULL) > end)
            fail_msg("process %d never ended", (int)pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void wait_gone(struct controller *c, pid_t pid)
{
    for (time_t end = time(NULL) + PATIENCE_S; kill(pid, 0) == 0; turn(c))
        assert_true(time(NULL) <= end);
}

static pid_t start_agent(struct controller *c, const unsigned char key[LINK_KEY_BYTES],
                         const char *key_file)
{
    char path[512], address[64], text[44];
    const char *argv[] = {path,
                          "run",
                          "--controller",
                          address,
                          "--node",
                          "3",
                          "--run",
                          c->folder + 5,
                          "--folder",
                          c->folder,
                          key_file ? "--key-file" : NULL,
                          key_file,
                          NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid;

    (void)snprintf(path, sizeof(path), "%s/firstlight-agent", getenv("FIRSTLIGHT_BIN"));
    /* The first address refuses: the second one serves. */
    (void)snprintf(address, sizeof(address), "127.0.0.1:1,127.0.0.1:%u",
                   link_server_port(c->server));
    link_key_print(key, text);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], text, 43), 43);
    assert_int_equal(write(ends[1], "\n", 1), 1);
    (void)close(ends[1]);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    assert_int_equal(posix_spawn(&pid, path, &actions, NULL, (char *const *)argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[0]);
    return pid;
}

static int setup(void **state)
{
    static const struct link_watch watch = {.message = on_message, .down = on_down};
    struct controller *c = calloc(1, sizeof(*c));

    assert_non_null(c);
    if (!getenv("FIRSTLIGHT_BIN"))
        skip();
    (void)strcpy(c->folder, "/tmp/firstlight-serve-XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    c->generation = 1;
    c->base = event_base_new();
    c->kv = kv_new(1, 1 << 24);
    link_key_new(c->key);
    c->server = link_listen(c->base, "127.0.0.1", 0, c->key, &watch, on_accepted, c, NULL);
    assert_true(c->base && c->kv && c->server);
    c->warden = start_agent(c, c->key, NULL);
    wait_for(c, "hello(");
    *state = c;
    return 0;
}

/* The agent must be gone, and nothing of its folder in memory. */
static int teardown(void **state)
{
    struct controller *c = *state;
    char path[256], command[256];
    glob_t left;

    if (c->warden) {
        (void)kill(c->warden, SIGKILL);
        (void)wait_exit(c, c->warden);
    }
    (void)snprintf(path, sizeof(path), "/dev/shm/firstlight-%u/%s*", (unsigned)getuid(),
                   c->folder + 5);
    assert_int_equal(glob(path, 0, NULL, &left), GLOB_NOMATCH);
    (void)snprintf(command, sizeof(command), "rm -rf %s", c->folder);
    assert_int_equal(system(command), 0);
    if (c->link)
        link_close(c->link);
    link_server_free(c->server);
    (void)event_base_dispatch(c->base);
    event_base_free(c->base);
    kv_free(c->kv);
    buf_done(&c->log);
    buf_done(&c->printed);
    free(c);
    return 0;
}

static void start_program(struct controller *c, uint32_t attempt, uint32_t nproc,
                          const char *program, const char *script)
{
    const char *words[] = {program, "-c", script, NULL};
    struct buf text = {0};
    struct job job;

    job_init(&job);
    job.command = (struct job_words){words, script ? 3 : 1};
    if (!script)
        words[1] = NULL;
    job.cwd = c->folder;
    job.name = "test";
    job_print_json(&job, &text);
    say(c, (struct message){.id = MSG_START,
                            .start = {.attempt = attempt,
                                      .nnodes = 1,
                                      .nproc = nproc,
                                      .world = nproc,
                                      .job = {text.p, text.len},
                                      .run = str_of(c->folder + 5),
                                      .resume = STR("ckpt/7"),
                                      .resume_step = 7,
                                      .master_addr = STR("10.9.9.9")}});
    buf_done(&text);
}

static void start(struct controller *c, uint32_t attempt, const char *script)
{
    start_program(c, attempt, 2, "sh", script);
}

static void stop(struct controller *c, uint32_t attempt, enum stop_how how, uint32_t grace_ms)
{
    say(c, (struct message){
               .id = MSG_STOP,
               .stop = {.attempt = attempt, .how = how, .grace_ms = grace_ms, .why = STR("test")}});
}

static void leave(struct controller *c)
{
    say(c, (struct message){.id = MSG_LEAVE, .leave = {.why = STR("done")}});
    assert_int_equal(wait_exit(c, c->warden), 0);
    c->warden = 0;
}

static pid_t pid_printed(struct controller *c, uint32_t rank)
{
    char begin[32];
    const char *at;

    (void)snprintf(begin, sizeof(begin), "%u/1:pid ", rank);
    wait_in(c, &c->printed, begin);
    at = strstr(c->printed.p, begin);
    return (pid_t)atoi(at + strlen(begin));
}

static void test_ranks_run_print_and_end(void **state)
{
    struct controller *c = *state;

    wait_for(c, "hello(node 3 attempt 0 empty 0 alive, generation 0, from 1, 127.0.0.1)");
    start(c, 1, "echo out $RANK of $WORLD_SIZE from $FIRSTLIGHT_RESUME; echo err >&2; exit $RANK");
    wait_for(c, "empty a1");
    wait_for(c, "#1 started a1 r-1 2 0");
    wait_for(c, "exited a1 r0 0 0 ");
    wait_for(c, "exited a1 r1 256 0 ");
    assert_non_null(strstr(c->printed.p, "0/1:out 0 of 2 from ckpt/7\n"));
    assert_non_null(strstr(c->printed.p, "1/1:out 1 of 2 from ckpt/7\n"));
    assert_non_null(strstr(c->printed.p, "1/2:err\n"));
    assert_non_null(strstr(strstr(c->log.p, "exited a1 r1"), "err")); /* its last words */
    say(c, (struct message){.id = MSG_LOG_READ,
                            .log_read = {.id = 5, .attempt = 1, .rank = 0, .bytes_max = 3}});
    wait_for(c, "log(0 of 27: out)");
    say(c, (struct message){.id = MSG_PING, .ping = {.sent_ns = 1}});
    wait_for(c, "pong");
    leave(c);
}

static void test_a_program_that_is_not_there(void **state)
{
    struct controller *c = *state;

    start_program(c, 1, 2, "python4", NULL);
    wait_for(c, "#1 failed a1 r-1 2 0 'python4: ");
    wait_for(c, "on n003");
    wait_for(c, "#2 empty a1");
    start(c, 2, "true"); /* the next attempt goes its way */
    wait_for(c, "empty a2");
    leave(c);
}

static void test_stops(void **state)
{
    struct controller *c = *state;

    start(c, 1, "echo pid $$; exec sleep 1000");
    (void)pid_printed(c, 0);
    (void)pid_printed(c, 1);
    stop(c, 1, STOP_ABORT, 60000);
    wait_for(c, "exited a1 r0 15 1");
    wait_for(c, "exited a1 r1 15 1");
    wait_for(c, "empty a1");
    /* Who ignores SIGTERM, and has a child that does, is killed with it. */
    buf_clear(&c->printed);
    start(c, 2, "trap '' TERM; (exec sleep 1001) & echo pid $!; while :; do wait; done");
    pid_t child = pid_printed(c, 1);
    stop(c, 2, STOP_POLITE, 300);
    wait_for(c, "exited a2 r0 9 1");
    wait_for(c, "exited a2 r1 9 1");
    wait_for(c, "empty a2");
    wait_gone(c, child);
    /* A START ends what is older. */
    start(c, 3, "exec sleep 1000");
    wait_for(c, "started a3");
    start(c, 4, "exit 0");
    wait_for(c, "exited a3 r0 9 1");
    wait_for(c, "empty a4");
    leave(c);
}

static void test_a_polite_stop_is_honoured(void **state)
{
    struct controller *c = *state;

    start(c, 1, "trap 'echo saved; exit 0' TERM; echo pid $$; while :; do sleep 0.01; done");
    (void)pid_printed(c, 0);
    (void)pid_printed(c, 1);
    stop(c, 1, STOP_POLITE, 60000);
    wait_for(c, "exited a1 r0 0 1");
    wait_for(c, "left a1 r1");
    wait_for(c, "empty a1");
    leave(c);
}

static void test_a_link_that_breaks_while_ranks_live(void **state)
{
    struct controller *c = *state;

    start(c, 1, "echo pid $$; exec sleep 1000");
    pid_t first = pid_printed(c, 0);
    say(c, (struct message){.id = MSG_ACK, .ack = {.event = 1}});
    link_close(c->link);
    c->link = NULL;
    assert_int_equal(kill(first, SIGKILL), 0); /* while nobody listens */
    c->generation = 2;
    wait_for(c, "generation 1, from 2, ");
    wait_for(c, "#2 exited a1 r0 9 0");
    wait_for(c, "attempt 1 lives ");
    stop(c, 1, STOP_KILL, 0);
    wait_for(c, "exited a1 r1 9 1");
    wait_for(c, "empty a1");
    leave(c);
}

static void test_a_killed_agent_leaves_nothing(void **state)
{
    struct controller *c = *state;

    start(c, 1, "echo pid $$; setsid sh -c 'echo child $$; exec sleep 1000' & exec sleep 1000");
    pid_t rank = pid_printed(c, 1);
    wait_in(c, &c->printed, "0/1:child ");
    pid_t child = (pid_t)atoi(strstr(c->printed.p, "0/1:child ") + strlen("0/1:child "));
    assert_int_equal(kill(c->agent, SIGKILL), 0);
    wait_for(c, "down");
    assert_int_equal(wait_exit(c, c->warden), 128 + SIGKILL);
    c->warden = 0;
    wait_gone(c, rank);
    wait_gone(c, child);
}

static void test_sigterm_stops_and_leaves(void **state)
{
    struct controller *c = *state;

    start(c, 1, "echo pid $$; exec sleep 1000");
    pid_t rank = pid_printed(c, 1);
    (void)pid_printed(c, 0);
    assert_int_equal(kill(c->warden, SIGTERM), 0); /* which hands it on */
    wait_for(c, "exited a1 r0 15 1");
    wait_for(c, "empty a1"); /* said before it goes */
    assert_int_equal(wait_exit(c, c->warden), 1);
    c->warden = 0;
    wait_gone(c, rank);
}

static void test_steps_are_read_from_lines(void **state)
{
    struct controller *c = *state;

    start(c, 1, "echo iter 41: loss 2.5; exec sleep 1000");
    wait_for(c, "status(r1 step 41 of -1");
    stop(c, 1, STOP_KILL, 0);
    wait_for(c, "empty a1");
    leave(c);
}

/* The page of the rank that printed "page PATH", as its program maps it. */
static struct page *page_printed(struct controller *c, uint32_t rank)
{
    char begin[32], path[256];
    struct page *page;
    int fd;

    (void)snprintf(begin, sizeof(begin), "%u/1:page ", rank);
    wait_in(c, &c->printed, begin);
    assert_int_equal(sscanf(strstr(c->printed.p, begin) + strlen(begin), "%255s", path), 1);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(page != MAP_FAILED);
    (void)close(fd);
    return page;
}

static void test_the_grace_grows_while_a_page_says_checkpoint(void **state)
{
    struct controller *c = *state;
    struct timespec began, ended;
    struct page *page;

    start_program(c, 1, 1, "sh", "trap '' TERM; echo page $FIRSTLIGHT_PAGE; exec sleep 1000");
    page = page_printed(c, 0);
    page->pid = 1;
    page->phase = PAGE_PHASE_CHECKPOINT;
    page->step = 7;
    wait_for(c, "phase a1 r0 3 ");
    stop(c, 1, STOP_POLITE, 500);
    (void)clock_gettime(CLOCK_MONOTONIC, &began);
    for (time_t end = time(NULL) + PATIENCE_S; page->should_stop != 1; turn(c))
        assert_true(time(NULL) <= end);
    page->checkpoint_step = 7;
    (void)strcpy(page->checkpoint_path, "ckpt/7");
    page->checkpoint_count = 1;
    wait_for(c, "saved a1 r0 7 0 'ckpt/7'");
    wait_for(c, "exited a1 r0 9 1"); /* it never ends by itself: ten times the grace is the bound */
    (void)clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_true(ended.tv_sec - began.tv_sec >= 3);
    assert_non_null(strstr(c->log.p, "status(r0 step 7 of -1"));
    wait_for(c, "empty a1");
    (void)munmap(page, PAGE_BYTES);
    leave(c);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

/* torch 2.2+: VALIDATE with its magic, then SET (1), GET (3): u64 lengths, little-endian. */
static void put_text(struct buf *out, const char *text)
{
    uint64_t len = strlen(text);

    buf_add(out, (const char *)&len, sizeof(len));
    buf_add(out, text, len);
}

static void test_ranks_meet_in_the_store(void **state)
{
    static const char hello[] = {0, (char)0xce, (char)0xf7, (char)0x85, 0x3c};
    struct controller *c = *state;
    struct buf set = {0}, get = {0};
    uint64_t len = 0;
    char value[16] = "";
    int a, b;

    start(c, 1,
          "echo pid $$ store $MASTER_ADDR $TORCHELASTIC_USE_AGENT_STORE $MASTER_PORT; "
          "exec sleep 1000");
    (void)pid_printed(c, 0);
    const char *at = strstr(c->printed.p, "127.0.0.1 True ");
    assert_non_null(at);
    a = connect_to((uint16_t)atoi(at + strlen("127.0.0.1 True ")));
    b = connect_to((uint16_t)atoi(at + strlen("127.0.0.1 True ")));
    buf_add(&set, hello, sizeof(hello));
    buf_add(&set, "\1", 1);
    put_text(&set, "/key");
    put_text(&set, "hello");
    buf_add(&get, hello, sizeof(hello));
    buf_add(&get, "\3", 1);
    put_text(&get, "/key");
    assert_int_equal(write(a, set.p, set.len), set.len);
    for (time_t end = time(NULL) + PATIENCE_S; !kv_peek(c->kv, STR("/key"), &(struct str){0});) {
        assert_true(time(NULL) <= end);
        turn(c);
    }
    assert_int_equal(write(b, get.p, get.len), get.len);
    (void)fcntl(b, F_SETFL, O_NONBLOCK);
    for (time_t end = time(NULL) + PATIENCE_S; recv(b, value, 13, MSG_PEEK) < 13;) {
        assert_true(time(NULL) <= end);
        turn(c);
    }
    assert_int_equal(read(b, &len, sizeof(len)), 8);
    assert_int_equal(len, 5);
    assert_int_equal(read(b, value, 5), 5);
    assert_memory_equal(value, "hello", 5);
    (void)close(a);
    (void)close(b);
    buf_done(&set);
    buf_done(&get);
    stop(c, 1, STOP_KILL, 0);
    wait_for(c, "empty a1");
    leave(c);
}

static void test_no_checkpoint_is_an_answer(void **state)
{
    struct controller *c = *state;
    struct buf text = {0};
    struct job job;

    job_init(&job);
    job.cwd = c->folder;
    job_print_json(&job, &text);
    say(c, (struct message){.id = MSG_FIND_CHECKPOINT,
                            .find_checkpoint = {.attempt = 1, .job = {text.p, text.len}}});
    wait_for(c, "checkpoint(1 '' -1 '')");
    say(c, (struct message){.id = MSG_FIND_CHECKPOINT,
                            .find_checkpoint = {.attempt = 2, .job = STR("{\"node\": 1}")}});
    wait_for(c, "checkpoint(2 '' -1 'the job: ");
    buf_done(&text);
    leave(c);
}

static void test_key_files_of_others_are_refused(void **state)
{
    struct controller *c = *state;
    char path[192], text[44];
    int fd;

    leave(c);
    (void)snprintf(path, sizeof(path), "%s/key", c->folder);
    link_key_print(c->key, text);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, 43), 43);
    (void)close(fd);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(wait_exit(c, start_agent(c, c->key, path)), 2);
    assert_int_equal(chmod(path, 0600), 0);
    buf_clear(&c->log);
    c->warden = start_agent(c, c->key, path);
    wait_for(c, "hello(");
    assert_int_equal(access(path, F_OK), -1); /* read, and gone */
    leave(c);
}

static void test_a_wrong_key_reaches_nothing(void **state)
{
    struct controller *c = *state;
    unsigned char wrong[LINK_KEY_BYTES];
    time_t end = time(NULL) + PATIENCE_S;

    leave(c);
    link_key_new(wrong);
    c->link = NULL;
    c->warden = start_agent(c, wrong, NULL);
    while (link_server_strangers(c->server) == 0) {
        assert_true(time(NULL) <= end);
        turn(c);
    }
    assert_null(c->link);
    assert_int_equal(kill(c->warden, SIGTERM), 0);
    assert_int_equal(wait_exit(c, c->warden), 1);
    c->warden = 0;
}

int main(void)
{
#define AGENT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    static const struct CMUnitTest tests[] = {
        AGENT_TEST(test_ranks_run_print_and_end),
        AGENT_TEST(test_a_program_that_is_not_there),
        AGENT_TEST(test_stops),
        AGENT_TEST(test_a_polite_stop_is_honoured),
        AGENT_TEST(test_a_link_that_breaks_while_ranks_live),
        AGENT_TEST(test_a_killed_agent_leaves_nothing),
        AGENT_TEST(test_sigterm_stops_and_leaves),
        AGENT_TEST(test_steps_are_read_from_lines),
        AGENT_TEST(test_the_grace_grows_while_a_page_says_checkpoint),
        AGENT_TEST(test_ranks_meet_in_the_store),
        AGENT_TEST(test_no_checkpoint_is_an_answer),
        AGENT_TEST(test_key_files_of_others_are_refused),
        AGENT_TEST(test_a_wrong_key_reaches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
