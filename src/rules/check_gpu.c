/* GPUs: what nvidia-smi says of the way to NICs and peers, driver modules, Xid codes. */
#include "rules/check.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- nvidia-smi topo -m: facts "topo.GPU0.NIC3" = "PIX" ---- */

#define TOPO_GPUS_MAX 64

/* How near two ends are: larger is nearer. 0: not a word of the matrix. */
static int nearness(const char *word)
{
    static const char *const words[] = {"SYS", "NODE", "PHB", "PXB", "PIX"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!strcmp(word, words[i]))
            return (int)i + 1;
    return 0;
}
#define NEAR_SWITCH 4 /* PXB or PIX: no CPU on the way */

/* "topo.GPU3.NIC0": the GPU's number and the column's name. False for other facts. */
static bool topo_cell(const char *path, unsigned *gpu, const char **column)
{
    char *end;
    unsigned long number;

    if (strncmp(path, "topo.GPU", 8))
        return false;
    number = strtoul(path + 8, &end, 10);
    if (end == path + 8 || *end != '.' || number >= TOPO_GPUS_MAX)
        return false;
    *gpu = (unsigned)number;
    *column = end + 1;
    return true;
}

/* Calls `each` for every cell of the matrix. */
static void walk_topo(struct check *check,
                      void (*each)(struct check *check, struct fact_at at, unsigned gpu,
                                   const char *column, void *context),
                      void *context)
{
    const struct subject *host = &check->node->subjects[0];
    uint32_t block = check_block(check, "topo");

    for (uint32_t r = 0; r < host->count; r++) {
        const struct fact_block *b = host->refs[r].block;

        if (b->name != block)
            continue;
        for (uint32_t i = 0; i < b->count; i++) {
            const char *column;
            unsigned gpu;

            if (topo_cell(fact_key_name(check->node->pool, b->facts[i].key), &gpu, &column))
                each(check, (struct fact_at){&b->facts[i], &host->refs[r]}, gpu, column, context);
        }
    }
}

struct nearest {
    struct fact_at at[TOPO_GPUS_MAX];
    int near[TOPO_GPUS_MAX]; /* to its nearest NIC */
};

static void note_nearest(struct check *check, struct fact_at at, unsigned gpu, const char *column,
                         void *context)
{
    struct nearest *nearest = context;
    int near = nearness(at.fact->text);

    (void)check;
    if (!strncmp(column, "GPU", 3) || near <= nearest->near[gpu])
        return;
    nearest->near[gpu] = near;
    nearest->at[gpu] = at;
}

void check_topo_through_cpu(struct check *check)
{
    struct nearest nearest = {0};
    unsigned by_switch = 0, by_cpu = 0;

    walk_topo(check, note_nearest, &nearest);
    for (unsigned i = 0; i < TOPO_GPUS_MAX; i++) {
        by_switch += nearest.near[i] >= NEAR_SWITCH;
        by_cpu += nearest.near[i] > 0 && nearest.near[i] < NEAR_SWITCH;
    }
    if (by_switch <= by_cpu)
        return; /* no switches, or too few to tell the exception */
    for (unsigned i = 0; i < TOPO_GPUS_MAX; i++)
        if (nearest.near[i] > 0 && nearest.near[i] < NEAR_SWITCH)
            check_hit(check, 0, nearest.at[i],
                      "GPU%u: %s to its nearest NIC; %u GPUs have PIX or "
                      "PXB",
                      i, nearest.at[i].fact->text, by_switch);
    if (by_cpu)
        check_detail(check, "%u of %u GPUs", by_cpu, by_cpu + by_switch);
}

