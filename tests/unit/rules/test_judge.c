#include "judged.h"

#include "machine.h"

#include <errno.h>
#include <stdlib.h>

static struct judged judged_machine(const char *set, enum policy policy)
{
    char *lines = machine_text(set);
    struct judged j = judged_new("test", lines);

    judge(&j, policy);
    free(lines); /* the texts of facts are the pool's */
    return j;
}

static void a_healthy_machine_has_no_findings(void **state)
{
    (void)state;
    for (int policy = 0; policy < POLICY_COUNT; policy++) {
        struct judged j = judged_machine(NULL, (enum policy)policy);

        if (policy == POLICY_VM_ATS) { /* a bare-metal machine lacks what VMs with ATS need */
            assert_non_null(judged_finding(&j, "ACS_CLEARED_WITH_ATS"));
            assert_non_null(judged_finding(&j, "NIC_ATS_OFF"));
            assert_int_equal(j.findings.count, 2);
        } else {
            judged_print(&j, SEVERITY_INFO);
            assert_int_equal(j.findings.count, 0);
        }
        judged_done(&j);
    }
}

/* One setting each: the rule that must name it, the subject of its evidence, how many places. */
static const struct {
    const char *name, *set, *rule, *subject;
    uint32_t places;
} cases[] = {
    {"redirect at a switch port", "pci 0000:12:00.0 ACS.ACSCtl.ReqRedir = +\n",
     "ACS_REDIRECT_ON_P2P_PATH", "0000:12:00.0", 1},
    {"completions redirected at a switch port", "pci 0000:22:01.0 ACS.ACSCtl.CmpltRedir = +\n",
     "ACS_REDIRECT_ON_P2P_PATH", "0000:22:01.0", 1},
    {"some ports redirect, others not", "pci 0000:12:00.0 ACS.ACSCtl.ReqRedir = +\n",
     "ACS_MIXED_ON_P2P_PATH", NULL, 0},
    {"ports of one switch differ", "pci 0000:12:00.0 ACS.ACSCtl.ReqRedir = +\n",
     "CURE_BEFORE_HOTADD", "0000:12:00.0", 1},
    {"SrcValid alone", "pci 0000:12:00.0 ACS.ACSCtl.SrcValid = +\n", "ACS_SRCVALID_ONLY",
     "0000:12:00.0", 1},
    {"UpstreamFwd alone", "pci 0000:12:00.0 ACS.ACSCtl.UpstreamFwd = +\n", "ACS_UPSTREAMFWD_ONLY",
     "0000:12:00.0", 1},
    {"erratum of a Pericom switch",
     "pci 0000:12:00.0 ACS.ACSCtl.ReqRedir = +\npci 0000:12:00.0 Header.vendor = 12d8\n"
     "pci 0000:12:00.0 Header.device = c606\n",
     "ACS_SWITCH_ERRATUM", "0000:12:00.0", 1},
    {"IOMMU translates", "host cmdline.iommu =\nhost iommu.default_domain = Translated\n",
     "IOMMU_TRANSLATING", "", 2},
    {"intel_iommu=on alone",
     "host cmdline.iommu =\nhost cmdline.intel_iommu = on\nhost iommu.default_domain =\n"
     "host iommu.groups =\n",
     "IOMMU_TRANSLATING", "", 1},
    {"CPU lost without x2APIC", "host cmdline.iommu = off\nhost log.cpu_apic_invalid = 239\n",
     "IOMMU_OFF_LOSES_CPUS", "", 2},
    {"CPU off line", "host cpu.offline = 7\n", "CPU_OFFLINE", "", 1},
    {"AER not granted", "host osc.not_granted = AER LTR\n", "AER_NOT_GRANTED", "", 1},
    {"GPU without a NIC near it", "host topo.GPU2.NIC2 = SYS\n", "P2P_THROUGH_CPU", "", 1},
    {"topo -m hides a switch", "host topo.GPU0.GPU1 = PIX\nhost topo.GPU2.NIC2 = NODE\n",
     "P2P_THROUGH_CPU", "", 1},
    {"width x8 at both LnkSta",
     "pci 0000:13:00.0 Express.LnkSta.Width = x8\npci 0000:12:00.0 Express.LnkSta.Width = x8\n",
     "LINK_WIDTH_BELOW_BOTH_ENDS", "0000:13:00.0", 2},
    {"speed of a NIC", "pci 0000:14:00.0 Express.LnkSta.Speed = 16GT/s\n",
     "LINK_SPEED_BELOW_BOTH_ENDS", "0000:14:00.0", 2},
    {"a GPU at 16GT/s in P0", "pci 0000:13:00.0 Express.LnkSta.Speed = 16GT/s\n",
     "LINK_SPEED_BELOW_BOTH_ENDS", "0000:13:00.0", 2},
    {"an idle GPU", "pci 0000:13:00.0 Express.LnkSta.Speed = 2.5GT/s\n", "IDLE_GPU_LINK_SPEED",
     "0000:13:00.0", 1},
    {"a narrow slot",
     "pci 0000:12:00.0 Express.LnkCap.Width = x4\npci 0000:12:00.0 Express.LnkSta.Width = x4\n"
     "pci 0000:13:00.0 Express.LnkSta.Width = x4\n",
     "SLOT_ELECTRICALLY_NARROW", "0000:12:00.0", 1},
    {"target speed stuck",
     "pci 0000:12:01.0 Express.LnkCtl2.Target Link Speed = 2.5GT/s\n"
     "pci 0000:14:00.0 Express.LnkSta.Speed = 2.5GT/s\n",
     "LINK_TARGET_SPEED_STUCK", "0000:12:01.0", 1},
    {"a port below its siblings", "pci 0000:12:00.0 Express.LnkCap.Speed = 16GT/s\n",
     "LINK_GEN_FORCED", "0000:12:00.0", 1},
    {"the kernel names a bottleneck", "pci 0000:14:00.0 Log.bandwidth_limited_by = 0000:10:00.0\n",
     "DRIVER_SAYS_BANDWIDTH_LIMITED", "0000:14:00.0", 1},
    {"width x0", "pci 0000:14:00.0 Express.LnkSta.Width = x0\n", "DEVICE_FELL_OFF", "0000:14:00.0",
     1},
    {"a port retrained", "pci 0000:12:00.0 Express.LnkSta.BWMgmt = +\n", "LINK_RETRAINED",
     "0000:12:00.0", 1},
    {"lane errors", "pci 0000:13:00.0 SecPCIe.LaneErrStat = lanes 0 1\n", "LANE_ERRORS",
     "0000:13:00.0", 1},
    {"parity of a lane", "pci 0000:13:00.0 16GT.LocalParity = 3\n", "PHY_PARITY_MISMATCH",
     "0000:13:00.0", 1},
    {"corrected errors counted", "pci 0000:13:00.0 AERCount.correctable.BadTLP = 5000\n",
     "CORRECTABLE_ERRORS_COUNTED", "0000:13:00.0", 1},
    {"corrected errors sticky", "pci 0000:13:00.0 AER.CESta.RxErr = +\n", "CORRECTABLE_ERRORS_SEEN",
     "0000:13:00.0", 1},
    {"completion timeout", "pci 0000:14:00.0 AER.UESta.CmpltTO = +\n", "UNCORRECTABLE_ERRORS",
     "0000:14:00.0", 1},
    {"ACS violation", "pci 0000:12:00.0 AER.UESta.ACSViol = +\n", "ACS_VIOLATION_SEEN",
     "0000:12:00.0", 1},
    {"DPC", "pci 0000:12:00.0 DPC.DpcSta.Trigger = +\n", "DPC_TRIGGERED", "0000:12:00.0", 1},
    {"payload differs", "pci 0000:13:00.0 Express.DevCtl.MaxPayload = 128\n",
     "MAX_PAYLOAD_MISMATCH", "0000:13:00.0", 2},
    {"payload low on a whole path",
     "pci 0000:10:00.0 Express.DevCtl.MaxPayload = 128\n"
     "pci 0000:11:00.0 Express.DevCtl.MaxPayload = 128\n"
     "pci 0000:12:00.0 Express.DevCtl.MaxPayload = 128\n"
     "pci 0000:12:01.0 Express.DevCtl.MaxPayload = 128\n"
     "pci 0000:13:00.0 Express.DevCtl.MaxPayload = 128\n"
     "pci 0000:14:00.0 Express.DevCtl.MaxPayload = 128\n",
     "MAX_PAYLOAD_LOW", "0000:13:00.0", 2},
    {"read requests", "pci 0000:14:00.0 Express.DevCtl.MaxReadReq = 512\n",
     "MAX_READ_REQUEST_SMALL", "0000:14:00.0", 1},
    {"outstanding reads", "ib mlx5_0/1 mlx.MAX_ACC_OUT_READ = 16\n", "MAX_ACC_OUT_READ", "mlx5_0/1",
     1},
    {"relaxed ordering off", "pci 0000:13:00.0 Express.DevCtl.RlxdOrd = -\n",
     "RELAXED_ORDERING_OFF", "0000:13:00.0", 1},
    {"relaxed ordering forced", "ib mlx5_2/1 mlx.PCI_WR_ORDERING = force_relax(1)\n",
     "RELAXED_ORDERING_FORCED", "mlx5_2/1", 1},
    {"UCX 1.14 on AMD", "host cpu.vendor = AuthenticAMD\nhost package.ucx = 1.14.1\n",
     "RELAXED_ORDERING_UD_ON_AMD", "", 1},
    {"extended tags", "pci 0000:13:00.0 Express.DevCtl.ExtTag = -\n", "EXTENDED_TAGS_OFF",
     "0000:13:00.0", 1},
    {"10-bit tags on one", "pci 0000:13:00.0 Express.DevCtl2.10BitTagReq = -\n", "TEN_BIT_TAGS_OFF",
     "0000:13:00.0", 1},
    {"ASPM", "pci 0000:14:00.0 Express.LnkCtl.ASPM = L1 Enabled\n", "ASPM_ENABLED", "0000:14:00.0",
     1},
    {"L1 substates",
     "pci 0000:14:00.0 Express.LnkCtl.ASPM = L1 Enabled\n"
     "pci 0000:14:00.0 L1SS.L1SubCtl1.ASPM_L1.2 = +\n",
     "L1_SUBSTATES_ON", "0000:14:00.0", 1},
    {"clock stops", "pci 0000:14:00.0 Express.LnkCtl.ClockPM = +\n", "CLOCK_PM_ON", "0000:14:00.0",
     1},
    {"VFs without ARI",
     "pci 0000:14:00.0 SR-IOV.IOVCtl.Enable = +\npci 0000:14:00.0 SR-IOV.Number of VFs = 16\n",
     "ARI_FORWARDING_OFF", "0000:12:01.0", 1},
    {"atomics blocked", "pci 0000:12:00.0 Express.DevCtl2.AtomicOpsCtl.EgressBlck = +\n",
     "ATOMICS_BLOCKED", "0000:12:00.0", 1},
    {"no-snoop on one", "pci 0000:13:00.0 Express.DevCtl.NoSnoop = -\n", "NO_SNOOP_DIFFERS",
     "0000:13:00.0", 1},
    {"timeout on one", "pci 0000:13:00.0 Express.DevCtl2.Completion Timeout = 50us to 50ms\n",
     "COMPLETION_TIMEOUT_DIFFERS", "0000:13:00.0", 1},
    {"ECRC", "pci 0000:13:00.0 AER.AERCap.ECRCGenEn = +\n", "ECRC_ON", "0000:13:00.0", 1},
    {"no bus master", "pci 0000:13:00.0 Control.BusMaster = -\n", "BUS_MASTER_OFF", "0000:13:00.0",
     1},
    {"asleep", "pci 0000:14:00.0 PM.Status.state = D3\n", "DEVICE_IN_D3", "0000:14:00.0", 1},
    {"another revision", "pci 0000:14:00.0 Header.rev = 0\n", "DEVICE_REVISION_DIFFERS",
     "0000:14:00.0", 1},
    {"BAR1 of 256M", "pci 0000:13:00.0 Region2.size = 256M\n", "BAR1_SMALL", "0000:13:00.0", 1},
    {"no address", "pci 0000:14:00.0 Region0.state = unassigned\n", "BAR_UNASSIGNED",
     "0000:14:00.0", 1},
    {"a small window", "pci 0000:12:00.0 PrefWindow.size = 12G\n", "SIBLING_WINDOW_SMALL",
     "0000:12:00.0", 1},
    {"ECAM missing", "host log.ecam_missing = +\n", "EXTENDED_CONFIG_UNREACHABLE", "", 1},
    {"a GPU apart from its NIC", "pci 0000:13:00.0 NUMA.node = 1\n", "GPU_AND_NIC_NUMA_APART",
     "0000:13:00.0", 1},
    {"NUMA balancing", "host sysctl.kernel.numa_balancing = 1\n", "NUMA_BALANCING_ON", "", 1},
    {"C6", "host cpu.idle_states = POLL C1 C1E C6\n", "DEEP_CSTATES", "", 1},
    {"governor", "host cpu.governor = mixed: performance powersave\n", "GOVERNOR_NOT_PERFORMANCE",
     "", 1},
    {"boost", "host cpu.boost = -\n", "BOOST_OFF", "", 1},
    {"a slow module", "dimm DIMM_3 DIMM.configured = 4400\n", "MEMORY_NOT_AS_BUILT", "DIMM_3", 1},
    {"a lost module", "host dimm.count = 31\n", "MEMORY_NOT_AS_BUILT", "", 1},
    {"uncorrected memory error", "host edac.mc0.ue = 1\n", "MEMORY_ERRORS", "", 1},
    {"VBIOS of one", "pci 0000:13:00.0 SMI.VBIOS Version = 96.00.89.00.01\n",
     "GPU_FIRMWARE_DIFFERS", "0000:13:00.0", 1},
    {"API mismatch", "host log.nvrm_api_mismatch = +\n", "DRIVER_API_MISMATCH", "", 1},
    {"fabric not up", "pci 0000:13:00.0 SMI.Fabric.State = In Progress\n", "FABRIC_MANAGER_DOWN",
     "0000:13:00.0", 1},
    {"an NVLink down",
     "pci 0000:13:00.0 nvlink.inactive = 1\npci 0000:13:00.0 nvlink.active = 17\n",
     "NVLINK_INACTIVE", "0000:13:00.0", 2},
    {"all NVLinks of a module down", "host nvlink.gpu6.lost = +\n", "NVLINK_INACTIVE", "", 1},
    {"off the bus", "pci 0000:13:00.0 Xid.79 = 1\n", "GPU_XID_FATAL", "0000:13:00.0", 1},
    {"contained error", "pci 0000:13:00.0 Xid.94 = 2\n", "GPU_XID_HARDWARE", "0000:13:00.0", 1},
    {"a code without words", "pci 0000:13:00.0 Xid.999 = 2\n", "GPU_XID_HARDWARE", "0000:13:00.0",
     1},
    {"a bug of a program", "pci 0000:13:00.0 Xid.31 = 9\n", "GPU_XID_APPLICATION", "0000:13:00.0",
     1},
    {"NVSwitch failed", "pci 0000:13:00.0 SXid.fatal = 1\n", "NVSWITCH_FATAL_ERROR", "0000:13:00.0",
     1},
    {"remap pending", "pci 0000:13:00.0 SMI.Remapped Rows.Pending = Yes\n", "GPU_MEMORY_REMAPPING",
     "0000:13:00.0", 1},
    {"ECC off on one", "pci 0000:13:00.0 SMI.ECC Mode.Current = Disabled\n", "GPU_ECC",
     "0000:13:00.0", 1},
    {"too hot", "pci 0000:13:00.0 SMI.Clocks Event Reasons.HW Thermal Slowdown = Active\n",
     "GPU_THROTTLED", "0000:13:00.0", 1},
    {"power limit", "pci 0000:13:00.0 SMI.GPU Power Readings.Current Power Limit = 500\n",
     "GPU_POWER_LIMIT_LOW", "0000:13:00.0", 1},
    {"persistence", "pci 0000:13:00.0 SMI.Persistence Mode = Disabled\n", "GPU_MODES",
     "0000:13:00.0", 1},
    {"replays", "pci 0000:13:00.0 SMI.PCI.Replays Since Reset = 5000\n", "GPU_PCIE_REPLAYS",
     "0000:13:00.0", 1},
    {"no peermem on an old kernel", "host module.nvidia_peermem =\n", "PEERMEM_ABSENT", "", 1},
    {"nvidia-smi sees three", "host smi.gpus = 3\n", "GPU_COUNT_OR_MEMORY", "", 1},
    {"port down", "ib mlx5_3/1 ib.state = DOWN\n", "RDMA_PORT_DOWN", "mlx5_3/1", 1},
    {"port slow", "ib mlx5_3/1 ib.rate_gbs = 200\n", "RDMA_PORT_SLOW", "mlx5_3/1", 1},
    {"lanes lost", "ib mlx5_3/1 ib.rate_gbs = 100\nib mlx5_3/1 ib.width = 1X\n", "RDMA_WIDTH_LOW",
     "mlx5_3/1", 1},
    {"a counter at its ceiling", "ib mlx5_3/1 ibcount.link_downed = 255\n", "RDMA_LINK_ERRORS",
     "mlx5_3/1", 1},
    {"symbol errors", "ib mlx5_3/1 ibcount.symbol_error = 4000\n", "RDMA_LINK_ERRORS", "mlx5_3/1",
     1},
    {"retransmissions", "ib mlx5_3/1 ibcount.out_of_sequence = 900000\n", "RDMA_RETRANSMISSIONS",
     "mlx5_3/1", 1},
    {"firmware of one", "ib mlx5_3/1 ib.fw = 28.36.1010\n", "NIC_FIRMWARE_DIFFERS", "mlx5_3/1", 1},
    {"Ethernet among InfiniBand", "ib mlx5_3/1 ib.link_layer = Ethernet\n", "LINK_TYPE_WRONG",
     "mlx5_3/1", 1},
    {"MTU", "ib mlx5_3/1 ib.mtu_active = 2048\n", "RDMA_MTU_SMALL", "mlx5_3/1", 1},
    {"no RoCE v2",
     "ib mlx5_9/1 ib.state = ACTIVE\nib mlx5_9/1 ib.link_layer = Ethernet\n"
     "ib mlx5_9/1 ib.gid_types = IB/RoCE v1\n",
     "ROCE_GID_MISSING", "mlx5_9/1", 1},
    {"pending", "ib mlx5_0/1 mlx_next.ATS_ENABLED = True(1)\n", "NIC_CONFIG_PENDING", "mlx5_0/1",
     1},
    {"CRC errors", "net eth0 netcount.rx_crc_errors = 90000\n", "ETHERNET_ERRORS", "eth0", 1},
    {"memlock", "host limit.memlock_kb = 64\n", "MEMLOCK_LIMITED", "", 1},
    {"few files", "host limit.nofile = 256\n", "LIMITS_SMALL", "", 1},
    {"clock off", "host clock.offset_us = -3000000\n", "CLOCK_WRONG", "", 1},
    {"no name", "host os.hostname = localhost\n", "HOSTNAME_UNSET", "", 1},
    {"a bridge", "net virbr0 net.state = up\n", "BOOTSTRAP_INTERFACE", "virbr0", 1},
    {"firewall", "host service.firewalld = active\n", "FIREWALL_ACTIVE", "", 1},
    {"disk full", "host disk./var.full_percent = 99\n", "DISK_TROUBLE", "", 1},
    {"swap", "host mem.swap_kb = 8388604\n", "SWAP_ON", "", 1},
    {"lock-up", "host log.soft_lockup = 2\n", "KERNEL_TROUBLE", "", 1},
    {"irqbalance", "host service.irqbalance = active\n", "IRQBALANCE_ACTIVE", "", 1},
    {"CPUs too hot", "host log.cpu_throttled = 400\n", "POWER_OR_COOLING", "", 1},
    {"a power supply without power", "host sel.psu_lost.lasting = 1\n", "POWER_OR_COOLING", "", 1},
    {"old entries of the BMC", "host sel.pci_fatal = 3\n", "BMC_LOG_ENTRIES", "", 1},
    {"IOMMU faults", "host log.iommu_faults = 12\n", "IOMMU_FAULTS", "", 1},
    {"no peer-to-peer", "host p2p.GPU0.GPU1 = CNS\n", "P2P_NOT_SUPPORTED", "", 1},
    {"cure failed", "host service.disable-acs = failed\n", "CURE_NOT_APPLIED", "", 1},
    {"a serial number twice",
     "dimm DIMM_0 DIMM.serial = 80CE0123\ndimm DIMM_1 DIMM.serial = 80CE0123\n",
     "DUPLICATE_IDENTITIES", "DIMM_1", 1},
    {"RTX PRO 6000 with HMM",
     "host modparam.nvidia_uvm.uvm_disable_hmm = N\npci 0000:13:00.0 Header.device = 2bb5\n",
     "UVM_HMM_ON", "", 1},
};

