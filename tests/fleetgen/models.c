/* fleetgen/models - the machines: which functions sit where, and what a well-kept host says. */
#include "parts.h"

#include "base/str.h"

static int add_root(struct machine *machine, uint32_t domain, uint8_t bus, int numa)
{
    machine->roots[machine->root_count] =
        (struct root){.domain = domain, .bus = bus, .numa = (int8_t)numa};
    return machine->root_count++;
}

static void add_intel_integrated(struct machine *machine, int root, bool lean)
{
    if (lean)
        return;
    machine_add(machine, &part_intel_vtd, root, -1, 0, 0, "r%d.vtd", root);
    machine_add(machine, &part_intel_ras, root, -1, 0, 1, "r%d.ras", root);
    machine_add(machine, &part_intel_mesh, root, -1, 0, 2, "r%d.mesh", root);
    machine_add(machine, &part_intel_collector, root, -1, 0, 4, "r%d.rcec", root);
}

static void add_nvswitches(struct machine *machine, int root, const struct function_type *port,
                           const struct function_type *up, const struct function_type *down,
                           const struct function_type *chip, int count)
{
    int root_port =
        machine_add(machine, port, root, -1, 1, port == &part_intel_root ? 0 : 1, "nvs.root");
    int upstream = machine_add(machine, up, root, root_port, 0, 0, "nvs.up");

    for (int i = 0; i < count; i++) {
        int slot = machine_add(machine, down, root, upstream, i, 0, "nvs.d%d", i);

        machine_add(machine, chip, root, slot, 0, 0, "nvswitch%d", i);
    }
}

static void add_board_devices(struct machine *machine, int root, int port0, int port1)
{
    int port = port0;
    int bridge;

    machine->functions[port0].cap_speed = 2; /* the slow ports of the board are wired so */
    machine->functions[port1].cap_speed = 2;
    machine->functions[port0].link_target = machine->functions[port1].link_target = 2;
    machine->functions[port1].cap_width = 1;
    machine_add(machine, &part_bcm5720, root, port, 0, 0, "lan0");
    machine_add(machine, &part_bcm5720, root, port, 0, 1, "lan1");
    bridge = machine_add(machine, &part_ast_bridge, root, port1, 0, 0, "bmc.bridge");
    machine_add(machine, &part_ast_vga, root, bridge, 0, 0, "bmc.vga");
}

static void intel_host(struct host_facts *host)
{
    *host = (struct host_facts){.maker = CPU_INTEL,
                                .cpu_model = "Intel(R) Xeon(R) Platinum 8480+",
                                .vendor_id = "GenuineIntel",
                                .family = 6,
                                .model_number = 143,
                                .stepping = 8,
                                .sockets = 2,
                                .cores = 56,
                                .threads = 2,
                                .nodes = 2,
                                .max_mhz = 3800,
                                .l3_mb = 105,
                                .product = "PowerEdge XE9680",
                                .manufacturer = "Dell Inc.",
                                .board = "0DTR2X",
                                .bios_vendor = "Dell Inc.",
                                .bios_version = "2.3.6",
                                .bios_date = "07/17/2024",
                                .bmc = "7.10.50.00",
                                .microcode = "0x2b0005c0",
                                .dimm_slots = 32,
                                .dimm_gb = 64,
                                .dimm_mts = 4800,
                                .dimm_rated_mts = 4800,
                                .dimm_maker = "Hynix",
                                .dimm_part = "HMCG94AEBRA123N",
                                .gpu_name = "NVIDIA H100 80GB HBM3",
                                .gpu_arch = "Hopper",
                                .gpu_part = "2330-885-A1",
                                .vbios = "96.00.74.00.01",
                                .gpu_fb_mib = 81559,
                                .gpu_power_w = 700,
                                .gpu_sm_mhz = 1980,
                                .gpu_mem_mhz = 2619,
                                .nvlinks = 18,
                                .nvlink_gbs = 26.562,
                                .fabric_manager = true,
                                .pcie_gen = 5,
                                .nic_fw = "28.39.1002",
                                .nic_type = "MT4129",
                                .nic_psid = "MT_0000000838",
                                .ib_rate = 400};
}

