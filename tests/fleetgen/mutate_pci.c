/* fleetgen/mutate_pci - settings of PCI functions and what moves with them. */
#include "mutate_rows.h"

/* `which` picks the device of a fault that has one: GPU or NIC number, modulo what there is. */
static struct function *gpu_of(struct machine *machine, int which)
{
    return &machine->functions[machine->gpus[which % machine->gpu_count]];
}

static struct function *nic_of(struct machine *machine, int which)
{
    return &machine->functions[machine->nics[which % machine->nic_count]];
}

static int index_of(const struct machine *machine, const struct function *function)
{
    return (int)(function - machine->functions);
}

static struct function *port_of(struct machine *machine, const struct function *function)
{
    return &machine->functions[function->parent];
}

static bool is_gpu_or_nic(const struct function *function)
{
    return function->type->role == ROLE_GPU || function->type->role == ROLE_NIC;
}

/* Bits of ACSCtl on every port that can do them, `wanted` only where redirect can be set at all. */
static void set_acs(struct machine *machine, int root, unsigned bits, bool redirect_only)
{
    for (int i = 0; i < machine->count; i++) {
        struct function *function = &machine->functions[i];

        if (!function->type->acs_cap || (root >= 0 && function->root != root))
            continue;
        if (redirect_only && !(function->type->acs_cap & 0x0c))
            continue;
        function->acs_ctl |= (uint8_t)(bits & function->type->acs_cap);
    }
}

static void acs_redirect(struct machine *machine, int which)
{
    (void)which;
    set_acs(machine, -1, 0x1d, true);
}

static void acs_partial(struct machine *machine, int which)
{
    set_acs(machine, gpu_of(machine, which)->root, 0x0c, true);
}

static void acs_source_valid(struct machine *machine, int which)
{
    (void)which;
    set_acs(machine, -1, 0x01, true);
}

static void acs_upstream_forward(struct machine *machine, int which)
{
    (void)which;
    set_acs(machine, -1, 0x10, true);
}

/* The kernel asks for ACS as soon as it finds an IOMMU, gives groups, and turns ATS on. */
static void iommu_on(struct machine *machine, int which)
{
    struct host_facts *host = &machine->host;

    (void)which;
    set_acs(machine, -1, 0x1d, false);
    for (int i = 0; i < machine->count; i++)
        if (machine->functions[i].type->caps & CAP_ATS)
            machine->functions[i].ats = true;
    host->iommu = host->translated = true;
    host->interrupt_remapping = host->maker != CPU_ARM;
    host->cmdline_drop = "iommu=pt iommu.passthrough=1";
}

static void iommu_off(struct machine *machine, int which)
{
    struct host_facts *host = &machine->host;

    (void)which;
    host->iommu = host->interrupt_remapping = false;
    host->cmdline_drop = "amd_iommu=on iommu=pt";
    host->cmdline_extra[0] = "amd_iommu=off";
    host->cmdline_extra[1] = "iommu=off";
    host->cpu_lost = host->sockets * host->cores * host->threads - 17;
}

static void osc_refused(struct machine *machine, int which)
{
    (void)which;
    machine->host.osc_refused = "AER LTR DPC";
}

static void gpu_width(struct machine *machine, int which)
{
    struct function *gpu = gpu_of(machine, which);

    machine_set_link(machine, index_of(machine, gpu), gpu->link_speed, 8);
}

static void nic_width(struct machine *machine, int which)
{
    struct function *nic = nic_of(machine, which);

    machine_set_link(machine, index_of(machine, nic), nic->link_speed, 8);
}

static void nic_speed(struct machine *machine, int which)
{
    struct function *nic = nic_of(machine, which);

    machine_set_link(machine, index_of(machine, nic), nic->link_speed - 1, nic->link_width);
}

