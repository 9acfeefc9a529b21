#include "host/package.h"

#include "host/denied.h"
#include "host/gather.h"
#include "host/scan.h"

/* What is worth a fact of the thousands a machine has. */
static const char *const matters[] = {
    "*nvidia*",
    "cuda-drivers*",
    "cuda-toolkit*",
    "cuda-compat*",
    "cuda-runtime*",
    "libnccl*",
    "libcuda*",
    "libcudnn*",
    "datacenter-gpu*",
    "mlnx*",
    "*ofed*",
    "doca*",
    "rdma-core*",
    "libibverbs*",
    "ibverbs-*",
    "librdmacm*",
    "libmlx*",
    "libibumad*",
    "kmod-mlnx*",
    "kmod-nvidia*",
    "kmod-iser*",
    "kmod-srp*",
    "mft*",
    "kernel-mft*",
    "ucx*",
    "openmpi*",
    "libopenmpi*",
    "hpcx*",
    "perftest*",
    "gdrcopy*",
    "libgdrapi*",
    "pciutils*",
    "linux-firmware*",
    "amd64-microcode*",
    "intel-microcode*",
    "microcode_ctl*",
    "amdgpu*",
    "rccl*",
    "rocm-core*",
    "infiniband-diags*",
    "opensm*",
    "sharp*",
    "knem*",
    "xpmem*",
    "libfabric*",
    "efa*",
    "aws-ofi-nccl*",
    "irqbalance*",
    "tuned*",
    "kernel",
    "kernel-core",
};

static bool is_wanted(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(matters); i++)
        if (str_glob(matters[i], name))
            return true;
    return false;
}

static void add(struct gather *g, uint32_t line, struct str name, struct str version)
{
    const char *colon = name.len ? memchr(name.p, ':', name.len) : NULL;
    struct gather_path path;

    if (colon) /* "libnccl2:amd64" */
        name = str_range(name.p, colon);
    if (!name.len || name.len > SCAN_NAME_MAX || !version.len || !is_wanted(name))
        return;
    gather_text(g, GATHER_HOST, FACT_CONFIG, line, gather_join(&path, "package", name), version);
    /* Distributions put the branch into the name (nvidia-fabricmanager-550) or a dash between. */
    if (str_starts(name, "nvidia-fabricmanager-") || str_is(name, "nvidia-fabric-manager"))
        gather_text(g, GATHER_HOST, FACT_CONFIG, line, STR("package.nvidia-fabricmanager"),
                    version);
}

/* "rdma-core-2404mlnx51-1.2404066.x86_64": name, version and release are the last two dashes apart.
 */
static bool split_rpm(struct str word, struct str *name, struct str *version)
{
    const char *dash = word.len ? memrchr(word.p, '-', word.len) : NULL;

    if (!dash || dash == word.p)
        return false;
    dash = memrchr(word.p, '-', (size_t)(dash - word.p));
    if (!dash || dash == word.p)
        return false;
    *name = str_range(word.p, dash);
    *version = str_range(dash + 1, word.p + word.len);
    return version->len && char_is_digit(version->p[0]);
}

/* "ii" (installed), "hi" (held): dpkg -l's first column. */
static bool is_dpkg_status(struct str word)
{
    return (word.len == 2 || word.len == 3) && strchr("uirph", word.p[0]) && word.p[1] == 'i';
}

static void read_line(struct gather *g, const struct scan *scan)
{
    struct str rest = scan->line, first, second, third, name, version;

    if (!str_word(&rest, &first))
        return;
    if (!str_word(&rest, &second)) {
        if (split_rpm(first, &name, &version))
            add(g, scan->number, name, version);
        return;
    }
    if (is_dpkg_status(first)) {
        if (str_word(&rest, &third))
            add(g, scan->number, second, third);
        return;
    }
    if (char_is_digit(second.p[0]))
        add(g, scan->number, first, second); /* dpkg-query -W, or rpm with a format of one's own */
}

int packages_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;

    if (denied_note(node, source, text, "which packages are installed", "package"))
        return 0;
    gather_init(&gather, node, source);
    while (scan_next(&scan) && gather.rows.count < PACKAGES_MAX)
        read_line(&gather, &scan);
    return gather_done(&gather, err);
}

bool packages_looks_like(struct str text)
{
    return str_starts(text, "Desired=Unknown/Install");
}

/* "MLNX_OFED_LINUX-23.10-1.1.9.0:", "OFED-internal-24.10-0.7.0:", "DOCA-..." */
int ofed_info_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;

    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        struct str line = str_trim(scan.line);

        if (line.len && line.p[line.len - 1] == ':')
            line.len--;
        if (!line.len || line.len > SCAN_NAME_MAX || memchr(line.p, ' ', line.len) ||
            !memchr(line.p, '-', line.len))
            continue;
        gather_text(&gather, GATHER_HOST, FACT_CONFIG, scan.number, STR("ofed.version"), line);
        break;
    }
    return gather_done(&gather, err);
}

bool ofed_info_looks_like(struct str text)
{
    return str_starts(text, "MLNX_OFED_LINUX-") || str_starts(text, "OFED-internal-");
}
