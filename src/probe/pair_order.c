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
                       bool back, uint64_t bytes, const char *part, double *rates, size_t count)
{
    struct probe from = *probe;

    from.rank = back ? probe->order->peer : probe->rank;
    probe_tell(&from, metric, back ? probe->rank : probe->order->peer, bytes, part, pair->via,
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

        tell_rates(probe, pair, names[i], false, probe->order->latency_bytes, NULL, values, 3);
    }
    return r;
}

/* One size: there, back, both at once. `part`: of GPUs' memory, or NULL. */
static int measure_size(const struct probe *probe, struct pair *pair, uint64_t bytes,
                        const char *part, struct err *err)
{
    const struct order *order = probe->order;
    const char *bandwidth = part ? "pair.gpu.bandwidth" : "pair.bandwidth";
    const struct {
        bool wanted, to, from, gpu;
        const char *metric;
    } rows[] = {
        {order->bandwidth, true, false, part != NULL, bandwidth},
        {order->bandwidth, false, true, part != NULL, bandwidth},
        {order->both, true, true, false, "pair.both"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double rates[PAIR_REPEATS];
        size_t count;
        int r;

        if (!rows[i].wanted)
            continue;
        pair->talk.in_gpu = rows[i].gpu;
        r = pair_rates(pair, bytes, rows[i].to, rows[i].from, rates, &count, err);
        if (r < 0)
            return r;
        tell_rates(probe, pair, rows[i].metric, !rows[i].to, bytes, rows[i].gpu ? part : NULL,
                   rates, count);
    }
    return 0;
}

static int lead(const struct probe *probe, struct pair *pair, const char *part, struct err *err)
{
    const struct order *order = probe->order;
    int r = order->latency ? measure_latency(probe, pair, err) : 0;

    for (uint32_t i = 0; r == 0 && i < order->size_count; i++)
        r = measure_size(probe, pair, order->sizes[i], pair->theirs_has_gpu ? part : NULL, err);
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

/* The port that the GPU's data is to take: the one ordered, or the first RDMA port that is up. */
static const char *port_of_gpu(const struct probe *probe)
{
    for (uint32_t i = 0; !probe->order->device[0] && i < probe->card->device_count; i++)
        if (probe->card->devices[i].kind == DEVICE_RDMA && probe->card->devices[i].up)
            return probe->card->devices[i].name;
    return probe->order->device;
}

/* Buffers in the memory of the GPU nearest to the port. part: "gpu0/mlx5_0:1". */
static int open_gpu(const struct probe *probe, const struct ucx_port *port, struct cuda *cuda,
                    struct buffers *buffers, char part[MEASURE_TEXT_BYTES], struct err *err)
{
    const char *name = port_of_gpu(probe);
    int r = cuda->library ? 0 : cuda_open(cuda, err), gpu;

    if (r < 0)
        return r;
    if (cuda->gpu_count == 0)
        return err_set(err, -ENODEV, "there is no GPU");
    if (!ucx_takes_gpu(port))
        return err_set(err, -ENOTSUP, "UCX here is without CUDA");
    gpu = cuda_nearest(cuda, "", name);
    gpu = gpu < 0 ? 0 : gpu;
    (void)snprintf(part, MEASURE_TEXT_BYTES, "gpu%d%s%.40s", gpu, name[0] ? "/" : "", name);
    return buffers_open_gpu(buffers, largest(probe->order), cuda, (size_t)gpu, err);
}

/* Returns as pair_order. */
static bool measure(const struct probe *probe, struct ucx_port *port, struct pair *pair,
                    const struct pair_meeting *meeting, const struct buffers *host,
                    const struct buffers *gpu, const char *part)
{
    struct err err = {0};
    int r = pair_meet(pair, port, host, gpu, meeting, probe->deadline_ms, &err);
    bool met = r == 0;

    if (met)
        r = probe->order->first ? lead(probe, pair, gpu ? part : NULL, &err)
                                : talk_follow(&pair->talk, &err);
    if (r < 0)
        tell_failure(probe, r, &err);
    else
        pair_part(pair);
    return r == 0 || !met; /* else messages under way may still reach the buffers */
}

bool pair_order(const struct probe *probe, struct ucx_port *port,
                const struct pair_meeting *meeting, struct cuda *cuda, int64_t silence_ms)
{
    struct pair pair = {
        .ms = probe->ms, .silence_ms = silence_ms, .mine_has_rdma = has_rdma(probe->card)};
    struct buffers host, gpu = {0};
    char part[MEASURE_TEXT_BYTES] = "";
    struct err err = {0};
    bool well;
    int r = buffers_open(&host, largest(probe->order), &err);

    if (r < 0) {
        tell_failure(probe, r, &err);
        return true;
    }
    if (probe->order->gpu && open_gpu(probe, port, cuda, &gpu, part, &err) < 0)
        probe_tell_trouble(probe, TROUBLE_TEST, TEST_PAIRS, probe->order->peer,
                           "nothing was measured from the memory of a GPU: %s", err.text);
    well = measure(probe, port, &pair, meeting, &host, gpu.space ? &gpu : NULL, part);
    if (well) {
        buffers_close(&gpu);
        buffers_close(&host);
    }
    return well;
}
