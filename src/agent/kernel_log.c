#include "agent/kernel_log.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/klog.h>

/* linux/syslog.h has no user-space header with these. */
#define SYSLOG_ACTION_READ_ALL    3
#define SYSLOG_ACTION_SIZE_BUFFER 10
#define LOG_BYTES_MAX             (32 << 20)

size_t kernel_log_strip(char *text, size_t len)
{
    size_t to = 0, at = 0;

    while (at < len) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line_end = end ? (size_t)(end - text) + 1 : len, skip = at;

        if (text[skip] == '<') {
            do {
                skip++;
            } while (skip < line_end && isdigit((unsigned char)text[skip]));
            if (skip < line_end && skip > at + 1 && text[skip] == '>')
                at = skip + 1;
        }
        memmove(text + to, text + at, line_end - at);
        to += line_end - at;
        at = line_end;
    }
    return to;
}

bool kernel_log_has_boot(struct str text)
{
    return str_find(text, "Linux version ") >= 0;
}

int kernel_log_read(struct arena *arena, struct str *out, struct err *err)
{
    int size = klogctl(SYSLOG_ACTION_SIZE_BUFFER, NULL, 0), got;
    char *text;

    if (size < 0)
        return err_set(err, -errno, "the kernel's log: %s", strerror(errno));
    size = size < LOG_BYTES_MAX ? size : LOG_BYTES_MAX;
    text = arena_alloc(arena, (size_t)size + 1);
    if (!text)
        return err_set(err, -ENOMEM, "no memory for the kernel's log");
    got = klogctl(SYSLOG_ACTION_READ_ALL, text, size);
    if (got < 0)
        return err_set(err, -errno, "the kernel's log: %s", strerror(errno));
    *out = (struct str){text, kernel_log_strip(text, (size_t)got)};
    return 0;
}