static void each_wrong_setting_is_named_by_its_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct judged j = judged_machine(cases[i].set, POLICY_BARE_METAL);
        const struct finding *finding = judged_finding(&j, cases[i].rule);
        const struct evidence *evidence;

        if (!finding) {
            judged_print(&j, SEVERITY_INFO);
            fail_msg("%s: no %s", cases[i].name, cases[i].rule);
        }
        evidence = &finding->evidence[0];
        if (cases[i].subject &&
            strcmp(j.node->subjects[evidence->subject].name, cases[i].subject) != 0)
            fail_msg("%s: the place is %s", cases[i].name,
                     j.node->subjects[evidence->subject].name);
        if (cases[i].places && finding->evidence_count != cases[i].places)
            fail_msg("%s: %u places", cases[i].name, finding->evidence_count);
        judged_done(&j);
    }
}

/* What looks like a fault and is none. */
static const struct {
    const char *name, *set, *rule;
} harmless[] = {
    {"SrcValid is no redirect", "pci 0000:12:00.0 ACS.ACSCtl.SrcValid = +\n",
     "ACS_REDIRECT_ON_P2P_PATH"},
    {"UpstreamFwd is no redirect", "pci 0000:12:00.0 ACS.ACSCtl.UpstreamFwd = +\n",
     "ACS_REDIRECT_ON_P2P_PATH"},
    {"redirect off the peer paths",
     "pci 0000:00:1c.0 Header.kind = bridge\npci 0000:00:1c.0 Express.type = Root Port\n"
     "pci 0000:00:1c.0 ACS.ACSCtl.ReqRedir = +\n",
     "ACS_REDIRECT_ON_P2P_PATH"},
    {"the domain type is printed without any IOMMU too",
     "host cmdline.iommu = off\nhost iommu.default_domain = Translated\nhost iommu.groups = 0\n",
     "IOMMU_TRANSLATING"},
    {"a lost CPU that the IOMMU explains is not told twice",
     "host cmdline.iommu = off\nhost log.cpu_apic_invalid = 239\nhost cpu.offline = 239\n",
     "CPU_OFFLINE"},
    {"siblings that SMT switched off", "host cpu.smt = off\nhost cpu.offline = 112-223\n",
     "CPU_OFFLINE"},
    {"an idle GPU is no slow link", "pci 0000:13:00.0 Express.LnkSta.Speed = 2.5GT/s\n",
     "LINK_SPEED_BELOW_BOTH_ENDS"},
    {"a GPU in P8 at 8GT/s",
     "pci 0000:13:00.0 Express.LnkSta.Speed = 8GT/s\n"
     "pci 0000:13:00.0 SMI.Performance State = P8\n",
     "LINK_SPEED_BELOW_BOTH_ENDS"},
    {"a device slower than its port by design",
     "pci 0000:14:00.0 Express.LnkCap.Speed = 16GT/s\n"
     "pci 0000:14:00.0 Express.LnkSta.Speed = 16GT/s\n",
     "LINK_SPEED_BELOW_BOTH_ENDS"},
    {"a link held by its target is told once",
     "pci 0000:12:01.0 Express.LnkCtl2.Target Link Speed = 2.5GT/s\n"
     "pci 0000:14:00.0 Express.LnkSta.Speed = 2.5GT/s\n",
     "LINK_SPEED_BELOW_BOTH_ENDS"},
    {"an upstream port is no end of the link below it",
     "pci 0000:11:00.0 Express.LnkCap.Width = x8\npci 0000:11:00.0 Express.LnkSta.Width = x8\n"
     "pci 0000:10:00.0 Express.LnkSta.Width = x8\n",
     "LINK_WIDTH_BELOW_BOTH_ENDS"},
    {"a switch port's read requests", "pci 0000:12:00.0 Express.DevCtl.MaxReadReq = 128\n",
     "MAX_READ_REQUEST_SMALL"},
    {"a slow card may read little",
     "pci 0000:14:00.0 Express.LnkCap.Width = x8\npci 0000:14:00.0 Express.LnkSta.Width = x8\n"
     "pci 0000:14:00.0 Express.DevCtl.MaxReadReq = 512\n",
     "MAX_READ_REQUEST_SMALL"},
    {"no extended tags to turn on",
     "pci 0000:13:00.0 Express.DevCap.ExtTag = -\npci 0000:13:00.0 Express.DevCtl.ExtTag = -\n",
     "EXTENDED_TAGS_OFF"},
    {"10-bit tags that the root port cannot complete",
     "pci 0000:13:00.0 Express.DevCtl2.10BitTagReq = -\n"
     "pci 0000:10:00.0 Express.DevCap2.10BitTagComp = -\n",
     "TEN_BIT_TAGS_OFF"},
    {"vfio leaves bus mastering off",
     "pci 0000:13:00.0 Control.BusMaster = -\npci 0000:13:00.0 Driver.name = vfio-pci\n",
     "BUS_MASTER_OFF"},
    {"the NVLinks of a card without a bridge", "host nvlink.gpu6.lost = -\n", "NVLINK_INACTIVE"},
    {"the kernel found space at the second try", "pci 0000:13:00.0 Log.bar_unassigned = 2\n",
     "BAR_UNASSIGNED"},
    {"2X NDR", "ib mlx5_3/1 ib.rate_gbs = 200\nib mlx5_3/1 ib.width = 2X\n", "RDMA_WIDTH_LOW"},
    {"memlock unlimited", "host limit.memlock_kb = -1\n", "MEMLOCK_LIMITED"},
    {"peermem on a kernel with dma-buf",
     "host module.nvidia_peermem =\nhost os.kernel = 6.8.0-40-generic\n", "PEERMEM_ABSENT"},
    {"serial numbers that nobody set",
     "dimm DIMM_0 DIMM.serial = 00000000\ndimm DIMM_1 DIMM.serial = 00000000\n",
     "DUPLICATE_IDENTITIES"},
};

