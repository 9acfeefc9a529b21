#include "host/nvidia_proc.h"

#include "host/gather.h"
#include "host/scan.h"

/* "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  (...)": open
 * and proprietary modules of one version are different drivers. */
int nvidia_version_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;

    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        struct str rest = scan.line, word;

        if (!str_starts(scan.line, "NVRM version:"))
            continue;
        gather_text(&gather, GATHER_HOST, FACT_CONFIG, scan.number, STR("nvidia.module_kind"),
                    scan_has(scan.line, " Open Kernel Module") ? STR("open") : STR("proprietary"));
        while (str_word(&rest, &word)) {
            if (char_is_digit(word.p[0]) && memchr(word.p, '.', word.len)) {
                gather_text(&gather, GATHER_HOST, FACT_CONFIG, scan.number,
                            STR("nvidia.module_version"), word);
                break;
            }
        }
        break;
    }
    return gather_done(&gather, err);
}

bool nvidia_version_looks_like(struct str text)
{
    return str_starts(text, "NVRM version:");
}

/* "EnableStreamMemOPs: 0": all parameters, also those that /sys/module hides. */
int nvidia_params_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str key, value;

    gather_init(&gather, node, source);
    while (scan_next(&scan) && gather.rows.count < NVIDIA_PARAMS_MAX) {
        struct gather_path path;

        if (scan_pair(scan.line, &key, &value) && !memchr(key.p, ' ', key.len))
            gather_text(&gather, GATHER_HOST, FACT_CONFIG, scan.number,
                        gather_join(&path, "nvparam", key), value);
    }
    return gather_done(&gather, err);
}

bool nvidia_params_looks_like(struct str text)
{
    return str_starts(text, "ResmanDebugLevel: ");
}

/* The bus address may stand below what it is about: find it first. */
static bool bus_location(struct str text, uint64_t *bdf)
{
    struct scan scan = {.rest = text};
    struct str key, value;

    while (scan_next(&scan))
        if (scan_pair(scan.line, &key, &value) && str_is(key, "Bus Location"))
            return bdf_parse(value, bdf) == 0;
    return false;
}

int nvidia_information_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    static const struct {
        const char *key, *path;
        enum fact_class class;
    } keys[] = {
        {"Model", "SMI.Product Name", FACT_CONFIG},
        {"GPU UUID", "SMI.GPU UUID", FACT_IDENTITY},
        {"Video BIOS", "SMI.VBIOS Version", FACT_CONFIG},
        {"GPU Firmware", "SMI.GSP Firmware Version", FACT_CONFIG},
        {"GPU Excluded", "SMI.GPU Excluded", FACT_CONFIG},
    };
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str key, value;
    uint64_t bdf;
    uint32_t subject;

    if (!bus_location(text, &bdf))
        return 0;
    subject = node_pci(node, bdf);
    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        /* A GPU that is not awake shows "??.??.??" */
        if (!scan_pair(scan.line, &key, &value) || !value.len || scan_has(value, "??"))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            if (str_is(key, keys[i].key))
                gather_text(&gather, subject, keys[i].class, scan.number, str_of(keys[i].path),
                            value);
    }
    return gather_done(&gather, err);
}

bool nvidia_information_looks_like(struct str text)
{
    return str_starts(text, "Model:") && scan_has(text, "Bus Location:");
}
