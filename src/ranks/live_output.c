#include "ranks/live_output.h"

#include <stdlib.h>
#include <string.h>

#define STREAMS 2

struct stream {
    struct buf part;  /* a line without its end yet */
    uint64_t skipped; /* lines since the last that went */
};

struct live_output {
    struct live_output_watch watch;
    uint32_t attempt, first_rank, nproc;
    struct stream streams[]; /* STREAMS a rank */
};

struct live_output *live_output_new(uint32_t attempt, uint32_t first_rank, uint32_t nproc,
                                    const struct live_output_watch *watch)
{
    size_t count = (size_t)nproc * STREAMS;
    struct live_output *output = calloc(1, sizeof(*output) + count * sizeof(struct stream));

    if (!output)
        return NULL;
    output->watch = *watch;
    output->attempt = attempt;
    output->first_rank = first_rank;
    output->nproc = nproc;
    return output;
}

void live_output_free(struct live_output *output)
{
    if (!output)
        return;
    for (size_t i = 0; i < (size_t)output->nproc * STREAMS; i++)
        buf_done(&output->streams[i].part);
    free(output);
}

static uint64_t count_lines(struct str bytes)
{
    uint64_t lines = 0;
    const char *at = bytes.p, *end = bytes.p + bytes.len;

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        lines++;
        at++;
    }
    return lines;
}

/* The length of what ends with the last newline in the first `max` bytes. */
static size_t whole_lines(struct str bytes, size_t max)
{
    const char *last = memrchr(bytes.p, '\n', bytes.len < max ? bytes.len : max);

    return last ? (size_t)(last - bytes.p) + 1 : 0;
}

static void send(struct live_output *output, size_t which, struct str bytes)
{
    struct stream *stream = &output->streams[which];

    output->watch.send(output->watch.data,
                       &(struct msg_log){.attempt = output->attempt,
                                         .rank = output->first_rank + (uint32_t)(which / STREAMS),
                                         .stream = (uint32_t)(which % STREAMS) + 1,
                                         .skipped = stream->skipped,
                                         .bytes = bytes});
    stream->skipped = 0;
}

/* Whole lines, or the piece of a very long one: as many as the credit allows. */
static void send_lines(struct live_output *output, size_t which, struct str bytes, uint64_t *credit)
{
    struct stream *stream = &output->streams[which];
    struct str part = bytes;

    if (part.len > *credit)
        part.len = whole_lines(bytes, (size_t)*credit);
    if (part.len > 0) {
        send(output, which, part);
        *credit -= part.len;
    }
    bytes = str_skip(bytes, part.len);
    if (bytes.len > 0) /* a last line without its newline is one, too */
        stream->skipped += count_lines(bytes) + (bytes.p[bytes.len - 1] != '\n');
}

void live_output_add(struct live_output *output, uint32_t local_rank, int stream, struct str bytes,
                     uint64_t *credit)
{
    size_t which = (size_t)local_rank * STREAMS + (stream == 2), whole;
    struct buf *part = &output->streams[which].part;

    if (part->len > 0) {
        const char *end = memchr(bytes.p, '\n', bytes.len);
        size_t len = end ? (size_t)(end - bytes.p) + 1 : bytes.len;

        buf_add(part, bytes.p, len);
        bytes = str_skip(bytes, len);
        if (end || part->len >= LIVE_LINE_MAX || part->failed) {
            if (!part->failed)
                send_lines(output, which, (struct str){part->p, part->len}, credit);
            buf_done(part);
        }
    }
    whole = whole_lines(bytes, bytes.len);
    if (whole > 0)
        send_lines(output, which, (struct str){bytes.p, whole}, credit);
    bytes = str_skip(bytes, whole);
    if (bytes.len >= LIVE_LINE_MAX)
        send_lines(output, which, bytes, credit);
    else if (bytes.len > 0)
        buf_add(part, bytes.p, bytes.len);
}

void live_output_end(struct live_output *output, uint32_t local_rank, uint64_t *credit)
{
    for (size_t s = 0; s < STREAMS; s++) {
        size_t which = (size_t)local_rank * STREAMS + s;
        struct buf *part = &output->streams[which].part;

        if (part->len > 0 && !part->failed)
            send_lines(output, which, (struct str){part->p, part->len}, credit);
        buf_done(part);
        if (output->streams[which].skipped) /* nothing comes with which that could be told */
            send(output, which, STR(""));
    }
}
