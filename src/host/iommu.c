#include "host/iommu.h"

#include "host/treefile.h"

/* Of the group's kernel type: what the command line calls iommu=pt and iommu=nopt. */
static const char *domain_of(struct str type)
{
    if (str_is(type, "identity"))
        return "Passthrough";
    if (str_is(type, "DMA") || str_is(type, "DMA-FQ"))
        return "Translated";
    return NULL; /* "blocked", "unmanaged": given to a virtual machine or a user driver */
}

static void groups(struct gather *g, const struct tree *tree)
{
    static const char root[] = "sys/kernel/iommu_groups/";
    const struct tree_entry *first = NULL, *translated = NULL, *passthrough = NULL;
    int64_t number = 0;
    size_t count;
    const struct tree_entry *entries = tree_under(tree, root, &count);

    for (size_t i = 0; i < count; i++) {
        const struct tree_entry *entry = &entries[i];
        struct str rest = str_skip(str_of(entry->path), sizeof(root) - 1), group;
        const char *domain;

        if (!str_cut(&rest, '/', &group) || !str_is(rest, "type"))
            continue;
        number++;
        first = first ? first : entry;
        domain = domain_of(treefile_value(entry));
        if (domain && domain[0] == 'T' && !translated)
            translated = entry;
        else if (domain && domain[0] == 'P' && !passthrough)
            passthrough = entry;
    }
    if (!first) {
        const struct tree_entry *cmdline = tree_find(tree, "proc/cmdline");

        if (count || !cmdline || !tree_under(tree, "sys/bus/pci/devices/", &count))
            return;
        /* The evidence for "none" is the command line that asked for none. */
        treefile_source(g, tree, cmdline, "iommu");
    } else {
        treefile_source(g, tree, first, "iommu");
    }
    gather_number(g, GATHER_HOST, FACT_CONFIG, 1, STR("iommu.groups"), number, STR(""));
    gather_flag(g, GATHER_HOST, FACT_CONFIG, 1, STR("iommu.enabled"), number > 0);
    if (translated || passthrough) {
        treefile_source(g, tree, translated ? translated : passthrough, "iommu");
        gather_text(g, GATHER_HOST, FACT_CONFIG, 1, STR("iommu.default_domain"),
                    translated && passthrough ? STR("mixed")
                    : translated              ? STR("Translated")
                                              : STR("Passthrough"));
    }
}

static void units(struct gather *g, const struct tree *tree)
{
    static const char root[] = "sys/class/iommu/";
    static const struct {
        const char *prefix, *vendor;
    } vendors[] = {{"dmar", "Intel"}, {"ivhd", "AMD"}, {"smmu", "ARM"}, {"arm-smmu", "ARM"}};
    size_t count;
    const struct tree_entry *entries = tree_under(tree, root, &count);

    for (size_t i = 0; i < count; i++) {
        struct str name = str_skip(str_of(entries[i].path), sizeof(root) - 1);

        for (size_t k = 0; k < ARRAY_LEN(vendors); k++) {
            if (!str_starts(name, vendors[k].prefix))
                continue;
            treefile_source(g, tree, &entries[i], "iommu");
            gather_text(g, GATHER_HOST, FACT_CONFIG, 1, STR("iommu.vendor"),
                        str_of(vendors[k].vendor));
            return;
        }
    }
}

int iommu_tree_parse(struct node *node, const struct tree *tree, struct err *err)
{
    struct gather gather;

    gather_init(&gather, node, 0);
    groups(&gather, tree);
    units(&gather, tree);
    return gather_done(&gather, err);
}
