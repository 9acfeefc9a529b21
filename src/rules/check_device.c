/* What devices are set to, how many there are, and where they sit. */
#include "rules/check.h"

/* Like devices are compared each with each. */
#define LIKE_MAX 64

static bool alike(const struct topo_device *a, const struct topo_device *b)
{
    return a->kind == b->kind && a->vendor_device == b->vendor_device &&
           (a->vendor_device || !strcmp(a->name, b->name));
}

static const struct topo_device *gpu_at(const struct check *check, uint32_t index)
{
    return &check->topo->devices[check->topo->gpus[index]];
}

static uint32_t gpus_looked_at(const struct check *check)
{
    return check->topo->gpu_count < LIKE_MAX ? check->topo->gpu_count : LIKE_MAX;
}

/* Every bridge up to the root port must complete 10-bit tags, or they must stay off. */
static bool path_completes_tags(const struct check *check, const struct topo_device *device)
{
    for (int up = device->parent; up >= 0; up = check->topo->devices[up].parent) {
        const struct topo_device *bridge = &check->topo->devices[up];

        if (bridge->parent < 0)
            return check_is_on(check, bridge->subject, KEY_TAG10_COMP);
    }
    return false;
}

/* Off on a few of a kind (`all` false) or on all of it. */
static void report_ten_bit_tags(struct check *check, bool all)
{
    const struct topo *topo = check->topo;

    for (uint32_t i = 0; i < topo->count; i++) {
        const struct topo_device *device = &topo->devices[i];
        struct fact_at off;
        uint32_t like = 0, on = 0;

        if (!(check->who[device->subject] & WHO_WORK))
            continue;
        off = check_fact(check, device->subject, KEY_TAG10_REQ);
        if (!off.fact || off.fact->number ||
            !check_is_on(check, device->subject, KEY_TAG10_REQ_CAP) ||
            !path_completes_tags(check, device))
            continue;
        for (uint32_t k = 0; k < topo->count && like < LIKE_MAX; k++) {
            if (!(check->who[topo->devices[k].subject] & WHO_WORK) ||
                !alike(device, &topo->devices[k]))
                continue;
            like++;
            on += check_is_on(check, topo->devices[k].subject, KEY_TAG10_REQ);
        }
        if (!all && on * 2 > like)
            check_hit(check, device->subject, off, "10BitTagReq- here, + on %u of %u of its model",
                      on, like);
        else if (all && !on)
            check_hit(check, device->subject, off, "10BitTagReq- on all %u of its model", like);
    }
}

void check_ten_bit_tags(struct check *check)
{
    report_ten_bit_tags(check, false);
}

void check_ten_bit_tags_all(struct check *check)
{
    report_ten_bit_tags(check, true);
}

/* A function below 8 needs no ARI: the device itself and 7 more. */
#define VFS_WITHOUT_ARI 7

void check_ari(struct check *check)
{
    for (uint32_t i = 0; i < check->topo->count; i++) {
        const struct topo_device *device = &check->topo->devices[i];
        struct fact_at vfs, ari;
        uint32_t port;

        if (!(check->who[device->subject] & (WHO_NIC | WHO_GPU | WHO_NVME)))
            continue;
        vfs = check_fact(check, device->subject, KEY_SRIOV_VFS);
        if (!vfs.fact || vfs.fact->number <= VFS_WITHOUT_ARI || device->parent < 0 ||
            !check_is_on(check, device->subject, KEY_SRIOV_ENABLE))
            continue;
        port = check->topo->devices[device->parent].subject;
        ari = check_fact(check, port, KEY_ARI_FWD);
        if (ari.fact && !ari.fact->number)
            check_hit(check, port, ari, "%s below it has %lld virtual functions",
                      check_role(check, device->subject), (long long)vfs.fact->number);
    }
}

/* Machines are built with even numbers of a GPU; below 5, odd ones exist. */
#define GPUS_ODD_MIN 5

