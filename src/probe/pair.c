#include "probe/pair.h"

#include "base/clock.h"
#include "base/stats.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CARD_MAGIC    "flpair1"
#define FIRST_BYTES   65536 /* about what the first block carries */
#define BLOCK_MAX     ((uint64_t)1 << 30)
#define GROWTH_MAX    16
#define WARM_ECHOES   50
#define ECHOES_MIN    100
#define DISCONNECT_MS 500

int pair_swap_by_socket(void *data, const void *mine, size_t len, void **theirs, size_t *theirs_len,
                        int64_t deadline_ms, struct err *err)
{
    int fd = *(const int *)data;
    struct pollfd poller = {fd, POLLIN, 0};
    int64_t left = deadline_ms - clock_now_ms();
    ssize_t n = send(fd, mine, len, MSG_NOSIGNAL);

    if (n < 0)
        return err_set(err, -EIO, "its process: %s", strerror(errno));
    if (poll(&poller, 1, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left) <= 0)
        return err_set(err, -ETIMEDOUT, "its process has not begun in time");
    *theirs = malloc(PAIR_CARD_BYTES_MAX);
    if (!*theirs)
        return err_set(err, -ENOMEM, "no memory for a card");
    n = recv(fd, *theirs, PAIR_CARD_BYTES_MAX, 0);
    if (n > 0) {
        *theirs_len = (size_t)n;
        return 0;
    }
    free(*theirs);
    return err_set(err, -EIO, "its process has ended");
}

/* What one end tells the other before they can talk. The address follows. */
struct pair_card {
    char magic[8];
    uint8_t has_rdma, has_gpu, zero[2];
    uint32_t address_len;
};

static int swap_cards(struct pair *pair, const struct ucx_port *port, bool has_gpu,
                      const struct pair_meeting *meeting, int64_t deadline_ms, void **theirs,
                      struct err *err)
{
    struct pair_card card = {
        CARD_MAGIC, pair->mine_has_rdma, has_gpu, {0}, (uint32_t)port->address_len};
    struct buf mine = {0};
    size_t len;
    int r;

    buf_add(&mine, (const char *)&card, sizeof(card));
    buf_add(&mine, (const char *)port->address, port->address_len);
    r = mine.failed
            ? err_set(err, -ENOMEM, "no memory for a card")
            : meeting->swap(meeting->data, mine.p, mine.len, theirs, &len, deadline_ms, err);
    buf_done(&mine);
    if (r < 0)
        return r;
    if (len >= sizeof(card))
        memcpy(&card, *theirs, sizeof(card));
    if (len < sizeof(card) || memcmp(card.magic, CARD_MAGIC, sizeof(card.magic)) != 0 ||
        card.address_len != len - sizeof(card) || card.address_len == 0) {
        free(*theirs);
        return err_set(err, -EPROTO, "its card can't be read: another version of the probe");
    }
    pair->theirs_has_rdma = card.has_rdma;
    pair->theirs_has_gpu = card.has_gpu;
    return 0;
}

int pair_meet(struct pair *pair, struct ucx_port *port, const struct buffers *host,
              const struct buffers *gpu, const struct pair_meeting *meeting, int64_t deadline_ms,
              struct err *err)
{
    int64_t meet_ms = clock_now_ms() + PAIR_MEET_MS;
    void *theirs;
    int r = swap_cards(pair, port, gpu != NULL, meeting,
                       meet_ms < deadline_ms ? meet_ms : deadline_ms, &theirs, err);

    if (r < 0)
        return r;
    pair->talk = (struct talk){.port = port,
                               .meeting = meeting->number,
                               .deadline_ms = deadline_ms,
                               .silence_ms = pair->silence_ms,
                               .host = host,
                               .gpu = gpu};
    r = ucx_connect(port, (const char *)theirs + sizeof(struct pair_card), err);
    free(theirs);
    return r;
}

void pair_part(struct pair *pair)
{
    ucx_disconnect(pair->talk.port, clock_now_ms() + DISCONNECT_MS);
}

/* Blocks of rising size until one takes `want_s`; *count: messages of a block that does. A block
 * that takes as long as all repeats should is enough: it is left in *seconds. */
