/* fleetgen/mutate_host - settings of the processors, memory, GPU software, fabric and system. */
#include "mutate_rows.h"

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
SET(edac, edac_ce, 24)
SET(mce, mce, 2)
SET(bios_version, bios_version, "1.0.2")
SET(bmc_firmware, bmc, "1.02")
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

const struct mutation mutations_host[] = {
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
    {"BMC_FIRMWARE", 77, MODEL_ALL, 0.95, "ipmitool", "Firmware Revision", "an old BMC",
     bmc_firmware},
    {"MICROCODE", 78, NOT_ARM, 0.97, "dmesg", "microcode", "an old microcode", microcode},
    {"MITIGATIONS_OFF", 79, MODEL_ALL, 1, "lscpu cmdline dmesg",
     "Vulnerability|ommand line|BOOT_IMAGE", "mitigations=off", mitigations_off},
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
const size_t mutations_host_count = ARRAY_LEN(mutations_host);
