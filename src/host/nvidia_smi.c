#include "host/nvidia_smi.h"

#include "host/denied.h"
#include "host/nvidia_errors.h"
#include "host/nvidia_gpu.h"
#include "host/nvidia_list.h"
#include "host/nvidia_nvlink.h"
#include "host/nvidia_smi_names.h"
#include "host/nvidia_topo.h"
#include "host/scan.h"

#include <errno.h>
#include <stdio.h>

typedef int text_parser(struct node *node, uint16_t source, struct str text, struct err *err);

#define SECTION_DEPTH_MAX 8
#define SECTION_PATH_MAX  512

/* "GPU 00000000:06:00.0" on a line of its own. */
static bool gpu_header(struct str line, uint64_t *bdf)
{
    return str_starts(line, "GPU ") && bdf_parse(str_trim(str_skip(line, 4)), bdf) == 0;
}

/* The output of -q, or a sentence in its place. */
static bool is_query(struct str text)
{
    struct scan scan = {text};
    bool log = false;
    uint64_t bdf;

    while (scan.number < 4000 && scan_next(&scan)) {
        struct str line = str_trim(scan.line);

        if (scan_has(line, "NVSMI LOG"))
            return true;
        if (scan_has(line, "NVML") && scan_has(line, "NVLink"))
            return false;
        log |= gpu_header(line, &bdf);
        if (log && scan_has(line, " : "))
            return true;
        if (nvidia_is_error(line))
            return true;
    }
    return false;
}

bool nvidia_smi_looks_like(struct str text)
{
    return is_query(text) || nvidia_list_looks_like(text);
}

/* The sections round a line: their titles joined by '.', and the indent of each. */
struct sections {
    char path[SECTION_PATH_MAX];
    struct {
        unsigned indent;
        size_t path_len; /* of `path` with this title */
    } levels[SECTION_DEPTH_MAX];
    unsigned depth;
};

static struct str sections_path(const struct sections *sections)
{
    return (struct str){sections->path,
                        sections->depth ? sections->levels[sections->depth - 1].path_len : 0};
}

/* Leave the sections that end at a line with this indent. */
static void sections_leave(struct sections *sections, unsigned indent)
{
    while (sections->depth && sections->levels[sections->depth - 1].indent >= indent)
        sections->depth--;
}

static void sections_enter(struct sections *sections, unsigned indent, struct str title)
{
    size_t at;

    sections_leave(sections, indent);
    if (!sections->depth)
        title = nvidia_smi_section(title);
    at = sections_path(sections).len;
    if (title.len > SCAN_NAME_MAX || sections->depth == SECTION_DEPTH_MAX ||
        at + 1 + title.len > sizeof(sections->path))
        return;
    if (at)
        sections->path[at++] = '.';
    memcpy(sections->path + at, title.p, title.len);
    sections->levels[sections->depth].indent = indent;
    sections->levels[sections->depth++].path_len = at + title.len;
}

/* The classes of the paths of the GPUs before. Without it, matching the globs for every fact of
 * eight equal GPUs was a quarter of the time (1.4 instead of 1.05 ms for a text of 109 KB). */
#define CLASS_SLOTS 1024
struct class_cache {
    uint32_t keys[CLASS_SLOTS]; /* 0: free */
    uint8_t classes[CLASS_SLOTS];
};

static enum fact_class class_of(struct class_cache *cache, uint32_t id, struct str section,
                                struct str key)
{
    size_t slot = id % CLASS_SLOTS;
    char path[SECTION_PATH_MAX + SCAN_NAME_MAX + 2];
    int len;

    if (!id || cache->keys[slot] != id) {
        len = snprintf(path, sizeof(path), "%.*s%s%.*s", STR_ARG(section), section.len ? "." : "",
                       STR_ARG(key));
        cache->keys[slot] = id;
        cache->classes[slot] = (uint8_t)nvidia_smi_class((struct str){path, (size_t)len});
    }
    return cache->classes[slot];
}

static void gpu_fact(struct fact_builder *b, struct class_cache *cache,
                     const struct sections *sections, uint32_t line, struct str key,
                     struct str value)
{
    struct str section = sections_path(sections);
    enum fact_class class;
    int64_t number;
    uint32_t id;

