#include "probe/pair_order.h"

#include <errno.h>
#include <stdio.h>

static bool has_rdma(const struct card *card)
{
    for (uint32_t i = 0; i < card->device_count; i++)
        if (card->devices[i].kind == DEVICE_RDMA && card->devices[i].up)
            return true;
    return false;
}

/* Is this the name of one of the node's network devices that are not RDMA? */
static bool is_net(const struct card *card, const char *name)
{
    for (uint32_t i = 0; i < card->device_count; i++)
        if (card->devices[i].kind == DEVICE_NET && !strcmp(card->devices[i].name, name))
            return true;
    return false;
}

static void tell_rates(const struct probe *probe, const struct pair *pair, const char *metric,
                       bool back, uint64_t bytes, double *rates, size_t count)
{
    struct probe from = *probe;

    from.rank = back ? probe->order->peer : probe->rank;
    probe_tell(&from, metric, back ? probe->rank : probe->order->peer, bytes, NULL, pair->via,
               rates, count);
}

static int measure_latency(const struct probe *probe, struct pair *pair, struct err *err)
{
    static const char *const names[3] = {"pair.latency.p50", "pair.latency.p99",
                                         "pair.latency.p99.9"};
    struct pair_latency latency;
    int r = pair_latency(pair, probe->order->latency_bytes, &latency, err);

    for (size_t i = 0; r == 0 && i < 3; i++) {
        double values[] = {latency.low[i], latency.value[i], latency.high[i]};

        tell_rates(probe, pair, names[i], false, probe->order->latency_bytes, values, 3);
    }
    return r;
}

/* One size: there, back, both at once. */
static int measure_size(const struct probe *probe, struct pair *pair, uint64_t bytes,
                        struct err *err)
{
    const struct order *order = probe->order;
    const struct {
        bool wanted, to, from;
        const char *metric;
    } rows[] = {
        {order->bandwidth, true, false, "pair.bandwidth"},
        {order->bandwidth, false, true, "pair.bandwidth"},
        {order->both, true, true, "pair.both"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double rates[PAIR_REPEATS];
        size_t count;
        int r;

        if (!rows[i].wanted)
            continue;
        r = pair_rates(pair, bytes, rows[i].to, rows[i].from, rates, &count, err);
        if (r < 0)
            return r;
        tell_rates(probe, pair, rows[i].metric, !rows[i].to, bytes, rates, count);
    }
    return 0;
}

static int lead(const struct probe *probe, struct pair *pair, struct err *err)
{
    const struct order *order = probe->order;
    int r = order->latency ? measure_latency(probe, pair, err) : 0;

    for (uint32_t i = 0; r == 0 && i < order->size_count; i++)
        r = measure_size(probe, pair, order->sizes[i], err);
    if (pair->all_tcp && pair->mine_has_rdma && pair->theirs_has_rdma &&
        !is_net(probe->card, order->device))
        probe_tell_trouble(probe, TROUBLE_FALLBACK, TEST_PAIRS, order->peer,
                           "%s carried the data although both nodes have an RDMA port that is up",
                           pair->via);
    return r < 0 ? r : talk_end(&pair->talk, err);
}

static void tell_failure(const struct probe *probe, int r, const struct err *err)
{
    bool peer = r == -ECONNRESET || r == -EHOSTUNREACH || r == -ETIMEDOUT;

    probe_tell_trouble(probe, peer ? TROUBLE_PEER : TROUBLE_TEST, TEST_PAIRS, probe->order->peer,
                       "%s", r == -ETIMEDOUT ? "it did not come to be measured" : err->text);
}

static uint64_t largest(const struct order *order)
{
    uint64_t bytes = order->latency_bytes;

    for (uint32_t i = 0; i < order->size_count; i++)
        if (order->sizes[i] > bytes)
            bytes = order->sizes[i];
    return bytes;
}

bool pair_order(const struct probe *probe, struct ucx_port *port,
                const struct pair_meeting *meeting, int64_t silence_ms)
{
    const struct order *order = probe->order;
    struct pair pair = {
        .ms = probe->ms, .silence_ms = silence_ms, .mine_has_rdma = has_rdma(probe->card)};
    struct buffers buffers;
    struct err err = {0};
    bool talked = false;
    int r = buffers_open(&buffers, largest(order), &err);

    if (r < 0) {
        tell_failure(probe, r, &err);
        return true;
    }
    r = pair_meet(&pair, port, &buffers, meeting, probe->deadline_ms, &err);
    if (r == 0) {
        talked = true;
        r = order->first ? lead(probe, &pair, &err) : talk_follow(&pair.talk, &err);
    }
    if (r < 0)
        tell_failure(probe, r, &err);
    if (r < 0 && talked)
        return false; /* messages under way may still reach the buffers */
    if (r == 0)
        pair_part(&pair);
    buffers_close(&buffers);
    return true;
}
