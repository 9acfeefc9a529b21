#include "ranks/spawn.h"

#include "base/file.h"
#include "ranks/folders.h"
#include "ranks/rank_log.h"
#include "unit/ranks/victims.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#define RANKS_MAX 4096

/* One attempt and what was heard of it. */
struct attempt {
    struct event_base *base;
    struct spawn *spawn;
    struct job job;
    struct spawn_request request;
    char folder[300], pages[320];
    unsigned exited, stragglers;
    int statuses[RANKS_MAX];
    bool empty, oom;
    size_t output[3];
    char notes[ERR_TEXT_MAX];
    void (*on_exit)(struct attempt *attempt, uint32_t local_rank);
};

static void exited(void *data, uint32_t local_rank, int wait_status, bool oom, int64_t exited_ns)
{
    struct attempt *attempt = data;

    assert_true(exited_ns > 0);
    assert_int_equal(attempt->statuses[local_rank], -1); /* once */
    attempt->statuses[local_rank] = wait_status;
    attempt->exited++;
    attempt->oom |= oom;
    if (attempt->on_exit)
        attempt->on_exit(attempt, local_rank);
}

static void empty(void *data, uint32_t stragglers)
{
    struct attempt *attempt = data;

    assert_false(attempt->empty);
    attempt->empty = true;
    attempt->stragglers = stragglers;
    (void)event_base_loopbreak(attempt->base);
}

static void output(void *data, uint32_t local_rank, int stream, struct str bytes)
{
    struct attempt *attempt = data;

    (void)local_rank;
    attempt->output[stream] += bytes.len;
}

static void note(void *data, const char *text)
{
    struct attempt *attempt = data;

    (void)snprintf(attempt->notes, sizeof(attempt->notes), "%s", text);
}

static struct spawn_watch watch_of(struct attempt *attempt)
{
    return (struct spawn_watch){
        .data = attempt, .exited = exited, .empty = empty, .output = output, .note = note};
}