static void what_only_looks_wrong_is_left_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
        struct judged j = judged_machine(harmless[i].set, POLICY_BARE_METAL);

        assert_non_null(rule_by_id(harmless[i].rule));
        if (judged_finding(&j, harmless[i].rule))
            fail_msg("%s: %s", harmless[i].name, harmless[i].rule);
        judged_done(&j);
    }
}

static void policies_turn_the_verdict_round(void **state)
{
    static const char on[] = "pci 0000:12:00.0 ACS.ACSCtl.ReqRedir = +\n"
                             "pci 0000:12:00.0 ACS.ACSCtl.CmpltRedir = +\n"
                             "pci 0000:12:00.0 ACS.ACSCtl.DirectTrans = +\n";
    struct judged j;

    (void)state;
    j = judged_machine(on, POLICY_BARE_METAL);
    assert_non_null(judged_finding(&j, "ACS_REDIRECT_ON_P2P_PATH"));
    assert_null(judged_finding(&j, "ACS_CLEARED_WITH_ATS"));
    judged_done(&j);

    j = judged_machine(on, POLICY_VM_ATS);
    assert_null(judged_finding(&j, "ACS_REDIRECT_ON_P2P_PATH"));
    for (uint32_t i = 0; i < judged_finding(&j, "ACS_CLEARED_WITH_ATS")->evidence_count; i++)
        assert_string_not_equal(
            j.node->subjects[judged_finding(&j, "ACS_CLEARED_WITH_ATS")->evidence[i].subject].name,
            "0000:12:00.0");
    judged_done(&j);

    j = judged_machine(on, POLICY_GB200);
    assert_null(judged_finding(&j, "ACS_REDIRECT_ON_P2P_PATH"));
    assert_non_null(judged_finding(&j, "ACS_DATA_DIRECT_VALUE"));
    judged_done(&j);

    j = judged_machine("pci 0000:12:00.0 ACS.ACSCtl.ReqRedir = +\n"
                       "host cmdline.pci = config_acs=xx01x1@0000:12:00.0\n",
                       POLICY_GB200);
    assert_null(judged_finding(&j, "ACS_DATA_DIRECT_VALUE"));
    judged_done(&j);
}