/* What a well-kept node's operating system says, whatever the hardware. */
static void common_host(struct host_facts *host)
{
    host->os_name = "Ubuntu 22.04.4 LTS";
    host->os_version = "22.04";
    host->os_id = "ubuntu";
    host->kernel = "5.15.0-113-generic";
    host->governor = "performance";
    host->thp = "madvise";
    host->boost = true;
    host->memlock_kb = -1;
    host->nofile = 1048576;
    host->mitigations = "on";
    host->driver = host->module_driver = "550.90.07";
    host->cuda = "12.4";
    host->gpu_power_default_w = host->gpu_power_w;
    host->persistence = host->ecc = host->peermem = host->open_module = true;
    host->ofed = "MLNX_OFED_LINUX-23.10-2.1.3.1";
    host->dimm_missing = host->nvlink_dead_gpu = host->nvlink_dead_link = -1;
    host->throttled_gpu = host->remap_pending_gpu = host->xid_gpu = host->gpu_odd = -1;
    host->nic_bad = host->nic_fw_odd = host->cpu_lost = -1;
    host->ib_mtu = 4096;
    host->dimm_odd = -1;
    host->board_version = "A06";
}

static void build_hgx_h100(struct machine *machine, bool lean)
{
    static const uint8_t buses[8] = {0x15, 0x37, 0x48, 0x59, 0x97, 0xb7, 0xc7, 0xd7};
    int board = add_root(machine, 0, 0x00, 0);
    int port0, port1, nvs;

    intel_host(&machine->host);
    machine->host.cmdline = "console=tty0 pci=realloc=off numa_balancing=disable "
                            "intel_idle.max_cstate=0 processor.max_cstate=0";
    common_host(&machine->host);
    add_intel_integrated(machine, board, lean);
    port0 = machine_add(machine, &part_intel_pch_port, board, -1, 0x0c, 0, "pch.lan");
    port1 = machine_add(machine, &part_intel_pch_port, board, -1, 0x0e, 0, "pch.bmc");
    machine_add(machine, &part_intel_usb, board, -1, 0x14, 0, "usb");
    machine_add(machine, &part_intel_sata, board, -1, 0x18, 0, "sata");
    machine_add(machine, &part_intel_lpc, board, -1, 0x1f, 0, "lpc");
    machine_add(machine, &part_intel_smbus, board, -1, 0x1f, 4, "smbus");
    add_board_devices(machine, board, port0, port1);

    for (int i = 0; i < 8; i++) {
        int root = add_root(machine, 0, buses[i], i / 4);
        int root_port, up, port;

        add_intel_integrated(machine, root, lean);
        root_port = machine_add(machine, &part_intel_root, root, -1, 1, 0, "sw%d.root", i);
        up = machine_add(machine, &part_pex_up, root, root_port, 0, 0, "sw%d.up", i);
        port = machine_add(machine, &part_pex_down_x4, root, up, 0, 0, "sw%d.nvme", i);
        machine->functions[port].slot = true;
        machine_add(machine, &part_nvme, root, port, 0, 0, "nvme%d", i);
        port = machine_add(machine, &part_pex_down, root, up, 1, 0, "sw%d.gpu", i);
        machine->functions[port].slot = true;
        machine_add(machine, &part_h100_sxm, root, port, 0, 0, "gpu%d", i);
        port = machine_add(machine, &part_pex_down, root, up, 2, 0, "sw%d.nic", i);
        machine->functions[port].slot = true;
        machine_add(machine, &part_cx7, root, port, 0, 0, "nic%d", i);
        if (i % 4 == 0) {
            port = machine_add(machine, &part_pex_down, root, up, 3, 0, "sw%d.stor", i);
            machine_add(machine, &part_cx6dx, root, port, 0, 0, "stor%d.0", i / 4);
            machine_add(machine, &part_cx6dx, root, port, 0, 1, "stor%d.1", i / 4);
        }
        port = machine_add(machine, &part_pex_down, root, up, 0x1f, 0, "sw%d.mgmt", i);
        machine_add(machine, &part_pex_management, root, port, 0, 0, "mgmt%d", i);
    }
    nvs = add_root(machine, 0, 0x80, 1);
    add_intel_integrated(machine, nvs, lean);
    add_nvswitches(machine, nvs, &part_intel_root, &part_pmc_up, &part_pmc_down, &part_nvswitch3,
                   4);
    for (int socket = 0; socket < 2 && !lean; socket++) {
        int dsa = add_root(machine, 0, (uint8_t)(socket ? 0xf2 : 0x75), socket);
        int uncore = add_root(machine, 0, (uint8_t)(socket ? 0xfe : 0x7e), socket);

        machine_add(machine, &part_intel_dsa, dsa, -1, 1, 0, "cpu%d.dsa", socket);
        for (int i = 0; i < 28; i++)
            machine_add(machine, &part_intel_cha, uncore, -1, i / 8, i % 8, "cpu%d.cha%d", socket,
                        i);
        for (int i = 0; i < 8; i++)
            machine_add(machine, &part_intel_imc, uncore, -1, 0x0c + i / 2, i % 2, "cpu%d.imc%d",
                        socket, i);
    }
}

