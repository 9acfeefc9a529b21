/* Agents over ssh and by srun, both played by scripts: what is told of each node, what is copied
 * and what not, and that an agent outlives its ssh. */
#include "base/file.h"
#include "sched/launch.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NODES      6
#define PATIENCE_S 120

static const char fake_agent[] =
    "#!/bin/sh\n"
    "[ \"$1\" != --version ] || exit 0\n"
    "read -r key\n"
    "case $FAKE_HOST in\n"
    "quits) echo 'firstlight-agent: no way to the controller' >&2; exit 3;;\n"
    "leaves) exit 0;;\n"
    "esac\n"
    "echo \"$key $*\" >\"$FAKE/$FAKE_HOST.new\"\n"
    "mv \"$FAKE/$FAKE_HOST.new\" \"$FAKE/$FAKE_HOST.ran\"\n"
    "echo $$ >>\"$FAKE/pids\"\n"
    "exec sleep 1000\n";

static const char fake_ssh[] =
    "#!/bin/sh\n"
    "while [ \"$1\" != -- ]; do shift; done\n"
    "export FAKE_HOST=$2 XDG_CACHE_HOME=$FAKE/cache-$2\n"
    "echo $$ >\"$FAKE/$2.ssh\"\n"
    "case $2 in\n"
    "dead) echo 'ssh: connect to host dead port 22: No route to host' >&2; exit 255;;\n"
    "wrong) echo 'Host key verification failed.' >&2; exit 255;;\n"
    "full) echo Welcome; XDG_CACHE_HOME=/proc/none; ulimit -f 0;;\n"
    "esac\n"
    "/bin/sh -c \"$3\"\n";

/* One stdin for all tasks, labels before their lines. */
static const char fake_srun[] =
    "#!/bin/bash\n"
    "echo \"$@\" >>\"$FAKE/srun.words\"\n"
    "while [ $# -gt 1 ] && [ \"$1\" != /bin/sh ]; do\n"
    "    case $1 in --nodelist=*) list=${1#*=};; esac\n"
    "    shift\n"
    "done\n"
    "echo 'srun: a prolog talks'\n"
    "case $list in\n"
    "dead*) echo 'srun: error: Nodes dead are not available' >&2; exit 1;;\n"
    "n*1-3*) names='n1 n2 n3';;\n"
    "*) names=${list//,/ };;\n"
    "esac\n"
    "task=0 pipes=()\n"
    "for name in $names; do\n"
    "    mkfifo \"$FAKE/in.$$.$name\"\n"
    "    pipes+=(\"$FAKE/in.$$.$name\")\n"
    "    (export SLURMD_NODENAME=$name FAKE_HOST=$name XDG_CACHE_HOME=$FAKE/cache-$name\n"
    "     exec \"$@\" <\"$FAKE/in.$$.$name\") 2>&1 | sed -u \"s/^/$task: /\" &\n"
    "    tasks+=($!)\n"
    "    task=$((task + 1))\n"
    "done\n"
    "exec 3<&0\n"
    "tee -p \"${pipes[@]}\" <&3 >/dev/null & tee=$!\n"
    "wait \"${tasks[@]}\"\n"
    "kill $tee\n"
    "exit 0\n";

static struct event_base *base;
static char folder[] = "/tmp/launch-test-XXXXXX";
static char said[NODES][512];

static void write_script(const char *name, const char *text)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static int begin(void **state)
{
    char path[4096];

    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    write_script("agent", fake_agent);
    write_script("ssh", fake_ssh);
    write_script("srun", fake_srun);
    (void)snprintf(path, sizeof(path), "%s/ssh", folder);
    (void)setenv("FIRSTLIGHT_SSH", path, 1);
    (void)snprintf(path, sizeof(path), "%s/home", folder);
    (void)setenv("XDG_CACHE_HOME", path, 1);
    (void)snprintf(path, sizeof(path), "%s:%s", folder, getenv("PATH"));
    (void)setenv("PATH", path, 1);
    (void)setenv("FAKE", folder, 1);
    (void)signal(SIGPIPE, SIG_IGN);
    memset(said, 0, sizeof(said));
    base = event_base_new();
    return base ? 0 : -1;
}

