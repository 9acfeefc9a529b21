/* fleetgen/text_cpu - lscpu, numactl -H, meminfo, and the one-line files about CPUs. */
#include "texts.h"

static int cpu_count(const struct host_facts *host)
{
    return host->sockets * host->cores * host->threads;
}

/* Linux numbers the first threads of all cores, then the second ones. */
static bool cpu_in_node(const struct host_facts *host, int cpu, int node)
{
    int cores = host->sockets * host->cores;

    return cpu != host->cpu_lost && (node < 0 || cpu % cores / (cores / host->nodes) == node);
}

void text_cpu_list(const struct host_facts *host, int node, struct buf *out)
{
    int count = cpu_count(host);
    bool first = true;

    for (int cpu = 0; cpu < count; cpu++) {
        int last = cpu;

        if (!cpu_in_node(host, cpu, node))
            continue;
        while (last + 1 < count && cpu_in_node(host, last + 1, node))
            last++;
        buf_printf(out, last > cpu ? "%s%d-%d" : "%s%d", first ? "" : ",", cpu, last);
        first = false;
        cpu = last;
    }
}

static void vulnerabilities(const struct host_facts *host, struct buf *out)
{
    bool on = str_is(str_of(host->mitigations), "on");

    buf_puts(out, "Vulnerability Itlb multihit:             Not affected\n"
                  "Vulnerability L1tf:                      Not affected\n"
                  "Vulnerability Mds:                       Not affected\n"
                  "Vulnerability Meltdown:                  Not affected\n");
    buf_printf(out, "Vulnerability Spec store bypass:         %s\n",
               on ? "Mitigation; Speculative Store Bypass disabled via prctl and seccomp"
                  : "Vulnerable");
    buf_printf(out, "Vulnerability Spectre v1:                %s\n",
               on ? "Mitigation; usercopy/swapgs barriers and __user pointer sanitization"
                  : "Vulnerable: __user pointer sanitization and usercopy barriers only; no "
                    "swapgs barriers");
    buf_printf(out, "Vulnerability Spectre v2:                %s\n",
               on ? "Mitigation; Enhanced IBRS; IBPB conditional; RSB filling" : "Vulnerable");
    buf_puts(out, "Vulnerability Srbds:                     Not affected\n"
                  "Vulnerability Tsx async abort:           Not affected\n");
}

void text_lscpu(const struct text_input *in, struct buf *out)
{
    const struct host_facts *host = in->host;
    bool arm = host->maker == CPU_ARM;
    struct rng rng = noise_rng(in->noise, 0x10);

    buf_printf(out, "Architecture:                            %s\n", arm ? "aarch64" : "x86_64");
    buf_puts(out, "CPU op-mode(s):                          32-bit, 64-bit\n"
                  "Byte Order:                              Little Endian\n");
    buf_printf(out, "CPU(s):                                  %d\n", cpu_count(host));
    buf_puts(out, "On-line CPU(s) list:                     ");
    text_cpu_list(host, -1, out);
    buf_puts(out, "\n");
    if (host->cpu_lost >= 0)
        buf_printf(out, "Off-line CPU(s) list:                    %d\n", host->cpu_lost);
    buf_printf(out, "Vendor ID:                               %s\n", host->vendor_id);
    buf_printf(out, "Model name:                              %s\n", host->cpu_model);
    if (!arm) {
        buf_printf(out, "CPU family:                              %d\n", host->family);
        buf_printf(out, "Model:                                   %d\n", host->model_number);
    }
    buf_printf(out, "Thread(s) per core:                      %d\n", host->threads);
    buf_printf(out, "Core(s) per socket:                      %d\n", host->cores);
    buf_printf(out, "Socket(s):                               %d\n", host->sockets);
    if (!arm) {
        buf_printf(out, "Stepping:                                %d\n", host->stepping);
        if (host->maker == CPU_AMD)
            buf_printf(out, "Frequency boost:                         %s\n",
                       host->boost ? "enabled" : "disabled");
        buf_printf(out, "CPU(s) scaling MHz:                      %d%%\n",
                   40 + (int)rng_below(&rng, 50));
    }
    buf_printf(out, "CPU max MHz:                             %d.0000\n", host->max_mhz);
    buf_printf(out, "CPU min MHz:                             %d.0000\n", arm ? 81 : 800);
    if (host->maker == CPU_INTEL)
        buf_puts(out, "Virtualization:                          VT-x\n");
    if (host->maker == CPU_AMD)
        buf_puts(out, "Virtualization:                          AMD-V\n");
    buf_printf(out, "L3 cache:                                %d MiB (%d instances)\n",
               host->l3_mb * host->sockets, host->sockets);
    buf_printf(out, "NUMA node(s):                            %d\n", host->nodes);
    for (int node = 0; node < host->nodes; node++) {
        buf_printf(out, "NUMA node%d CPU(s):                       ", node);
        text_cpu_list(host, node, out);
        buf_puts(out, "\n");
    }
    vulnerabilities(host, out);
}

