/* fleetgen/text_smi - nvidia-smi -q, topo -m and nvlink -s. */
#include "texts.h"

#include <stdarg.h>
#include <stdio.h>

static void blanks(struct buf *out, int count)
{
    static const char spaces[] = "                                                        ";

    buf_add(out, spaces, (size_t)count);
}

/* "        Key                                 : value": nvidia-smi pads keys to column 55. This is
 * most of a node's lines, hence no printf where the value is a literal. */
__attribute__((format(printf, 4, 5))) static void row(struct buf *out, int depth, const char *key,
                                                      const char *format, ...)
{
    int len = (int)strlen(key);

    blanks(out, depth * 4);
    buf_add(out, key, (size_t)len);
    blanks(out, 55 - depth * 4 - len);
    buf_add(out, ": ", 2);
    if (strchr(format, '%')) {
        char value[160];
        va_list args;

        va_start(args, format);
        vsnprintf(value, sizeof(value), format, args);
        va_end(args);
        buf_puts(out, value);
    } else {
        buf_puts(out, format);
    }
    buf_add(out, "\n", 1);
}

static void title(struct buf *out, int depth, const char *text)
{
    blanks(out, depth * 4);
    buf_puts(out, text);
    buf_add(out, "\n", 1);
}

/* The same in all of a node's outputs: drawn for the GPU's place in the machine. */
static void uuid_text(const struct text_input *in, int gpu, char out[48])
{
    struct rng rng = noise_rng(in->noise, 0x700 + (uint64_t)gpu);
    uint64_t a = rng_next(&rng), b = rng_next(&rng);

    snprintf(out, 48, "GPU-%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xffff), (unsigned)(b >> 48),
             (unsigned long long)(b & 0xffffffffffff));
}

static void identity(const struct text_input *in, int place, int gpu, struct buf *out)
{
    const struct host_facts *host = in->host;
    struct rng rng = noise_rng(in->noise, 0x800 + (uint64_t)place);
    char uuid[48];

    uuid_text(in, place, uuid);
    row(out, 1, "Product Name", "%s", host->gpu_name);
    row(out, 1, "Product Brand", "NVIDIA");
    row(out, 1, "Product Architecture", "%s", host->gpu_arch);
    row(out, 1, "Display Mode", "Enabled");
    row(out, 1, "Display Active", "Disabled");
    row(out, 1, "Persistence Mode", "%s", host->persistence ? "Enabled" : "Disabled");
    row(out, 1, "Addressing Mode", "None");
    title(out, 1, "MIG Mode");
    row(out, 2, "Current", "%s", host->mig ? "Enabled" : "Disabled");
    row(out, 2, "Pending", "%s", host->mig ? "Enabled" : "Disabled");
    row(out, 1, "Accounting Mode", "Disabled");
    row(out, 1, "Accounting Mode Buffer Size", "4000");
    row(out, 1, "Serial Number", "165%010llu", (unsigned long long)rng_below(&rng, 10000000000ull));
    row(out, 1, "GPU UUID", "%s", uuid);
    row(out, 1, "Minor Number", "%d", gpu);
    row(out, 1, "VBIOS Version", "%s", gpu == host->gpu_odd ? host->vbios_odd : host->vbios);
    row(out, 1, "MultiGPU Board", "No");
    row(out, 1, "GPU Part Number", "%s", host->gpu_part);
    title(out, 1, "Inforom Version");
    row(out, 2, "Image Version", "G520.0200.00.05");
    row(out, 2, "OEM Object", "2.1");
    row(out, 2, "ECC Object", "7.16");
    row(out, 2, "Power Management Object", "N/A");
    row(out, 1, "GSP Firmware Version", "%s", host->module_driver);
}

static void pci(const struct text_input *in, int index, const char *bdf, struct rng *rng,
                struct buf *out)
{
    const struct function *function = &in->variant->machine.functions[index];
    struct bdf at = render_bdf(in->variant, &in->noise->lspci, index);