/* A BIOS limit for the slots: target speed in the root ports, the links below come up at it. */
static void gen_limit(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->count; i++) {
        struct function *port = &machine->functions[i];

        if (port->type->express != EXPRESS_ROOT || port->link_speed < 4 || port->link_width < 8)
            continue;
        port->link_target = 3;
        for (int j = i + 1; j < machine->count; j++)
            if (machine->functions[j].parent == i)
                machine_set_link(machine, j, 3, port->link_width);
    }
}

static void target_stuck(struct machine *machine, int which)
{
    struct function *nic = nic_of(machine, which);

    port_of(machine, nic)->link_target = 1;
    machine_set_link(machine, index_of(machine, nic), 1, nic->link_width);
}

static void slot_narrow(struct machine *machine, int which)
{
    struct function *nic = nic_of(machine, which);

    port_of(machine, nic)->cap_width = 4;
    machine_set_link(machine, index_of(machine, nic), nic->link_speed, 4);
}

static void lane_errors(struct machine *machine, int which)
{
    port_of(machine, gpu_of(machine, which))->lane_errors = 0x00f0;
    gpu_of(machine, which)->lane_errors = 0x00f0;
}

static void correctable(struct machine *machine, int which)
{
    nic_of(machine, which)->correctable = 0x11c1; /* RxErr BadTLP BadDLLP Rollover Timeout */
    machine->host.aer_noise = 12;
}

static void uncorrectable(struct machine *machine, int which)
{
    nic_of(machine, which)->uncorrectable = 0x00014000; /* CmpltTO UnxCmplt */
}

static void acs_violation(struct machine *machine, int which)
{
    port_of(machine, nic_of(machine, which))->uncorrectable = 0x00200000;
}

static void dpc_triggered(struct machine *machine, int which)
{
    port_of(machine, gpu_of(machine, which))->dpc_triggered = true;
}

static void payload_128(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->count; i++)
        machine->functions[i].payload = 0;
    machine->host.cmdline_extra[0] = "pci=pcie_bus_peer2peer";
}

static void payload_mismatch(struct machine *machine, int which)
{
    nic_of(machine, which)->payload = 0;
}

static void read_request_512(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->nic_count; i++)
        machine->functions[machine->nics[i]].request = 2;
}

/* Clear (`set` false) or set bits of DevCtl on all GPUs and NICs. */
static void change_dev_ctl(struct machine *machine, unsigned bits, bool set)
{
    for (int i = 0; i < machine->count; i++) {
        struct function *function = &machine->functions[i];

        if (is_gpu_or_nic(function))
            function->dev_ctl =
                (uint16_t)(set ? function->dev_ctl | bits : function->dev_ctl & ~bits);
    }
}

static void change_dev_ctl2(struct machine *machine, unsigned clear, unsigned set)
{
    for (int i = 0; i < machine->count; i++) {
        struct function *function = &machine->functions[i];

        if (is_gpu_or_nic(function))
            function->dev_ctl2 = (uint16_t)((function->dev_ctl2 & ~clear) | set);
    }
}

static void relaxed_off(struct machine *machine, int which)
{
    (void)which;
    change_dev_ctl(machine, 0x0010, false);
}

static void tags_off(struct machine *machine, int which)
{
    (void)which;
    change_dev_ctl(machine, 0x0100, false);
}

static void ten_bit_off(struct machine *machine, int which)
{
    (void)which;
    change_dev_ctl2(machine, 0x1000, 0);
}

static void no_snoop_on(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->gpu_count; i++)
        machine->functions[machine->gpus[i]].dev_ctl |= 0x0800;
}

static void completion_timeout(struct machine *machine, int which)
{
    (void)which;
    change_dev_ctl2(machine, 0x000f, 0x0001);
}

/* ASPM shows at both ends of the links that can do it, with the substates and clock power where
 * there are any. */
static void aspm_on(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->count; i++) {
        struct function *function = &machine->functions[i];

        if (!(function->type->aspm & 2) || !function->link_speed)
            continue;
        function->link_ctl |= 0x0002;
        if (function->type->role == ROLE_GPU)
            function->link_ctl |= 0x0100;
        if (function->type->caps & CAP_L1SS)
            function->l1ss_ctl = 0x4096000f;
    }
}