void check_device_count(struct check *check)
{
    uint32_t gpus = gpus_looked_at(check);

    for (uint32_t i = 0; i < gpus; i++) {
        const struct topo_device *gpu = gpu_at(check, i);
        struct fact_at header = check_fact(check, gpu->subject, KEY_HEADER_DEVICE);
        uint32_t like = 0;
        bool first = true;

        for (uint32_t k = 0; k < gpus; k++) {
            like += alike(gpu, gpu_at(check, k));
            first = first && (k >= i || !alike(gpu, gpu_at(check, k)));
        }
        if (!first || like < GPUS_ODD_MIN || like % 2 == 0)
            continue;
        check_hit(check, gpu->subject, header, "%u GPUs of this model: an odd number", like);
        check_detail(check, "%u GPUs of one model, %u expected", like, like + 1);
    }
}

/* One NIC for each GPU, but for one: counts cards, by their first functions. */
void check_nic_count(struct check *check)
{
    const struct topo *topo = check->topo;

    for (uint32_t i = 0; i < topo->nic_count && i < LIKE_MAX; i++) {
        const struct topo_device *nic = &topo->devices[topo->nics[i]];
        uint32_t like = 0;
        bool first = true;

        for (uint32_t k = 0; k < topo->nic_count && k < LIKE_MAX; k++) {
            const struct topo_device *other = &topo->devices[topo->nics[k]];

            if (!other->rdma || other->bdf & 7 || !(check->who[other->subject] & WHO_RDMA) ||
                !alike(nic, other))
                continue;
            like++;
            first = first && k >= i;
        }
        if (!first || like < GPUS_ODD_MIN || like % 2 == 0 || like + 1 != topo->gpu_count)
            continue;
        check_hit(check, nic->subject, check_fact(check, nic->subject, KEY_HEADER_DEVICE),
                  "%u NICs of this model and %u GPUs", like, topo->gpu_count);
        check_detail(check, "%u NICs of one model, %u expected", like, like + 1);
    }
}

/* From A100 on, NVIDIA's data centre and larger workstation GPUs map all their memory. */
#define NVIDIA           0x10de
#define NVIDIA_LARGE_BAR 0x20b0
#define BAR1_MIN         ((int64_t)1 << 28)

/* The window to the GPU's memory: up to Ampere the second region, from Hopper on, whose first has
 * 64 bits, the third. */
static struct fact_at memory_window(const struct check *check, const struct topo_device *gpu)
{
    struct fact_at at = check_fact(check, gpu->subject, KEY_REGION1_SIZE);

    return at.fact ? at : check_fact(check, gpu->subject, KEY_REGION2_SIZE);
}

void check_bar1(struct check *check)
{
    for (uint32_t i = 0; i < gpus_looked_at(check); i++) {
        const struct topo_device *gpu = gpu_at(check, i);
        struct fact_at bar = memory_window(check, gpu);
        struct fact_at memory = check_fact(check, gpu->subject, KEY_SMI_FB_TOTAL);
        int64_t memory_bytes = memory.fact ? memory.fact->number : 0;
        bool resizable = check_fact(check, gpu->subject, KEY_REBAR_OFFSET).fact ||
                         (gpu->vendor_device & 0xffff) >= NVIDIA_LARGE_BAR;

        if (gpu->vendor_device >> 16 != NVIDIA || !bar.fact)
            continue;
        if (memory_bytes && memory_bytes < (int64_t)1 << 32)
            memory_bytes <<= 20; /* nvidia-smi counts in MiB */
        if (resizable && bar.fact->number <= BAR1_MIN)
            check_hit(check, gpu->subject, bar, "BAR1 is only %s", bar.fact->text);
        else if (memory_bytes && bar.fact->number > 0 && bar.fact->number < memory_bytes / 2)
            check_hit(check, gpu->subject, bar, "BAR1 is %s, the GPU has %s of memory",
                      bar.fact->text, memory.fact->text);
    }
}

/* What a GPU's prefetchable regions need at least. */
static int64_t window_needed(const struct check *check, const struct topo_device *gpu)
{
    struct fact_at at = memory_window(check, gpu);

    return at.fact ? at.fact->number : 0;
}

