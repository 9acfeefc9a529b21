#include "sim/meeting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAGIC 0x3C85F7CEu

enum { CODE_VALIDATE = 0, CODE_SET = 1, CODE_GET = 3, CODE_ADD = 4, CODE_WAIT = 6 };

static void put_number(struct buf *out, uint64_t value, size_t bytes)
{
    buf_add(out, (const char *)&value, bytes);
}

static void put_text(struct buf *out, struct str text)
{
    put_number(out, text.len, 8);
    buf_add(out, text.p, text.len);
}

void meeting_begin(struct meeting *meeting, uint32_t attempt, uint32_t world, struct buf *out)
{
    *meeting = (struct meeting){MEET_ADDS, attempt, world};
    put_number(out, CODE_VALIDATE, 1);
    put_number(out, MAGIC, 4);
    put_number(out, CODE_ADD, 1);
    put_text(out, STR("barrier"));
    put_number(out, 1, 8);
}

static int after_add(struct meeting *meeting, struct str answer, struct buf *out, struct err *err)
{
    char attempt[16];
    int64_t count = 0;

    if (answer.len != sizeof(count))
        return err_set(err, -EPROTO, "ADD is answered with %zu bytes", answer.len);
    memcpy(&count, answer.p, sizeof(count));
    if (count < 1 || count > meeting->world)
        return err_set(err, -EPROTO, "the barrier of attempt %u counts %lld of %u",
                       meeting->attempt, (long long)count, meeting->world);
    if (count == meeting->world) {
        (void)snprintf(attempt, sizeof(attempt), "%u", meeting->attempt);
        put_number(out, CODE_SET, 1);
        put_text(out, STR("go"));
        put_text(out, str_of(attempt));
    }
    put_number(out, CODE_WAIT, 1);
    put_number(out, 1, 8);
    put_text(out, STR("go"));
    return 0;
}

static int after_wait(struct meeting *meeting, struct str answer, struct buf *out, struct err *err)
{
    (void)meeting;
    if (answer.len != 1 || answer.p[0] != 0)
        return err_set(err, -EPROTO, "WAIT is answered with %zu bytes", answer.len);
    put_number(out, CODE_GET, 1);
    put_text(out, STR("go"));
    return 0;
}

static int after_get(struct meeting *meeting, struct str answer, struct buf *out, struct err *err)
{
    struct str value = str_skip(answer, 8);
    uint64_t attempt;

    (void)out;
    if (str_to_u64(value, 10, &attempt) < 0 || attempt != meeting->attempt)
        return err_set(err, -EPROTO, "the store answers attempt %u with '%.*s'", meeting->attempt,
                       STR_ARG(value));
    return 0;
}

int meeting_hear(struct meeting *meeting, struct str answer, struct buf *out, struct err *err)
{
    static int (*const stages[])(struct meeting * meeting, struct str answer, struct buf * out,
                                 struct err * err) = {
        [MEET_ADDS] = after_add, [MEET_WAITS] = after_wait, [MEET_READS] = after_get};
    int r;

    if (meeting->stage < MEET_ADDS || meeting->stage > MEET_READS)
        return err_set(err, -EPROTO, "%zu bytes that nobody asked for", answer.len);
    r = stages[meeting->stage](meeting, answer, out, err);
    if (r == 0)
        meeting->stage++;
    return r;
}