static void clock_pm(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->gpu_count; i++)
        machine->functions[machine->gpus[i]].link_ctl |= 0x0100;
}

static void l1_substates(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->count; i++)
        if (machine->functions[i].type->caps & CAP_L1SS)
            machine->functions[i].l1ss_ctl = 0x4096000f;
}

static void atomic_blocked(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->count; i++)
        if (machine->functions[i].type->express == EXPRESS_DOWN)
            machine->functions[i].dev_ctl2 |= 0x0080;
}

static void ecrc_on(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->count; i++)
        if ((machine->functions[i].type->caps & CAP_AER) && machine->functions[i].type->speed)
            machine->functions[i].aer_ctl = 0x0140;
}

static void bus_master_off(struct machine *machine, int which)
{
    nic_of(machine, which)->command &= (uint16_t)~0x0004;
}

static void device_d3(struct machine *machine, int which)
{
    nic_of(machine, which)->power_state = 3;
}

/* The port stays, its link is down. */
static void take_out(struct machine *machine, struct function *function)
{
    machine_set_link(machine, index_of(machine, function), 0, 0);
    function->absent = true;
}

static void missing_gpu(struct machine *machine, int which)
{
    take_out(machine, gpu_of(machine, which));
}

static void missing_nic(struct machine *machine, int which)
{
    take_out(machine, nic_of(machine, which));
}

static void missing_nvme(struct machine *machine, int which)
{
    int left = which % 4;

    for (int i = 0; i < machine->count; i++) {
        if (machine->functions[i].type->role == ROLE_NVME && left-- == 0) {
            take_out(machine, &machine->functions[i]);
            return;
        }
    }
}

static void extra_device(struct machine *machine, int which)
{
    const struct function_type *port_type = NULL, *nvme_type = NULL;
    int port;

    (void)which;
    for (int i = 0; i < machine->count; i++) {
        if (machine->functions[i].type->role == ROLE_NVME)
            nvme_type = machine->functions[i].type;
        if (machine->functions[i].type->express == EXPRESS_ROOT && !port_type)
            port_type = machine->functions[i].type;
    }
    if (!nvme_type || !port_type)
        return;
    port = machine_add(machine, port_type, 0, -1, 0x11, 0, "extra.root");
    machine_add(machine, nvme_type, 0, port, 0, 0, "extra.nvme");
}

static void gpu_revision(struct machine *machine, int which)
{
    gpu_of(machine, which)->rev = 0xa0;
}

static void bar1_small(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->gpu_count; i++)
        machine->functions[machine->gpus[i]].bar_bits[2] = 28;
}

static void ecam_missing(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->count; i++)
        machine->functions[i].no_extended = true;
    machine->host.ecam_missing = true;
}

static void more_numa_nodes(struct machine *machine, int which)
{
    int times = machine->host.maker == CPU_INTEL ? 2 : 4;

    (void)which;
    machine->host.nodes *= times;
    for (int i = 0; i < machine->count; i++) {
        struct function *function = &machine->functions[i];

        if (function->numa >= 0)
            function->numa = (int8_t)(function->numa * times + function->root % times);
    }
}

static void numa_unknown(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->count; i++)
        machine->functions[i].numa = -1;
}

static void ats_on(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->nic_count; i++)
        machine->functions[machine->nics[i]].ats = true;
}

/* Enabling VFs makes the kernel turn ARI forwarding on in the port above. */
static void sriov_on(struct machine *machine, int which)
{
    (void)which;
    for (int i = 0; i < machine->nic_count; i++) {
        struct function *nic = &machine->functions[machine->nics[i]];

        nic->vfs = 8;
        port_of(machine, nic)->dev_ctl2 |= 0x0020;
    }
}

