#include "host/edac.h"

#include "host/treefile.h"

#include <stdio.h>

#define EDAC_ROOT "sys/devices/system/edac/mc/"

/* The label beside a DIMM's counter, "" when there is none. */
static struct str label_of(const struct tree *tree, struct str mc, struct str dimm)
{
    char path[160];
    const struct tree_entry *entry;

    (void)snprintf(path, sizeof(path), EDAC_ROOT "%.*s/%.*s/dimm_label", STR_ARG(mc),
                   STR_ARG(dimm));
    entry = tree_find(tree, path);
    return entry ? treefile_value(entry) : (struct str){"", 0};
}

static void counter(struct gather *g, const struct tree *tree, const struct tree_entry *entry,
                    struct str mc, struct str name)
{
    char path[160];
    struct str dimm;
    int64_t number;

    if (str_to_i64(treefile_value(entry), 10, &number) < 0 || number < 0)
        return;
    if (str_is(name, "ce_count") || str_is(name, "ue_count")) {
        (void)snprintf(path, sizeof(path), "edac.%.*s.%.2s", STR_ARG(mc), name.p);
    } else {
        if (!number || !str_cut(&name, '/', &dimm) || dimm.len > 32 ||
            !(str_is(name, "dimm_ce_count") || str_is(name, "dimm_ue_count")))
            return;
        (void)snprintf(path, sizeof(path), "edac.%.*s.%.*s.%.2s", STR_ARG(mc), STR_ARG(dimm),
                       name.p + 5);
        treefile_source(g, tree, entry, "edac");
        gather_number(g, GATHER_HOST, FACT_STATE, 1, str_of(path), number, STR(""));
        (void)snprintf(path, sizeof(path), "edac.%.*s.%.*s.label", STR_ARG(mc), STR_ARG(dimm));
        gather_text(g, GATHER_HOST, FACT_LABEL, 1, str_of(path), label_of(tree, mc, dimm));
        return;
    }
    treefile_source(g, tree, entry, "edac");
    gather_number(g, GATHER_HOST, FACT_STATE, 1, str_of(path), number, STR(""));
}

int edac_tree_parse(struct node *node, const struct tree *tree, struct err *err)
{
    struct gather gather;
    size_t count;
    const struct tree_entry *entries = tree_under(tree, EDAC_ROOT "mc", &count);

    if (!entries)
        return 0;
    gather_init(&gather, node, 0);
    for (size_t i = 0; i < count; i++) {
        struct str rest = str_skip(str_of(entries[i].path), sizeof(EDAC_ROOT) - 1), mc;

        if (!str_cut(&rest, '/', &mc) || mc.len > 16)
            continue;
        if (str_is(rest, "mc_name") && treefile_value(&entries[i]).len) {
            char path[64];

            (void)snprintf(path, sizeof(path), "edac.%.*s.name", STR_ARG(mc));
            treefile_source(&gather, tree, &entries[i], "edac");
            gather_text(&gather, GATHER_HOST, FACT_CONFIG, 1, str_of(path),
                        treefile_value(&entries[i]));
        } else {
            counter(&gather, tree, &entries[i], mc, rest);
        }
    }
    return gather_done(&gather, err);
}