static const char *const handed_on[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

static void init(struct attempt *attempt, uint32_t nproc, const char **words)
{
    static int count;
    const char *tmp = getenv("TMPDIR");

    memset(attempt, 0, sizeof(*attempt));
    memset(attempt->statuses, -1, sizeof(attempt->statuses));
    job_init(&attempt->job);
    attempt->job.command.items = words;
    while (words[attempt->job.command.count])
        attempt->job.command.count++;
    attempt->job.log_bytes = 1 << 20;
    attempt->base = event_base_new();
    assert_non_null(attempt->base);
    (void)snprintf(attempt->folder, sizeof(attempt->folder), "%s/test-spawn-%d-%d",
                   tmp ? tmp : "/tmp", (int)getpid(), ++count);
    (void)snprintf(attempt->pages, sizeof(attempt->pages), "/dev/shm/test-spawn-%d", (int)getpid());
    attempt->request = (struct spawn_request){
        .base = attempt->base,
        .job = &attempt->job,
        .run = "test-spawn",
        .attempt = 1,
        .nproc = nproc,
        .world = nproc,
        .nnodes = 1,
        .node_name = "n003",
        .master_addr = "127.0.0.1",
        .master_port = 1,
        .folder = attempt->folder,
        .page_folder = attempt->pages,
        .env = handed_on,
    };
}

static void start(struct attempt *attempt)
{
    struct spawn_watch watch = watch_of(attempt);
    struct err err = {0};

    if (spawn_start(&attempt->request, &watch, &attempt->spawn, &err) < 0)
        fail_msg("%s", err.text);
}

/* Turn the loop until *what holds. */
#define RUN_UNTIL(attempt, what)                                                                   \
    do {                                                                                           \
        int64_t end_ = clock_ms() + VICTIMS_BOUND_MS;                                              \
        while (!(what)) {                                                                          \
            if (clock_ms() > end_)                                                                 \
                fail_msg("did not come: %s", #what);                                               \
            turn(attempt);                                                                         \
        }                                                                                          \
    } while (0)

static int64_t clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void turn(struct attempt *attempt)
{
    struct timeval bound = {.tv_usec = 100000};

    (void)event_base_loopexit(attempt->base, &bound);
    (void)event_base_loop(attempt->base, EVLOOP_ONCE);
}

static void done(struct attempt *attempt)
{
    char command[400];

    spawn_free(attempt->spawn);
    event_base_free(attempt->base);
    (void)rmdir(attempt->pages); /* empty: pages go with the attempt */
    assert_int_equal(access(attempt->pages, F_OK), -1);
    (void)snprintf(command, sizeof(command), "rm -r '%s'", attempt->folder);
    assert_int_equal(system(command), 0);
}

static void run_to_its_end(struct attempt *attempt)
{
    start(attempt);
    RUN_UNTIL(attempt, attempt->empty);
    assert_int_equal(attempt->exited, attempt->request.nproc);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child of any kind */
    assert_int_equal(errno, ECHILD);
}

static struct msg_log_data log_from(struct attempt *attempt, struct arena *arena, uint32_t rank,
                                    int64_t offset)
{
    const struct msg_log_read ask = {
        .rank = attempt->request.first_rank + rank, .offset = offset, .bytes_max = 1 << 20};
    struct msg_log_data part;

    assert_int_equal(rank_log_read(arena, attempt->folder, &ask, &part, NULL), 0);
    return part;
}

static struct str log_of(struct attempt *attempt, struct arena *arena, uint32_t rank)
{
    return log_from(attempt, arena, rank, 0).bytes;
}

static void assert_text(struct str text, const char *want)
{
    if (!str_is(text, want))
        fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(text), want);
}

/* ---- the tests ---- */

static void a_rank_has_its_place_its_folder_and_no_input(void **state)
{
    const char *words[] = {"sh", "-c",
                           "echo $RANK $WORLD_SIZE $LOCAL_RANK $FIRSTLIGHT_RUN_ID; pwd; cat; "
                           "test -f $FIRSTLIGHT_PAGE && echo page; ulimit -n; echo said >&2",
                           NULL};
    struct arena *arena = arena_new(0);
    struct attempt attempt;
    struct rlimit files;
    char want[200];

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    init(&attempt, 2, words);
    attempt.request.first_rank = 6;
    attempt.request.world = 8;
    attempt.job.cwd = "/usr";
    run_to_its_end(&attempt);
    for (uint32_t i = 0; i < 2; i++) {
        (void)snprintf(want, sizeof(want), "%u 8 %u test-spawn\n/usr\npage\n%llu\nsaid\n", 6 + i, i,
                       (unsigned long long)files.rlim_cur);
        assert_text(log_of(&attempt, arena, i), want);
        assert_text(spawn_last_words(attempt.spawn, arena, i, 100), "said");
        assert_int_equal(attempt.statuses[i], 0);
        assert_int_equal(spawn_log_size(attempt.spawn, i), strlen(want));
    }
    assert_int_equal(attempt.output[1] + attempt.output[2], 2 * strlen(want));
    assert_int_equal(attempt.output[2], 2 * 5);
    done(&attempt);
    arena_free(arena);
}

static void a_rank_leads_a_group_with_default_signals(void **state)
{
    /* signals: blocked and ignored ones of /proc/self/status are all zero; the group is the rank's
     */
    const char *words[] = {"sh", "-c",
                           "grep -E 'SigBlk|SigIgn' /proc/self/status | tr -d '\\n\\t'; "
                           "read a b c d pgrp rest < /proc/$$/stat; [ $pgrp = $$ ] && echo leader",
                           NULL};
    struct arena *arena = arena_new(0);
    struct attempt attempt;

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    init(&attempt, 1, words);
    run_to_its_end(&attempt);
    assert_text(log_of(&attempt, arena, 0),
                "SigBlk:0000000000000000SigIgn:0000000000000000leader\n");
    (void)signal(SIGPIPE, SIG_DFL);
    done(&attempt);
    arena_free(arena);
}

static void exits_are_told_as_they_were(void **state)
{
    const char *words[] = {"sh", "-c",
                           "case $RANK in 0) exit 0;; 1) exit 3;; 2) kill -SEGV $$;; "
                           "3) kill -KILL $$;; esac",
                           NULL};
    struct attempt attempt;

    (void)state;
    init(&attempt, 4, words);
    run_to_its_end(&attempt);
    assert_int_equal(attempt.statuses[0], 0);
    assert_true(WIFEXITED(attempt.statuses[1]) && WEXITSTATUS(attempt.statuses[1]) == 3);
    assert_true(WIFSIGNALED(attempt.statuses[2]) && WTERMSIG(attempt.statuses[2]) == SIGSEGV);
    assert_true(WIFSIGNALED(attempt.statuses[3]) && WTERMSIG(attempt.statuses[3]) == SIGKILL);
    assert_false(attempt.oom);
    assert_int_equal(spawn_pid(attempt.spawn, 0), 0);
    done(&attempt);
}

static void a_thousand_ranks_start_and_end(void **state)
{
    const char *words[] = {"true", NULL};
    struct attempt attempt;
    int64_t begin;

    (void)state;
    init(&attempt, 1000, words);
    begin = clock_ms();
    run_to_its_end(&attempt);
    print_message("1000 ranks of true: %lld ms\n", (long long)(clock_ms() - begin));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(attempt.statuses[i], 0);
    done(&attempt);
}

static const struct {
    const char *program, *cwd, *path, *sentence;
} failures[] = {
    {"python4", NULL, NULL, "python4: no such program in PATH on n003"},
    {"./train", "/usr", NULL, "./train: no such program on n003"},
    {"/etc/passwd", NULL, NULL, "/etc/passwd: permission denied on n003"},
    {"/usr", NULL, NULL, "/usr: permission denied on n003"},
    {"passwd", NULL, "PATH=/nowhere:/etc", "passwd: permission denied on n003"},
    {"true", "/proc/nonexistent", NULL, "cwd /proc/nonexistent: no such directory on n003"},
    {"true", "/etc/passwd", NULL, "cwd /etc/passwd: not a directory on n003"},
};

static void what_cannot_run_is_said_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        const char *words[] = {failures[i].program, NULL};
        const char *env[] = {failures[i].path, NULL};
        struct attempt attempt;
        struct spawn_watch watch;
        struct err err = {0};

        init(&attempt, 3, words);
        watch = watch_of(&attempt);
        attempt.job.cwd = failures[i].cwd;
        attempt.job.env = (struct job_words){env, env[0] ? 1 : 0};
        assert_true(spawn_start(&attempt.request, &watch, &attempt.spawn, &err) < 0);
        assert_string_equal(err.text, failures[i].sentence);
        assert_int_equal(attempt.exited, 0);
        done(&attempt);
    }
}