static void add_amd_integrated(struct machine *machine, int root, bool lean)
{
    static const uint8_t dummies[] = {1, 2, 3, 4, 5, 7};

    if (lean)
        return;
    machine_add(machine, &part_amd_complex, root, -1, 0, 0, "r%d.complex", root);
    machine_add(machine, &part_amd_iommu, root, -1, 0, 2, "r%d.iommu", root);
    machine_add(machine, &part_amd_collector, root, -1, 0, 3, "r%d.rcec", root);
    for (size_t i = 0; i < ARRAY_LEN(dummies); i++)
        machine_add(machine, &part_amd_dummy, root, -1, dummies[i], 0, "r%d.dummy%zu", root, i);
}

static void add_amd_board(struct machine *machine, const struct function_type *port_type, int root,
                          bool lean)
{
    int port0 = machine_add(machine, port_type, root, -1, 5, 1, "board.lan");
    int port1 = machine_add(machine, port_type, root, -1, 5, 2, "board.bmc");

    add_board_devices(machine, root, port0, port1);
    machine_add(machine, &part_amd_smbus, root, -1, 0x14, 0, "smbus");
    machine_add(machine, &part_amd_lpc, root, -1, 0x14, 3, "lpc");
    for (int socket = 0; socket < 2 && !lean; socket++)
        for (int i = 0; i < 8; i++)
            machine_add(machine, &part_amd_df, root, -1, 0x18 + socket, i, "cpu%d.df%d", socket, i);
}

/* Two GPUs and two NICs below each of four switches. */
static void add_amd_switches(struct machine *machine, const struct function_type *root_type,
                             const struct function_type *up_type,
                             const struct function_type *down_type,
                             const struct function_type *gpu_type,
                             const struct function_type *nic_type, bool lean)
{
    static const uint8_t buses[4] = {0x20, 0x60, 0xa0, 0xe0};

    for (int i = 0; i < 4; i++) {
        int root = add_root(machine, 0, buses[i], i / 2);
        int root_port, up;

        add_amd_integrated(machine, root, lean);
        root_port = machine_add(machine, root_type, root, -1, 1, 1, "sw%d.root", i);
        up = machine_add(machine, up_type, root, root_port, 0, 0, "sw%d.up", i);
        for (int j = 0; j < 2; j++) {
            int port = machine_add(machine, down_type, root, up, j, 0, "sw%d.gpu%d", i, j);

            machine->functions[port].slot = true;
            machine_add(machine, gpu_type, root, port, 0, 0, "gpu%d", i * 2 + j);
        }
        for (int j = 0; j < 2; j++) {
            int port = machine_add(machine, down_type, root, up, 2 + j, 0, "sw%d.nic%d", i, j);

            machine->functions[port].slot = true;
            machine_add(machine, nic_type, root, port, 0, 0, "nic%d", i * 2 + j);
        }
        if (up_type == &part_pex_up) {
            int port = machine_add(machine, down_type, root, up, 0x1f, 0, "sw%d.mgmt", i);

            machine_add(machine, &part_pex_management, root, port, 0, 0, "mgmt%d", i);
        }
    }
}

static void add_amd_nvme(struct machine *machine, const struct function_type *root_type, int count,
                         bool lean)
{
    for (int i = 0; i < count; i++) {
        int root = add_root(machine, 0, (uint8_t)(0x40 + i * 0x40), i / 2);
        int port;

        add_amd_integrated(machine, root, lean);
        for (int j = 0; j < 2; j++) {
            port = machine_add(machine, root_type, root, -1, 3, 1 + j, "nvme%d.root", i * 2 + j);
            machine->functions[port].slot = true;
            machine->functions[port].cap_width = 4;
            machine_add(machine, &part_nvme, root, port, 0, 0, "nvme%d", i * 2 + j);
        }
    }
}

