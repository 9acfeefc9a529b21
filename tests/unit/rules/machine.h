/* A machine in lines: four GPUs and four NICs, each pair behind a switch of its own, on two
 * sockets. `set` has lines that replace the value of a line here, or are added at the end. "" as a
 * value takes a line out. */
#ifndef TEST_RULES_MACHINE_H
#define TEST_RULES_MACHINE_H

#include "base/str.h"

#include <assert.h>
#include <stdio.h>

struct machine_text {
    struct buf text;
    struct str set;
    bool used[64]; /* lines of `set` that replaced one */
};

static inline void machine_line(struct machine_text *machine, const char *subject, const char *path,
                                const char *value)
{
    struct str rest = machine->set, line;
    char name[256];
    int len = snprintf(name, sizeof(name), "%s %s = ", subject, path);

    for (size_t i = 0; str_line(&rest, &line); i++)
        if (line.len + 1 >= (size_t)len && !memcmp(line.p, name, (size_t)len - 1)) {
            struct str own = str_trim(str_skip(line, (size_t)len - 1));

            assert(i < ARRAY_LEN(machine->used));
            machine->used[i] = true;
            if (own.len)
                buf_printf(&machine->text, "%s%.*s\n", name, STR_ARG(own));
            return;
        }
    buf_printf(&machine->text, "%s%s\n", name, value);
}

static inline void machine_port(struct machine_text *m, unsigned bus, unsigned device,
                                const char *type, unsigned secondary)
{
    char at[64], number[16];

    (void)snprintf(at, sizeof(at), "pci 0000:%02x:%02x.0", bus, device);
    machine_line(m, at, "Header.class", "0604");
    machine_line(m, at, "Header.vendor", "1000");
    machine_line(m, at, "Header.device", "c030");
    machine_line(m, at, "Header.kind", "bridge");
    (void)snprintf(number, sizeof(number), "%u", secondary);
    machine_line(m, at, "Bus.secondary", number);
    machine_line(m, at, "PrefWindow.size", "192G");
    machine_line(m, at, "Express.type", type);
    machine_line(m, at, "Express.DevCap.MaxPayload", "512");
    machine_line(m, at, "Express.DevCtl.MaxPayload", "256");
    machine_line(m, at, "Express.LnkCap.Speed", "32GT/s");
    machine_line(m, at, "Express.LnkCap.Width", "x16");
    machine_line(m, at, "Express.LnkCtl.ASPM", "Disabled");
    machine_line(m, at, "Express.LnkSta.Speed", "32GT/s");
    machine_line(m, at, "Express.LnkSta.Width", "x16");
    machine_line(m, at, "Express.DevCap2.10BitTagComp", "+");
    machine_line(m, at, "Express.DevCtl2.ARIFwd", "-");
    machine_line(m, at, "Express.DevCtl2.AtomicOpsCtl.EgressBlck", "-");
    machine_line(m, at, "Express.LnkCtl2.Target Link Speed", "32GT/s");
    machine_line(m, at, "AER.offset", "256");
    machine_line(m, at, "AER.CESta.RxErr", "-");
    machine_line(m, at, "AER.UESta.ACSViol", "-");
    if (strcmp(type, "Upstream Port") != 0) {
        machine_line(m, at, "ACS.ACSCtl.SrcValid", "-");
        machine_line(m, at, "ACS.ACSCtl.TransBlk", "-");
        machine_line(m, at, "ACS.ACSCtl.ReqRedir", "-");
        machine_line(m, at, "ACS.ACSCtl.CmpltRedir", "-");
        machine_line(m, at, "ACS.ACSCtl.UpstreamFwd", "-");
        machine_line(m, at, "ACS.ACSCtl.EgressCtrl", "-");
        machine_line(m, at, "ACS.ACSCtl.DirectTrans", "-");
    }
    machine_line(m, at, "DPC.DpcSta.Trigger", "-");
}

