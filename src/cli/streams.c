#include "cli/streams.h"

#include "cli/writer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEHIND_BYTES (4u << 20) /* that wait to be written */

struct streams {
    struct writer *writer;
    uint64_t unshown; /* lines that found no room, not told yet */
    bool one;         /* both go to one terminal, file or pipe */
    bool half[3];     /* the last line there has no end yet; 0 is that of both when they are one */
};

struct streams *streams_new(void)
{
    struct streams *streams = calloc(1, sizeof(*streams));
    struct stat out, err;

    if (!streams)
        return NULL;
    streams->writer = writer_new();
    if (!streams->writer) {
        free(streams);
        return NULL;
    }
    streams->one = fstat(STDOUT_FILENO, &out) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
                   out.st_dev == err.st_dev && out.st_ino == err.st_ino;
    return streams;
}

static bool *half_line(struct streams *streams, int fd)
{
    return &streams->half[streams->one ? 0 : fd];
}

static void say_unshown(struct streams *streams)
{
    char line[128];
    int len = snprintf(line, sizeof(line), "%llu line%s found no reader: the logs have them\n",
                       (unsigned long long)streams->unshown, streams->unshown == 1 ? "" : "s");

    streams->unshown = 0;
    streams_own(streams, STDERR_FILENO, (struct str){line, (size_t)len});
}

void streams_output(struct streams *streams, int fd, struct str bytes)
{
    if (streams->unshown && !streams_behind(streams))
        say_unshown(streams);
    if (!bytes.len)
        return;
    if (writer_put(streams->writer, fd, bytes))
        *half_line(streams, fd) = bytes.p[bytes.len - 1] != '\n';
    else
        streams->unshown += str_lines(bytes);
}

void streams_own(struct streams *streams, int fd, struct str bytes)
{
    bool *half = half_line(streams, fd);

    if (*half)
        (void)writer_put(streams->writer, fd, STR("\n"));
    *half = false;
    (void)writer_put(streams->writer, fd, bytes);
}

bool streams_behind(const struct streams *streams)
{
    return writer_waiting(streams->writer) >= BEHIND_BYTES;
}

size_t streams_waiting(const struct streams *streams)
{
    return writer_waiting(streams->writer);
}

void streams_mute(struct streams *streams)
{
    writer_mute(streams->writer);
}

void streams_end(struct streams *streams, int patience_ms)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    size_t left;

    if (!streams)
        return;
    if (streams->unshown)
        say_unshown(streams);
    left = writer_free(streams->writer, patience_ms);
    if (left && !streams->one && poll(&room, 1, 0) == 1)
        (void)fprintf(stderr,
                      "firstlight: nobody reads its output: %zu bytes are not shown, the logs have "
                      "them\n",
                      left);
    free(streams);
}
