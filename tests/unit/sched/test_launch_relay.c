/* More hosts than one ssh each from here: relays start others, and none is lost to what goes wrong
 * with one. ssh and the agent are played by scripts. */
#include "base/file.h"
#include "sched/launch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HOSTS      36 /* six relays, of six hosts each */
#define PATIENCE_S 120

/* As a relay: h6 is gone when it knows its share; h12 can reach nobody; h18 loses one host that ran
 * before it goes. */
static const char fake_agent[] =
    "#!/bin/sh\n"
    "[ \"$1\" != --version ] || exit 0\n"
    "ran() { echo \"$2 $3\" >\"$FAKE/$1.new\"; mv \"$FAKE/$1.new\" \"$FAKE/$1.ran\"; }\n"
    "read -r key\n"
    "if [ \"$1\" = run ]; then\n"
    "    ran \"$FAKE_HOST\" \"$key\" \"$5\"\n"
    "    read -r rest <\"$FAKE/hold\"\n"
    "    exit 0\n"
    "fi\n"
    "while read -r what index name <&3; do\n"
    "    case $what in\n"
    "    opt) echo \"$index $name\" >>\"$FAKE/options\";;\n"
    "    own) echo \"firstlight@$name: runs\"; ran $name $key $index;;\n"
    "    host) [ $FAKE_HOST != h6 ] || exit 3\n"
    "        case $FAKE_HOST in\n"
    "        h12) echo \"firstlight@$name: missed Permission denied (publickey).\";;\n"
    "        *) echo \"firstlight@$name: runs\"; ran $name $key $index;;\n"
    "        esac\n"
    "        [ $name != h20 ] || echo \"firstlight@$name: over it fell\";;\n"
    "    go) ;;\n"
    "    end@*) echo \"$what\" >>\"$FAKE/ended\";;\n"
    "    esac\n"
    "done\n";

static const char fake_ssh[] =
    "#!/bin/sh\n"
    "while [ \"$1\" != -- ]; do shift; done\n"
    "export FAKE_HOST=$2 XDG_CACHE_HOME=$FAKE/cache\n"
    "echo $2 >>\"$FAKE/logins\"\n"
    "case $2 in\n"
    "h24) echo 'ssh: connect to host h24 port 22: No route to host' >&2; exit 255;;\n"
    "esac\n"
    "echo 'Welcome!'\n"
    "exec /bin/sh -c \"$3\"\n";

static struct event_base *base;
static char folder[] = "/tmp/relay-test-XXXXXX";
static char said[HOSTS][512];
static unsigned runs;

static void write_script(const char *name, const char *text)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static int begin(void **state)
{
    char path[128];

    (void)state;
    assert_non_null(mkdtemp(folder));
    write_script("agent", fake_agent);
    write_script("ssh", fake_ssh);
    (void)snprintf(path, sizeof(path), "%s/ssh", folder);
    (void)setenv("FIRSTLIGHT_SSH", path, 1);
    (void)snprintf(path, sizeof(path), "%s/home", folder);
    (void)setenv("XDG_CACHE_HOME", path, 1);
    (void)setenv("FAKE", folder, 1);
    (void)snprintf(path, sizeof(path), "%s/hold", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    return base ? 0 : -1;
}

static int end(void **state)
{
    char command[256];

    (void)state;
    event_base_free(base);
    /* Those that hold read a line, and end. */
    (void)snprintf(command, sizeof(command),
                   "timeout 1 sh -c 'yes >%s/hold 2>/dev/null'; rm -rf %s", folder, folder);
    return system(command) < 0;
}

static void on_failed(void *data, uint32_t node, const char *sentence)
{
    (void)data;
    (void)snprintf(said[node], sizeof(said[node]), "%s", sentence);
}

static void on_runs(void *data, uint32_t node)
{
    (void)data;
    (void)node;
    runs++;
}

static size_t lines_of(const char *name, const char *line)
{
    char path[256], *text;
    struct str rest, one;
    size_t len, count = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (file_read(path, 1 << 20, &text, &len, NULL) < 0)
        return 0;
    rest = (struct str){text, len};
    while (str_line(&rest, &one))
        count += !line || str_is(one, line);
    free(text);
    return count;
}

static bool all_ran(void)
{
    for (int i = 0; i < HOSTS; i++) {
        char name[32], line[64];

        (void)snprintf(name, sizeof(name), "h%d.ran", i);
        (void)snprintf(line, sizeof(line), "0123456789abcdef %d", i + 100);
        if (i != 24 && lines_of(name, line) != 1)
            return false;
    }
    return runs >= HOSTS - 1 && said[24][0] && said[20][0];
}

static void turn_until(bool (*done)(void))
{
    struct timeval tick = {0, 20000};

    for (int i = 0; i < PATIENCE_S * 50 && !done(); i++) {
        (void)event_base_loopexit(base, &tick);
        (void)event_base_dispatch(base);
    }
    assert_true(done());
}

static bool one_was_ended(void)
{
    return lines_of("ended", "end@h1") == 1;
}

static void no_host_is_lost(void **state)
{
    const char *names[HOSTS], *options[] = {"-p", "22 2"};
    uint32_t nodes[HOSTS], indices[HOSTS];
    char texts[HOSTS][8], agent[128];
    struct launch launch;
    struct launch_request request = {.base = base,
                                     .names = names,
                                     .indices = indices,
                                     .count = HOSTS,
                                     .agent = agent,
                                     .addresses = "127.0.0.1:4711",
                                     .key = "0123456789abcdef",
                                     .run = "train-1",
                                     .run_dir = folder,
                                     .ssh_options = options,
                                     .ssh_option_count = 2,
                                     .runs = on_runs,
                                     .failed = on_failed};
    struct err err = {0};

    (void)state;
    (void)snprintf(agent, sizeof(agent), "%s/agent", folder);
    for (uint32_t i = 0; i < HOSTS; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "h%u", i);
        names[i] = texts[i];
        nodes[i] = i;
        indices[i] = i + 100;
    }
    assert_int_equal(launch_open(&launch, "ssh", &request, &err), 0);
    assert_int_equal(launch_start(&launch, nodes, HOSTS, &err), 0);
    turn_until(all_ran);
    assert_string_equal(said[24], "ssh: connect to host h24 port 22: No route to host");
    assert_string_equal(said[20], "it fell");
    assert_string_equal(said[0], "");
    assert_string_equal(said[13], "");
    /* Relays once, each of h7 to h11, h13 to h17 and h25 to h29 from here, and no other. */
    for (int i = 0; i < HOSTS; i++) {
        bool relay = i % 6 == 0;
        bool ours = i / 6 == 1 || i / 6 == 2 || i / 6 == 4;

        assert_int_equal(lines_of("logins", names[i]), relay || ours);
    }
    assert_true(lines_of("options", "22 2") >= 4); /* a word stays one */
    launch_end(&launch, 1);
    turn_until(one_was_ended);
    launch_finish(&launch);
    launch_close(&launch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_host_is_lost, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