static void compare_pair(struct check *check, struct fact_at at, unsigned gpu, const char *column,
                         void *context)
{
    const struct topo *topo = check->topo;
    int path[TOPO_PATH_MAX], near = nearness(at.fact->text);
    unsigned long other;
    bool through_root;
    char *end;

    (void)context;
    if (strncmp(column, "GPU", 3) || !near || near >= NEAR_SWITCH)
        return;
    other = strtoul(column + 3, &end, 10);
    if (*end || other <= gpu || other >= topo->gpu_count)
        return;
    (void)topo_path(topo, topo->gpus[gpu], topo->gpus[other], path, TOPO_PATH_MAX, &through_root);
    if (!through_root)
        check_hit(check, 0, at, "%s, but both are below one switch (%s, %s)", at.fact->text,
                  check->node->subjects[topo->devices[topo->gpus[gpu]].subject].name,
                  check->node->subjects[topo->devices[topo->gpus[other]].subject].name);
}

void check_topo_hidden(struct check *check)
{
    walk_topo(check, compare_pair, NULL);
}

/* ---- modules ---- */

/* RTX PRO 6000 Blackwell in its forms. */
static bool locks_up_with_hmm(uint32_t vendor_device)
{
    return vendor_device >= 0x10de2bb1 && vendor_device <= 0x10de2bb5;
}

void check_uvm_hmm(struct check *check)
{
    struct fact_at at = check_host(check, KEY_MODPARAM_HMM);

    if (!at.fact || strcmp(at.fact->text, "N"))
        return;
    for (uint32_t i = 0; i < check->topo->gpu_count; i++)
        if (locks_up_with_hmm(check->topo->devices[check->topo->gpus[i]].vendor_device)) {
            check_hit(check, 0, at, "uvm_disable_hmm is N");
            return;
        }
}

void check_fabric_manager_version(struct check *check)
{
    struct fact_at package = check_host(check, KEY_PACKAGE_FM);
    const char *driver = check_text(check, 0, KEY_SMI_DRIVER, "");
    size_t len = strlen(driver);

    /* The package's version has the distribution's suffix: "550.54.15-1". */
    if (!package.fact || !len || !strncmp(package.fact->text, driver, len))
        return;
    if (check->there & WHO_NVSWITCH)
        check_hit(check, 0, package, "fabric manager %s, driver %s", package.fact->text, driver);
}

/* dma-buf for RDMA came with Linux 5.12. */
static bool kernel_has_dmabuf(const char *release)
{
    char *end;
    unsigned long major = strtoul(release, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;

    return major > 5 || (major == 5 && minor >= 12);
}

void check_peermem(struct check *check)
{
    struct fact_at driver = check_host(check, KEY_MODULE_NVIDIA);
    const char *kernel = check_text(check, 0, KEY_OS_KERNEL, "");

    if (!(check->there & WHO_GPU) || !(check->there & WHO_RDMA) || !driver.fact ||
        check_host(check, KEY_MODULE_PEERMEM).fact ||
        check_host(check, KEY_MODULE_PEERMEM_OLD).fact)
        return;
    if (!*kernel || kernel_has_dmabuf(kernel)) {
        check_unknown(check, "whether GPUDirect RDMA works",
                      "nvidia_peermem is not loaded; dma-buf may do instead, if the driver is the "
                      "open one");
        return;
    }
    check_hit(check, 0, check_host(check, KEY_OS_KERNEL),
              "nvidia_peermem is not loaded, and this kernel has no dma-buf for RDMA");
}

void check_gpu_count(struct check *check)
{
    struct fact_at seen = check_host(check, KEY_SMI_GPUS);
    uint32_t nvidia = 0;

    for (uint32_t i = 0; i < check->topo->gpu_count; i++) {
        const struct topo_device *gpu = &check->topo->devices[check->topo->gpus[i]];

        /* GPUs that only nvidia-smi named have no header of their own. */
        nvidia += gpu->vendor_device >> 16 == 0x10de &&
                  check_fact(check, gpu->subject, KEY_HEADER_DEVICE).fact != NULL;
    }
    if (!seen.fact || seen.fact->type != FACT_NUMBER || seen.fact->number >= nvidia)
        return;
    check_hit(check, 0, seen, "nvidia-smi sees %lld, PCI shows %u", (long long)seen.fact->number,
              nvidia);
    check_detail(check, "%lld of %u GPUs", (long long)seen.fact->number, nvidia);
}