static void a_missing_source_is_one_unknown_with_its_rules(void **state)
{
    struct judged j = judged_of("lspci",
                                "pci 0000:13:00.0 Header.kind = gpu\n"
                                "pci 0000:13:00.0 Express.LnkCap.Width = x16\n",
                                POLICY_BARE_METAL);
    const struct unknown *log = judged_unknown(&j, "GPU_XID_FATAL");

    (void)state;
    assert_non_null(log);
    assert_string_equal(log->what, "kernel log (dmesg)");
    assert_true(log->rule_count > 5);
    assert_null(log->rule);
    assert_ptr_equal(judged_unknown(&j, "AER_NOT_GRANTED"), log);
    assert_non_null(judged_unknown(&j, "GPU_THROTTLED"));
    assert_true(j.findings.unknown_count < 12);        /* folded, not a line a rule */
    assert_null(judged_unknown(&j, "RDMA_PORT_DOWN")); /* there is no RDMA card */
    judged_done(&j);
}

static void a_source_that_shows_nothing_is_not_missing(void **state)
{
    struct judged j = judged_new("lspci", "pci 0000:13:00.0 Header.kind = gpu\n");

    (void)state;
    (void)node_source(j.node, "dmesg.txt", "dmesg", STR(""));
    judge(&j, POLICY_BARE_METAL);
    assert_null(judged_unknown(&j, "GPU_XID_FATAL"));
    judged_done(&j);
}

