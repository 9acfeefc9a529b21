#include "topo/topo.h"

/* Pairs of GPUs whose paths are walked: 8 to 16 in the machines that exist. */
#define PEER_GPUS_MAX 64

uint32_t topo_path(const struct topo *topo, int a, int b, int *path, uint32_t max,
                   bool *through_root)
{
    int left = topo->devices[a].parent, right = topo->devices[b].parent;
    int tail[TOPO_PATH_MAX];
    uint32_t count = 0, tail_count = 0;

    while (left != right) {
        int left_depth = left < 0 ? -1 : topo->devices[left].depth;
        int right_depth = right < 0 ? -1 : topo->devices[right].depth;

        if (left_depth >= right_depth) {
            if (count < max)
                path[count] = left;
            count++;
            left = topo->devices[left].parent;
        }
        if (right_depth >= left_depth && right >= 0) {
            if (tail_count < TOPO_PATH_MAX)
                tail[tail_count++] = right;
            right = topo->devices[right].parent;
        }
    }
    *through_root = left < 0;
    if (left >= 0) { /* the bridge both are behind: a switch's upstream port */
        if (count < max)
            path[count] = left;
        count++;
    }
    while (tail_count--) {
        if (count < max)
            path[count] = tail[tail_count];
        count++;
    }
    return count;
}

int topo_nearest_nic(const struct topo *topo, int gpu)
{
    int best = -1;
    uint32_t best_cost = UINT32_MAX;

    for (uint32_t i = 0; i < topo->nic_count; i++) {
        int nic = topo->nics[i], path[TOPO_PATH_MAX];
        bool through_root;
        uint32_t cost;

        if (!topo->devices[nic].rdma || (topo->devices[nic].bdf & 7))
            continue;
        cost = topo_path(topo, gpu, nic, path, TOPO_PATH_MAX, &through_root) * 4;
        if (through_root)
            cost += 4 * TOPO_PATH_MAX;
        if (through_root && topo->devices[nic].root_bus != topo->devices[gpu].root_bus)
            cost += 2;
        if (topo->devices[nic].numa != topo->devices[gpu].numa)
            cost += 8 * TOPO_PATH_MAX * through_root + 1;
        if (cost < best_cost) {
            best_cost = cost;
            best = nic;
        }
    }
    return best;
}

static void mark(struct topo *topo, int a, int b, bool across_roots)
{
    int path[TOPO_PATH_MAX];
    bool through_root;
    uint32_t count = topo_path(topo, a, b, path, TOPO_PATH_MAX, &through_root);

    if (through_root && !across_roots)
        return;
    for (uint32_t i = 0; i < count && i < TOPO_PATH_MAX; i++)
        topo->devices[path[i]].peer_path = true;
}

void topo_mark_peer_paths(struct topo *topo)
{
    uint32_t gpus = topo->gpu_count < PEER_GPUS_MAX ? topo->gpu_count : PEER_GPUS_MAX;
    bool nvswitch = false;

    for (uint32_t i = 0; i < topo->count; i++)
        nvswitch = nvswitch || topo->devices[i].kind == TOPO_NVSWITCH;
    for (uint32_t i = 0; i < gpus; i++) {
        int nic = topo_nearest_nic(topo, topo->gpus[i]);

        if (nic >= 0)
            mark(topo, topo->gpus[i], nic, true);
        for (uint32_t k = i + 1; k < gpus; k++)
            mark(topo, topo->gpus[i], topo->gpus[k], !nvswitch);
    }
}

bool topo_on_peer_path(const struct topo *topo, int device)
{
    const struct topo_device *d = &topo->devices[device];

    return d->peer_path && (d->port == PORT_ROOT || d->port == PORT_DOWN);
}
