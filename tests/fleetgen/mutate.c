#include "mutate.h"

#include "base/str.h"

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

static void numa_balancing(struct machine *machine, int which)
{
    (void)which;
    machine->host.numa_balancing = true;
    machine->host.cmdline_drop = "numa_balancing=disable";
}

static void smt_off(struct machine *machine, int which)
{
    (void)which;
    machine->host.threads = 1;
}

static void c_states(struct machine *machine, int which)
{
    (void)which;
    machine->host.cstates_deep = true;
    machine->host.cmdline_drop = "intel_idle.max_cstate=0 processor.max_cstate=0";
}

static void dimm_missing(struct machine *machine, int which)
{
    machine->host.dimm_missing = which % machine->host.dimm_slots;
}

static void dimm_speed(struct machine *machine, int which)
{
    (void)which;
    machine->host.dimm_mts = machine->host.dimm_mts >= 4800 ? 4000 : 2666;
}

static void mitigations_off(struct machine *machine, int which)
{
    (void)which;
    machine->host.mitigations = "off";
    machine->host.cmdline_extra[0] = "mitigations=off";
}

static void vbios_old(struct machine *machine, int which)
{
    machine->host.gpu_odd = which % machine->gpu_count;
    machine->host.vbios_odd = "96.00.30.00.01";
}

static void api_mismatch(struct machine *machine, int which)
{
    (void)which;
    machine->host.api_mismatch = true;
    machine->host.module_driver = "535.183.01";
}

static void driver_version(struct machine *machine, int which)
{
    (void)which;
    machine->host.driver = machine->host.module_driver = "535.183.01";
    machine->host.cuda = "12.2";
}

static void nvlink_inactive(struct machine *machine, int which)
{
    machine->host.nvlink_dead_gpu = which % machine->gpu_count;
    machine->host.nvlink_dead_link = 5;
}

static void xid_79(struct machine *machine, int which)
{
    machine->host.xid_gpu = which % machine->gpu_count;
    machine->host.xid_code = 79;
}

static void xid_94(struct machine *machine, int which)
{
    machine->host.xid_gpu = which % machine->gpu_count;
    machine->host.xid_code = 94;
}

static void nic_firmware(struct machine *machine, int which)
{
    machine->host.nic_fw_odd = which % machine->nic_count;
    machine->host.nic_fw_odd_text = "28.36.1010";
}

static void ib_rate(struct machine *machine, int which)
{
    machine->host.nic_bad = which % machine->nic_count;
    machine->host.nic_bad_rate = machine->host.ib_rate / 2;
}

static void ib_width(struct machine *machine, int which)
{
    machine->host.nic_bad = which % machine->nic_count;
    machine->host.nic_bad_rate = machine->host.ib_rate / 4;
}

static void port_down(struct machine *machine, int which)
{
    machine->host.nic_bad = which % machine->nic_count;
    machine->host.nic_bad_down = true;
}

static void link_type(struct machine *machine, int which)
{
    machine->host.nic_bad = which % machine->nic_count;
    machine->host.nic_bad_eth = true;
}

static void throttled(struct machine *machine, int which)
{
    machine->host.throttled_gpu = which % machine->gpu_count;
}

static void remap_pending(struct machine *machine, int which)
{
    machine->host.remap_pending_gpu = which % machine->gpu_count;
}

/* One field of host_facts to one value. */
#define SET(name, field, value)                                                                    \
    static void name(struct machine *machine, int which)                                           \
    {                                                                                              \
        (void)which;                                                                               \
        machine->host.field = (value);                                                             \
    }

SET(governor, governor, "powersave")
SET(boost_off, boost, false)
SET(edac, edac_ce, 6)
SET(mce, mce, 2)
SET(bios_version, bios_version, "1.0.2")
SET(microcode, microcode, "0x2b000111")
SET(extra_token, cmdline_extra[0], "nohz_full=1-8")
SET(fabric_manager, fabric_manager, false)
SET(ecc_off, ecc, false)
SET(power_limit, gpu_power_w, machine->host.gpu_power_default_w * 5 / 7)
SET(persistence, persistence, false)
SET(mig_on, mig, true)
SET(peermem, peermem, false)
SET(proprietary, open_module, false)
SET(all_firmware, nic_fw, "28.35.2000")
SET(mtu, ib_mtu, 2048)
SET(ofed, ofed, "MLNX_OFED_LINUX-5.8-3.0.7.0")
SET(memlock, memlock_kb, 64)
SET(nofile, nofile, 1024)
SET(hugepages, hugepages, 8192)
SET(thp, thp, "always")
SET(kernel, kernel, "5.15.0-97-generic")
SET(swap, swap, true)
SET(irqbalance, irqbalance, true)
SET(zone_reclaim, zone_reclaim, 1)