/* In the folder of the attempt, which exists from then on. */
static void write_script(const struct attempt *attempt, const char *text, char path[400])
{
    (void)snprintf(path, 400, "%s/script", attempt->folder);
    assert_int_equal(folders_make(attempt->folder, NULL), 0);
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static void a_script_without_its_interpreter_is_named(void **state)
{
    char path[400] = "script", want[500];
    const char *words[] = {path, NULL};
    struct attempt attempt;
    struct spawn_watch watch;
    struct err err = {0};

    (void)state;
    init(&attempt, 2, words);
    watch = watch_of(&attempt);
    write_script(&attempt, "#!/nonexistent/python\n", path);
    assert_true(spawn_start(&attempt.request, &watch, &attempt.spawn, &err) < 0);
    (void)snprintf(want, sizeof(want), "%s: the interpreter that it names is not on n003", path);
    assert_string_equal(err.text, want);
    done(&attempt);
}

static void a_script_without_a_first_line_is_the_shells(void **state)
{
    char path[400] = "script";
    const char *words[] = {path, "one", "two words", NULL};
    struct arena *arena = arena_new(0);
    struct attempt attempt;

    (void)state;
    init(&attempt, 2, words);
    write_script(&attempt, "echo $RANK $# \"$2\"\n", path);
    run_to_its_end(&attempt);
    assert_text(log_of(&attempt, arena, 1), "1 2 two words\n");
    done(&attempt);
    arena_free(arena);
}

static void too_few_open_files_is_a_sentence(void **state)
{
    const char *words[] = {"true", NULL};
    struct spawn_watch watch;
    struct attempt attempt;
    struct err err = {0};
    int status;
    pid_t pid;

    (void)state;
    init(&attempt, 1000, words);
    watch = watch_of(&attempt);
    pid = fork(); /* the limit cannot be raised again without rights */
    if (pid == 0) {
        struct rlimit few = {.rlim_cur = 500, .rlim_max = 500};

        if (setrlimit(RLIMIT_NOFILE, &few) < 0 || setresuid(65534, 65534, 65534) < 0)
            _exit(77);
        if (spawn_start(&attempt.request, &watch, &attempt.spawn, &err) == 0)
            _exit(1);
        _exit(strcmp(err.text, "1000 ranks need 6256 open files, n003 allows 500 (ulimit -Hn)") !=
              0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    event_base_free(attempt.base);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

/* ---- output and last words ---- */

static void much_output_goes_through_and_little_stays(void **state)
{
    const char *words[] = {victim_path(), "print", NULL};
    const char *env[] = {"VICTIM_BYTES=134217728", NULL}; /* 128 MiB */
    struct arena *arena = arena_new(0);
    struct attempt attempt;
    struct msg_log_data end;
    int64_t begin;

    (void)state;
    init(&attempt, 1, words);
    attempt.job.env = (struct job_words){env, 1};
    begin = clock_ms();
    run_to_its_end(&attempt);
    print_message("128 MiB of output: %lld ms\n", (long long)(clock_ms() - begin));
    assert_int_equal(attempt.statuses[0], 0);
    assert_int_equal(attempt.output[1], 128 << 20);
    assert_int_equal(spawn_log_size(attempt.spawn, 0), 128 << 20);
    end = log_from(&attempt, arena, 0, -100);
    assert_int_equal(end.offset, (128 << 20) - 100);
    assert_int_equal(end.bytes.len, 100);
    done(&attempt);
    arena_free(arena);
}

static void last_words_are_stderrs_or_stdouts_or_the_error_files(void **state)
{
    static const struct {
        const char *word, *want;
        size_t max;
    } cases[] = {
        {"complain", "Traceback:\nValueError: boom", 100},
        {"complain", "ValueError: boom", 20},
        {"complain", "boom", 4},
        {"error_file", "ValueError: boom", 100},
        {"print", "uvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi", 41},
    };
    const char *env[] = {"VICTIM_BYTES=640000", NULL};
    struct arena *arena = arena_new(0);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *words[] = {victim_path(), cases[i].word, NULL};
        struct attempt attempt;
        struct str said;

        init(&attempt, 1, words);
        attempt.job.env = (struct job_words){env, 1};
        run_to_its_end(&attempt);
        said = spawn_last_words(attempt.spawn, arena, 0, cases[i].max);
        if (strcmp(cases[i].word, "print") == 0)
            assert_int_equal(said.len, cases[i].max);
        else
            assert_text(said, cases[i].want);
        done(&attempt);
    }
    arena_free(arena);
}

/* ---- ends ---- */

/* Victims of an attempt write to a pipe that they inherit. */
static int victims_of(struct attempt *attempt, uint32_t nproc, const char **words, int *write_end,
                      const char **env, char number[32])
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)fcntl(ends[1], F_SETFD, 0);
    (void)snprintf(number, 32, "VICTIM_FD=%d", ends[1]);
    env[0] = number;
    env[1] = NULL;
    init(attempt, nproc, words);
    attempt->job.env = (struct job_words){env, 1};
    *write_end = ends[1];
    return ends[0];
}

static void a_killed_attempt_leaves_nothing(void **state)
{
    const char *words[] = {victim_path(), "ignore", "child", "deep", "session",
                           "daemon",      "runner", "sleep", NULL};
    const char *env[2];
    char number[32];
    struct attempt attempt;
    int write_end, victims, stray = 0;

    (void)state;
    victims = victims_of(&attempt, 3, words, &write_end, env, number);
    start(&attempt);
    (void)close(write_end);
    assert_true(victims_ready(victims, 3 * 8));
    spawn_signal_all(attempt.spawn, SIGKILL);
    RUN_UNTIL(&attempt, attempt.empty);
    assert_int_equal(attempt.exited, 3);
    for (int i = 0; i < 3; i++)
        assert_true(WIFSIGNALED(attempt.statuses[i]) && WTERMSIG(attempt.statuses[i]) == SIGKILL);
    assert_false(attempt.oom);
    assert_true(victims_gone(victims));
    assert_int_equal(waitpid(-1, &stray, WNOHANG), -1);
    (void)close(victims);
    done(&attempt);
}

static void what_ranks_leave_behind_is_ended_and_counted(void **state)
{
    const char *words[] = {victim_path(), "session", "daemon", "exit", NULL};
    const char *env[2];
    char number[32];
    struct attempt attempt;
    int write_end, victims;

    (void)state;
    victims = victims_of(&attempt, 2, words, &write_end, env, number);
    start(&attempt);
    (void)close(write_end);
    RUN_UNTIL(&attempt, attempt.empty);
    assert_int_equal(attempt.statuses[0], 0);
    assert_int_equal(attempt.statuses[1], 0);
    assert_int_equal(attempt.stragglers, 4);
    assert_true(victims_gone(victims));
    (void)close(victims);
    done(&attempt);
}

static void a_late_helper_of_a_rank_may_finish(void **state)
{
    const char *words[] = {"bash", "-c", "echo from the rank > >(sleep 0.05; cat)", NULL};
    struct arena *arena = arena_new(0);
    struct attempt attempt;

    (void)state;
    init(&attempt, 1, words);
    run_to_its_end(&attempt);
    assert_text(log_of(&attempt, arena, 0), "from the rank\n");
    assert_int_equal(attempt.stragglers, 0);
    done(&attempt);
    arena_free(arena);
}

static void kill_the_others(struct attempt *attempt, uint32_t local_rank)
{
    (void)local_rank;
    spawn_signal_all(attempt->spawn, SIGKILL); /* from inside a callback */
}

static void one_death_ends_all_from_the_callback(void **state)
{
    const char *words[] = {"sh", "-c", "[ $RANK = 17 ] && exit 1; sleep 100 & wait", NULL};
    struct attempt attempt;

    (void)state;
    init(&attempt, 64, words);
    attempt.on_exit = kill_the_others;
    run_to_its_end(&attempt);
    assert_int_equal(WEXITSTATUS(attempt.statuses[17]), 1);
    done(&attempt);
}

static void a_signal_goes_to_the_rank_alone_or_to_all(void **state)
{
    /* the child of a rank tells by its exit whether it was signalled */
    const char *words[] = {"bash", "-c",
                           "trap 'echo rank' TERM; (trap 'echo child' TERM; echo up; "
                           "while :; do sleep 0.05; done) & echo up; while :; do wait; done",
                           NULL};
    struct arena *arena = arena_new(0);
    struct attempt attempt;
    struct str text;

    (void)state;
    init(&attempt, 1, words);
    start(&attempt);
    RUN_UNTIL(&attempt, attempt.output[1] >= 6);
    spawn_signal(attempt.spawn, 0, SIGTERM);
    RUN_UNTIL(&attempt, attempt.output[1] >= 6 + 5);
    text = log_of(&attempt, arena, 0);
    assert_int_equal(str_find(text, "child"), -1);
    spawn_signal_all(attempt.spawn, SIGTERM);
    RUN_UNTIL(&attempt, attempt.output[1] >= 6 + 5 + 5 + 6);
    assert_true(str_find(log_of(&attempt, arena, 0), "child") > 0);
    assert_false(attempt.empty);
    spawn_signal_all(attempt.spawn, SIGKILL);
    RUN_UNTIL(&attempt, attempt.empty);
    done(&attempt);
    arena_free(arena);
}

static pid_t helper;

static bool is_helper(void *data, pid_t pid)
{
    (void)data;
    return pid == helper;
}

static void a_child_of_the_agents_own_is_left_alone(void **state)
{
    const char *words[] = {victim_path(), "ignore", "session", "sleep", NULL};
    struct attempt attempt;
    struct spawn_watch watch;
    struct err err;

    (void)state;
    helper = fork();
    if (helper == 0) {
        for (;;)
            (void)pause();
    }
    init(&attempt, 1, words);
    watch = watch_of(&attempt);
    watch.mine = is_helper;
    assert_int_equal(spawn_start(&attempt.request, &watch, &attempt.spawn, &err), 0);
    spawn_signal_all(attempt.spawn, SIGTERM);
    spawn_signal_all(attempt.spawn, SIGKILL);
    RUN_UNTIL(&attempt, attempt.empty);
    assert_int_equal(waitpid(helper, NULL, WNOHANG), 0);
    assert_int_equal(kill(helper, SIGKILL), 0);
    assert_int_equal(waitpid(helper, NULL, 0), helper);
    done(&attempt);
}

static void a_free_in_the_middle_ends_all(void **state)
{
    const char *words[] = {victim_path(), "ignore", "session", "daemon", "sleep", NULL};
    const char *env[2];
    char number[32];
    struct attempt attempt;
    int write_end, victims;

    (void)state;
    victims = victims_of(&attempt, 2, words, &write_end, env, number);
    start(&attempt);
    (void)close(write_end);
    assert_true(victims_ready(victims, 6));
    done(&attempt);
    assert_true(victims_gone(victims));
    (void)close(victims);
}

static void stop_turning(struct attempt *attempt, uint32_t local_rank)
{
    (void)local_rank;
    (void)event_base_loopbreak(attempt->base);
}

static void a_free_between_the_last_exit_and_the_end_ends_all(void **state)
{
    const char *words[] = {victim_path(), "daemon", "exit", NULL};
    const char *env[2];
    char number[32];
    struct attempt attempt;
    int write_end, victims;

    (void)state;
    victims = victims_of(&attempt, 1, words, &write_end, env, number);
    attempt.on_exit = stop_turning;
    start(&attempt);
    (void)close(write_end);
    RUN_UNTIL(&attempt, attempt.exited == 1);
    assert_false(attempt.empty);
    done(&attempt);
    assert_true(victims_gone(victims));
    (void)close(victims);
}

/* ---- the store's connections ---- */

static void a_connection_is_its_ranks(void **state)
{
    char script[200];
    const char *words[] = {"bash", "-c", script, NULL};
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    struct attempt attempt;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool seen[4] = {false};

    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    /* a child of the rank connects, and says who it is */
    (void)snprintf(script, sizeof(script),
                   "(exec 5<>/dev/tcp/127.0.0.1/%d; printf $RANK >&5; read x <&5) ; true",
                   ntohs(address.sin_port));
    init(&attempt, 4, words);
    start(&attempt);
    for (int i = 0; i < 4; i++) {
        struct sockaddr_in peer;
        socklen_t peer_len = sizeof(peer);
        char rank;
        int fd;

        do
            fd = accept4(listener, (struct sockaddr *)&peer, &peer_len, SOCK_CLOEXEC);
        while (fd < 0 && errno == EINTR); /* a rank's child has ended */
        assert_true(fd >= 0);
        assert_int_equal(recv(fd, &rank, 1, MSG_WAITALL), 1);
        assert_int_equal(spawn_rank_of_socket(attempt.spawn, ntohs(peer.sin_port)), rank - '0');
        seen[rank - '0'] = true;
        (void)close(fd);
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3]);
    assert_int_equal(spawn_rank_of_socket(attempt.spawn, ntohs(address.sin_port)), -1);
    RUN_UNTIL(&attempt, attempt.empty);
    (void)close(listener);
    done(&attempt);
}

