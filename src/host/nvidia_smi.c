#include "host/nvidia_smi.h"

#include "host/nvidia_smi_names.h"
#include "host/scan.h"

#include <errno.h>
#include <stdio.h>

#define SECTION_DEPTH_MAX 8
#define SECTION_PATH_MAX  512

/* What nvidia-smi says instead of an answer, and what is then not known. */
static const struct {
    const char *text, *what, *why;
} errors[] = {
    {"NVIDIA-SMI has failed", "NVIDIA GPU state", "nvidia-smi could not talk to the driver"},
    {"Failed to initialize NVML", "NVIDIA GPU state", "nvidia-smi could not initialise NVML"},
    {"No devices were found", "NVIDIA GPU state", "nvidia-smi found no devices"},
    {"Unable to determine the device handle", "state of a GPU",
     "nvidia-smi could not open the device"},
    {"GPU is lost", "state of a GPU", "the GPU is lost"},
    {"couldn't find libnvidia-ml", "NVIDIA GPU state", "the driver's library is not installed"},
    {"Insufficient Permissions", "NVIDIA GPU state", "nvidia-smi lacks permission"},
};

static int error_row(struct str line)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (scan_has(line, errors[i].text))
            return (int)i;
    return -1;
}

bool nvidia_smi_is_error(struct str line)
{
    return error_row(line) >= 0;
}

/* The bus id in "... handle for GPU 0000:17:00.0: GPU is lost." or "GPU0000:17:00.0: ...". */
static bool error_bdf(struct str line, uint64_t *bdf)
{
    struct str word;

    while (str_word(&line, &word)) {
        if (str_starts(word, "GPU"))
            word = str_skip(word, 3);
        while (word.len && (word.p[word.len - 1] == ':' || word.p[word.len - 1] == '.'))
            word.len--;
        if (bdf_parse(word, bdf) == 0)
            return true;
    }
    return false;
}

unsigned nvidia_smi_errors(struct node *node, uint16_t source, struct str text)
{
    struct fact_builder *b = node->builder;
    struct scan scan = {text};
    unsigned count = 0;

    while (count < SMI_GPUS_MAX && scan_next(&scan)) {
        struct str line = str_trim(scan.line);
        int subject = 0, row = error_row(line);
        uint64_t bdf;

        /* "Product Name : GPU is lost" is a value of a GPU whose header tells which. */
        if (row < 0 || str_find(line, " : ") >= 0)
            continue;
        count++;
        fact_begin(b, STR("smi"));
        fact_text(b, FACT_STATE, 0, fact_key(b, STR(""), STR("error")), line);
        node_attach(node, 0, fact_end(b), source, scan.number);
        if (error_bdf(line, &bdf)) {
            subject = (int)node_pci(node, bdf);
            fact_begin(b, STR("SMI"));
            fact_text(b, FACT_STATE, 0, fact_key(b, STR(""), STR("Error")), line);
            node_attach(node, (uint32_t)subject, fact_end(b), source, scan.number);
        }
        node_add_unseen(node, subject, source, "SMI", errors[row].what, errors[row].why);
    }
    return count;
}

/* "GPU 00000000:06:00.0" on a line of its own. */
static bool gpu_header(struct str line, uint64_t *bdf)
{
    return str_starts(line, "GPU ") && bdf_parse(str_trim(str_skip(line, 4)), bdf) == 0;
}

bool nvidia_smi_looks_like(struct str text)
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
        if (error_row(line) >= 0)
            return true;
    }
    return false;
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

static void gpu_fact(struct fact_builder *b, const struct sections *sections, uint32_t line,
                     struct str key, struct str value)
{
    struct str section = sections_path(sections);
    char path[SECTION_PATH_MAX + SCAN_NAME_MAX + 2];
    enum fact_class class;
    int64_t number;
    uint32_t id;
    int len;

    key = nvidia_smi_key(section, key);
    len = snprintf(path, sizeof(path), "%.*s%s%.*s", STR_ARG(section), section.len ? "." : "",
                   STR_ARG(key));
    class = nvidia_smi_class((struct str){path, (size_t)len});
    id = fact_key(b, section, key);
    if (class != FACT_IDENTITY && nvidia_smi_number(value, &number))
        fact_number(b, class, line, id, number, value);
    else
        fact_text(b, class, line, id, value);
}

/* The lines of one GPU, whose header is the scan's current line; stops at the next header. */
static void gpu_parse(struct node *node, uint16_t source, struct scan *scan, uint64_t bdf)
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
        gpu_fact(b, &sections, next.number - first, key, value);
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

int nvidia_smi_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {text};
    unsigned gpus = 0;
    uint64_t bdf;

    (void)nvidia_smi_errors(node, source, text);
    head_parse(node, source, scan);
    while (gpus < SMI_GPUS_MAX && scan_next(&scan)) {
        if (!gpu_header(str_trim(scan.line), &bdf))
            continue;
        gpu_parse(node, source, &scan, bdf);
        gpus++;
    }
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the nvidia-smi facts") : 0;
}
