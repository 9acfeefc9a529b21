#include "trainer/run_log.h"

#include "base/str.h"
#include "token/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* As a run leaves it that was killed, or whose disk was full. */
static bool ends_in_half_a_line(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    char last = '\n';

    if (size > 0)
        last = pread(fd, &last, 1, size - 1) == 1 ? last : 0;
    if (fd >= 0)
        (void)close(fd);
    return last != '\n';
}

int run_log_open(struct run_log *log, const char *path, struct err *err)
{
    *log = RUN_LOG_NONE;
    log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log->fd < 0)
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    log->torn = ends_in_half_a_line(path);
    return 0;
}

void run_log_close(struct run_log *log)
{
    if (log->fd >= 0)
        (void)close(log->fd);
    *log = RUN_LOG_NONE;
}

static void write_line(struct run_log *log, const char *text)
{
    struct buf line = {0};
    ssize_t wrote;

    buf_printf(&line, "%s%s\n", log->torn ? "\n" : "", text);
    wrote = line.failed ? 0 : write(log->fd, line.p, line.len);
    if (wrote < (ssize_t)line.len && !log->failed)
        (void)fprintf(stderr, "the log can't be written (%s); training goes on\n",
                      strerror(wrote < 0 ? errno : ENOSPC));
    log->failed = wrote < (ssize_t)line.len;
    if (wrote > 0)
        log->torn = log->failed;
    buf_done(&line);
}

void run_log_add(struct run_log *log, json_t *object)
{
    struct timespec now;
    char *text =
        log->fd >= 0 && object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    struct buf line = {0};

    if (text) {
        (void)clock_gettime(CLOCK_REALTIME, &now);
        buf_printf(&line, "{\"time\":%lld.%03ld,%s", (long long)now.tv_sec, now.tv_nsec / 1000000,
                   text + 1);
        if (!line.failed)
            write_line(log, line.p);
    }
    buf_done(&line);
    free(text);
    json_decref(object);
}

json_t *run_log_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *run_log_text(const char *text)
{
    size_t left = strlen(text);
    struct buf valid = {0};
    json_t *json;

    while (left > 0) {
        uint32_t code;
        size_t bytes = utf8_decode(text, left, &code);

        if (bytes > 0)
            buf_add(&valid, text, bytes);
        else
            buf_puts(&valid, UTF8_REPLACEMENT);
        bytes = bytes > 0 ? bytes : 1;
        text += bytes;
        left -= bytes;
    }
    json = json_stringn(valid.p ? valid.p : "", valid.len);
    buf_done(&valid);
    return json;
}