long long text_memory_kb(const struct host_facts *host)
{
    int dimms = host->dimm_slots - (host->dimm_missing >= 0);

    return (long long)dimms * host->dimm_gb * 1024 * 1024 * 63 / 64;
}

void text_numactl(const struct text_input *in, struct buf *out)
{
    const struct host_facts *host = in->host;
    struct rng rng = noise_rng(in->noise, 0x11);
    int per_node = host->dimm_slots / host->nodes > 0 ? host->dimm_slots / host->nodes : 1;

    buf_printf(out, "available: %d nodes (0-%d)\n", host->nodes, host->nodes - 1);
    for (int node = 0; node < host->nodes; node++) {
        long long mb = (long long)per_node * host->dimm_gb * 1024 * 63 / 64;

        if (host->dimm_missing >= 0 && host->dimm_missing / per_node == node)
            mb -= host->dimm_gb * 1024LL * 63 / 64;
        buf_printf(out, "node %d cpus:", node);
        for (int cpu = 0; cpu < cpu_count(host); cpu++)
            if (cpu_in_node(host, cpu, node))
                buf_printf(out, " %d", cpu);
        buf_printf(out, "\nnode %d size: %lld MB\nnode %d free: %lld MB\n", node, mb, node,
                   mb - 2000 - (long long)rng_below(&rng, 4000));
    }
    buf_puts(out, "node distances:\nnode ");
    for (int node = 0; node < host->nodes; node++)
        buf_printf(out, "%4d ", node);
    for (int row = 0; row < host->nodes; row++) {
        buf_printf(out, "\n%3d: ", row);
        for (int node = 0; node < host->nodes; node++) {
            int per_socket = host->nodes / host->sockets > 0 ? host->nodes / host->sockets : 1;

            buf_printf(out, "%4d ",
                       node == row                             ? 10
                       : node / per_socket == row / per_socket ? 12
                       : host->maker == CPU_INTEL              ? 21
                                                               : 32);
        }
    }
    buf_puts(out, "\n");
}

void text_meminfo(const struct text_input *in, struct buf *out)
{
    long long total = text_memory_kb(in->host);
    struct rng rng = noise_rng(in->noise, 0x12);
    long long used = 20000000 + (long long)rng_below(&rng, 8000000);

    buf_printf(out, "MemTotal:       %lld kB\n", total);
    buf_printf(out, "MemFree:        %lld kB\n", total - used);
    buf_printf(out, "MemAvailable:   %lld kB\n", total - used / 2);
    buf_printf(out, "SwapTotal:      %8d kB\n", in->host->swap ? 8388604 : 0);
    buf_printf(out, "SwapFree:       %8d kB\n", in->host->swap ? 8388604 : 0);
    buf_printf(out, "HugePages_Total:   %5d\n", in->host->hugepages);
    buf_printf(out, "HugePages_Free:    %5d\n", in->host->hugepages);
    buf_puts(out, "HugePages_Rsvd:        0\nHugePages_Surp:        0\n"
                  "Hugepagesize:       2048 kB\n");
}

void text_governor(const struct text_input *in, struct buf *out)
{
    buf_printf(out, "%s\n", in->host->governor);
}

void text_idle_driver(const struct text_input *in, struct buf *out)
{
    buf_printf(out, "%s\n",
               !in->host->cstates_deep        ? "none"
               : in->host->maker == CPU_INTEL ? "intel_idle"
                                              : "acpi_idle");
}

void text_thp(const struct text_input *in, struct buf *out)
{
    static const char *const modes[] = {"always", "madvise", "never"};

    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        bool on = str_is(str_of(in->host->thp), modes[i]);

        buf_printf(out, "%s%s%s%s", i ? " " : "", on ? "[" : "", modes[i], on ? "]" : "");
    }
    buf_puts(out, "\n");
}
