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
                   int64_t *first, struct str *bytes, int64_t *size, struct err *err)
{
    int r;

    if (reader->folder)
        return rank_log_read(arena, reader->folder, reader->rank, offset, max, first, bytes, size,
                             err);
    if (reader->client && !reader->lost) {
        r = run_client_log(reader->client, arena, reader->rank, reader->attempt, offset,
                           max < ASK_BYTES_MAX ? max : ASK_BYTES_MAX, first, bytes, size, err);
        if (r != -EREMOTEIO || !reader->kept)
            return r;
        if (reader->offset) { /* shown so far; the rest went with the node */
            *first = reader->offset;
            *bytes = (struct str){"", 0};
            return 0;
        }
    }
    reader->lost = true; /* its node: what had been forwarded is still here */
    return keep_read(arena, reader->kept, reader->rank, offset, max, first, bytes, size, err);
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
 */
static int read_to_end(struct rank_reader *reader, struct arena *arena, int64_t offset, size_t max,
                       int64_t *first, struct buf *all, int64_t *size, struct err *err)
{
    struct str bytes = {0};
    int64_t at;
    int r = read_at(reader, arena, offset, max, first, &bytes, size, err);

    for (at = *first; r == 0 && bytes.len && all->len < max;) {
        if (at != *first + (int64_t)all->len) {
            buf_clear(all);
            *first = at;
        }
        buf_add(all, bytes.p, bytes.len);
        r = read_at(reader, arena, *first + (int64_t)all->len, max, &at, &bytes, size, err);
    }
    return r == 0 && all->failed ? err_set(err, -ENOMEM, "no memory for a log") : r;
}

int rank_reader_tail(struct rank_reader *reader, int64_t lines, struct err *err)
{
    int64_t bytes_max = reader->folder ? TAIL_BYTES_MAX : (int64_t)ASK_BYTES_MAX;
    int r = 0;

    for (int64_t back = TAIL_BYTES_MIN; r == 0; back *= 4) {
        struct arena *arena = arena_new(0);
        int64_t first = 0, size = 0;
        struct buf bytes = {0};
        ptrdiff_t at;

        if (!arena)
            return err_set(err, -ENOMEM, "no memory for a log");
        r = read_to_end(reader, arena, -back, (size_t)back, &first, &bytes, &size, err);
        at = r == 0 ? last_lines((struct str){bytes.p ? bytes.p : "", bytes.len}, lines) : 0;
        reader->offset = first + (at < 0 ? 0 : at);
        if (lines == 0)
            reader->offset = first + (int64_t)bytes.len;
        buf_done(&bytes);
        arena_free(arena);
        if (at >= 0 || first <= 0 || back >= bytes_max || back >= size)
            break;
    }
    return r;
}

/* Returns 1 when there was more, 0 when not. */
static int read_more(struct rank_reader *reader, struct err *err)
{
    struct arena *arena = arena_new(0);
    int64_t first = 0, size = 0;
    struct str bytes = {0};
    int r;

    if (!arena)
        return err_set(err, -ENOMEM, "no memory for a log");
    r = read_at(reader, arena, reader->offset, reader->chunk, &first, &bytes, &size, err);
    if (r == 0 && bytes.len) {
        size_t left = reader->bytes.len - reader->taken;

        if (reader->taken) {
            memmove(reader->bytes.p, reader->bytes.p + reader->taken, left);
            reader->bytes.len = left;
            reader->taken = 0;
        }
        if (first > reader->offset)
            buf_printf(&reader->bytes, "%s--- %lld bytes are missing here ---\n", left ? "\n" : "",
                       (long long)(first - reader->offset));
        buf_add(&reader->bytes, bytes.p, bytes.len);
        reader->offset = first + (int64_t)bytes.len;
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
