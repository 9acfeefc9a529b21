#include "cli/rank_reader.h"

#include "control/keep.h"
#include "ranks/rank_log.h"

#include <errno.h>

#define TAIL_BYTES_MIN 65536
#define TAIL_BYTES_MAX (16 << 20)
#define ASK_BYTES_MAX  (1u << 20) /* what a controller gives at a time */

void rank_reader_done(struct rank_reader *reader)
{
    buf_done(&reader->bytes);
}

static int read_at(struct rank_reader *reader, struct arena *arena, int64_t offset, size_t max,
                   struct msg_log_data *part, struct err *err)
{
    struct msg_log_read ask = {.rank = reader->rank,
                               .attempt = reader->attempt,
                               .offset = offset,
                               .bytes_max = max < UINT32_MAX ? (uint32_t)max : UINT32_MAX};
    int r;

    if (reader->folder)
        return rank_log_read(arena, reader->folder, &ask, part, err);
    if (reader->client && !reader->lost) {
        struct msg_log_read within = ask;

        if (within.bytes_max > ASK_BYTES_MAX)
            within.bytes_max = ASK_BYTES_MAX;
        r = run_client_log(reader->client, arena, &within, part, err);
        if (r != -EREMOTEIO || !reader->kept)
            return r;
        if (reader->offset) { /* shown so far; the rest went with the node */
            part->offset = reader->offset;
            part->bytes = (struct str){"", 0};
            return 0;
        }
    }
    reader->lost = true; /* its node: what had been forwarded is still here */
    return keep_read(arena, reader->kept, &ask, part, err);
}

/* Where the last `lines` lines of these bytes begin; -1 when there are fewer in them. */
static ptrdiff_t last_lines(struct str bytes, int64_t lines)
{
    size_t end = bytes.len && bytes.p[bytes.len - 1] == '\n' ? bytes.len - 1 : bytes.len;

    for (; lines > 0; lines--) {
        const char *newline = memrchr(bytes.p, '\n', end);

        if (!newline)
            return -1;
        end = (size_t)(newline - bytes.p);
    }
    return (ptrdiff_t)end + 1;
}

/* Everything from `offset` on, which lies in several files perhaps; what comes behind a gap alone.
 * *part says where it begins, and how long the log is. */
static int read_to_end(struct rank_reader *reader, struct arena *arena, int64_t offset, size_t max,
                       struct msg_log_data *part, struct buf *all, struct err *err)
{
    int r = read_at(reader, arena, offset, max, part, err);
    int64_t first = part->offset;

    while (r == 0 && part->bytes.len && all->len < max) {
        if (part->offset != first + (int64_t)all->len) {
            buf_clear(all);
            first = part->offset;
        }
        buf_add(all, part->bytes.p, part->bytes.len);
        r = read_at(reader, arena, first + (int64_t)all->len, max, part, err);
    }
    part->offset = first;
    return r == 0 && all->failed ? err_set(err, -ENOMEM, "no memory for a log") : r;
}

int rank_reader_tail(struct rank_reader *reader, int64_t lines, struct err *err)
{
    int64_t bytes_max = reader->folder ? TAIL_BYTES_MAX : (int64_t)ASK_BYTES_MAX;
    int r = 0;

    for (int64_t back = TAIL_BYTES_MIN; r == 0; back *= 4) {
        struct arena *arena = arena_new(0);
        struct msg_log_data part = {0};
        struct buf bytes = {0};
        ptrdiff_t at;

        if (!arena)
            return err_set(err, -ENOMEM, "no memory for a log");
        r = read_to_end(reader, arena, -back, (size_t)back, &part, &bytes, err);
        at = r == 0 ? last_lines((struct str){bytes.p ? bytes.p : "", bytes.len}, lines) : 0;
        reader->offset = part.offset + (at < 0 ? 0 : at);
        if (lines == 0)
            reader->offset = part.offset + (int64_t)bytes.len;
        buf_done(&bytes);
        arena_free(arena);
        if (at >= 0 || part.offset <= 0 || back >= bytes_max || back >= part.log_size)
            break;
    }
    return r;
}

/* Returns 1 when there was more, 0 when not. */
static int read_more(struct rank_reader *reader, struct err *err)
{
    struct arena *arena = arena_new(0);
    struct msg_log_data part = {0};
    int r;

    if (!arena)
        return err_set(err, -ENOMEM, "no memory for a log");
    r = read_at(reader, arena, reader->offset, reader->chunk, &part, err);
    if (r == 0 && part.bytes.len) {
        size_t left = reader->bytes.len - reader->taken;

        if (reader->taken) {
            memmove(reader->bytes.p, reader->bytes.p + reader->taken, left);
            reader->bytes.len = left;
            reader->taken = 0;
        }
        if (part.offset > reader->offset)
            buf_printf(&reader->bytes, "%s--- %lld bytes are missing here ---\n", left ? "\n" : "",
                       (long long)(part.offset - reader->offset));
        buf_add(&reader->bytes, part.bytes.p, part.bytes.len);
        reader->offset = part.offset + (int64_t)part.bytes.len;
        r = reader->bytes.failed ? err_set(err, -ENOMEM, "no memory for a log") : 1;
    }
    arena_free(arena);
    return r;
}

int rank_reader_line(struct rank_reader *reader, bool whole, struct str *line, struct err *err)
{
    for (;;) {
        size_t left = reader->bytes.len - reader->taken;
        const char *begin = reader->bytes.p ? reader->bytes.p + reader->taken : "";
        const char *end = memchr(begin, '\n', left);
        int r;

        if (end || left >= RANK_READER_LINE_MAX) {
            *line = (struct str){begin, end ? (size_t)(end - begin) : left};
            reader->taken += line->len + (end != NULL);
            return 1;
        }
        r = read_more(reader, err);
        if (r < 0)
            return r;
        if (r == 0 && !whole && left) {
            *line = (struct str){begin, left};
            reader->taken += left;
            return 1;
        }
        if (r == 0)
            return 0;
    }
}