static inline void machine_card(struct machine_text *m, unsigned bus, bool gpu, unsigned numa)
{
    char at[64];

    (void)snprintf(at, sizeof(at), "pci 0000:%02x:00.0", bus);
    machine_line(m, at, "Header.class", gpu ? "0302" : "0207");
    machine_line(m, at, "Header.vendor", gpu ? "10de" : "15b3");
    machine_line(m, at, "Header.device", gpu ? "2330" : "1021");
    machine_line(m, at, "Header.rev", "a1");
    machine_line(m, at, "Header.kind", gpu ? "gpu" : "nic");
    machine_line(m, at, "Control.BusMaster", "+");
    machine_line(m, at, "NUMA.node", numa ? "1" : "0");
    machine_line(m, at, "Region0.size", "16M");
    machine_line(m, at, "Region0.state", "assigned");
    if (gpu) {
        machine_line(m, at, "Region2.size", "128G");
        machine_line(m, at, "Region2.state", "assigned");
    }
    machine_line(m, at, "PM.Status.state", "D0");
    machine_line(m, at, "Express.type", "Endpoint");
    machine_line(m, at, "Express.DevCap.MaxPayload", "256");
    machine_line(m, at, "Express.DevCap.ExtTag", "+");
    machine_line(m, at, "Express.DevCtl.RlxdOrd", "+");
    machine_line(m, at, "Express.DevCtl.ExtTag", "+");
    machine_line(m, at, "Express.DevCtl.NoSnoop", "+");
    machine_line(m, at, "Express.DevCtl.MaxPayload", "256");
    machine_line(m, at, "Express.DevCtl.MaxReadReq", "4096");
    machine_line(m, at, "Express.LnkCap.Speed", "32GT/s");
    machine_line(m, at, "Express.LnkCap.Width", "x16");
    machine_line(m, at, "Express.LnkCtl.ASPM", "Disabled");
    machine_line(m, at, "Express.LnkCtl.ClockPM", "-");
    machine_line(m, at, "Express.LnkSta.Speed", "32GT/s");
    machine_line(m, at, "Express.LnkSta.Width", "x16");
    machine_line(m, at, "Express.DevCap2.10BitTagReq", "+");
    machine_line(m, at, "Express.DevCtl2.Completion Timeout", "65ms to 210ms");
    machine_line(m, at, "Express.DevCtl2.10BitTagReq", "+");
    machine_line(m, at, "AER.offset", "256");
    machine_line(m, at, "AER.UESta.CmpltTO", "-");
    machine_line(m, at, "AER.CESta.RxErr", "-");
    machine_line(m, at, "AER.AERCap.ECRCGenEn", "-");
    machine_line(m, at, "SecPCIe.LaneErrStat", "0");
    machine_line(m, at, "L1SS.L1SubCtl1.ASPM_L1.2", "-");
    machine_line(m, at, "ATS.ATSCtl.Enable", "-");
    machine_line(m, at, "Driver.name", gpu ? "nvidia" : "mlx5_core");
    if (!gpu)
        return;
    machine_line(m, at, "SMI.Product Name", "NVIDIA H100 80GB HBM3");
    machine_line(m, at, "SMI.VBIOS Version", "96.00.74.00.01");
    machine_line(m, at, "SMI.Persistence Mode", "Enabled");
    machine_line(m, at, "SMI.ECC Mode.Current", "Enabled");
    machine_line(m, at, "SMI.ECC Errors.Volatile.DRAM Uncorrectable", "0");
    machine_line(m, at, "SMI.Remapped Rows.Pending", "No");
    machine_line(m, at, "SMI.Performance State", "P0");
    machine_line(m, at, "SMI.Fabric.State", "Completed");
    machine_line(m, at, "SMI.Clocks Event Reasons.HW Thermal Slowdown", "Not Active");
    machine_line(m, at, "SMI.FB Memory Usage.Total", "81559");
    machine_line(m, at, "SMI.GPU Power Readings.Current Power Limit", "700");
    machine_line(m, at, "SMI.GPU Power Readings.Default Power Limit", "700");
    machine_line(m, at, "SMI.PCI.Replays Since Reset", "0");
    machine_line(m, at, "nvlink.active", "18");
    machine_line(m, at, "nvlink.inactive", "0");
}

