#include "probe/talk.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <time.h>

#define WINDOW_BYTES   (8u << 20)
#define FLOOR_BYTES_MS 1000 /* a peer slower than this is silent */
#define LOOK_EVERY     256  /* turns between looks at clock and peer */
#define IDLE_EVERY     32   /* turns without news between looks at how long that is */
#define SPIN_NS        300000
#define REST_SHARE     16 /* of the time that was idle; more would be seen in what is measured */
#define REST_NS_MAX    1000000
#define STEP_COUNT_MAX ((uint64_t)1 << 40)

/* What a message is, in the low half of its tag; the high half is the meeting. */
enum { TALK_STEP = 1, TALK_READY, TALK_RECEIPT, TALK_DATA };

enum { STEP_BLOCK, STEP_ECHO, STEP_END };

struct step {
    uint64_t op, in_gpu, bytes, to, from;
};

static struct ucx_stream message(struct talk *talk, bool in, uint32_t kind, void *p, size_t bytes)
{
    return (struct ucx_stream){.port = talk->port,
                               .p = p,
                               .bytes = bytes,
                               .memory = UCS_MEMORY_TYPE_HOST,
                               .tag = (uint64_t)talk->meeting << 32 | kind,
                               .in = in,
                               .window = 1,
                               .count = 1};
}

uint32_t talk_window(uint64_t bytes)
{
    uint64_t window = WINDOW_BYTES / (bytes ? bytes : 1);

    return window < 2 ? 2 : window > UCX_WINDOW_MAX ? UCX_WINDOW_MAX : (uint32_t)window;
}

static struct ucx_stream data(struct talk *talk, bool in, uint64_t bytes, uint64_t count)
{
    const struct buffers *buffers = talk->in_gpu ? talk->gpu : talk->host;
    struct ucx_stream stream = message(talk, in, TALK_DATA, in ? buffers->in : buffers->out, bytes);

    stream.memory = buffers->memory;
    stream.window = talk_window(bytes);
    stream.count = count;
    return stream;
}

/* What the peer may take to end one message. */
static int64_t limit_of(const struct talk *talk, struct ucx_stream *const *streams, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += streams[i]->window * streams[i]->bytes;
    return talk->silence_ms + (int64_t)(bytes / FLOOR_BYTES_MS);
}

static int broken(const struct talk *talk, ucs_status_t status, struct err *err)
{
    if (status == UCS_ERR_MESSAGE_TRUNCATED)
        return err_set(err, -EPROTO, "a message of its is longer than it said");
    return err_set(err, -ECONNRESET, "it has died or can't be reached (%s)",
                   talk->port->ucx->ucs_status_string(status));
}

/* Is there a reason to stop? *moved_ms: when something last came to its end. */
static int look_around(const struct talk *talk, int64_t moved_ms, int64_t limit_ms, struct err *err)
{
    int64_t now = clock_now_ms();

    if (talk->port->peer != UCS_OK)
        return broken(talk, talk->port->peer, err);
    if (now > talk->deadline_ms)
        return err_set(err, -ETIME, "the time was over");
    if (now - moved_ms > limit_ms)
        return err_set(err, -ECONNRESET, "nothing has come from it for %g s",
                       (double)limit_ms / 1000);
    return 0;
}

/* Who waits spins, for what sleeps wakes late. But where processes are more than CPUs, the one that
 * is waited for needs this CPU: so after a while the wait has short rests. */
static void rest(int64_t *idle_since_ns)
{
    int64_t idle = clock_now_ns() - *idle_since_ns, share = idle / REST_SHARE;

    if (*idle_since_ns == 0)
        *idle_since_ns += idle;
    else if (idle > SPIN_NS)
        (void)nanosleep(&(struct timespec){0, share < REST_NS_MAX ? share : REST_NS_MAX}, NULL);
}

/* Until all messages of these have ended. */
static int pump(struct talk *talk, struct ucx_stream *const *streams, size_t count, struct err *err)
{
    const struct ucx_library *ucx = talk->port->ucx;
    int64_t moved_ms = 0, idle_since_ns = 0;
    uint64_t looked_at = UINT64_MAX, before = UINT64_MAX;
    unsigned turns = 0, idle = 0;
    bool moves;

    for (;;) {
        uint64_t done = 0, left = 0;

        for (size_t i = 0; i < count; i++) {
            ucx_stream_fill(streams[i]);
            done += streams[i]->done;
            left += streams[i]->count - streams[i]->done;
            if (streams[i]->status != UCS_OK)
                return broken(talk, streams[i]->status, err);
        }
        if (left == 0)
            return 0;
        if (++turns % LOOK_EVERY == 0) {
            int r;

            if (done != looked_at)
                moved_ms = clock_now_ms();
            looked_at = done;
            r = look_around(talk, moved_ms, limit_of(talk, streams, count), err);
            if (r < 0)
                return r;
        }
        moves = done != before; /* a send may have ended at once */
        before = done;
        if (ucx->ucp_worker_progress(talk->port->worker) > 0 || moves)
            idle = 0, idle_since_ns = 0;
        else if (++idle % IDLE_EVERY == 0)
            rest(&idle_since_ns);
    }
}

static int pump_one(struct talk *talk, struct ucx_stream *stream, struct err *err)
{
    return pump(talk, &stream, 1, err);
}