static void a_pmi_socket_arrives_as_fd_3(void **state)
{
    const char *words[] = {"sh", "-c", "echo cmd=init $PMI_RANK >&$PMI_FD", NULL};
    struct attempt attempt;
    int pair[2], fds[2] = {-1, -1};
    char text[32] = "";

    (void)state;
    init(&attempt, 2, words);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    fds[0] = pair[1];
    fds[1] = pair[1];
    attempt.request.pmi_fds = fds;
    run_to_its_end(&attempt);
    (void)close(pair[1]);
    assert_int_equal(read(pair[0], text, 11), 11);
    assert_true(strcmp(text, "cmd=init 0\n") == 0 || strcmp(text, "cmd=init 1\n") == 0);
    (void)close(pair[0]);
    done(&attempt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rank_has_its_place_its_folder_and_no_input),
        cmocka_unit_test(a_rank_leads_a_group_with_default_signals),
        cmocka_unit_test(exits_are_told_as_they_were),
        cmocka_unit_test(a_thousand_ranks_start_and_end),
        cmocka_unit_test(what_cannot_run_is_said_once),
        cmocka_unit_test(a_script_without_its_interpreter_is_named),
        cmocka_unit_test(a_script_without_a_first_line_is_the_shells),
        cmocka_unit_test(too_few_open_files_is_a_sentence),
        cmocka_unit_test(much_output_goes_through_and_little_stays),
        cmocka_unit_test(last_words_are_stderrs_or_stdouts_or_the_error_files),
        cmocka_unit_test(a_killed_attempt_leaves_nothing),
        cmocka_unit_test(what_ranks_leave_behind_is_ended_and_counted),
        cmocka_unit_test(a_late_helper_of_a_rank_may_finish),
        cmocka_unit_test(one_death_ends_all_from_the_callback),
        cmocka_unit_test(a_signal_goes_to_the_rank_alone_or_to_all),
        cmocka_unit_test(a_child_of_the_agents_own_is_left_alone),
        cmocka_unit_test(a_free_in_the_middle_ends_all),
        cmocka_unit_test(a_free_between_the_last_exit_and_the_end_ends_all),
        cmocka_unit_test(a_connection_is_its_ranks),
        cmocka_unit_test(a_pmi_socket_arrives_as_fd_3),
    };

    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* as the agent, below its warden */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