static void capabilities_without_root_are_told_once(void **state)
{
    struct judged j = judged_new("lspci", "pci 0000:13:00.0 Header.kind = gpu\n"
                                          "pci 0000:14:00.0 Header.kind = gpu\n");
    const struct unknown *unknown;

    (void)state;
    for (uint32_t s = 1; s < 3; s++)
        node_add_unseen(j.node, (int)s, 0, "*", "PCI capabilities", "lspci ran without root");
    judge(&j, POLICY_BARE_METAL);
    unknown = judged_unknown(&j, "LINK_WIDTH_BELOW_BOTH_ENDS");
    assert_non_null(unknown);
    assert_string_equal(unknown->what, "PCI capabilities");
    assert_non_null(strstr(unknown->why, "(2 devices)"));
    assert_ptr_equal(judged_unknown(&j, "ASPM_ENABLED"), unknown);
    assert_null(judged_unknown(&j, "RELAXED_ORDERING_OFF") == unknown ? NULL : "apart");
    judged_done(&j);
}

static void groups_without_a_domain_type_are_unknown(void **state)
{
    struct judged j =
        judged_machine("host cmdline.iommu =\nhost iommu.default_domain =\n", POLICY_BARE_METAL);

    (void)state;
    assert_null(judged_finding(&j, "IOMMU_TRANSLATING"));
    assert_non_null(judged_unknown(&j, "IOMMU_TRANSLATING"));
    judged_done(&j);
}

