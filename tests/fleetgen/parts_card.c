/* Switches, GPUs, NICs and the rest of what sits below root ports. Ids and register values follow
 * published dumps. */
#include "part_rows.h"

#define GPU_CAPS                                                                                   \
    (CAP_PM | CAP_MSI | CAP_EXPRESS | CAP_MSIX | CAP_VENDOR | CAP_SECPCIE | CAP_LTR | CAP_REBAR |  \
     CAP_AER | CAP_ARI | CAP_SRIOV | CAP_VSEC | CAP_DSN)
#define GPU_BARS(fb)                                                                               \
    {                                                                                              \
        {BAR_PREF64, MB(4)}, {0}, {BAR_PREF64, fb}, {0}, {BAR_PREF64, MB(5)},                      \
    }
#define NIC_CAPS                                                                                   \
    (CAP_EXPRESS | CAP_MSIX | CAP_PM | CAP_VENDOR | CAP_AER | CAP_ARI | CAP_SRIOV | CAP_SECPCIE |  \
     CAP_DSN | CAP_ATS)

const struct function_type part_pex_up = {
    .name = "PEX890xx upstream",
    ID(0x1000, 0xc030, 0x1028, 0x224b),
    CLASS(0x0604, 0, 0xb0),
    .express = EXPRESS_UP,
    .caps = CAP_PM | CAP_EXPRESS | CAP_SSVID | CAP_VENDOR | CAP_DSN | CAP_SECPCIE | CAP_VC |
            CAP_VSEC | CAP_AER | GEN4_CAPS,
    LINK(5, 16, 3),
    SIZES(4, 1, 0),
    CONTROL(CTL_SWITCH, CAP2_UP, 0),
    .driver = "pcieport",
};

const struct function_type part_pex_down = {
    .name = "PEX890xx downstream",
    ID(0x1000, 0xc030, 0x1028, 0x224b),
    CLASS(0x0604, 0, 0xb0),
    .express = EXPRESS_DOWN,
    .caps = PORT_CAPS | CAP_VENDOR | CAP_DSN | CAP_VC | CAP_VSEC | CAP_DPC | GEN4_CAPS,
    LINK(5, 16, 3),
    SIZES(4, 1, 0),
    CONTROL(CTL_SWITCH, CAP2_SWITCH, 0),
    ACS(0x5f, 0),
    .driver = "pcieport",
};

const struct function_type part_pex_down_x4 = {
    .name = "PEX890xx downstream x4",
    ID(0x1000, 0xc030, 0x1028, 0x224b),
    CLASS(0x0604, 0, 0xb0),
    .express = EXPRESS_DOWN,
    .caps = PORT_CAPS | CAP_VENDOR | CAP_DSN | CAP_VC | CAP_VSEC | CAP_DPC | GEN4_CAPS,
    LINK(5, 4, 3),
    SIZES(4, 1, 0),
    CONTROL(CTL_SWITCH, CAP2_SWITCH, 0),
    ACS(0x5f, 0),
    .driver = "pcieport",
};

const struct function_type part_pex_management = {
    .name = "PEX890xx management",
    ID(0x1000, 0x02b2, 0x1000, 0x0040),
    CLASS(0x0107, 0, 0xb0),
    .express = EXPRESS_ENDPOINT,
    .caps = CAP_PM | CAP_EXPRESS | CAP_MSIX | CAP_VENDOR | CAP_DSN | CAP_AER,
    LINK(5, 16, 0),
    SIZES(4, 1, 5),
    CONTROL(CTL_ENDPOINT, 0, 0),
    .bars = {{BAR_PREF64, KB(4)}},
    .driver = "mpt3sas",
    .modules = "mpt3sas",
};

const struct function_type part_pex4_up = {
    .name = "PEX880xx upstream",
    ID(0x1000, 0xc010, 0x1000, 0xa096),
    CLASS(0x0604, 0, 0xb0),
    .express = EXPRESS_UP,
    .caps = CAP_PM | CAP_EXPRESS | CAP_SSVID | CAP_VENDOR | CAP_DSN | CAP_SECPCIE | CAP_VC |
            CAP_VSEC | CAP_AER | GEN4_CAPS,
    LINK(4, 16, 3),
    SIZES(4, 1, 0),
    CONTROL(CTL_SWITCH, CAP2_UP, 0),
    .driver = "pcieport",
};

