#include "progress/ckpt_check.h"

#include "base/clock.h"
#include "base/manifest.h"
#include "base/spawn.h"
#include "base/str.h"
#include "base/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS_MAX 20

int ckpt_rule_words(const char *complete_when, struct err *err)
{
    struct str rest = str_of(complete_when), verb;

    if (str_word(&rest, &verb) && (rest = str_trim(rest)).len > 0) {
        if (str_is(verb, "cmd"))
            return 0;
        if (str_is(verb, "file") && !memchr(rest.p, '/', rest.len) && rest.len < NAME_MAX)
            return 0;
    }
    return err_set(err, -EINVAL,
                   "'%s' says not when a checkpoint is complete: it is 'file NAME', a name without "
                   "'/', or 'cmd CHECK {}'",
                   complete_when);
}

static int verdict_of(int r)
{
    if (r == -ENOENT || r == -ENOTDIR)
        return CKPT_TORN;
    return CKPT_UNKNOWN;
}

static int check_file(struct str name, const char *path, bool folder, struct err *why)
{
    char marker[PATH_MAX];
    struct stat st;

    if (snprintf(marker, sizeof(marker), "%s%s%.*s", path, folder ? "/" : "", STR_ARG(name)) >=
        (int)sizeof(marker))
        return err_set(why, -ENAMETOOLONG, "%s: the name is too long", path);
    if (lstat(marker, &st) == 0)
        return CKPT_COMPLETE;
    err_set(why, -errno, "there is no %s: %s", strrchr(marker, '/') + 1, strerror(errno));
    return verdict_of(why->code);
}

/* `check` for the shell with {} as its first argument, however the user has quoted that. */
static void put_command(struct str check, struct buf *out)
{
    static const struct {
        char quote;
        const char *argument;
    } forms[] = {{0, "\"$1\""}, {'"', "$1"}, {'\'', "'\"$1\"'"}};
    char quote = 0;
    bool used = false;

    for (size_t i = 0; i < check.len; i++) {
        char c = check.p[i];

        if (c == '{' && i + 1 < check.len && check.p[i + 1] == '}') {
            for (size_t k = 0; k < ARRAY_LEN(forms); k++)
                if (forms[k].quote == quote)
                    buf_puts(out, forms[k].argument);
            used = true;
            i++;
            continue;
        }
        if ((c == '"' || c == '\'') && (quote == 0 || quote == c))
            quote = quote ? 0 : c;
        buf_add(out, &c, 1);
        if (c == '\\' && quote != '\'' && i + 1 < check.len)
            buf_add(out, &check.p[++i], 1);
    }
    if (!used)
        buf_puts(out, " \"$1\"");
}

/* Wait until the child has ended or the time is over. False: it was killed for that. What it left
 * in its group is killed in any case, before its number can belong to somebody else. */
static bool wait_group(pid_t pid, int64_t ms_max, int *status)
{
    int64_t end = clock_now_ms() + ms_max, pause = 1;
    siginfo_t info = {0};
    bool in_time = true;

    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == 0) {
        if (clock_now_ms() >= end) {
            in_time = false;
            break;
        }
        (void)nanosleep(&(struct timespec){0, pause * 1000000}, NULL);
        pause = pause * 2 < POLL_MS_MAX ? pause * 2 : POLL_MS_MAX;
    }
    (void)kill(-pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0)
        if (errno != EINTR)
            return false; /* somebody else has reaped it: nothing is known */
    return in_time;
}

static int run_check(const struct ckpt_rule *rule, const char *text, const char *path, int *status,
                     struct err *why)
{
    const char *words[] = {"sh", "-c", text, "sh", path, rule->cwd ? rule->cwd : ".", NULL};
    char *const *env = rule->env ? (char *const *)rule->env : environ;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[3] = {-1, null, null}, r;
    pid_t pid;

    if (null < 0)
        return err_set(why, -errno, "/dev/null: %s", strerror(errno));
    r = spawn_group("/bin/sh", words, env, fds, &pid);
    (void)close(null);
    if (r < 0)
        return err_set(why, r, "/bin/sh: %s", strerror(-r));
    if (!wait_group(pid, rule->check_ms ? rule->check_ms : CKPT_CHECK_MS, status))
        return CKPT_UNKNOWN;
    return 0;
}