static char *read_text(const char *name)
{
    char path[256], *text;
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return file_read(path, 1 << 20, &text, &len, NULL) < 0 ? NULL : text;
}

static int end(void **state)
{
    char command[128], *pids = read_text("pids");
    struct str rest = str_of(pids ? pids : ""), pid;
    int64_t number;

    (void)state;
    while (str_line(&rest, &pid))
        if (str_to_i64(pid, 10, &number) == 0)
            (void)kill((pid_t)number, SIGKILL);
    free(pids);
    event_base_free(base);
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static void on_failed(void *data, uint32_t node, const char *sentence)
{
    (void)data;
    assert_true(node < NODES);
    assert_int_equal(said[node][0], 0); /* once */
    (void)snprintf(said[node], sizeof(said[node]), "%s", sentence);
}

static struct launch_request request_for(const char *const *names, uint32_t count, char *agent)
{
    (void)sprintf(agent, "%s/agent", folder);
    return (struct launch_request){.base = base,
                                   .names = names,
                                   .count = count,
                                   .agent = agent,
                                   .addresses = "127.0.0.1:4711",
                                   .key = "0123456789abcdef",
                                   .run = "train-1",
                                   .run_dir = folder,
                                   .fanout = 2,
                                   .failed = on_failed};
}

/* Turn the loop until the file is there (its text), or node `index` was told of (NULL). */
static char *loop_until(const char *file, uint32_t index)
{
    struct timeval tick = {0, 20000};

    for (int i = 0; i < PATIENCE_S * 50; i++) {
        char *text = file ? read_text(file) : NULL;

        if (text || (!file && said[index][0]))
            return text;
        (void)event_base_loopexit(base, &tick);
        (void)event_base_dispatch(base);
    }
    fail_msg("nothing came: %s %u", file ? file : "node", index);
    return NULL;
}

static ino_t inode_of_copy(const char *host)
{
    char pattern[256], path[256] = "";
    struct stat there;
    FILE *list;

    (void)snprintf(pattern, sizeof(pattern), "ls %s/cache-%s/firstlight/agent-*", folder, host);
    list = popen(pattern, "r");
    assert_non_null(list);
    assert_non_null(fgets(path, sizeof(path), list));
    (void)pclose(list);
    path[strcspn(path, "\n")] = '\0';
    assert_int_equal(stat(path, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0700);
    return there.st_ino;
}

static void ssh_starts_agents_and_tells_of_each_that_fails(void **state)
{
    static const char *const names[NODES] = {"dead", "stays", "wrong", "quits", "full", "leaves"};
    static const uint32_t all[] = {0, 1, 2, 3, 4, 5}, one = 1;
    struct launch launch;
    struct launch_request request;
    char agent[128], path[128], *text;
    struct err err = {0};
    ino_t inode;

    (void)state;
    request = request_for(names, NODES, agent);
    assert_int_equal(launch_open(&launch, "ssh", &request, &err), 0);
    assert_int_equal(launch_start(&launch, all, NODES, &err), 0);
    text = loop_until("stays.ran", 1);
    assert_string_equal(text, "0123456789abcdef run --controller 127.0.0.1:4711 --node 1 --run "
                              "train-1\n");
    free(text);
    for (uint32_t i = 0; i < NODES; i++)
        if (i != 1)
            (void)loop_until(NULL, i);
    assert_string_equal(said[0], "ssh: connect to host dead port 22: No route to host");
    assert_string_equal(said[2], "Host key verification failed.");
    assert_string_equal(said[3], "firstlight-agent: no way to the controller");
    if (!strstr(said[4], "no space on this host for the agent"))
        fail_msg("%s", said[4]);
    assert_string_equal(said[5], "the agent ended");
    assert_string_equal(said[1], "");

    /* By force; then again: nothing is copied a second time. */
    inode = inode_of_copy("stays");
    launch_end(&launch, 1);
    (void)loop_until(NULL, 1);
    said[1][0] = '\0';
    (void)snprintf(path, sizeof(path), "%s/stays.ran", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(launch_start(&launch, &one, 1, &err), 0);
    free(loop_until("stays.ran", 1));
    assert_true(inode_of_copy("stays") == inode);
    launch_close(&launch);
}

static void an_agent_outlives_its_ssh(void **state)
{
    static const char *const names[] = {"stays"};
    static const uint32_t one = 0;
    struct launch launch;
    struct launch_request request;
    char agent[128], *pids, *ssh;
    struct err err = {0};
    pid_t pid;

    (void)state;
    request = request_for(names, 1, agent);
    assert_int_equal(launch_open(&launch, "ssh", &request, &err), 0);
    assert_int_equal(launch_start(&launch, &one, 1, &err), 0);
    pids = loop_until("pids", 0);
    pid = (pid_t)atoi(pids);
    free(pids);
    ssh = loop_until("stays.ssh", 0);
    assert_int_equal(kill((pid_t)atoi(ssh), SIGKILL), 0);
    free(ssh);
    (void)loop_until(NULL, 0);
    assert_non_null(strstr(said[0], "signal 9"));
    assert_int_equal(kill(pid, 0), 0);
    launch_close(&launch);
    assert_int_equal(kill(pid, 0), 0);
}

static void srun_starts_agents_and_tells_of_each_that_fails(void **state)
{
    static const char *const names[] = {"n1", "n2", "n3", "quits", "dead"};
    static const uint32_t three[] = {0, 1, 2}, quits = 3, dead = 4, second = 1;
    static const char *const options[] = {"--gpus-per-node=8"};
    struct launch launch;
    struct launch_request request;
    char agent[128], *text;
    struct err err = {0};

    (void)state;
    request = request_for(names, 5, agent);
    request.slurm_options = options;
    request.slurm_option_count = 1;
    assert_int_equal(launch_open(&launch, "slurm", &request, &err), 0);
    assert_int_equal(launch_start(&launch, three, 3, &err), 0);
    for (int i = 0; i < 3; i++) {
        char file[16];

        (void)snprintf(file, sizeof(file), "n%d.ran", i + 1);
        text = loop_until(file, 0);
        assert_string_equal(text, "0123456789abcdef run --controller 127.0.0.1:4711 --node "
                                  "@n1,n2,n3,quits,dead --run train-1\n");
        free(text);
    }
    text = read_text("srun.words");
    assert_non_null(text);
    assert_ptr_equal(strstr(text, "--gpus-per-node=8 --nodes=3 --ntasks=3 --ntasks-per-node=1 "
                                  "--nodelist=n[1-3] --kill-on-bad-exit=0 --no-kill --wait=0 "
                                  "--overlap "),
                     text);
    assert_null(strstr(text, "0123456789abcdef"));
    free(text);
    assert_int_equal(launch_start(&launch, &dead, 1, &err), 0);
    (void)loop_until(NULL, 4);
    assert_string_equal(said[4], "srun: error: Nodes dead are not available");
    assert_int_equal(launch_start(&launch, &quits, 1, &err), 0);
    (void)loop_until(NULL, 3);
    assert_string_equal(said[3], "firstlight-agent: no way to the controller");

    /* One of three by force; the others stay. */
    launch_end(&launch, second);
    (void)loop_until(NULL, 1);
    assert_string_equal(said[0], "");
    assert_string_equal(said[2], "");
    launch_close(&launch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ssh_starts_agents_and_tells_of_each_that_fails, begin, end),
        cmocka_unit_test_setup_teardown(an_agent_outlives_its_ssh, begin, end),
        cmocka_unit_test_setup_teardown(srun_starts_agents_and_tells_of_each_that_fails, begin,
                                        end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