const struct function_type part_pex4_down = {
    .name = "PEX880xx downstream",
    ID(0x1000, 0xc010, 0x1000, 0xa096),
    CLASS(0x0604, 0, 0xb0),
    .express = EXPRESS_DOWN,
    .caps = PORT_CAPS | CAP_VENDOR | CAP_DSN | CAP_VC | CAP_VSEC | CAP_DPC | GEN4_CAPS,
    LINK(4, 16, 3),
    SIZES(4, 1, 0),
    CONTROL(CTL_SWITCH, CAP2_SWITCH, 0),
    ACS(0x5f, 0),
    .driver = "pcieport",
};

const struct function_type part_pmc_up = {
    .name = "PM41028 upstream",
    ID(0x11f8, 0x4128, 0x11f8, 0x4128),
    CLASS(0x0604, 0, 0),
    .express = EXPRESS_UP,
    .caps = CAP_PM | CAP_EXPRESS | CAP_SSVID | CAP_SECPCIE | CAP_AER | CAP_VC | GEN4_CAPS,
    LINK(4, 8, 0),
    SIZES(2, 1, 0),
    CONTROL(CTL_SWITCH, CAP2_UP, 0),
    .driver = "pcieport",
};

const struct function_type part_pmc_down = {
    .name = "PM41028 downstream",
    ID(0x11f8, 0x4128, 0x11f8, 0x4128),
    CLASS(0x0604, 0, 0),
    .express = EXPRESS_DOWN,
    .caps = PORT_CAPS | CAP_VC | CAP_DPC | GEN4_CAPS,
    LINK(4, 2, 0),
    SIZES(2, 1, 0),
    CONTROL(CTL_SWITCH, CAP2_SWITCH, 0),
    ACS(0x1f, 0),
    .driver = "pcieport",
};

const struct function_type part_h100_sxm = {
    .name = "H100 SXM",
    .role = ROLE_GPU,
    ID(0x10de, 0x2330, 0x10de, 0x16c1),
    CLASS(0x0302, 0, 0xa1),
    .express = EXPRESS_ENDPOINT,
    .caps = GPU_CAPS | GEN5_CAPS,
    LINK(5, 16, 2),
    SIZES(1, 1, 5),
    CONTROL(CTL_GPU, CAP2_ENDPOINT | 0x800, 0x1046),
    .bars = GPU_BARS(MB(17)),
    .vfs_max = 32,
    .driver = "nvidia",
    .modules = "nvidiafb, nouveau, nvidia_drm, nvidia",
};

const struct function_type part_h100_pcie = {
    .name = "H100 PCIe",
    .role = ROLE_GPU,
    ID(0x10de, 0x2331, 0x10de, 0x1626),
    CLASS(0x0302, 0, 0xa1),
    .express = EXPRESS_ENDPOINT,
    .caps = GPU_CAPS | GEN5_CAPS | CAP_L1SS,
    LINK(5, 16, 2),
    SIZES(1, 1, 5),
    CONTROL(CTL_GPU, CAP2_ENDPOINT | 0x800, 0x1046),
    .bars = GPU_BARS(MB(17)),
    .vfs_max = 32,
    .driver = "nvidia",
    .modules = "nvidiafb, nouveau, nvidia_drm, nvidia",
};

const struct function_type part_a100_sxm = {
    .name = "A100 SXM4 80GB",
    .role = ROLE_GPU,
    ID(0x10de, 0x20b2, 0x10de, 0x1463),
    CLASS(0x0302, 0, 0xa1),
    .express = EXPRESS_ENDPOINT,
    .caps = GPU_CAPS | GEN4_CAPS,
    LINK(4, 16, 2),
    SIZES(1, 1, 5),
    CONTROL(CTL_GPU, CAP2_GEN4 | 0x800, 0x1006),
    .bars = GPU_BARS(MB(17)),
    .vfs_max = 16,
    .driver = "nvidia",
    .modules = "nvidiafb, nouveau, nvidia_drm, nvidia",
};