    title(out, 1, "PCI");
    row(out, 2, "Bus", "0x%02X", at.bus);
    row(out, 2, "Device", "0x%02X", at.device);
    row(out, 2, "Domain", "0x%04X", at.domain);
    row(out, 2, "Device Id", "0x%04X10DE", function->type->device);
    row(out, 2, "Bus Id", "0000%s", bdf);
    row(out, 2, "Sub System Id", "0x%04X10DE", function->type->subdevice);
    title(out, 2, "GPU Link Info");
    title(out, 3, "PCIe Generation");
    row(out, 4, "Max", "%d", in->host->pcie_gen);
    row(out, 4, "Current", "%d", function->link_speed);
    row(out, 4, "Device Current", "%d", function->link_speed);
    row(out, 4, "Device Max", "%d", in->host->pcie_gen);
    row(out, 4, "Host Max", "%d", in->host->pcie_gen);
    title(out, 3, "Link Width");
    row(out, 4, "Max", "16x");
    row(out, 4, "Current", "%dx", function->link_width);
    row(out, 2, "Replays Since Reset", "0");
    row(out, 2, "Replay Number Rollovers", "0");
    row(out, 2, "Tx Throughput", "%d KB/s", (int)rng_below(rng, 900));
    row(out, 2, "Rx Throughput", "%d KB/s", (int)rng_below(rng, 900));
}

static void throttle(const struct text_input *in, int gpu, struct buf *out)
{
    bool hot = gpu == in->host->throttled_gpu;

    row(out, 1, "Performance State", "P0");
    title(out, 1, "Clocks Event Reasons");
    row(out, 2, "Idle", "Not Active");
    row(out, 2, "Applications Clocks Setting", "Not Active");
    row(out, 2, "SW Power Cap", "Not Active");
    row(out, 2, "HW Slowdown", "%s", hot ? "Active" : "Not Active");
    row(out, 3, "HW Thermal Slowdown", "%s", hot ? "Active" : "Not Active");
    row(out, 3, "HW Power Brake Slowdown", "Not Active");
    row(out, 2, "Sync Boost", "Not Active");
    row(out, 2, "SW Thermal Slowdown", "Not Active");
    row(out, 2, "Display Clock Setting", "Not Active");
}

static void memory(const struct text_input *in, int index, struct buf *out)
{
    const struct host_facts *host = in->host;
    int bar1 = 1 << (in->variant->machine.functions[index].bar_bits[2] - 20);

    title(out, 1, "FB Memory Usage");
    row(out, 2, "Total", "%d MiB", host->gpu_fb_mib);
    row(out, 2, "Reserved", "551 MiB");
    row(out, 2, "Used", "1 MiB");
    row(out, 2, "Free", "%d MiB", host->gpu_fb_mib - 552);
    title(out, 1, "BAR1 Memory Usage");
    row(out, 2, "Total", "%d MiB", bar1);
    row(out, 2, "Used", "1 MiB");
    row(out, 2, "Free", "%d MiB", bar1 - 1);
    row(out, 1, "Compute Mode", "Default");
    title(out, 1, "ECC Mode");
    row(out, 2, "Current", "%s", host->ecc ? "Enabled" : "Disabled");
    row(out, 2, "Pending", "%s", host->ecc ? "Enabled" : "Disabled");
}

static void errors(const struct text_input *in, int gpu, struct buf *out)
{
    static const char *const counters[] = {"SRAM Correctable", "SRAM Uncorrectable Parity",
                                           "SRAM Uncorrectable SEC-DED", "DRAM Correctable",
                                           "DRAM Uncorrectable"};
    bool pending = gpu == in->host->remap_pending_gpu;

    title(out, 1, "ECC Errors");
    for (int aggregate = 0; aggregate < 2; aggregate++) {
        title(out, 2, aggregate ? "Aggregate" : "Volatile");
        for (size_t i = 0; i < ARRAY_LEN(counters); i++)
            row(out, 3, counters[i], "%s", in->host->ecc ? pending && i == 4 ? "1" : "0" : "N/A");
    }
    title(out, 1, "Remapped Rows");
    row(out, 2, "Correctable Error", "0");
    row(out, 2, "Uncorrectable Error", "%d", pending);
    row(out, 2, "Pending", "%s", pending ? "Yes" : "No");
    row(out, 2, "Remapping Failure Occurred", "No");
}

