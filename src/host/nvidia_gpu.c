#include "host/nvidia_gpu.h"

#include "host/scan.h"

static bool has_text(const struct node *node, uint32_t subject, uint32_t key, struct str text)
{
    struct fact_at at = node_fact(node, subject, key);

    return at.fact && str_is(text, at.fact->text);
}

/* The GPUs that `nvidia-smi -q` listed, or those that lspci shows, by bus id. */
struct gpu_list {
    uint32_t subjects[NVIDIA_GPUS_MAX];
    unsigned count;
};

static void gpu_list_add(struct gpu_list *list, const struct node *node, uint32_t subject)
{
    unsigned at = list->count;

    if (at == NVIDIA_GPUS_MAX)
        return;
    for (; at && node->subjects[list->subjects[at - 1]].bdf > node->subjects[subject].bdf; at--)
        list->subjects[at] = list->subjects[at - 1];
    list->subjects[at] = subject;
    list->count++;
}

static void gpu_list_fill(struct gpu_list *list, const struct node *node, bool by_smi)
{
    uint32_t smi = fact_pool_key(node->pool, STR("SMI"));
    uint32_t error = fact_pool_key(node->pool, STR("SMI.Error"));
    uint32_t kind = fact_pool_key(node->pool, STR("Header.kind"));
    uint32_t vendor = fact_pool_key(node->pool, STR("Header.vendor"));

    list->count = 0;
    for (uint32_t i = 0; i < node->subject_count; i++) {
        if (node->subjects[i].kind != SUBJECT_PCI)
            continue;
        if (by_smi ? node_block(node, i, smi) && !node_fact(node, i, error).fact
                   : has_text(node, i, kind, STR("gpu")) && has_text(node, i, vendor, STR("10de")))
            gpu_list_add(list, node, i);
    }
}

int nvidia_gpu_find(const struct node *node, unsigned index, struct str uuid, unsigned total)
{
    uint32_t smi = fact_pool_key(node->pool, STR("SMI"));
    uint32_t key = fact_pool_key(node->pool, STR("SMI.GPU UUID"));
    struct gpu_list list;

    for (uint32_t i = 0; uuid.len && i < node->subject_count; i++)
        if (node->subjects[i].kind == SUBJECT_PCI && node_block(node, i, smi) &&
            has_text(node, i, key, uuid))
            return (int)i;
    gpu_list_fill(&list, node, true);
    if (!list.count) {
        gpu_list_fill(&list, node, false);
        if (list.count != total)
            return -1;
    }
    return index < list.count ? (int)list.subjects[index] : -1;
}

bool nvidia_gpu_line(struct str line, struct nvidia_gpu_line *gpu)
{
    struct str rest = str_trim(line), digits;
    ptrdiff_t bracket;
    int64_t index;

    if (!str_starts(rest, "GPU "))
        return false;
    rest = str_skip(rest, 4);
    digits = str_digits(&rest, 10);
    if (!digits.len || digits.len > 4 || str_to_i64(digits, 10, &index) < 0 || !rest.len ||
        rest.p[0] != ':')
        return false;
    rest = str_trim(str_skip(rest, 1));
    bracket = str_find(rest, "(UUID:");
    gpu->index = (unsigned)index;
    gpu->uuid = str_trim(scan_between(rest, "(UUID:", ")"));
    gpu->name = bracket < 0 ? rest : str_trim((struct str){rest.p, (size_t)bracket});
    return true;
}