    key = nvidia_smi_key(section, key);
    id = fact_key(b, section, key);
    class = class_of(cache, id, section, key);
    if (class != FACT_IDENTITY && nvidia_smi_number(value, &number))
        fact_number(b, class, line, id, number, value);
    else
        fact_text(b, class, line, id, value);
}

/* The lines of one GPU, whose header is the scan's current line; stops at the next header. */
static void gpu_parse(struct node *node, uint16_t source, struct class_cache *cache,
                      struct scan *scan, uint64_t bdf)
{
    struct sections sections = {.depth = 0};
    struct fact_builder *b = node->builder;
    uint32_t first = scan->number;
    struct scan next = *scan;
    uint64_t other;

    fact_begin(b, STR("SMI"));
    while (scan_next(&next)) {
        struct str line = str_trim(next.line), key, value;
        unsigned indent = scan_indent(next.line);

        if (gpu_header(line, &other))
            break;
        *scan = next;
        if (!line.len || next.number - first > SMI_GPU_LINES_MAX)
            continue;
        if (!memchr(line.p, ':', line.len)) {
            sections_enter(&sections, indent, line);
            continue;
        }
        if (!scan_pair(line, &key, &value))
            continue;
        sections_leave(&sections, indent);
        /* Who runs here now is no property of the machine, and there may be thousands. */
        if (str_glob("*Processes*", sections_path(&sections)) || str_is(key, "Processes"))
            continue;
        gpu_fact(b, cache, &sections, next.number - first, key, value);
    }
    node_attach(node, node_pci(node, bdf), fact_end(b), source, first);
}

/* The lines above the first GPU. */
static void head_parse(struct node *node, uint16_t source, struct scan scan)
{
    static const struct {
        const char *key, *name;
        enum fact_class class;
    } rows[] = {
        {"Driver Version", "driver", FACT_CONFIG},
        {"CUDA Version", "cuda", FACT_CONFIG},
        {"Attached GPUs", "gpus", FACT_CONFIG},
        {"Timestamp", "timestamp", FACT_VOLATILE},
    };
    struct fact_builder *b = node->builder;
    bool any = false;
    uint64_t bdf;
    int64_t number;

    fact_begin(b, STR("smi"));
    while (scan_next(&scan)) {
        struct str line = str_trim(scan.line), key, value;

        if (gpu_header(line, &bdf))
            break;
        if (!scan_pair(line, &key, &value))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            uint32_t id;

            if (!str_is(key, rows[i].key))
                continue;
            any = true;
            id = fact_key(b, STR(""), str_of(rows[i].name));
            if (str_is(key, "Attached GPUs") && str_to_i64(value, 10, &number) == 0)
                fact_number(b, rows[i].class, scan.number - 1, id, number, value);
            else
                fact_text(b, rows[i].class, scan.number - 1, id, value);
        }
    }
    if (any)
        node_attach(node, 0, fact_end(b), source, 1);
}

/* Files are called nvidia-smi.txt whatever was asked for: the parser of the other outputs whose
 * text this is, or NULL. */
static text_parser *other_output(struct str text)
{
    static const struct {
        bool (*looks_like)(struct str text);
        text_parser *parse;
    } others[] = {
        {nvidia_topo_looks_like, nvidia_topo_parse},
        {nvidia_nvlink_looks_like, nvidia_nvlink_parse},
        {nvidia_list_looks_like, nvidia_list_parse},
    };

    for (size_t i = 0; i < ARRAY_LEN(others) && !is_query(text); i++)
        if (others[i].looks_like(text))
            return others[i].parse;
    return NULL;
}

int nvidia_smi_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {text};
    text_parser *other = other_output(text);
    struct class_cache cache = {0};
    unsigned gpus = 0;
    uint64_t bdf;

    if (denied_note(node, source, text, "NVIDIA GPU state", "smi SMI"))
        return 0;
    if (other)
        return other(node, source, text, err);
    (void)nvidia_errors(node, source, text);
    head_parse(node, source, scan);
    while (gpus < NVIDIA_GPUS_MAX && scan_next(&scan)) {
        if (!gpu_header(str_trim(scan.line), &bdf))
            continue;
        gpu_parse(node, source, &cache, &scan, bdf);
        gpus++;
    }
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the nvidia-smi facts") : 0;
}