const struct function_type part_gb200_gpu = {
    .name = "GB200",
    .role = ROLE_GPU,
    ID(0x10de, 0x2941, 0x10de, 0x2046),
    CLASS(0x0302, 0, 0xa1),
    .express = EXPRESS_ENDPOINT,
    .caps = GPU_CAPS | GEN5_CAPS | CAP_ATS,
    LINK(5, 16, 0),
    SIZES(1, 1, 5),
    CONTROL(CTL_GPU, CAP2_ENDPOINT | 0x800, 0x1046),
    .bars = {{BAR_PREF64, MB(6)}, {0}, {BAR_PREF64, MB(18)}, {0}, {BAR_PREF64, MB(5)}},
    .vfs_max = 32,
    .driver = "nvidia",
    .modules = "nvidia_drm, nvidia",
};

const struct function_type part_nvswitch3 = {
    .name = "NVSwitch (Hopper)",
    .role = ROLE_NVSWITCH,
    ID(0x10de, 0x22a3, 0x10de, 0x1796),
    CLASS(0x0680, 0, 0xa1),
    .express = EXPRESS_ENDPOINT,
    .caps = CAP_PM | CAP_MSI | CAP_MSI_ON | CAP_EXPRESS | CAP_VENDOR | CAP_SECPCIE | CAP_AER |
            CAP_VSEC | CAP_DSN | GEN5_CAPS,
    LINK(4, 2, 0),
    SIZES(1, 1, 5),
    CONTROL(CTL_ENDPOINT, CAP2_ENDPOINT, 0x1046),
    .bars = {{BAR_MEM64, MB(5)}},
    .driver = "nvidia-nvswitch",
    .modules = "nvidia_drm, nvidia",
};

const struct function_type part_nvswitch2 = {
    .name = "NVSwitch (Ampere)",
    .role = ROLE_NVSWITCH,
    ID(0x10de, 0x1af1, 0x10de, 0x1465),
    CLASS(0x0680, 0, 0xa1),
    .express = EXPRESS_ENDPOINT,
    .caps = CAP_PM | CAP_MSI | CAP_MSI_ON | CAP_EXPRESS | CAP_VENDOR | CAP_SECPCIE | CAP_AER |
            CAP_VSEC | CAP_DSN | GEN4_CAPS,
    LINK(4, 2, 0),
    SIZES(1, 1, 5),
    CONTROL(CTL_ENDPOINT, CAP2_GEN4, 0x1006),
    .bars = {{BAR_MEM64, MB(5)}},
    .driver = "nvidia-nvswitch",
    .modules = "nvidia_drm, nvidia",
};

const struct function_type part_cx7 = {
    .name = "ConnectX-7",
    .role = ROLE_NIC,
    ID(0x15b3, 0x1021, 0x15b3, 0x0041),
    CLASS(0x0207, 0, 0),
    .express = EXPRESS_ENDPOINT,
    .caps = NIC_CAPS | GEN5_CAPS,
    LINK(5, 16, 0),
    SIZES(2, 1, 5),
    CONTROL(CTL_ENDPOINT, CAP2_ENDPOINT | 0x384, 0x1046),
    .bars = {{BAR_PREF64, MB(5)}},
    .vfs_max = 16,
    .driver = "mlx5_core",
    .modules = "mlx5_core",
};

const struct function_type part_cx6 = {
    .name = "ConnectX-6",
    .role = ROLE_NIC,
    ID(0x15b3, 0x101b, 0x15b3, 0x0007),
    CLASS(0x0207, 0, 0),
    .express = EXPRESS_ENDPOINT,
    .caps = NIC_CAPS | GEN4_CAPS,
    LINK(4, 16, 0),
    SIZES(2, 1, 5),
    CONTROL(CTL_ENDPOINT, CAP2_GEN4 | 0x384, 0x1006),
    .bars = {{BAR_PREF64, MB(5)}},
    .vfs_max = 16,
    .driver = "mlx5_core",
    .modules = "mlx5_core",
};