#define NOT_ARM (MODEL_ALL & ~MODEL_GB200)
#define EPYC    (MODEL_AMD | MODEL_A100)
#define NVLINKS (MODEL_ALL & ~MODEL_AMD)
#define HGX     (MODEL_HGX | MODEL_A100)
#define HOST_LINES                                                                                 \
    "iommu|IOMMU|DMAR|AMD-Vi|ommand line|BOOT_IMAGE|x2apic|APIC ID|CPUs|CPU|cpus|Brought"

static const struct mutation mutations[] = {
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
    {"NUMA_BALANCING", 64, MODEL_ALL, 0.94, "sysctl cmdline dmesg",
     "numa_balancing|ommand line|BOOT_IMAGE", "NUMA balancing on", numa_balancing},
    {"SMT_OFF", 65, NOT_ARM, 0.96, "lscpu numactl dmesg nvidia-topo dmidecode",
     "CPU|Thread|cpus|GPU", "SMT off", smt_off},
    {"C_STATES", 67, NOT_ARM, 0.93, "idle cmdline dmesg", "idle|ommand line|BOOT_IMAGE|none",
     "deep C-states allowed", c_states},
    {"GOVERNOR_POWERSAVE", 70, MODEL_ALL, 0.9, "governor", "p", "governor powersave", governor},
    {"BOOST_OFF", 71, EPYC, 0.93, "lscpu", "boost", "frequency boost off", boost_off},
    {"DIMM_MISSING", 75, MODEL_ALL, 0.9, "dmidecode meminfo numactl", "*",
     "a memory module is not there", dimm_missing},
    {"DIMM_SPEED", 75, MODEL_ALL, 0.85, "dmidecode", "Configured Memory Speed",
     "memory runs slower", dimm_speed},
    {"EDAC_CE", 76, NOT_ARM, 1, "dmesg", "EDAC", "corrected memory errors", edac},
    {"MCE", 76, NOT_ARM, 1, "dmesg", "mce:", "machine checks", mce},
    {"BIOS_VERSION", 77, MODEL_ALL, 0.9, "dmidecode dmesg", "Version|BIOS", "an old BIOS",
     bios_version},
    {"MICROCODE", 78, NOT_ARM, 0.97, "dmesg", "microcode", "an old microcode", microcode},
    {"MITIGATIONS_OFF", 79, MODEL_ALL, 1, "lscpu cmdline dmesg",
     "Vulnerability|ommand line|BOOT_IMAGE", "mitigations=off", mitigations_off},
    {"SRIOV_ON", 80, MODEL_ALL, 0.95, "lspci", "IOVCtl|VFs|ARIFwd",
     "8 virtual functions on each NIC", sriov_on},
    {"CMDLINE_TOKEN", 81, MODEL_ALL, 0.95, "cmdline dmesg", "ommand line|BOOT_IMAGE",
     "nohz_full on the kernel command line", extra_token},
    {"DRIVER_VERSION", 82, MODEL_ALL, 0.9, "nvidia-smi dmesg", "Driver Version|CUDA|GSP|NVRM",
     "another GPU driver", driver_version},
    {"VBIOS_OLD", 82, MODEL_ALL, 0.95, "nvidia-smi", "VBIOS", "one GPU with an old VBIOS",
     vbios_old},
    {"PROPRIETARY_MODULE", 83, MODEL_ALL, 0.95, "dmesg", "NVRM", "the closed kernel module",
     proprietary},
    {"DRIVER_MISMATCH", 83, MODEL_ALL, 0.1, "nvidia-smi dmesg", "*",
     "driver and library versions differ", api_mismatch},
    {"FABRIC_MANAGER_DOWN", 84, HGX, 0.1, "systemctl nvidia-smi", "fabric|State|Status",
     "fabric manager down", fabric_manager},
    {"NVLINK_INACTIVE", 85, NVLINKS, 0.8, "nvlink", "Link 5", "an NVLink is inactive",
     nvlink_inactive},
    {"XID79", 86, MODEL_ALL, 0.1, "dmesg", "Xid", "a GPU has fallen off the bus", xid_79},
    {"XID94", 86, MODEL_ALL, 0.9, "dmesg", "Xid", "a contained ECC error", xid_94},
    {"REMAP_PENDING", 88, MODEL_ALL, 0.9, "nvidia-smi", "Pending|Uncorrectable",
     "remapped rows wait for a reset", remap_pending},
    {"ECC_OFF", 89, MODEL_ALL, 1, "nvidia-smi", "Current|Pending|Correctable|Uncorrectable",
     "GPU ECC off", ecc_off},
    {"THROTTLED", 90, MODEL_ALL, 0.6, "nvidia-smi", "Slowdown|Temp|MHz", "a GPU is too hot",
     throttled},
    {"POWER_LIMIT", 92, MODEL_ALL, 0.85, "nvidia-smi", "Power Limit", "GPU power capped",
     power_limit},
    {"PERSISTENCE_OFF", 93, MODEL_ALL, 0.97, "nvidia-smi systemctl", "ersistence",
     "persistence mode off", persistence},
    {"MIG_ON", 93, MODEL_ALL, 0.5, "nvidia-smi", "Current|Pending", "MIG on", mig_on},
    {"PEERMEM_MISSING", 95, MODEL_ALL, 0.5, "modules", "nvidia_peermem", "no nvidia_peermem",
     peermem},
    {"PORT_DOWN", 97, MODEL_ALL, 0.8, "ibstat ibv_devinfo", "*", "a port is down", port_down},
    {"IB_RATE", 97, MODEL_ALL, 0.7, "ibstat ibv_devinfo", "Rate|active_", "a port at half rate",
     ib_rate},
    {"IB_WIDTH_1X", 98, MODEL_ALL, 0.4, "ibstat ibv_devinfo", "Rate|active_", "a port at 1X",
     ib_width},
    {"NIC_FW_ODD", 102, MODEL_ALL, 0.9, "ibstat ibv_devinfo dmesg", "irmware|fw_ver",
     "one NIC with old firmware", nic_firmware},
    {"NIC_FW_OLD", 102, MODEL_ALL, 0.9, "ibstat ibv_devinfo dmesg", "irmware|fw_ver",
     "all NICs with old firmware", all_firmware},
    {"LINK_TYPE_ETH", 103, MODEL_ALL, 0.5, "ibstat ibv_devinfo", "*", "a port set to Ethernet",
     link_type},
    {"MTU_2048", 104, MODEL_ALL, 0.9, "ibv_devinfo", "active_mtu", "MTU 2048", mtu},
    {"ATS_ON", 110, MODEL_ALL, 0.9, "lspci", "ATSCtl", "ATS on at the NICs", ats_on},
    {"OFED_OLD", 112, MODEL_ALL, 0.95, "ofed", "OFED", "an old OFED", ofed},
    {"MEMLOCK", 115, MODEL_ALL, 0.1, "limits", "locked memory", "memlock 64 KiB", memlock},
    {"NOFILE", 116, MODEL_ALL, 1, "limits", "open files", "1024 open files", nofile},
    {"HUGEPAGES", 117, MODEL_ALL, 0.97, "meminfo sysctl", "HugePages|hugepages",
     "16 GiB kept for huge pages", hugepages},
    {"THP_ALWAYS", 117, MODEL_ALL, 0.97, "thp", "always", "transparent huge pages always", thp},
    {"KERNEL", 118, MODEL_ALL, 0.95, "uname dmesg cmdline sysctl", "generic|nvidia",
     "another kernel", kernel},
    {"SWAP_ON", 123, MODEL_ALL, 0.98, "meminfo", "Swap", "swap on", swap},
    {"IRQBALANCE", 124, MODEL_ALL, 0.95, "systemctl", "irqbalance", "irqbalance moves interrupts",
     irqbalance},
    {"ZONE_RECLAIM", 0, MODEL_ALL, 0.95, "sysctl", "zone_reclaim", "zone reclaim on", zone_reclaim},
};

const struct mutation *mutation_at(size_t index)
{
    return index < ARRAY_LEN(mutations) ? &mutations[index] : NULL;
}

const struct mutation *mutation_find(const char *id)
{
    for (size_t i = 0; i < ARRAY_LEN(mutations); i++)
        if (strcmp(mutations[i].id, id) == 0)
            return &mutations[i];
    return NULL;
}

bool mutation_fits(const struct mutation *mutation, const struct machine *machine)
{
    const struct model *model;

    for (size_t i = 0; (model = model_at(i)) != NULL; i++)
        if (strcmp(model->name, machine->model) == 0)
            return mutation->models >> i & 1;
    return false;
}
