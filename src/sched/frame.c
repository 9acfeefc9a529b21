#include "sched/frame.h"

#include "base/base64.h"
#include "base/hash.h"

#include <errno.h>
#include <stdio.h>

static bool host_equal(const void *value, const void *key)
{
    const struct sched_task *task = value;

    return str_is(*(const struct str *)key, task->host);
}

int frame_init(struct frame_reader *reader, struct sched_task *tasks, size_t count,
               size_t output_max)
{
    *reader = (struct frame_reader){.by_host = {.equal = host_equal}, .output_max = output_max};
    for (size_t i = 0; i < count; i++) {
        struct str host = str_of(tasks[i].host);

        if (map_get(&reader->by_host, hash64(host.p, host.len), &host))
            continue;
        if (map_add(&reader->by_host, hash64(host.p, host.len), &tasks[i]) < 0) {
            frame_done(reader);
            return -ENOMEM;
        }
    }
    return 0;
}

void frame_done(struct frame_reader *reader)
{
    map_done(&reader->by_host);
    buf_done(&reader->line);
}

static struct sched_task *task_of(const struct frame_reader *reader, struct str host)
{
    return map_get(&reader->by_host, hash64(host.p, host.len), &host);
}

static void fail(struct sched_task *task, const char *why)
{
    task->outcome = SCHED_FAILED;
    (void)snprintf(task->sentence, sizeof(task->sentence), "%s", why);
}

/* Returns the task that is over by this line, or NULL. */
static struct sched_task *take_line(struct frame_reader *reader, struct str line)
{
    struct sched_task *task;
    struct str host, rest = line;

    if (!str_starts(line, "@"))
        return NULL;
    rest = str_skip(rest, 1);
    str_cut(&rest, ' ', &host);
    rest = str_trim(rest);
    task = task_of(reader, host);
    if (!task || task->outcome != SCHED_WAITING || task->ended)
        return NULL;
    if (str_is(rest, ".")) {
        task->ended = true;
        task->outcome = SCHED_DONE;
    } else if (base64_decode(&task->output, rest) < 0) {
        fail(task, "its output came through srun garbled");
    } else if (task->output.failed) {
        fail(task, "no memory for its output");
    } else if (task->output.len > reader->output_max) {
        fail(task, "more output than is taken from one host");
    } else {
        return NULL;
    }
    return task;
}

void frame_take(struct frame_reader *reader, struct str bytes,
                void (*over)(void *data, struct sched_task *task), void *data)
{
    while (bytes.len) {
        const char *end = memchr(bytes.p, '\n', bytes.len);
        size_t len = end ? (size_t)(end - bytes.p) + 1 : bytes.len;
        struct sched_task *task;

        if (reader->line.len + len > FRAME_LINE_BYTES_MAX)
            reader->too_long = true;
        if (!reader->too_long)
            buf_add(&reader->line, bytes.p, len);
        bytes = str_skip(bytes, len);
        if (!end)
            continue;
        task = reader->too_long ? NULL
                                : take_line(reader, (struct str){reader->line.p, reader->line.len});
        buf_clear(&reader->line);
        reader->too_long = false;
        if (task)
            over(data, task);
    }
}