const struct mutation mutations_pci[] = {
    {"ACS_REDIRECT", 1, MODEL_ALL, 0.48, "lspci", "ACSCtl:", "ACS on in the BIOS", acs_redirect},
    {"ACS_PARTIAL", 2, MODEL_ALL, 0.8, "lspci", "ACSCtl:", "ACS left on below one root port",
     acs_partial},
    {"ACS_SRCVALID", 3, MODEL_HGX, 1, "lspci", "ACSCtl:", "SrcValid only: harmless",
     acs_source_valid},
    {"ACS_UPSTREAMFWD", 4, MODEL_ALL, 1, "lspci", "ACSCtl:", "UpstreamFwd only: harmless",
     acs_upstream_forward},
    {"IOMMU_ON", 9, MODEL_ALL, 0.5, "lspci dmesg cmdline", "ACSCtl:|ATSCtl:|" HOST_LINES,
     "VT-d/AMD-Vi translates", iommu_on},
    {"IOMMU_OFF_LOST_CPU", 10, EPYC, 0.93, "lspci dmesg cmdline lscpu numactl nvidia-topo",
     "GPU|" HOST_LINES, "iommu=off on 256 threads loses a CPU", iommu_off},
    {"OSC_AER_REFUSED", 11, MODEL_ALL, 1, "dmesg", "_OSC", "firmware keeps AER, LTR and DPC",
     osc_refused},
    {"GPU_WIDTH_X8", 17, MODEL_ALL, 0.55, "lspci nvidia-smi", "LnkSta:|Current",
     "a GPU's link at x8", gpu_width},
    {"NIC_WIDTH_X8", 17, MODEL_ALL, 0.6, "lspci dmesg", "LnkSta:|PCIe bandwidth",
     "a NIC's link at x8", nic_width},
    {"NIC_SPEED_LOW", 18, MODEL_ALL, 0.6, "lspci dmesg",
     "LnkSta:|PCIe bandwidth|Equalization|Physical Layer", "a NIC's link one generation down",
     nic_speed},
    {"SLOT_NARROW", 19, MODEL_ALL, 0.35, "lspci dmesg", "LnkCap:|LnkSta:|PCIe bandwidth",
     "a NIC in a slot wired x4", slot_narrow},
    {"TARGET_SPEED_STUCK", 20, MODEL_ALL, 0.1, "lspci dmesg",
     "LnkSta:|LnkCtl2:|PCIe bandwidth|Equalization", "a port's target speed stuck at 2.5GT/s",
     target_stuck},
    {"LINK_GEN_LIMIT", 22, MODEL_ALL, 0.4, "lspci dmesg nvidia-smi",
     "LnkSta:|LnkCtl2:|PCIe bandwidth|Current", "BIOS limits the slots to Gen3", gen_limit},
    {"LANE_ERRORS", 26, MODEL_ALL, 0.9, "lspci", "LaneErrStat", "lane errors at a GPU",
     lane_errors},
    {"CORRECTABLE_ERRORS", 29, MODEL_ALL, 0.85, "lspci dmesg",
     "CESta:|AER|Bus Error|error status|[12]", "replays at a NIC", correctable},
    {"UNCORRECTABLE_ERRORS", 30, MODEL_ALL, 0.7, "lspci", "UESta:", "completion timeouts at a NIC",
     uncorrectable},
    {"ACS_VIOLATION", 31, MODEL_ALL, 0.7, "lspci", "UESta:", "ACS violation at a NIC's port",
     acs_violation},
    {"DPC_TRIGGERED", 32, MODEL_ALL, 0.1, "lspci", "DpcSta:", "a GPU's port is contained",
     dpc_triggered},
    {"MPS_128", 33, MODEL_ALL, 0.88, "lspci dmesg cmdline", "MaxPayload|ommand line|BOOT_IMAGE",
     "MaxPayload 128 on all", payload_128},
    {"MPS_MISMATCH", 33, MODEL_ALL, 0.9, "lspci", "MaxPayload",
     "a NIC's MaxPayload below its port's", payload_mismatch},
    {"MRRS_512", 34, MODEL_ALL, 0.75, "lspci", "MaxReadReq", "NICs read 512 bytes at a time",
     read_request_512},
    {"RELAXED_ORDERING_OFF", 37, MODEL_ALL, 0.7, "lspci", "RlxdOrd", "relaxed ordering off",
     relaxed_off},
    {"EXTTAG_OFF", 40, MODEL_ALL, 0.7, "lspci", "ExtTag", "extended tags off", tags_off},
    {"TENBIT_TAGS_OFF", 41, MODEL_ALL, 0.85, "lspci", "DevCtl2:", "10-bit tags off", ten_bit_off},
    {"ASPM_ON", 42, NOT_ARM, 0.9, "lspci", "LnkCtl:|ClockPM|L1SubCtl1|LTR1.2", "ASPM L1 enabled",
     aspm_on},
    {"L1SS_ON", 43, EPYC, 0.95, "lspci", "L1SubCtl1|LTR1.2", "L1 substates enabled", l1_substates},
    {"CLOCK_PM_ON", 44, MODEL_ALL, 0.97, "lspci", "ClockPM", "clock power management on", clock_pm},
    {"ATOMIC_EGRESS_BLOCKED", 47, NOT_ARM, 0.9, "lspci", "AtomicOpsCtl", "switches block atomics",
     atomic_blocked},
    {"NO_SNOOP_ON", 48, MODEL_ALL, 1, "lspci", "NoSnoop", "GPUs may skip snoops", no_snoop_on},
    {"COMPLETION_TIMEOUT", 49, MODEL_ALL, 1, "lspci", "DevCtl2:", "short completion timeout",
     completion_timeout},
    {"ECRC_ON", 50, MODEL_ALL, 0.98, "lspci", "ECRCGenEn", "end-to-end CRC on", ecrc_on},
    {"BUS_MASTER_OFF", 51, MODEL_ALL, 0.5, "lspci",
     "Control:|Latency:", "a NIC without bus mastering", bus_master_off},
    {"DEVICE_D3", 52, MODEL_ALL, 0.5, "lspci", "Status:", "a NIC asleep", device_d3},
    {"MISSING_GPU", 53, MODEL_ALL, 0.1, "lspci dmesg nvidia-smi nvidia-topo nvlink", "*",
     "a GPU is not there", missing_gpu},
    {"MISSING_NIC", 53, MODEL_ALL, 0.8, "lspci dmesg nvidia-topo ibstat ibv_devinfo", "*",
     "a NIC is not there", missing_nic},
    {"MISSING_NVME", 53, MODEL_ALL, 1, "lspci dmesg", "*", "an NVMe drive is not there",
     missing_nvme},
    {"EXTRA_DEVICE", 54, MODEL_ALL, 1, "lspci dmesg", "*", "one NVMe drive too many", extra_device},
    {"GPU_REVISION", 54, MODEL_ALL, 1, "lspci", "(rev a", "a GPU of another revision",
     gpu_revision},
    {"BAR1_SMALL", 56, MODEL_ALL, 0.5, "lspci dmesg nvidia-smi", "Region|behind bridge|BAR|MiB",
     "Resizable BAR off: BAR1 256M", bar1_small},
    {"ECAM_MISSING", 59, NOT_ARM, 1, "lspci dmesg", "*", "no extended config space", ecam_missing},
    {"NPS4", 61, NOT_ARM, 0.65, "lspci dmesg lscpu numactl nvidia-topo",
     "NUMA node|node|GPU|NIC|Brought|available|:   ", "more NUMA nodes per socket (NPS4, SNC)",
     more_numa_nodes},
    {"NUMA_UNKNOWN", 63, MODEL_ALL, 0.85, "lspci nvidia-topo", "NUMA node|GPU|NIC",
     "devices without NUMA node", numa_unknown},
    {"SRIOV_ON", 80, MODEL_ALL, 0.95, "lspci", "IOVCtl|VFs|ARIFwd",
     "8 virtual functions on each NIC", sriov_on},
    {"ATS_ON", 110, MODEL_ALL, 0.9, "lspci", "ATSCtl", "ATS on at the NICs", ats_on},
};
const size_t mutations_pci_count = ARRAY_LEN(mutations_pci);
