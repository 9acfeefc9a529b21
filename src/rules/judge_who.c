/* Who is who among a node's subjects. */
#include "rules/engine.h"

#include <errno.h>

static uint32_t kind_bits(const struct topo_device *device)
{
    static const uint32_t bits[] = {
        [TOPO_OTHER] = WHO_OTHER,       [TOPO_GPU] = WHO_GPU,   [TOPO_NIC] = WHO_NIC,
        [TOPO_NVSWITCH] = WHO_NVSWITCH, [TOPO_NVME] = WHO_NVME, [TOPO_BRIDGE] = WHO_PORT,
    };

    return bits[device->kind] | (device->rdma ? (uint32_t)WHO_RDMA : 0);
}

/* A virtual function: no SR-IOV of its own, and the card's function 0 on this bus has VFs on. Its
 * registers are mostly zero by the standard, so it is judged as nothing. */
static bool is_virtual(const struct check *check, int index)
{
    const struct topo *topo = check->topo;
    const struct topo_device *device = &topo->devices[index];

    if (!(device->bdf & 0xff) || check_fact(check, device->subject, KEY_SRIOV_ENABLE).fact)
        return false;
    for (int i = index - 1; i >= 0 && topo->devices[i].bdf >> 8 == device->bdf >> 8; i--)
        if (check_is_on(check, topo->devices[i].subject, KEY_SRIOV_ENABLE))
            return check_number(check, device->subject, KEY_LINK_WIDTH, 0) == 0;
    return false;
}

int judge_mark_who(struct check *check)
{
    static const uint32_t kinds[SUBJECT_KINDS] = {
        [SUBJECT_HOST] = WHO_HOST, [SUBJECT_IB_PORT] = WHO_IB, [SUBJECT_NET] = WHO_NET,
        [SUBJECT_DIMM] = WHO_DIMM, [SUBJECT_NUMA] = WHO_NUMA,
    };
    const struct topo *topo = check->topo;
    uint32_t *who = arena_alloc(check->node->arena, check->node->subject_count * sizeof(*who));

    if (!who)
        return -ENOMEM;
    check->who = who;
    for (uint32_t i = 0; i < check->node->subject_count; i++)
        who[i] = kinds[check->node->subjects[i].kind];
    /* Where only nvidia-smi named a device, it is a GPU without PCI facts. */
    for (uint32_t i = 0; i < check->node->subject_count; i++) {
        if (check->node->subjects[i].kind != SUBJECT_PCI ||
            node_block(check->node, i, check->rules->keys[KEY_HEADER_KIND].block))
            continue;
        who[i] |= check_fact(check, i, KEY_SMI_NAME).fact ? WHO_GPU : WHO_NAMED;
    }
    for (uint32_t i = 0; i < topo->count; i++) {
        const struct topo_device *device = &topo->devices[i];
        uint32_t bits = kind_bits(device);

        if (bits & (WHO_GPU | WHO_NIC) && is_virtual(check, (int)i))
            continue;
        who[device->subject] |= bits;
        if (bits & WHO_PORT && topo_on_peer_path(topo, (int)i))
            who[device->subject] |= WHO_PEER_PORT;
        if (!(bits & WHO_WORK))
            continue;
        for (int up = device->parent; up >= 0; up = topo->devices[up].parent) {
            uint32_t subject = topo->devices[up].subject;

            if (who[subject] & WHO_ABOVE)
                break;
            who[subject] |= WHO_ABOVE;
        }
    }
    for (uint32_t i = 0; i < check->node->subject_count; i++)
        check->there |= who[i];
    return 0;
}