static inline void machine_host(struct machine_text *m)
{
    static const struct {
        const char *path, *value;
    } lines[] = {
        {"cmdline.iommu", "pt"},
        {"cpu.vendor", "GenuineIntel"},
        {"cpu.count", "224"},
        {"cpu.online_count", "224"},
        {"cpu.offline", ""},
        {"cpu.sockets", "2"},
        {"cpu.numa_nodes", "2"},
        {"cpu.governor", "performance"},
        {"cpu.boost", "+"},
        {"sysctl.kernel.numa_balancing", "0"},
        {"limit.memlock_kb", "-1"},
        {"limit.nofile", "1048576"},
        {"module.nvidia", "550.54.15"},
        {"module.nvidia_peermem", "550.54.15"},
        {"os.kernel", "5.4.0-150-generic"},
        {"os.hostname", "n001"},
        {"mem.swap_kb", "0"},
        {"smi.gpus", "4"},
        {"smi.driver", "550.54.15"},
        {"dimm.count", "32"},
        {"log.lines", "4000"},
        {"iommu.default_domain", "Passthrough"},
        {"iommu.groups", "120"},
        {"clock.synchronized", "+"},
        {"clock.offset_us", "12"},
        {"service.firewalld", "inactive"},
        {"topo.GPU0.NIC0", "PIX"},
        {"topo.GPU1.NIC1", "PIX"},
        {"topo.GPU2.NIC2", "PIX"},
        {"topo.GPU3.NIC3", "PIX"},
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        machine_line(m, "host", lines[i].path, lines[i].value);
}

static inline void machine_rdma(struct machine_text *m, unsigned index)
{
    char at[64];

    (void)snprintf(at, sizeof(at), "ib mlx5_%u/1", index);
    machine_line(m, at, "ib.state", "ACTIVE");
    machine_line(m, at, "ib.phys_state", "LinkUp");
    machine_line(m, at, "ib.link_layer", "InfiniBand");
    machine_line(m, at, "ib.rate_gbs", "400");
    machine_line(m, at, "ib.width", "4X");
    machine_line(m, at, "ib.psid", "MT_0000000838");
    machine_line(m, at, "ib.fw", "28.39.1002");
    machine_line(m, at, "ib.mtu_active", "4096");
    machine_line(m, at, "ib.mtu_max", "4096");
    machine_line(m, at, "ibcount.link_downed", "1");
    machine_line(m, at, "ibcount.symbol_error", "0");
    machine_line(m, at, "ibcount.out_of_sequence", "20");
    machine_line(m, at, "mlx.MAX_ACC_OUT_READ", "44");
    machine_line(m, at, "mlx.PCI_WR_ORDERING", "per_mkey(0)");
}

/* The pair i: root port 10:00.0, switch 11:00.0, ports 12:00.0 and 12:01.0, GPU 13, NIC 14; the
 * next pair 16 buses on. malloc'ed: free it. */
static inline char *machine_text(const char *set)
{
    struct machine_text m = {.set = str_of(set ? set : "")};
    struct str rest = m.set, line;
    char dimm[64];

    machine_host(&m);
    for (unsigned i = 0; i < 4; i++) {
        unsigned bus = 0x10 * (i + 1);

        machine_port(&m, bus, 0, "Root Port", bus + 1);
        machine_port(&m, bus + 1, 0, "Upstream Port", bus + 2);
        machine_port(&m, bus + 2, 0, "Downstream Port", bus + 3);
        machine_port(&m, bus + 2, 1, "Downstream Port", bus + 4);
        machine_card(&m, bus + 3, true, i / 2);
        machine_card(&m, bus + 4, false, i / 2);
    }
    for (unsigned i = 0; i < 4; i++)
        machine_rdma(&m, i);
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(dimm, sizeof(dimm), "dimm DIMM_%u", i);
        machine_line(&m, dimm, "DIMM.size_mb", "65536");
        machine_line(&m, dimm, "DIMM.speed", "4800");
        machine_line(&m, dimm, "DIMM.configured", "4800");
    }
    for (size_t i = 0; str_line(&rest, &line); i++)
        if (!m.used[i])
            buf_printf(&m.text, "%.*s\n", STR_ARG(line));
    assert(!m.text.failed);
    return m.text.p;
}

#endif