static void build_amd_pcie(struct machine *machine, bool lean)
{
    int board;

    machine->host = (struct host_facts){
        .maker = CPU_AMD,
        .cpu_model = "AMD EPYC 9554 64-Core Processor",
        .vendor_id = "AuthenticAMD",
        .family = 25,
        .model_number = 17,
        .stepping = 1,
        .sockets = 2,
        .cores = 64,
        .threads = 2,
        .nodes = 2,
        .max_mhz = 3762,
        .l3_mb = 256,
        .product = "AS -8125GS-TNHR",
        .manufacturer = "Supermicro",
        .board = "H13DSG-O-CPU-D",
        .bios_vendor = "American Megatrends International, LLC.",
        .bios_version = "1.4",
        .bios_date = "12/14/2023",
        .bmc = "01.01.25",
        .microcode = "0xa101144",
        .cmdline =
            "console=tty0 amd_iommu=on iommu=pt numa_balancing=disable processor.max_cstate=0",
        .iommu = true,
        .interrupt_remapping = true,
        .dimm_slots = 24,
        .dimm_gb = 64,
        .dimm_mts = 4800,
        .dimm_rated_mts = 4800,
        .dimm_maker = "Samsung",
        .dimm_part = "M321R8GA0BB0-CQKZJ",
        .gpu_name = "NVIDIA H100 PCIe",
        .gpu_arch = "Hopper",
        .gpu_part = "2331-200-A1",
        .vbios = "96.00.5E.00.03",
        .gpu_fb_mib = 81559,
        .gpu_power_w = 350,
        .gpu_sm_mhz = 1755,
        .gpu_mem_mhz = 1593,
        .pcie_gen = 5,
        .nic_fw = "28.39.1002",
        .nic_type = "MT4129",
        .nic_psid = "MT_0000000838",
        .ib_rate = 400};
    common_host(&machine->host);
    board = add_root(machine, 0, 0x00, 0);
    add_amd_integrated(machine, board, lean);
    add_amd_board(machine, &part_amd_root, board, lean);
    add_amd_switches(machine, &part_amd_root, &part_pex_up, &part_pex_down, &part_h100_pcie,
                     &part_cx7, lean);
    add_amd_nvme(machine, &part_amd_root, 3, lean);
}

static void build_a100(struct machine *machine, bool lean)
{
    int board, nvs;

    machine->host = (struct host_facts){
        .maker = CPU_AMD,
        .cpu_model = "AMD EPYC 7742 64-Core Processor",
        .vendor_id = "AuthenticAMD",
        .family = 23,
        .model_number = 49,
        .stepping = 0,
        .sockets = 2,
        .cores = 64,
        .threads = 2,
        .nodes = 2,
        .max_mhz = 2250,
        .l3_mb = 256,
        .product = "ProLiant XL675d Gen10 Plus",
        .manufacturer = "HPE",
        .board = "ProLiant XL675d Gen10 Plus",
        .bios_vendor = "HPE",
        .bios_version = "A47",
        .bios_date = "02/15/2024",
        .bmc = "3.00",
        .microcode = "0x830107a",
        .cmdline =
            "console=tty0 amd_iommu=on iommu=pt numa_balancing=disable processor.max_cstate=0",
        .iommu = true,
        .interrupt_remapping = true,
        .dimm_slots = 32,
        .dimm_gb = 32,
        .dimm_mts = 3200,
        .dimm_rated_mts = 3200,
        .dimm_maker = "Micron",
        .dimm_part = "36ASF4G72PZ-3G2R1",
        .gpu_name = "NVIDIA A100-SXM4-80GB",
        .gpu_arch = "Ampere",
        .gpu_part = "20B2-895-A1",
        .vbios = "92.00.45.00.03",
        .gpu_fb_mib = 81920,
        .gpu_power_w = 400,
        .gpu_sm_mhz = 1410,
        .gpu_mem_mhz = 1593,
        .nvlinks = 12,
        .nvlink_gbs = 25,
        .fabric_manager = true,
        .pcie_gen = 4,
        .nic_fw = "20.38.1900",
        .nic_type = "MT4123",
        .nic_psid = "MT_0000000223",
        .ib_rate = 200};
    common_host(&machine->host);
    board = add_root(machine, 0, 0x00, 0);
    add_amd_integrated(machine, board, lean);
    add_amd_board(machine, &part_amd_root4, board, lean);
    add_amd_switches(machine, &part_amd_root4, &part_pex4_up, &part_pex4_down, &part_a100_sxm,
                     &part_cx6, lean);
    add_amd_nvme(machine, &part_amd_root4, 2, lean);
    nvs = add_root(machine, 0, 0xc0, 1);
    add_amd_integrated(machine, nvs, lean);
    add_nvswitches(machine, nvs, &part_amd_root4, &part_pmc_up, &part_pmc_down, &part_nvswitch2, 6);
}

