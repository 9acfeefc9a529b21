#include "host/nvidia_errors.h"

#include "host/scan.h"

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

bool nvidia_is_error(struct str line)
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

unsigned nvidia_errors(struct node *node, uint16_t source, struct str text)
{
    struct fact_builder *b = node->builder;
    struct scan scan = {text};
    unsigned count = 0;

    while (count < NVIDIA_ERRORS_MAX && scan_next(&scan)) {
        struct str line = str_trim(scan.line);
        int subject = 0, row;
        uint64_t bdf;

        /* "Product Name : GPU is lost" is a value of a GPU whose header tells which. It also spares
         * nearly every line of -q the search for each sentence. */
        if (str_find(line, " : ") >= 0)
            continue;
        row = error_row(line);
        if (row < 0)
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
