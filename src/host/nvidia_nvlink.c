#include "host/nvidia_nvlink.h"

#include "host/denied.h"
#include "host/nvidia_errors.h"
#include "host/nvidia_gpu.h"
#include "host/scan.h"

#include <errno.h>
#include <stdio.h>

#define ALL_INACTIVE "Unable to retrieve NVLink information as all links are inactive"

/* "Link 3: 26.562 GB/s" or "Link 3: Replay Errors: 0". */
static bool link_line(struct str line, struct str *number, struct str *value)
{
    struct str rest = str_trim(line);

    if (!str_starts(rest, "Link "))
        return false;
    rest = str_skip(rest, 5);
    *number = str_digits(&rest, 10);
    if (!number->len || number->len > 3 || !rest.len || rest.p[0] != ':')
        return false;
    *value = str_trim(str_skip(rest, 1));
    return value->len > 0;
}

bool nvidia_nvlink_looks_like(struct str text)
{
    struct scan scan = {text};
    struct str number, value;
    struct nvidia_gpu_line gpu;
    bool in_gpu = false;

    while (scan.number < 400 && scan_next(&scan)) {
        if (scan_has(scan.line, ALL_INACTIVE))
            return true;
        if (in_gpu && link_line(scan.line, &number, &value))
            return true;
        in_gpu |= nvidia_gpu_line(scan.line, &gpu);
    }
    return false;
}

struct gpu_links {
    unsigned lines, active, inactive;
    bool states; /* some line told a link's state */
};

static void link_fact(struct fact_builder *b, struct str reg, uint32_t line, struct str number,
                      struct str value, struct gpu_links *links)
{
    char path[64];
    struct str key, count;
    int64_t n;

    if (scan_pair(value, &key, &count) && str_to_i64(count, 10, &n) == 0) {
        int len = snprintf(path, sizeof(path), "%.*s%s%.*s", STR_ARG(reg), reg.len ? "." : "",
                           STR_ARG(number));

        fact_number(b, FACT_STATE, line, fact_key(b, (struct str){path, (size_t)len}, key), n,
                    count);
        return;
    }
    links->states = true;
    if (scan_has(value, "inactive"))
        links->inactive++;
    else
        links->active++;
    fact_text(b, FACT_CONFIG, line, fact_key(b, reg, number), value);
}

/* The lines under one GPU's line, which is the scan's current one. A card without a bridge may say
 * that all links are inactive; a module on a baseboard (SXM) has lost them. */
static void gpu_parse(struct node *node, uint16_t source, struct scan *scan, int subject,
                      const struct nvidia_gpu_line *own)
{
    struct fact_builder *b = node->builder;
    struct gpu_links links = {0};
    uint32_t first = scan->number;
    struct scan next = *scan;
    struct nvidia_gpu_line gpu;
    struct str reg = {0}, number, value;
    char prefix[24];

    if (subject < 0) {
        reg = (struct str){prefix, (size_t)snprintf(prefix, sizeof(prefix), "gpu%u", own->index)};
        subject = 0;
    }
    fact_begin(b, STR("nvlink"));
    while (scan_next(&next) && !nvidia_gpu_line(next.line, &gpu)) {
        *scan = next;
        if (scan_has(next.line, ALL_INACTIVE)) {
            links.states = true;
            fact_text(b, FACT_STATE, next.number - first, fact_key(b, reg, STR("error")),
                      str_trim(next.line));
            fact_flag(b, FACT_STATE, next.number - first, fact_key(b, reg, STR("lost")),
                      scan_has(own->name, "SXM"));
        } else if (link_line(next.line, &number, &value) && links.lines++ < NVLINK_LINKS_MAX) {
            link_fact(b, reg, next.number - first, number, value, &links);
        }
    }
    if (links.states) {
        fact_number(b, FACT_CONFIG, 0, fact_key(b, reg, STR("active")), links.active, STR(""));
        fact_number(b, FACT_CONFIG, 0, fact_key(b, reg, STR("inactive")), links.inactive, STR(""));
    }
    if (links.states || links.lines)
        node_attach(node, (uint32_t)subject, fact_end(b), source, first);
}

int nvidia_nvlink_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct nvidia_gpu_line gpu;
    struct scan scan = {text};
    unsigned total = 0, gpus = 0;

    if (denied_note(node, source, text, "NVLinks", "nvlink"))
        return 0;
    (void)nvidia_errors(node, source, text);
    while (scan_next(&scan))
        total += nvidia_gpu_line(scan.line, &gpu);
    scan = (struct scan){text};
    while (gpus < NVIDIA_GPUS_MAX && scan_next(&scan)) {
        if (!nvidia_gpu_line(scan.line, &gpu))
            continue;
        gpu_parse(node, source, &scan, nvidia_gpu_find(node, gpu.index, gpu.uuid, total), &gpu);
        gpus++;
    }
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the NVLink facts") : 0;
}