static int find_block(struct pair *pair, uint64_t bytes, bool to, bool from, double want_s,
                      uint64_t *count, double *seconds, struct err *err)
{
    *count = FIRST_BYTES / (bytes ? bytes : 1) + 1;
    for (;;) {
        double growth;
        int r = talk_block(&pair->talk, bytes, to ? *count : 0, from ? *count : 0, seconds, err);

        if (r < 0)
            return r;
        growth = want_s / fmax(*seconds, 1e-9);
        if (growth < 1.5 || *count >= BLOCK_MAX / 2)
            return 0;
        *count = (uint64_t)((double)*count * fmin(growth, GROWTH_MAX));
        if (*count > BLOCK_MAX)
            *count = BLOCK_MAX;
    }
}

int pair_rates(struct pair *pair, uint64_t bytes, bool to, bool from, double rates[PAIR_REPEATS],
               size_t *done, struct err *err)
{
    double all_s = (double)pair->ms / 1000, seconds, amount;
    int64_t began_ms = clock_now_ms();
    uint64_t count;
    int r = find_block(pair, bytes, to, from, all_s / (PAIR_REPEATS + 1), &count, &seconds, err);

    if (r < 0)
        return r;
    pair->all_tcp = ucx_via(pair->talk.port, pair->via);
    amount = (double)bytes * (double)count * (to && from ? 2 : 1);
    *done = 0;
    if (clock_now_ms() - began_ms >= pair->ms) /* slower than thought of: that block must do */
        rates[(*done)++] = amount / seconds;
    while (*done < PAIR_REPEATS && (*done == 0 || clock_now_ms() - began_ms < 2 * pair->ms)) {
        r = talk_block(&pair->talk, bytes, to ? count : 0, from ? count : 0, &seconds, err);
        if (r < 0)
            return r;
        rates[(*done)++] = amount / fmax(seconds, 1e-9);
    }
    return 0;
}

/* Nearest rank. */
static double percentile(const double *sorted, size_t count, double share)
{
    size_t rank = (size_t)ceil(share * (double)count);

    return sorted[rank > 0 ? rank - 1 : 0];
}

static const double shares[3] = {0.5, 0.99, 0.999};

/* Of round trips in the order of time, which are sorted. */
static void summarise(double *seconds, size_t count, struct pair_latency *out)
{
    for (size_t part = 0; part < PAIR_REPEATS; part++) {
        size_t begin = count * part / PAIR_REPEATS, end = count * (part + 1) / PAIR_REPEATS;

        stats_sort(seconds + begin, end - begin);
        for (size_t i = 0; i < 3; i++) {
            double value = percentile(seconds + begin, end - begin, shares[i]) / 2;

            out->low[i] = part == 0 ? value : fmin(out->low[i], value);
            out->high[i] = part == 0 ? value : fmax(out->high[i], value);
        }
    }
    stats_sort(seconds, count);
    for (size_t i = 0; i < 3; i++) { /* between low and high but for how ranks are rounded */
        out->value[i] = percentile(seconds, count, shares[i]) / 2;
        out->low[i] = fmin(out->low[i], out->value[i]);
        out->high[i] = fmax(out->high[i], out->value[i]);
    }
}

int pair_latency(struct pair *pair, uint64_t bytes, struct pair_latency *out, struct err *err)
{
    double *seconds = malloc(PAIR_ECHOES_MAX * sizeof(*seconds)), mean = 0;
    uint64_t count;
    int r;

    if (!seconds)
        return err_set(err, -ENOMEM, "no memory for round trips");
    r = talk_echo(&pair->talk, bytes, seconds, WARM_ECHOES, err); /* connects, too */
    if (r == 0)
        r = talk_echo(&pair->talk, bytes, seconds, WARM_ECHOES, err);
    if (r == 0) {
        pair->all_tcp = ucx_via(pair->talk.port, pair->via);
        for (size_t i = 0; i < WARM_ECHOES; i++)
            mean += seconds[i] / WARM_ECHOES;
        count = (uint64_t)((double)pair->ms / 1000 / fmax(mean, 1e-9));
        count = count < ECHOES_MIN ? ECHOES_MIN : count > PAIR_ECHOES_MAX ? PAIR_ECHOES_MAX : count;
        r = talk_echo(&pair->talk, bytes, seconds, count, err);
    }
    if (r == 0)
        summarise(seconds, count, out);
    free(seconds);
    return r;
}