static int check_command(const struct ckpt_rule *rule, struct str check, const char *path,
                         struct err *why)
{
    struct buf text = {0};
    int status = 0, r;

    buf_puts(&text, "cd -- \"$2\" || exit 126\n");
    put_command(check, &text);
    r = text.failed ? err_set(why, -ENOMEM, "no memory")
                    : run_check(rule, text.p, path, &status, why);
    buf_done(&text);
    if (r == CKPT_UNKNOWN)
        err_set(why, -ETIMEDOUT, "its check has not ended in time");
    if (r != 0)
        return r;
    if (WIFSIGNALED(status)) {
        err_set(why, -EINTR, "its check was ended by signal %d", WTERMSIG(status));
        return CKPT_UNKNOWN;
    }
    if (WEXITSTATUS(status) >= 126) /* the shell's "not executable", "not found" */
        return err_set(why, -ENOEXEC, "the check '%.*s' can't be run: exit code %d", STR_ARG(check),
                       WEXITSTATUS(status));
    if (WEXITSTATUS(status) == 0)
        return CKPT_COMPLETE;
    err_set(why, -EBADMSG, "its check exited %d", WEXITSTATUS(status));
    return CKPT_TORN;
}

struct shape {
    unsigned files;
    struct err *why;
};

static int look_at_file(void *data, const char *name, const struct stat *st)
{
    struct shape *shape = data;
    struct str text = str_of(name);

    shape->files++;
    if (str_ends(text, ".tmp") || str_ends(text, ".partial"))
        return err_set(shape->why, -EBADMSG, "%s was still being written", name);
    if (S_ISREG(st->st_mode) && st->st_size == 0)
        return err_set(shape->why, -EBADMSG, "%s is empty", name);
    return 0;
}

static int check_shape(const char *path, const struct stat *st, struct err *why)
{
    struct shape shape = {0, why};
    int r;

    if (!S_ISDIR(st->st_mode))
        r = look_at_file(&shape, strrchr(path, '/') + 1, st);
    else
        r = tree_walk(path, look_at_file, &shape);
    if (r == 0 && shape.files == 0)
        r = err_set(why, -EBADMSG, "it is empty");
    if (r < 0 && r != -EBADMSG)
        err_set(why, r, "it can't be read: %s", strerror(-r));
    return r == 0 ? CKPT_COMPLETE : r == -EBADMSG ? CKPT_TORN : CKPT_UNKNOWN;
}

/* Without a rule: firstlight's own format if it is that, else by what a crash leaves behind. */
static int check_contents(const char *path, const struct stat *st, int64_t step, int64_t newest,
                          struct err *why)
{
    int r = S_ISDIR(st->st_mode) ? ckpt_manifest_check(path, NULL, why) : -ENOENT;

    if (r != -ENOENT)
        return r == 0 ? CKPT_COMPLETE : r == -EBADMSG ? CKPT_TORN : CKPT_UNKNOWN;
    if (newest >= 0 && step > newest) {
        err_set(why, -EBADMSG, "the file that names the latest says %" PRId64, newest);
        return CKPT_TORN;
    }
    return check_shape(path, st, why);
}

int ckpt_check(const struct ckpt_rule *rule, const char *path, int64_t step, int64_t newest,
               struct err *why)
{
    struct stat st;
    struct str rest, verb;

    if (lstat(path, &st) < 0) {
        err_set(why, -errno, "it can't be read: %s", strerror(errno));
        return errno == ENOENT ? CKPT_GONE : CKPT_UNKNOWN;
    }
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
        err_set(why, -EINVAL, "it is neither a folder nor a file");
        return CKPT_UNKNOWN;
    }
    if (!rule->complete_when)
        return check_contents(path, &st, step, newest, why);
    rest = str_of(rule->complete_when);
    (void)str_word(&rest, &verb);
    rest = str_trim(rest);
    if (str_is(verb, "file"))
        return check_file(rest, path, S_ISDIR(st.st_mode), why);
    return check_command(rule, rest, path, why);
}