static void heat(const struct text_input *in, int gpu, struct rng *rng, struct buf *out)
{
    const struct host_facts *host = in->host;
    int temperature = (gpu == host->throttled_gpu ? 88 : 28) + (int)rng_below(rng, 8);
    int watt = 65 + (int)rng_below(rng, 20);

    title(out, 1, "Temperature");
    row(out, 2, "GPU Current Temp", "%d C", temperature);
    row(out, 2, "GPU T.Limit Temp", "%d C", 90 - temperature);
    row(out, 2, "GPU Shutdown T.Limit Temp", "-8 C");
    row(out, 2, "GPU Slowdown T.Limit Temp", "-2 C");
    title(out, 1, "GPU Power Readings");
    row(out, 2, "Power Draw", "%d.%02d W", watt, (int)rng_below(rng, 100));
    row(out, 2, "Current Power Limit", "%d.00 W", host->gpu_power_w);
    row(out, 2, "Requested Power Limit", "%d.00 W", host->gpu_power_w);
    row(out, 2, "Default Power Limit", "%d.00 W", host->gpu_power_default_w);
    row(out, 2, "Min Power Limit", "200.00 W");
    row(out, 2, "Max Power Limit", "%d.00 W", host->gpu_power_default_w);
}

static void clocks(const struct text_input *in, int gpu, struct rng *rng, struct buf *out)
{
    const struct host_facts *host = in->host;
    bool hot = gpu == host->throttled_gpu;
    int now = hot ? 345 : host->gpu_sm_mhz;

    title(out, 1, "Clocks");
    row(out, 2, "Graphics", "%d MHz", now);
    row(out, 2, "SM", "%d MHz", now);
    row(out, 2, "Memory", "%d MHz", host->gpu_mem_mhz);
    row(out, 2, "Video", "%d MHz", 1200 + 15 * (int)rng_below(rng, 10));
    title(out, 1, "Max Clocks");
    row(out, 2, "Graphics", "%d MHz", host->gpu_sm_mhz);
    row(out, 2, "SM", "%d MHz", host->gpu_sm_mhz);
    row(out, 2, "Memory", "%d MHz", host->gpu_mem_mhz);
    row(out, 2, "Video", "1545 MHz");
    title(out, 1, "Fabric");
    if (host->nvlinks == 0) {
        row(out, 2, "State", "N/A");
        row(out, 2, "Status", "N/A");
    } else if (host->fabric_manager || host->maker == CPU_ARM) {
        row(out, 2, "State", "Completed");
        row(out, 2, "Status", "Success");
    } else {
        row(out, 2, "State", "In Progress");
        row(out, 2, "Status", "N/A");
    }
    row(out, 1, "Processes", "None");
}

void text_smi(const struct text_input *in, struct buf *out)
{
    const struct machine *machine = &in->variant->machine;
    struct rng rng = noise_rng(in->noise, 0x60);
    int present = 0, number = 0, second;

    if (in->host->api_mismatch) {
        buf_printf(out,
                   "Failed to initialize NVML: Driver/library version mismatch\n"
                   "NVML library version: %.*s\n",
                   6, in->host->driver);
        return;
    }
    for (int i = 0; i < machine->gpu_count; i++)
        present += text_is_present(in, machine->gpus[i]);
    buf_puts(out, "\n==============NVSMI LOG==============\n\n");
    second = (int)rng_below(&rng, 86400);
    row(out, 0, "Timestamp", "Wed Apr  8 %02d:%02d:%02d 2026", second / 3600, second / 60 % 60,
        second % 60);
    row(out, 0, "Driver Version", "%s", in->host->driver);
    row(out, 0, "CUDA Version", "%s", in->host->cuda);
    buf_puts(out, "\n");
    row(out, 0, "Attached GPUs", "%d", present);
    for (int i = 0; i < machine->gpu_count; i++) {
        char bdf[20];

        if (!text_is_present(in, machine->gpus[i]))
            continue;
        text_bdf(in, machine->gpus[i], bdf);
        buf_printf(out, "GPU 0000%s\n", bdf);
        identity(in, i, number, out);
        pci(in, machine->gpus[i], bdf, &rng, out);
        throttle(in, number, out);
        memory(in, machine->gpus[i], out);
        errors(in, number, out);
        heat(in, number, &rng, out);
        clocks(in, number, &rng, out);
        buf_puts(out, "\n");
        number++;
    }
}

