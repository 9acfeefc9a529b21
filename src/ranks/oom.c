#include "ranks/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define RECORD_BYTES 8192 /* the kernel's own bound for one record */

pid_t oom_victim(struct str record)
{
    static const char said[] = "Killed process ";
    ptrdiff_t at = str_find(record, said);
    struct str rest = str_skip(record, at < 0 ? record.len : (size_t)at + sizeof(said) - 1);
    struct str digits = str_digits(&rest, 10);
    int64_t pid;

    if (!digits.len || str_to_i64(digits, 10, &pid) < 0 || pid > INT32_MAX)
        return 0;
    return (pid_t)pid;
}

int64_t oom_count(struct str text)
{
    struct str line, word;
    int64_t count = 0;

    while (str_line(&text, &line))
        if (str_word(&line, &word) && str_is(word, "oom_kill"))
            (void)str_to_i64(str_trim(line), 10, &count);
    return count;
}

static int64_t read_count(const struct oom *oom)
{
    char text[1024];
    ssize_t got = oom->events_fd < 0 ? 0 : pread(oom->events_fd, text, sizeof(text), 0);

    return got > 0 ? oom_count((struct str){text, (size_t)got}) : 0;
}

void oom_init(struct oom *oom, const char *cgroup)
{
    char path[4096];

    *oom = (struct oom){.events_fd = -1};
    oom->log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (oom->log_fd >= 0)
        (void)lseek(oom->log_fd, 0, SEEK_END);
    if (cgroup && snprintf(path, sizeof(path), "%s/memory.events", cgroup) < (int)sizeof(path))
        oom->events_fd = open(path, O_RDONLY | O_CLOEXEC);
    oom->kills = read_count(oom);
}

void oom_done(struct oom *oom)
{
    if (oom->log_fd >= 0)
        (void)close(oom->log_fd);
    if (oom->events_fd >= 0)
        (void)close(oom->events_fd);
    oom->log_fd = oom->events_fd = -1;
}

static bool log_names(const struct oom *oom, pid_t pid)
{
    char record[RECORD_BYTES];
    bool named = false;
    ssize_t got;

    if (oom->log_fd < 0)
        return false;
    /* EPIPE: records were overwritten before we read them; the next read goes on behind them. */
    while ((got = read(oom->log_fd, record, sizeof(record))) > 0 || (got < 0 && errno == EPIPE))
        named |= got > 0 && oom_victim((struct str){record, (size_t)got}) == pid;
    return named;
}

bool oom_killed(struct oom *oom, pid_t pid)
{
    int64_t kills = read_count(oom);
    bool grew = kills > oom->kills;

    oom->kills = kills;
    return log_names(oom, pid) || grew;
}
