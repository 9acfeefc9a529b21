#include "cli/run_client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A controller of one answer: a child that listens, reads one request line, and writes `says` in
 * two parts, so that an answer is never one read. */
struct world {
    char dir[512];
    pid_t pid;
};

static void serve_one(int listener, const char *says, size_t len)
{
    int fd = accept(listener, NULL, NULL);
    char c = 0;

    while (c != '\n' && read(fd, &c, 1) == 1)
        ;
    (void)!write(fd, says, len / 2);
    (void)!write(fd, says + len / 2, len - len / 2);
    _exit(0);
}

static void begin(struct world *world, const char *says, size_t len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *tmp = getenv("TMPDIR");
    int listener;

    (void)snprintf(world->dir, sizeof(world->dir), "%s/client-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(world->dir));
    /* Longer than a socket's name can be. */
    for (int i = 0; i < 3; i++) {
        strcat(world->dir, "/a-folder-with-a-name-of-forty-letters-or-");
        assert_int_equal(mkdir(world->dir, 0700), 0);
    }
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    {
        char cwd[512];

        assert_non_null(getcwd(cwd, sizeof(cwd)));
        assert_int_equal(chdir(world->dir), 0);
        strcpy(address.sun_path, "control.sock");
        assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(chdir(cwd), 0);
    }
    assert_int_equal(listen(listener, 4), 0);
    world->pid = fork();
    assert_true(world->pid >= 0);
    if (world->pid == 0)
        serve_one(listener, says, len);
    (void)close(listener);
}

static void end(struct world *world)
{
    char command[600];

    assert_int_equal(waitpid(world->pid, NULL, 0), world->pid);
    *strstr(world->dir, "/a-folder") = '\0';
    (void)snprintf(command, sizeof(command), "rm -r '%s'", world->dir);
    assert_int_equal(system(command), 0);
}

static const struct {
    const char *says;
    int want;
    const char *err;
} cases[] = {
    {"{\"ok\":true}\n", 0, NULL},
    {"{\"ok\":true}\n{\"more\":1}\n", 0, NULL},
    {"{\"error\":\"there is no such rank\"}\n", -EREMOTEIO, "there is no such rank"},
    {"[1]\n", -EPROTO, "not a JSON object"},
    {"{\"ok\":tr\n", -EPROTO, "not a JSON object"},
    {"\n", -EPROTO, "not a JSON object"},
    {"{\"ok\":true", -ESRCH, "has ended"}, /* cut off */
    {"", -ESRCH, "has ended"},
};

static void an_answer_is_an_object_or_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run_client *client;
        struct world world;
        json_t *answer = NULL;
        struct err err = {0};

        begin(&world, cases[i].says, strlen(cases[i].says));
        assert_int_equal(run_client_open(world.dir, &client, &err), 0);
        assert_int_equal(run_client_call(client, json_pack("{s:s}", "do", "view"), &answer, &err),
                         cases[i].want);
        if (cases[i].err && !strstr(err.text, cases[i].err))
            fail_msg("%s: %s", cases[i].says, err.text);
        if (!cases[i].want)
            assert_true(json_is_true(json_object_get(answer, "ok")));
        json_decref(answer);
        run_client_close(client);
        end(&world);
    }
}

static void an_answer_without_an_end_is_cut(void **state)
{
    size_t len = RUN_CLIENT_LINE_MAX + 1000000;
    char *says = malloc(len);
    struct run_client *client;
    struct world world;
    json_t *answer;
    struct err err = {0};

    (void)state;
    memset(says, ' ', len);
    begin(&world, says, len);
    assert_int_equal(run_client_open(world.dir, &client, NULL), 0);
    assert_int_equal(run_client_call(client, json_pack("{s:s}", "do", "view"), &answer, &err),
                     -EPROTO);
    assert_non_null(strstr(err.text, "has no end"));
    run_client_close(client);
    end(&world);
    free(says);
}

static void a_part_of_a_log_comes_as_it_was(void **state)
{
    static const char says[] = "{\"offset\":7,\"log_size\":100,\"base64\":\"aGVsbG8KAP8=\"}\n";
    struct arena *arena = arena_new(0);
    struct run_client *client;
    struct world world;
    const struct msg_log_read ask = {.rank = 3, .attempt = 1, .bytes_max = 4096};
    struct msg_log_data part;

    (void)state;
    begin(&world, says, strlen(says));
    assert_int_equal(run_client_open(world.dir, &client, NULL), 0);
    assert_int_equal(run_client_log(client, arena, &ask, &part, NULL), 0);
    assert_int_equal(part.offset, 7);
    assert_int_equal(part.log_size, 100);
    assert_int_equal(part.bytes.len, 8);
    assert_memory_equal(part.bytes.p, "hello\n\0\xff", 8);
    run_client_close(client);
    arena_free(arena);
    end(&world);
}

static void without_a_controller_that_is_said(void **state)
{
    struct run_client *client;
    struct err err = {0};

    (void)state;
    assert_int_equal(run_client_open("/nonexistent/runs/train-bcdfg", &client, &err), -ESRCH);
    assert_string_equal(err.text, "run train-bcdfg has no controller now");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_an_object_or_a_sentence),
        cmocka_unit_test(an_answer_without_an_end_is_cut),
        cmocka_unit_test(a_part_of_a_log_comes_as_it_was),
        cmocka_unit_test(without_a_controller_that_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