static int bridges_up(const struct machine *machine, int index, int *chain)
{
    int count = 0;

    for (int at = machine->functions[index].parent; at >= 0; at = machine->functions[at].parent)
        chain[count++] = at;
    return count;
}

/* How nvidia-smi words the path between two functions. */
static const char *relation(const struct machine *machine, int a, int b)
{
    int up_a[16], up_b[16];
    int count_a = bridges_up(machine, a, up_a), count_b = bridges_up(machine, b, up_b);
    const struct function *fa = &machine->functions[a], *fb = &machine->functions[b];

    for (int i = 0; i < count_a; i++)
        for (int j = 0; j < count_b; j++)
            if (up_a[i] == up_b[j]) /* below one switch: PIX; more than one: PXB */
                return i + j <= 4 ? "PIX" : "PXB";
    if (fa->root == fb->root)
        return "PHB";
    return fa->numa == fb->numa ? "NODE" : "SYS";
}

void text_topo(const struct text_input *in, struct buf *out)
{
    const struct machine *machine = &in->variant->machine;
    int items[MACHINE_GPUS_MAX + MACHINE_NICS_MAX], gpus = 0, count = 0;

    for (int i = 0; i < machine->gpu_count; i++)
        if (text_is_present(in, machine->gpus[i]))
            items[count++] = machine->gpus[i];
    gpus = count;
    for (int i = 0; i < machine->nic_count; i++)
        if (text_is_present(in, machine->nics[i]))
            items[count++] = machine->nics[i];
    for (int i = 0; i < count; i++)
        buf_printf(out, "\t%s%d", i < gpus ? "GPU" : "NIC", i < gpus ? i : i - gpus);
    buf_puts(out, "\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\n");
    for (int i = 0; i < count; i++) {
        buf_printf(out, "%s%d", i < gpus ? "GPU" : "NIC", i < gpus ? i : i - gpus);
        for (int j = 0; j < count; j++) {
            if (i == j)
                buf_puts(out, "\t X ");
            else if (i < gpus && j < gpus && in->host->nvlinks > 0)
                buf_printf(out, "\tNV%d", in->host->nvlinks);
            else
                buf_printf(out, "\t%s", relation(machine, items[i], items[j]));
        }
        if (i < gpus) {
            int numa = machine->functions[items[i]].numa;

            buf_puts(out, "\t");
            text_cpu_list(in->host, numa, out);
            buf_printf(out, "\t%d\t\tN/A", numa);
        }
        buf_puts(out, "\n");
    }
    buf_puts(out,
             "\nLegend:\n\n  X    = Self\n"
             "  SYS  = Connection traversing PCIe as well as the SMP interconnect between NUMA "
             "nodes (e.g., QPI/UPI)\n"
             "  NODE = Connection traversing PCIe as well as the interconnect between PCIe Host "
             "Bridges within a NUMA node\n"
             "  PHB  = Connection traversing PCIe as well as a PCIe Host Bridge (typically the "
             "CPU)\n"
             "  PXB  = Connection traversing multiple PCIe bridges (without traversing the PCIe "
             "Host Bridge)\n"
             "  PIX  = Connection traversing at most a single PCIe bridge\n"
             "  NV#  = Connection traversing a bonded set of # NVLinks\n\nNIC Legend:\n\n");
    for (int i = gpus; i < count; i++)
        buf_printf(out, "  NIC%d: mlx5_%d\n", i - gpus, i - gpus);
}

void text_nvlink(const struct text_input *in, struct buf *out)
{
    const struct machine *machine = &in->variant->machine;
    const struct host_facts *host = in->host;
    int number = 0;

    for (int i = 0; i < machine->gpu_count && host->nvlinks > 0; i++) {
        char uuid[48];

        if (!text_is_present(in, machine->gpus[i]))
            continue;
        uuid_text(in, i, uuid);
        buf_printf(out, "GPU %d: %s (UUID: %s)\n", number, host->gpu_name, uuid);
        for (int link = 0; link < host->nvlinks; link++) {
            if (number == host->nvlink_dead_gpu && link == host->nvlink_dead_link)
                buf_printf(out, "\t Link %d: <inactive>\n", link);
            else
                buf_printf(out, "\t Link %d: %g GB/s\n", link, host->nvlink_gbs);
        }
        number++;
    }
}