void check_sibling_windows(struct check *check)
{
    uint32_t gpus = gpus_looked_at(check);

    for (uint32_t i = 0; i < gpus; i++) {
        const struct topo_device *gpu = gpu_at(check, i), *port;
        struct fact_at window;
        uint32_t like = 0, larger = 0;
        int64_t needed = 0;

        if (gpu->parent < 0)
            continue;
        port = &check->topo->devices[gpu->parent];
        window = check_fact(check, port->subject, KEY_PREF_SIZE);
        if (!window.fact)
            continue;
        for (uint32_t k = 0; k < gpus; k++) {
            const struct topo_device *other = gpu_at(check, k);

            if (!alike(gpu, other) || other->parent < 0)
                continue;
            like++;
            larger += check_number(check, check->topo->devices[other->parent].subject,
                                   KEY_PREF_SIZE, 0) > window.fact->number;
            if (window_needed(check, other) > needed)
                needed = window_needed(check, other);
        }
        /* A smaller window is a fault only when what its siblings have would not fit. */
        if (like >= 3 && larger * 2 > like && window.fact->number < needed)
            check_hit(check, port->subject, window, "%s, %u siblings have more", window.fact->text,
                      larger);
    }
}

/* So many PCIe devices without one extended capability do not happen. */
#define ECAM_DEVICES_MIN 4

void check_ecam(struct check *check)
{
    struct fact_at missing = check_host(check, KEY_LOG_ECAM);
    struct fact_at shown = {0};
    uint32_t express = 0;

    if (missing.fact && missing.fact->number)
        check_hit(check, 0, missing, NULL);
    for (uint32_t i = 0; i < check->node->unseen_count; i++)
        if (check->node->unseen[i].block && str_glob(check->node->unseen[i].block, STR("AER")))
            return; /* it is known why they do not show */
    for (uint32_t i = 0; i < check->topo->count; i++) {
        uint32_t subject = check->topo->devices[i].subject;
        struct fact_at type = check_fact(check, subject, KEY_EXPRESS_TYPE);

        if (!type.fact)
            continue;
        if (check_fact(check, subject, KEY_AER_OFFSET).fact ||
            check_fact(check, subject, KEY_ACS_OFFSET).fact ||
            check_fact(check, subject, KEY_DSN_OFFSET).fact)
            return;
        shown = type;
        express++;
    }
    if (express < ECAM_DEVICES_MIN)
        return;
    check_hit(check, 0, shown, "%u PCIe devices and no extended capability on any", express);
    check_unknown(check, "extended capabilities (ACS, AER)",
                  "none of %u PCIe devices shows one: ECAM is out of reach", express);
}

void check_numa_apart(struct check *check)
{
    uint32_t gpus = gpus_looked_at(check), together = 0, apart = 0;

    for (int pass = 0; pass < 2; pass++) {
        if (pass && (!apart || together <= apart))
            return; /* apart for most: that is how the machine is built */
        for (uint32_t i = 0; i < gpus; i++) {
            const struct topo_device *gpu = gpu_at(check, i), *nic;
            int nearest = topo_nearest_nic(check->topo, check->topo->gpus[i]);

            if (nearest < 0 || gpu->numa < 0 || check->topo->devices[nearest].numa < 0)
                continue;
            nic = &check->topo->devices[nearest];
            if (!pass) {
                together += gpu->numa == nic->numa;
                apart += gpu->numa != nic->numa;
            } else if (gpu->numa != nic->numa) {
                check_hit(check, gpu->subject, check_fact(check, gpu->subject, KEY_NUMA_NODE),
                          "on NUMA node %d, its nearest NIC (%s) on node %d", gpu->numa, nic->role,
                          nic->numa);
            }
        }
    }
}

void check_numa_unknown(struct check *check)
{
    const struct topo *topo = check->topo;
    uint32_t known = 0;

    for (uint32_t i = 0; i < topo->count; i++)
        known += topo->devices[i].numa >= 0;
    if (!known) {
        if (check_number(check, 0, KEY_CPU_NUMA_NODES, 1) > 1 && check->there & WHO_WORK)
            check_unknown(check, "NUMA nodes of PCI devices",
                          "none is shown: the firmware does not tell them, or lspci is older than "
                          "3.4");
        return;
    }
    for (uint32_t i = 0; i < topo->count; i++)
        if (check->who[topo->devices[i].subject] & (WHO_GPU | WHO_RDMA) &&
            topo->devices[i].numa < 0 &&
            check_fact(check, topo->devices[i].subject, KEY_HEADER_KIND).fact) /* listed at all */
            check_hit(check, topo->devices[i].subject, (struct fact_at){0},
                      "no NUMA node, though %u other devices have one", known);
}