const struct function_type part_cx6dx = {
    .name = "ConnectX-6 Dx",
    .role = ROLE_STORAGE_NIC,
    ID(0x15b3, 0x101d, 0x15b3, 0x0040),
    CLASS(0x0200, 0, 0),
    .express = EXPRESS_ENDPOINT,
    .caps = NIC_CAPS | GEN4_CAPS,
    LINK(4, 16, 0),
    SIZES(2, 1, 5),
    CONTROL(CTL_ENDPOINT, CAP2_GEN4, 0x1006),
    .bars = {{BAR_PREF64, MB(5)}},
    .vfs_max = 8,
    .driver = "mlx5_core",
    .modules = "mlx5_core",
};

const struct function_type part_bf3 = {
    .name = "BlueField-3",
    .role = ROLE_STORAGE_NIC,
    ID(0x15b3, 0xa2dc, 0x15b3, 0x0009),
    CLASS(0x0200, 0, 1),
    .express = EXPRESS_ENDPOINT,
    .caps = NIC_CAPS | GEN5_CAPS,
    LINK(5, 16, 0),
    SIZES(2, 1, 5),
    CONTROL(CTL_ENDPOINT, CAP2_ENDPOINT, 0x1046),
    .bars = {{BAR_PREF64, MB(5)}},
    .vfs_max = 16,
    .driver = "mlx5_core",
    .modules = "mlx5_core",
};

const struct function_type part_bcm5720 = {
    .name = "BCM5720",
    ID(0x14e4, 0x165f, 0x1028, 0x0b73),
    CLASS(0x0200, 0, 0),
    .express = EXPRESS_ENDPOINT,
    .caps = CAP_PM | CAP_MSI | CAP_MSIX | CAP_EXPRESS | CAP_AER | CAP_DSN | CAP_LTR,
    LINK(2, 2, 0),
    SIZES(1, 1, 2),
    CONTROL(0x0006, CAP2_OLD, 0x0006),
    .bars = {{BAR_PREF64, KB(6)}, {0}, {BAR_PREF64, KB(6)}, {0}, {BAR_PREF64, KB(6)}},
    .driver = "tg3",
    .modules = "tg3",
};

const struct function_type part_nvme = {
    .name = "NVMe",
    .role = ROLE_NVME,
    ID(0x1344, 0x51c3, 0x1028, 0x2278),
    CLASS(0x0108, 2, 1),
    .express = EXPRESS_ENDPOINT,
    .caps = CAP_PM | CAP_MSI | CAP_MSIX | CAP_EXPRESS | CAP_AER | CAP_LTR | CAP_SECPCIE |
            CAP_MARGIN | CAP_16GT,
    LINK(4, 4, 3),
    SIZES(2, 1, 5),
    CONTROL(CTL_ENDPOINT, 0x00030012 | 0x800, 0x1006),
    .bars = {{BAR_MEM64, KB(8)}},
    .driver = "nvme",
    .modules = "nvme",
};

const struct function_type part_ast_bridge = {
    .name = "AST1150",
    ID(0x1a03, 0x1150, 0, 0),
    CLASS(0x0604, 0, 6),
    .express = EXPRESS_TO_PCI,
    .caps = CAP_PM | CAP_MSI | CAP_EXPRESS | CAP_AER | CAP_SSVID,
    LINK(2, 1, 0),
    SIZES(1, 1, 2),
    CONTROL(0x0006, 0, 0),
};

const struct function_type part_ast_vga = {
    .name = "AST2600",
    ID(0x1a03, 0x2000, 0x1a03, 0x2000),
    CLASS(0x0300, 0, 0x52),
    .express = EXPRESS_NONE,
    .caps = CAP_PM | CAP_MSI,
    .bars = {{BAR_MEM32, MB(6)}, {BAR_MEM32, KB(8)}},
    .driver = "ast",
    .modules = "ast",
};
