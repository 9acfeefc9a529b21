#include "sched/tool.h"

#include "base/spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (64u << 20)

extern char **environ;

/* Files in memory for its stdin, stdout and stderr: nothing has to be pumped while it runs. */
static int open_files(struct str input, int fds[3], struct err *err)
{
    for (int i = 0; i < 3; i++)
        fds[i] = memfd_create("tool", MFD_CLOEXEC);
    if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0 ||
        write(fds[0], input.p, input.len) != (ssize_t)input.len || lseek(fds[0], 0, SEEK_SET) != 0)
        return err_set(err, -ENOMEM, "no memory to run a program");
    return 0;
}

static void close_files(const int fds[3])
{
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

static int read_back(struct arena *arena, int fd, struct str *out)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text;

    if (size > OUTPUT_MAX)
        return -EFBIG;
    text = arena_alloc(arena, (size_t)size + 1);
    if (!text || pread(fd, text, (size_t)size, 0) != size)
        return -ENOMEM;
    *out = (struct str){text, (size_t)size};
    return 0;
}

static struct str last_line(struct str text)
{
    struct str line, last = {"", 0};

    while (str_line(&text, &line))
        if (str_trim(line).len)
            last = str_trim(line);
    return last;
}

/* Until it ends, or its time is over: then it is killed with all it started. */
static int wait_for(pid_t pid, int timeout_ms, int *status)
{
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    int r = end.fd < 0 ? 1 : poll(&end, 1, timeout_ms);

    if (end.fd >= 0)
        (void)close(end.fd);
    if (r <= 0)
        (void)kill(-pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    return r <= 0 ? -ETIMEDOUT : 0;
}

int tool_ask(struct arena *arena, const char *const *words, struct str input, int timeout_ms,
             struct str *output, struct err *err)
{
    struct str said = {"", 0};
    int fds[3], status = 0, r = open_files(input, fds, err);
    pid_t pid;

    if (r == 0) {
        r = spawn_group(words[0], words, environ, fds, &pid);
        if (r < 0)
            (void)err_set(err, r, "cannot run %s: %s", words[0], strerror(-r));
    }
    if (r == 0) {
        r = wait_for(pid, timeout_ms, &status);
        if (r < 0)
            (void)err_set(err, r, "%s: no answer within %g s", words[0], timeout_ms / 1000.0);
    }
    if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        (void)read_back(arena, fds[2], &said);
        said = last_line(said);
        r = said.len ? err_set(err, -EIO, "%.*s", STR_ARG(said))
                     : err_set(err, -EIO, "%s failed without a word", words[0]);
    }
    if (r == 0) {
        r = read_back(arena, fds[1], output);
        if (r < 0)
            (void)err_set(err, r, "%s: its answer is too large", words[0]);
    }
    close_files(fds);
    return r;
}