static int send_step(struct talk *talk, struct step step, struct err *err)
{
    struct ucx_stream stream = message(talk, false, TALK_STEP, &step, sizeof(step));

    return pump_one(talk, &stream, err);
}

int talk_block(struct talk *talk, uint64_t bytes, uint64_t to, uint64_t from, double *seconds,
               struct err *err)
{
    char ready_byte, receipt_byte;
    struct ucx_stream out = data(talk, false, bytes, to), in = data(talk, true, bytes, from);
    struct ucx_stream ready = message(talk, true, TALK_READY, &ready_byte, 1);
    struct ucx_stream receipt = message(talk, true, TALK_RECEIPT, &receipt_byte, 1);
    struct ucx_stream *const all[] = {&out, &in, &receipt};
    int64_t began;
    int r;

    ucx_stream_fill(&in);
    began = clock_now_ns();
    r = send_step(talk, (struct step){STEP_BLOCK, talk->in_gpu, bytes, to, from}, err);
    if (r == 0 && to > 0) {
        r = pump_one(talk, &ready, err);
        began = clock_now_ns();
    }
    if (r == 0)
        r = pump(talk, all, to > 0 ? 3 : 2, err);
    *seconds = (double)(clock_now_ns() - began) * 1e-9;
    return r;
}

static int follow_block(struct talk *talk, const struct step *step, struct err *err)
{
    char byte = 0;
    struct ucx_stream in = data(talk, true, step->bytes, step->to);
    struct ucx_stream out = data(talk, false, step->bytes, step->from);
    struct ucx_stream ready = message(talk, false, TALK_READY, &byte, 1);
    struct ucx_stream receipt = message(talk, false, TALK_RECEIPT, &byte, 1);
    struct ucx_stream *const both[] = {&out, &in};
    int r = 0;

    ucx_stream_fill(&in);
    if (step->to > 0)
        r = pump_one(talk, &ready, err);
    if (r == 0)
        r = pump(talk, both, 2, err);
    if (r == 0 && step->to > 0)
        r = pump_one(talk, &receipt, err);
    return r;
}

int talk_echo(struct talk *talk, uint64_t bytes, double *seconds, uint64_t count, struct err *err)
{
    char byte;
    struct ucx_stream ready = message(talk, true, TALK_READY, &byte, 1);
    int64_t began, ended;
    int r = send_step(talk, (struct step){STEP_ECHO, talk->in_gpu, bytes, count, count}, err);

    if (r == 0)
        r = pump_one(talk, &ready, err);
    began = clock_now_ns();
    for (uint64_t i = 0; r == 0 && i < count; i++) {
        struct ucx_stream in = data(talk, true, bytes, 1), out = data(talk, false, bytes, 1);
        struct ucx_stream *const both[] = {&out, &in};

        r = pump(talk, both, 2, err);
        ended = clock_now_ns();
        seconds[i] = (double)(ended - began) * 1e-9;
        began = ended;
    }
    return r;
}

static int follow_echo(struct talk *talk, const struct step *step, struct err *err)
{
    char byte = 0;
    struct ucx_stream ready = message(talk, false, TALK_READY, &byte, 1);
    int r = pump_one(talk, &ready, err);

    for (uint64_t i = 0; r == 0 && i < step->to; i++) {
        struct ucx_stream in = data(talk, true, step->bytes, 1);
        struct ucx_stream out = data(talk, false, step->bytes, 1);

        r = pump_one(talk, &in, err);
        if (r == 0)
            r = pump_one(talk, &out, err);
    }
    return r;
}

int talk_end(struct talk *talk, struct err *err)
{
    char byte;
    struct ucx_stream bye = message(talk, true, TALK_READY, &byte, 1);
    int r = send_step(talk, (struct step){.op = STEP_END}, err);

    return r < 0 ? r : pump_one(talk, &bye, err);
}

static int check_step(const struct talk *talk, const struct step *step, struct err *err)
{
    const struct buffers *buffers = step->in_gpu ? talk->gpu : talk->host;

    if (step->op > STEP_END || step->to > STEP_COUNT_MAX || step->from > STEP_COUNT_MAX || !buffers)
        return err_set(err, -EPROTO, "it asks for something that this version does not know");
    if (step->bytes > buffers->space)
        return err_set(err, -EPROTO, "it asks for messages of %llu bytes; the order has %llu",
                       (unsigned long long)step->bytes, (unsigned long long)buffers->space);
    return 0;
}

int talk_follow(struct talk *talk, struct err *err)
{
    for (;;) {
        char byte = 0;
        struct step step = {0};
        struct ucx_stream word = message(talk, true, TALK_STEP, &step, sizeof(step));
        struct ucx_stream bye = message(talk, false, TALK_READY, &byte, 1);
        int r = pump_one(talk, &word, err);

        if (r == 0)
            r = check_step(talk, &step, err);
        talk->in_gpu = r == 0 && step.in_gpu;
        if (r == 0 && step.op == STEP_END)
            return pump_one(talk, &bye, err);
        if (r == 0)
            r = step.op == STEP_ECHO ? follow_echo(talk, &step, err)
                                     : follow_block(talk, &step, err);
        if (r < 0)
            return r;
    }
}