static void findings_come_worst_first(void **state)
{
    struct judged j = judged_machine("pci 0000:12:00.0 ACS.ACSCtl.ReqRedir = +\n"
                                     "pci 0000:13:00.0 AER.CESta.RxErr = +\n"
                                     "host cpu.governor = powersave\n"
                                     "pci 0000:14:00.0 Express.LnkSta.Width = x8\n",
                                     POLICY_BARE_METAL);

    (void)state;
    assert_true(j.findings.count >= 4);
    for (uint32_t i = 1; i < j.findings.count; i++)
        assert_true(j.findings.items[i - 1].rule->severity >= j.findings.items[i].rule->severity);
    judged_done(&j);
}

/* Virtual functions show zeros where the card shows its link. */
static void virtual_functions_are_not_judged(void **state)
{
    struct judged j = judged_machine("pci 0000:14:00.0 SR-IOV.IOVCtl.Enable = +\n"
                                     "pci 0000:14:00.0 SR-IOV.Number of VFs = 1\n"
                                     "pci 0000:14:00.1 Header.vendor = 15b3\n"
                                     "pci 0000:14:00.1 Header.device = 101e\n"
                                     "pci 0000:14:00.1 Header.kind = nic\n"
                                     "pci 0000:14:00.1 Express.type = Endpoint\n"
                                     "pci 0000:14:00.1 Express.DevCtl.RlxdOrd = -\n"
                                     "pci 0000:14:00.1 Express.LnkSta.Width = x0\n",
                                     POLICY_BARE_METAL);

    (void)state;
    assert_null(judged_finding(&j, "DEVICE_FELL_OFF"));
    assert_null(judged_finding(&j, "RELAXED_ORDERING_OFF"));
    judged_done(&j);
}