static void build_gb200(struct machine *machine, bool lean)
{
    /* One function below each root port, a PCI domain for each, as Grace has it. */
    static const struct {
        uint32_t domain;
        int numa, width;
        const struct function_type *type;
        const char *name;
    } places[] = {
        {0x0000, 0, 16, &part_cx7, "nic0"},       {0x0002, 0, 16, &part_cx7, "nic1"},
        {0x0004, 0, 4, &part_nvme, "nvme0"},      {0x0005, 0, 4, &part_nvme, "nvme1"},
        {0x0006, 0, 16, &part_bf3, "stor0"},      {0x0008, 0, 16, &part_gb200_gpu, "gpu0"},
        {0x0009, 0, 16, &part_gb200_gpu, "gpu1"}, {0x0010, 1, 16, &part_cx7, "nic2"},
        {0x0012, 1, 16, &part_cx7, "nic3"},       {0x0014, 1, 4, &part_nvme, "nvme2"},
        {0x0015, 1, 4, &part_nvme, "nvme3"},      {0x0016, 1, 16, &part_bf3, "stor1"},
        {0x0018, 1, 16, &part_gb200_gpu, "gpu2"}, {0x0019, 1, 16, &part_gb200_gpu, "gpu3"}};

    (void)lean; /* Grace shows no integrated functions */
    machine->host = (struct host_facts){
        .maker = CPU_ARM,
        .cpu_model = "Neoverse-V2",
        .vendor_id = "ARM",
        .family = 0,
        .model_number = 0,
        .stepping = 0,
        .sockets = 2,
        .cores = 72,
        .threads = 1,
        .nodes = 2,
        .max_mhz = 3375,
        .l3_mb = 114,
        .product = "GB200 NVL",
        .manufacturer = "NVIDIA",
        .board = "PG548",
        .bios_vendor = "NVIDIA",
        .bios_version = "02.04.12",
        .bios_date = "20250416",
        .bmc = "GB200Nvl-25.04-2",
        .microcode = NULL,
        .cmdline = "console=tty0 iommu.passthrough=1 numa_balancing=disable init_on_alloc=0",
        .iommu = true,
        .dimm_slots = 2,
        .dimm_gb = 480,
        .dimm_mts = 6400,
        .dimm_rated_mts = 6400,
        .dimm_maker = "Micron",
        .dimm_part = "MT62F8G64DUYB-031",
        .gpu_name = "NVIDIA GB200",
        .gpu_arch = "Blackwell",
        .gpu_part = "2941-886-A1",
        .vbios = "97.00.82.00.1A",
        .gpu_fb_mib = 189471,
        .gpu_power_w = 1200,
        .gpu_sm_mhz = 2062,
        .gpu_mem_mhz = 3996,
        .nvlinks = 18,
        .nvlink_gbs = 50,
        .pcie_gen = 5,
        .nic_fw = "28.42.1000",
        .nic_type = "MT4129",
        .nic_psid = "MT_0000000844",
        .ib_rate = 400};
    common_host(&machine->host);
    machine->host.driver = machine->host.module_driver = "570.124.06";
    machine->host.cuda = "12.8";
    machine->host.kernel = "6.8.0-1021-nvidia-64k";
    machine->host.os_name = "Ubuntu 24.04.1 LTS";
    machine->host.os_version = "24.04";
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int root = add_root(machine, places[i].domain, 0, places[i].numa);
        int port =
            machine_add(machine, &part_grace_root, root, -1, 0, 0, "%s.root", places[i].name);

        machine->functions[port].cap_width = (uint8_t)places[i].width;
        machine_add(machine, places[i].type, root, port, 0, 0, "%s", places[i].name);
    }
}

const struct model *model_at(size_t index)
{
    static const struct model models[] = {
        {"hgx-h100", "2 Xeon, 8 H100 SXM and 8 ConnectX-7 below PEX890xx switches, 4 NVSwitch",
         build_hgx_h100},
        {"amd-pcie", "2 EPYC, 8 H100 PCIe and 8 ConnectX-7 below four PEX890xx switches",
         build_amd_pcie},
        {"gb200", "2 Grace, 4 Blackwell GPUs and 4 ConnectX-7, a PCI domain each", build_gb200},
        {"a100", "2 EPYC, 8 A100 SXM4 and 8 ConnectX-6 below PEX880xx switches, 6 NVSwitch",
         build_a100}};

    return index < ARRAY_LEN(models) ? &models[index] : NULL;
}