static void seven_gpus_of_one_model_are_one_too_few(void **state)
{
    struct buf lines = {0};
    struct judged j;

    (void)state;
    for (unsigned i = 0; i < 7; i++)
        buf_printf(&lines,
                   "pci 0000:%02x:00.0 Header.vendor = 10de\npci 0000:%02x:00.0 Header.device = "
                   "2330\npci 0000:%02x:00.0 Header.kind = gpu\n",
                   i + 1, i + 1, i + 1);
    j = judged_of("lspci", lines.p, POLICY_BARE_METAL);
    assert_non_null(judged_finding(&j, "DEVICE_MISSING"));
    assert_string_equal(judged_finding(&j, "DEVICE_MISSING")->detail,
                        "7 GPUs of one model, 8 expected");
    judged_done(&j);
    buf_done(&lines);
}

static void an_arena_too_small_by_any_amount_is_no_memory(void **state)
{
    char *lines = machine_text("pci 0000:12:00.0 ACS.ACSCtl.ReqRedir = +\n");
    struct judged j = judged_new("test", lines);
    struct arena *own = j.node->arena;
    int r = -ENOMEM;

    (void)state;
    judge(&j, POLICY_BARE_METAL);
    for (size_t bytes = 1; r == -ENOMEM; bytes += 509) {
        struct findings findings = {0};

        assert_true(bytes < 1 << 20);
        j.node->arena = arena_new(bytes);
        if (j.node->arena) {
            r = rules_judge(j.rules, j.node, j.topo, &findings);
            assert_true(r == 0 || r == -ENOMEM);
            if (r == 0)
                assert_int_equal(findings.count, j.findings.count);
        }
        arena_free(j.node->arena);
    }
    j.node->arena = own;
    judged_done(&j);
    free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_machine_has_no_findings),
        cmocka_unit_test(each_wrong_setting_is_named_by_its_rule),
        cmocka_unit_test(what_only_looks_wrong_is_left_alone),
        cmocka_unit_test(policies_turn_the_verdict_round),
        cmocka_unit_test(a_missing_source_is_one_unknown_with_its_rules),
        cmocka_unit_test(a_source_that_shows_nothing_is_not_missing),
        cmocka_unit_test(capabilities_without_root_are_told_once),
        cmocka_unit_test(groups_without_a_domain_type_are_unknown),
        cmocka_unit_test(findings_come_worst_first),
        cmocka_unit_test(virtual_functions_are_not_judged),
        cmocka_unit_test(seven_gpus_of_one_model_are_one_too_few),
        cmocka_unit_test(an_arena_too_small_by_any_amount_is_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
