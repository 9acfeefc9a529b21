/* fleetgen/models - the machines: which functions sit where, with the register values that healthy
 * machines of the kind show. Ids and values follow published dumps of real machines: a Xeon HGX
 * H100 node, an EPYC box with PCIe GPUs, A100 SXM nodes; the Grace node is put together from its
 * parts. */
#include "model.h"

#include "base/str.h"

#define PORT_CAPS                                                                                  \
    (CAP_PM | CAP_MSI | CAP_MSI_ON | CAP_EXPRESS | CAP_SSVID | CAP_AER | CAP_ACS | CAP_SECPCIE)
#define GEN4_CAPS (CAP_DLF | CAP_16GT | CAP_MARGIN)
#define GEN5_CAPS (GEN4_CAPS | CAP_32GT)

/* DevCtl: CorrErr 1, NonFatal 2, Fatal 4, UnsupReq 8, RlxdOrd 10, ExtTag 100, NoSnoop 800. */
#define CTL_ENDPOINT 0x091f
#define CTL_GPU      0x011f
#define CTL_ROOT     0x0105
#define CTL_SWITCH   0x081f

/* DevCap2 of endpoints: timeout ranges AB, TimeoutDis, 10BitTagComp, 10BitTagReq. */
#define CAP2_ENDPOINT 0x00030013
#define CAP2_GEN4     0x00030013
#define CAP2_OLD      0x00000012
#define CAP2_ROOT     0x00331ff7 /* ranges ABC, ARI, atomics, LTR, TPH, 10-bit tags, ExtFmt */
#define CAP2_SWITCH   0x00010060 /* ARI, atomic routing, 10BitTagComp */
#define CAP2_UP       0x00010040

#define MB(n) (20 + (n)) /* log2 of 2^n MiB */
#define KB(n) (10 + (n))

static const struct function_type intel_root = {
    .name = "Intel root port",
    .vendor = 0x8086,
    .device = 0x352a,
    .subvendor = 0x8086,
    .class = 0x0604,
    .rev = 4,
    .express = EXPRESS_ROOT,
    .caps = PORT_CAPS | CAP_ROOT_AER | CAP_VC | CAP_DPC | CAP_PTM | GEN5_CAPS | CAP_VSEC,
    .speed = 5,
    .width = 16,
    .payload_max = 1,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_ROOT,
    .dev_cap2 = CAP2_ROOT,
    .dev_ctl2 = 0x0446,
    .acs_cap = 0x1f,
    .bars = {{BAR_MEM64, KB(7)}},
    .driver = "pcieport",
};
static const struct function_type intel_pch_port = {
    .name = "Intel PCH root port",
    .vendor = 0x8086,
    .device = 0x1bbc,
    .subvendor = 0x1028,
    .subdevice = 0x0b73,
    .class = 0x0604,
    .rev = 0x11,
    .express = EXPRESS_ROOT,
    .caps = PORT_CAPS | CAP_ROOT_AER | CAP_VC | CAP_DPC | CAP_PTM,
    .speed = 3,
    .width = 2,
    .payload_max = 1,
    .payload = 1,
    .request = 2,
    .dev_ctl = 0x0104,
    .dev_cap2 = 0x00000c37,
    .dev_ctl2 = 0x0406,
    .acs_cap = 0x13,
    .acs_ctl = 0x01,
    .driver = "pcieport",
};
static const struct function_type intel_vtd = {
    .name = "Intel VT-d",
    .vendor = 0x8086,
    .device = 0x09a2,
    .subvendor = 0x8086,
    .class = 0x0880,
    .rev = 0x20,
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS,
};
static const struct function_type intel_ras = {
    .name = "Intel RAS",
    .vendor = 0x8086,
    .device = 0x09a4,
    .subvendor = 0x8086,
    .class = 0x0880,
    .rev = 0x20,
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS,
};
static const struct function_type intel_mesh = {
    .name = "Intel mesh",
    .vendor = 0x8086,
    .device = 0x09a3,
    .subvendor = 0x8086,
    .class = 0x0880,
    .rev = 0x20,
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS,
};
static const struct function_type intel_collector = {
    .name = "Intel event collector",
    .vendor = 0x8086,
    .device = 0x0b23,
    .subvendor = 0x8086,
    .class = 0x0807,
    .express = EXPRESS_COLLECTOR,
    .caps = CAP_EXPRESS | CAP_PM | CAP_MSI | CAP_MSI_ON | CAP_AER | CAP_ROOT_AER | CAP_RCEC,
    .payload_max = 2,
    .dev_ctl = 0x0004,
    .driver = "pcieport",
};
static const struct function_type intel_cha = {
    .name = "Intel CHA",
    .vendor = 0x8086,
    .device = 0x324c,
    .subvendor = 0x8086,
    .class = 0x0880,
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS,
};
static const struct function_type intel_imc = {
    .name = "Intel IMC",
    .vendor = 0x8086,
    .device = 0x324a,
    .subvendor = 0x8086,
    .class = 0x1101,
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS,
};
static const struct function_type intel_dsa = {
    .name = "Intel DSA",
    .vendor = 0x8086,
    .device = 0x0b25,
    .subvendor = 0x8086,
    .class = 0x0880,
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS | CAP_MSIX | CAP_PM | CAP_AER | CAP_LTR | CAP_VC | CAP_ATS,
    .payload_max = 2,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_ENDPOINT & ~0x10,
    .bars = {{BAR_PREF64, KB(6)}, {0}, {BAR_PREF64, KB(7)}},
    .driver = "idxd",
    .modules = "idxd",
};
static const struct function_type intel_usb = {
    .name = "Intel xHCI",
    .vendor = 0x8086,
    .device = 0x1bcd,
    .subvendor = 0x1028,
    .subdevice = 0x0b73,
    .class = 0x0c03,
    .progif = 0x30,
    .rev = 0x11,
    .express = EXPRESS_NONE,
    .caps = CAP_PM | CAP_MSI | CAP_MSI_ON | CAP_VENDOR,
    .bars = {{BAR_MEM64, KB(6)}},
    .driver = "xhci_hcd",
    .modules = "xhci_pci",
};
static const struct function_type intel_sata = {
    .name = "Intel AHCI",
    .vendor = 0x8086,
    .device = 0x1bd2,
    .subvendor = 0x1028,
    .subdevice = 0x0b73,
    .class = 0x0106,
    .progif = 1,
    .rev = 0x11,
    .express = EXPRESS_NONE,
    .caps = CAP_PM | CAP_MSI | CAP_MSI_ON,
    .bars = {{BAR_MEM32, KB(13)}},
    .driver = "ahci",
    .modules = "ahci",
};
static const struct function_type intel_lpc = {
    .name = "Intel LPC",
    .vendor = 0x8086,
    .device = 0x1b81,
    .subvendor = 0x1028,
    .subdevice = 0x0b73,
    .class = 0x0601,
    .rev = 0x11,
    .express = EXPRESS_NONE,
};
static const struct function_type intel_smbus = {
    .name = "Intel SMBus",
    .vendor = 0x8086,
    .device = 0x1bc9,
    .subvendor = 0x1028,
    .subdevice = 0x0b73,
    .class = 0x0c05,
    .rev = 0x11,
    .express = EXPRESS_NONE,
    .bars = {{BAR_MEM64, KB(0)}},
    .driver = "i801_smbus",
    .modules = "i2c_i801",
};
static const struct function_type pex_up = {
    .name = "PEX890xx upstream",
    .vendor = 0x1000,
    .device = 0xc030,
    .subvendor = 0x1028,
    .subdevice = 0x224b,
    .class = 0x0604,
    .rev = 0xb0,
    .express = EXPRESS_UP,
    .caps = CAP_PM | CAP_EXPRESS | CAP_SSVID | CAP_VENDOR | CAP_DSN | CAP_SECPCIE | CAP_VC |
            CAP_VSEC | CAP_AER | GEN4_CAPS,
    .speed = 5,
    .width = 16,
    .payload_max = 4,
    .payload = 1,
    .request = 0,
    .dev_ctl = CTL_SWITCH,
    .dev_cap2 = CAP2_UP,
    .aspm = 3,
    .driver = "pcieport",
};
static const struct function_type pex_down = {
    .name = "PEX890xx downstream",
    .vendor = 0x1000,
    .device = 0xc030,
    .subvendor = 0x1028,
    .subdevice = 0x224b,
    .class = 0x0604,
    .rev = 0xb0,
    .express = EXPRESS_DOWN,
    .caps = PORT_CAPS | CAP_VENDOR | CAP_DSN | CAP_VC | CAP_VSEC | CAP_DPC | GEN4_CAPS,
    .speed = 5,
    .width = 16,
    .payload_max = 4,
    .payload = 1,
    .request = 0,
    .dev_ctl = CTL_SWITCH,
    .dev_cap2 = CAP2_SWITCH,
    .aspm = 3,
    .acs_cap = 0x5f,
    .driver = "pcieport",
};
static const struct function_type pex_down_x4 = {
    .name = "PEX890xx downstream x4",
    .vendor = 0x1000,
    .device = 0xc030,
    .subvendor = 0x1028,
    .subdevice = 0x224b,
    .class = 0x0604,
    .rev = 0xb0,
    .express = EXPRESS_DOWN,
    .caps = PORT_CAPS | CAP_VENDOR | CAP_DSN | CAP_VC | CAP_VSEC | CAP_DPC | GEN4_CAPS,
    .speed = 5,
    .width = 4,
    .payload_max = 4,
    .payload = 1,
    .request = 0,
    .dev_ctl = CTL_SWITCH,
    .dev_cap2 = CAP2_SWITCH,
    .aspm = 3,
    .acs_cap = 0x5f,
    .driver = "pcieport",
};
static const struct function_type pex_management = {
    .name = "PEX890xx management",
    .vendor = 0x1000,
    .device = 0x02b2,
    .subvendor = 0x1000,
    .subdevice = 0x0040,
    .class = 0x0107,
    .rev = 0xb0,
    .express = EXPRESS_ENDPOINT,
    .caps = CAP_PM | CAP_EXPRESS | CAP_MSIX | CAP_VENDOR | CAP_DSN | CAP_AER,
    .speed = 5,
    .width = 16,
    .payload_max = 4,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_ENDPOINT,
    .bars = {{BAR_PREF64, KB(4)}},
    .driver = "mpt3sas",
    .modules = "mpt3sas",
};
static const struct function_type pex4_up = {
    .name = "PEX880xx upstream",
    .vendor = 0x1000,
    .device = 0xc010,
    .subvendor = 0x1000,
    .subdevice = 0xa096,
    .class = 0x0604,
    .rev = 0xb0,
    .express = EXPRESS_UP,
    .caps = CAP_PM | CAP_EXPRESS | CAP_SSVID | CAP_VENDOR | CAP_DSN | CAP_SECPCIE | CAP_VC |
            CAP_VSEC | CAP_AER | GEN4_CAPS,
    .speed = 4,
    .width = 16,
    .payload_max = 4,
    .payload = 1,
    .request = 0,
    .dev_ctl = CTL_SWITCH,
    .dev_cap2 = CAP2_UP,
    .aspm = 3,
    .driver = "pcieport",
};
static const struct function_type pex4_down = {
    .name = "PEX880xx downstream",
    .vendor = 0x1000,
    .device = 0xc010,
    .subvendor = 0x1000,
    .subdevice = 0xa096,
    .class = 0x0604,
    .rev = 0xb0,
    .express = EXPRESS_DOWN,
    .caps = PORT_CAPS | CAP_VENDOR | CAP_DSN | CAP_VC | CAP_VSEC | CAP_DPC | GEN4_CAPS,
    .speed = 4,
    .width = 16,
    .payload_max = 4,
    .payload = 1,
    .request = 0,
    .dev_ctl = CTL_SWITCH,
    .dev_cap2 = CAP2_SWITCH,
    .aspm = 3,
    .acs_cap = 0x5f,
    .driver = "pcieport",
};
static const struct function_type pmc_up = {
    .name = "PM41028 upstream",
    .vendor = 0x11f8,
    .device = 0x4128,
    .subvendor = 0x11f8,
    .subdevice = 0x4128,
    .class = 0x0604,
    .express = EXPRESS_UP,
    .caps = CAP_PM | CAP_EXPRESS | CAP_SSVID | CAP_SECPCIE | CAP_AER | CAP_VC | GEN4_CAPS,
    .speed = 4,
    .width = 8,
    .payload_max = 2,
    .payload = 1,
    .request = 0,
    .dev_ctl = CTL_SWITCH,
    .dev_cap2 = CAP2_UP,
    .driver = "pcieport",
};
static const struct function_type pmc_down = {
    .name = "PM41028 downstream",
    .vendor = 0x11f8,
    .device = 0x4128,
    .subvendor = 0x11f8,
    .subdevice = 0x4128,
    .class = 0x0604,
    .express = EXPRESS_DOWN,
    .caps = PORT_CAPS | CAP_VC | CAP_DPC | GEN4_CAPS,
    .speed = 4,
    .width = 2,
    .payload_max = 2,
    .payload = 1,
    .request = 0,
    .dev_ctl = CTL_SWITCH,
    .dev_cap2 = CAP2_SWITCH,
    .acs_cap = 0x1f,
    .driver = "pcieport",
};

#define GPU_CAPS                                                                                   \
    (CAP_PM | CAP_MSI | CAP_EXPRESS | CAP_MSIX | CAP_VENDOR | CAP_SECPCIE | CAP_LTR | CAP_REBAR |  \
     CAP_AER | CAP_ARI | CAP_SRIOV | CAP_VSEC | CAP_DSN)
#define GPU_BARS(fb)                                                                               \
    {                                                                                              \
        {BAR_PREF64, MB(4)}, {0}, {BAR_PREF64, fb}, {0},                                           \
        {                                                                                          \
            BAR_PREF64, MB(5)                                                                      \
        }                                                                                          \
    }

static const struct function_type h100_sxm = {
    .name = "H100 SXM",
    .role = ROLE_GPU,
    .vendor = 0x10de,
    .device = 0x2330,
    .subvendor = 0x10de,
    .subdevice = 0x16c1,
    .class = 0x0302,
    .rev = 0xa1,
    .express = EXPRESS_ENDPOINT,
    .caps = GPU_CAPS | GEN5_CAPS,
    .speed = 5,
    .width = 16,
    .payload_max = 1,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_GPU,
    .dev_cap2 = CAP2_ENDPOINT | 0x800,
    .dev_ctl2 = 0x1046,
    .aspm = 2,
    .bars = GPU_BARS(MB(17)),
    .vfs_max = 32,
    .driver = "nvidia",
    .modules = "nvidiafb, nouveau, nvidia_drm, nvidia",
};
static const struct function_type h100_pcie = {
    .name = "H100 PCIe",
    .role = ROLE_GPU,
    .vendor = 0x10de,
    .device = 0x2331,
    .subvendor = 0x10de,
    .subdevice = 0x1626,
    .class = 0x0302,
    .rev = 0xa1,
    .express = EXPRESS_ENDPOINT,
    .caps = GPU_CAPS | GEN5_CAPS | CAP_L1SS,
    .speed = 5,
    .width = 16,
    .payload_max = 1,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_GPU,
    .dev_cap2 = CAP2_ENDPOINT | 0x800,
    .dev_ctl2 = 0x1046,
    .aspm = 2,
    .bars = GPU_BARS(MB(17)),
    .vfs_max = 32,
    .driver = "nvidia",
    .modules = "nvidiafb, nouveau, nvidia_drm, nvidia",
};
static const struct function_type a100_sxm = {
    .name = "A100 SXM4 80GB",
    .role = ROLE_GPU,
    .vendor = 0x10de,
    .device = 0x20b2,
    .subvendor = 0x10de,
    .subdevice = 0x1463,
    .class = 0x0302,
    .rev = 0xa1,
    .express = EXPRESS_ENDPOINT,
    .caps = GPU_CAPS | GEN4_CAPS,
    .speed = 4,
    .width = 16,
    .payload_max = 1,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_GPU,
    .dev_cap2 = CAP2_GEN4 | 0x800,
    .dev_ctl2 = 0x1006,
    .aspm = 2,
    .bars = GPU_BARS(MB(17)),
    .vfs_max = 16,
    .driver = "nvidia",
    .modules = "nvidiafb, nouveau, nvidia_drm, nvidia",
};
static const struct function_type gb200_gpu = {
    .name = "GB200",
    .role = ROLE_GPU,
    .vendor = 0x10de,
    .device = 0x2941,
    .subvendor = 0x10de,
    .subdevice = 0x2046,
    .class = 0x0302,
    .rev = 0xa1,
    .express = EXPRESS_ENDPOINT,
    .caps = GPU_CAPS | GEN5_CAPS | CAP_ATS,
    .speed = 5,
    .width = 16,
    .payload_max = 1,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_GPU,
    .dev_cap2 = CAP2_ENDPOINT | 0x800,
    .dev_ctl2 = 0x1046,
    .aspm = 0,
    .bars = {{BAR_PREF64, MB(6)}, {0}, {BAR_PREF64, MB(18)}, {0}, {BAR_PREF64, MB(5)}},
    .vfs_max = 32,
    .driver = "nvidia",
    .modules = "nvidia_drm, nvidia",
};
static const struct function_type nvswitch3 = {
    .name = "NVSwitch (Hopper)",
    .role = ROLE_NVSWITCH,
    .vendor = 0x10de,
    .device = 0x22a3,
    .subvendor = 0x10de,
    .subdevice = 0x1796,
    .class = 0x0680,
    .rev = 0xa1,
    .express = EXPRESS_ENDPOINT,
    .caps = CAP_PM | CAP_MSI | CAP_MSI_ON | CAP_EXPRESS | CAP_VENDOR | CAP_SECPCIE | CAP_AER |
            CAP_VSEC | CAP_DSN | GEN5_CAPS,
    .speed = 4,
    .width = 2,
    .payload_max = 1,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_ENDPOINT,
    .dev_cap2 = CAP2_ENDPOINT,
    .dev_ctl2 = 0x1046,
    .bars = {{BAR_MEM64, MB(5)}},
    .driver = "nvidia-nvswitch",
    .modules = "nvidia_drm, nvidia",
};
static const struct function_type nvswitch2 = {
    .name = "NVSwitch (Ampere)",
    .role = ROLE_NVSWITCH,
    .vendor = 0x10de,
    .device = 0x1af1,
    .subvendor = 0x10de,
    .subdevice = 0x1465,
    .class = 0x0680,
    .rev = 0xa1,
    .express = EXPRESS_ENDPOINT,
    .caps = CAP_PM | CAP_MSI | CAP_MSI_ON | CAP_EXPRESS | CAP_VENDOR | CAP_SECPCIE | CAP_AER |
            CAP_VSEC | CAP_DSN | GEN4_CAPS,
    .speed = 4,
    .width = 2,
    .payload_max = 1,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_ENDPOINT,
    .dev_cap2 = CAP2_GEN4,
    .dev_ctl2 = 0x1006,
    .bars = {{BAR_MEM64, MB(5)}},
    .driver = "nvidia-nvswitch",
    .modules = "nvidia_drm, nvidia",
};

#define NIC_CAPS                                                                                   \
    (CAP_EXPRESS | CAP_MSIX | CAP_PM | CAP_VENDOR | CAP_AER | CAP_ARI | CAP_SRIOV | CAP_SECPCIE |  \
     CAP_DSN | CAP_ATS)

static const struct function_type cx7 = {
    .name = "ConnectX-7",
    .role = ROLE_NIC,
    .vendor = 0x15b3,
    .device = 0x1021,
    .subvendor = 0x15b3,
    .subdevice = 0x0041,
    .class = 0x0207,
    .express = EXPRESS_ENDPOINT,
    .caps = NIC_CAPS | GEN5_CAPS,
    .speed = 5,
    .width = 16,
    .payload_max = 2,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_ENDPOINT,
    .dev_cap2 = CAP2_ENDPOINT | 0x384,
    .dev_ctl2 = 0x1046,
    .bars = {{BAR_PREF64, MB(5)}},
    .vfs_max = 16,
    .driver = "mlx5_core",
    .modules = "mlx5_core",
};
static const struct function_type cx6 = {
    .name = "ConnectX-6",
    .role = ROLE_NIC,
    .vendor = 0x15b3,
    .device = 0x101b,
    .subvendor = 0x15b3,
    .subdevice = 0x0007,
    .class = 0x0207,
    .express = EXPRESS_ENDPOINT,
    .caps = NIC_CAPS | GEN4_CAPS,
    .speed = 4,
    .width = 16,
    .payload_max = 2,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_ENDPOINT,
    .dev_cap2 = CAP2_GEN4 | 0x384,
    .dev_ctl2 = 0x1006,
    .bars = {{BAR_PREF64, MB(5)}},
    .vfs_max = 16,
    .driver = "mlx5_core",
    .modules = "mlx5_core",
};
static const struct function_type cx6dx = {
    .name = "ConnectX-6 Dx",
    .role = ROLE_STORAGE_NIC,
    .vendor = 0x15b3,
    .device = 0x101d,
    .subvendor = 0x15b3,
    .subdevice = 0x0040,
    .class = 0x0200,
    .express = EXPRESS_ENDPOINT,
    .caps = NIC_CAPS | GEN4_CAPS,
    .speed = 4,
    .width = 16,
    .payload_max = 2,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_ENDPOINT,
    .dev_cap2 = CAP2_GEN4,
    .dev_ctl2 = 0x1006,
    .bars = {{BAR_PREF64, MB(5)}},
    .vfs_max = 8,
    .driver = "mlx5_core",
    .modules = "mlx5_core",
};
static const struct function_type bf3 = {
    .name = "BlueField-3",
    .role = ROLE_STORAGE_NIC,
    .vendor = 0x15b3,
    .device = 0xa2dc,
    .subvendor = 0x15b3,
    .subdevice = 0x0009,
    .class = 0x0200,
    .rev = 1,
    .express = EXPRESS_ENDPOINT,
    .caps = NIC_CAPS | GEN5_CAPS,
    .speed = 5,
    .width = 16,
    .payload_max = 2,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_ENDPOINT,
    .dev_cap2 = CAP2_ENDPOINT,
    .dev_ctl2 = 0x1046,
    .bars = {{BAR_PREF64, MB(5)}},
    .vfs_max = 16,
    .driver = "mlx5_core",
    .modules = "mlx5_core",
};
static const struct function_type bcm5720 = {
    .name = "BCM5720",
    .vendor = 0x14e4,
    .device = 0x165f,
    .subvendor = 0x1028,
    .subdevice = 0x0b73,
    .class = 0x0200,
    .express = EXPRESS_ENDPOINT,
    .caps = CAP_PM | CAP_MSI | CAP_MSIX | CAP_EXPRESS | CAP_AER | CAP_DSN | CAP_LTR,
    .speed = 2,
    .width = 2,
    .payload_max = 1,
    .payload = 1,
    .request = 2,
    .dev_ctl = 0x0006,
    .dev_cap2 = CAP2_OLD,
    .dev_ctl2 = 0x0006,
    .bars = {{BAR_PREF64, KB(6)}, {0}, {BAR_PREF64, KB(6)}, {0}, {BAR_PREF64, KB(6)}},
    .driver = "tg3",
    .modules = "tg3",
};
static const struct function_type nvme = {
    .name = "NVMe",
    .role = ROLE_NVME,
    .vendor = 0x1344,
    .device = 0x51c3,
    .subvendor = 0x1028,
    .subdevice = 0x2278,
    .class = 0x0108,
    .progif = 2,
    .rev = 1,
    .express = EXPRESS_ENDPOINT,
    .caps = CAP_PM | CAP_MSI | CAP_MSIX | CAP_EXPRESS | CAP_AER | CAP_LTR | CAP_SECPCIE |
            CAP_MARGIN | CAP_16GT,
    .speed = 4,
    .width = 4,
    .payload_max = 2,
    .payload = 1,
    .request = 5,
    .dev_ctl = CTL_ENDPOINT,
    .dev_cap2 = 0x00030012 | 0x800,
    .dev_ctl2 = 0x1006,
    .aspm = 3,
    .bars = {{BAR_MEM64, KB(8)}},
    .driver = "nvme",
    .modules = "nvme",
};
static const struct function_type ast_bridge = {
    .name = "AST1150",
    .vendor = 0x1a03,
    .device = 0x1150,
    .class = 0x0604,
    .rev = 6,
    .express = EXPRESS_TO_PCI,
    .caps = CAP_PM | CAP_MSI | CAP_EXPRESS | CAP_AER | CAP_SSVID,
    .speed = 2,
    .width = 1,
    .payload_max = 1,
    .payload = 1,
    .request = 2,
    .dev_ctl = 0x0006,
};
static const struct function_type ast_vga = {
    .name = "AST2600",
    .vendor = 0x1a03,
    .device = 0x2000,
    .subvendor = 0x1a03,
    .subdevice = 0x2000,
    .class = 0x0300,
    .rev = 0x52,
    .express = EXPRESS_NONE,
    .caps = CAP_PM | CAP_MSI,
    .bars = {{BAR_MEM32, MB(6)}, {BAR_MEM32, KB(8)}},
    .driver = "ast",
    .modules = "ast",
};

static const struct function_type amd_root = {
    .name = "AMD GPP bridge",
    .vendor = 0x1022,
    .device = 0x14ab,
    .subvendor = 0x1022,
    .subdevice = 0x1453,
    .class = 0x0604,
    .rev = 1,
    .express = EXPRESS_ROOT,
    .caps = PORT_CAPS | CAP_ROOT_AER | CAP_DPC | CAP_L1SS | GEN5_CAPS | CAP_VSEC,
    .speed = 5,
    .width = 16,
    .payload_max = 2,
    .payload = 1,
    .request = 2,
    .dev_ctl = 0x011f,
    .dev_cap2 = CAP2_ROOT,
    .dev_ctl2 = 0x0446,
    .aspm = 2,
    .acs_cap = 0x5f,
    .acs_ctl = 0x01,
    .driver = "pcieport",
};
static const struct function_type amd_root4 = {
    .name = "AMD GPP bridge (Rome)",
    .vendor = 0x1022,
    .device = 0x1483,
    .subvendor = 0x1022,
    .subdevice = 0x1453,
    .class = 0x0604,
    .rev = 1,
    .express = EXPRESS_ROOT,
    .caps = PORT_CAPS | CAP_ROOT_AER | CAP_DPC | CAP_L1SS | GEN4_CAPS | CAP_VSEC,
    .speed = 4,
    .width = 16,
    .payload_max = 2,
    .payload = 1,
    .request = 2,
    .dev_ctl = 0x011f,
    .dev_cap2 = CAP2_ROOT,
    .dev_ctl2 = 0x0446,
    .aspm = 2,
    .acs_cap = 0x5f,
    .acs_ctl = 0x01,
    .driver = "pcieport",
};
static const struct function_type amd_complex = {
    .name = "AMD root complex",
    .vendor = 0x1022,
    .device = 0x14a4,
    .subvendor = 0x1022,
    .subdevice = 0x14a4,
    .class = 0x0600,
    .rev = 1,
    .express = EXPRESS_NONE,
};
static const struct function_type amd_iommu = {
    .name = "AMD IOMMU",
    .vendor = 0x1022,
    .device = 0x149e,
    .subvendor = 0x1022,
    .subdevice = 0x149e,
    .class = 0x0806,
    .rev = 1,
    .express = EXPRESS_NONE,
    .caps = CAP_MSI | CAP_MSI_ON,
};
static const struct function_type amd_collector = {
    .name = "AMD event collector",
    .vendor = 0x1022,
    .device = 0x14a6,
    .subvendor = 0x1022,
    .subdevice = 0x14a6,
    .class = 0x0807,
    .express = EXPRESS_COLLECTOR,
    .caps = CAP_EXPRESS | CAP_MSI | CAP_MSI_ON | CAP_AER | CAP_ROOT_AER | CAP_RCEC,
    .payload_max = 2,
    .dev_ctl = 0x0000,
    .driver = "pcieport",
};
static const struct function_type amd_dummy = {
    .name = "AMD dummy host bridge",
    .vendor = 0x1022,
    .device = 0x149f,
    .class = 0x0600,
    .rev = 1,
    .express = EXPRESS_NONE,
};
static const struct function_type amd_df = {
    .name = "AMD data fabric",
    .vendor = 0x1022,
    .device = 0x14ad,
    .class = 0x0600,
    .express = EXPRESS_NONE,
};
static const struct function_type amd_smbus = {
    .name = "AMD SMBus",
    .vendor = 0x1022,
    .device = 0x790b,
    .subvendor = 0x1022,
    .subdevice = 0x790b,
    .class = 0x0c05,
    .rev = 0x71,
    .express = EXPRESS_NONE,
    .driver = "piix4_smbus",
    .modules = "i2c_piix4, sp5100_tco",
};
static const struct function_type amd_lpc = {
    .name = "AMD LPC",
    .vendor = 0x1022,
    .device = 0x790e,
    .subvendor = 0x1022,
    .subdevice = 0x790e,
    .class = 0x0601,
    .rev = 0x51,
    .express = EXPRESS_NONE,
};
static const struct function_type grace_root = {
    .name = "Grace root port",
    .vendor = 0x10de,
    .device = 0x22b2,
    .subvendor = 0x10de,
    .subdevice = 0x22b2,
    .class = 0x0604,
    .rev = 0,
    .express = EXPRESS_ROOT,
    .caps = PORT_CAPS | CAP_ROOT_AER | CAP_DPC | CAP_VC | GEN5_CAPS,
    .speed = 5,
    .width = 16,
    .payload_max = 2,
    .payload = 1,
    .request = 5,
    .dev_ctl = 0x011f,
    .dev_cap2 = CAP2_ROOT,
    .dev_ctl2 = 0x0446,
    .aspm = 0,
    .acs_cap = 0x5f,
    .acs_ctl = 0x01,
    .driver = "pcieport",
};

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
    machine_add(machine, &intel_vtd, root, -1, 0, 0, "r%d.vtd", root);
    machine_add(machine, &intel_ras, root, -1, 0, 1, "r%d.ras", root);
    machine_add(machine, &intel_mesh, root, -1, 0, 2, "r%d.mesh", root);
    machine_add(machine, &intel_collector, root, -1, 0, 4, "r%d.rcec", root);
}

static void add_nvswitches(struct machine *machine, int root, const struct function_type *port,
                           const struct function_type *up, const struct function_type *down,
                           const struct function_type *chip, int count)
{
    int root_port =
        machine_add(machine, port, root, -1, 1, port == &intel_root ? 0 : 1, "nvs.root");
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
    machine_add(machine, &bcm5720, root, port, 0, 0, "lan0");
    machine_add(machine, &bcm5720, root, port, 0, 1, "lan1");
    bridge = machine_add(machine, &ast_bridge, root, port1, 0, 0, "bmc.bridge");
    machine_add(machine, &ast_vga, root, bridge, 0, 0, "bmc.vga");
}

static void intel_host(struct host_facts *host)
{
    *host = (struct host_facts){
        .maker = CPU_INTEL,
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
        .ib_rate = 400,
    };
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
    port0 = machine_add(machine, &intel_pch_port, board, -1, 0x0c, 0, "pch.lan");
    port1 = machine_add(machine, &intel_pch_port, board, -1, 0x0e, 0, "pch.bmc");
    machine_add(machine, &intel_usb, board, -1, 0x14, 0, "usb");
    machine_add(machine, &intel_sata, board, -1, 0x18, 0, "sata");
    machine_add(machine, &intel_lpc, board, -1, 0x1f, 0, "lpc");
    machine_add(machine, &intel_smbus, board, -1, 0x1f, 4, "smbus");
    add_board_devices(machine, board, port0, port1);

    for (int i = 0; i < 8; i++) {
        int root = add_root(machine, 0, buses[i], i / 4);
        int root_port, up, port;

        add_intel_integrated(machine, root, lean);
        root_port = machine_add(machine, &intel_root, root, -1, 1, 0, "sw%d.root", i);
        up = machine_add(machine, &pex_up, root, root_port, 0, 0, "sw%d.up", i);
        port = machine_add(machine, &pex_down_x4, root, up, 0, 0, "sw%d.nvme", i);
        machine->functions[port].slot = true;
        machine_add(machine, &nvme, root, port, 0, 0, "nvme%d", i);
        port = machine_add(machine, &pex_down, root, up, 1, 0, "sw%d.gpu", i);
        machine->functions[port].slot = true;
        machine_add(machine, &h100_sxm, root, port, 0, 0, "gpu%d", i);
        port = machine_add(machine, &pex_down, root, up, 2, 0, "sw%d.nic", i);
        machine->functions[port].slot = true;
        machine_add(machine, &cx7, root, port, 0, 0, "nic%d", i);
        if (i % 4 == 0) {
            port = machine_add(machine, &pex_down, root, up, 3, 0, "sw%d.stor", i);
            machine_add(machine, &cx6dx, root, port, 0, 0, "stor%d.0", i / 4);
            machine_add(machine, &cx6dx, root, port, 0, 1, "stor%d.1", i / 4);
        }
        port = machine_add(machine, &pex_down, root, up, 0x1f, 0, "sw%d.mgmt", i);
        machine_add(machine, &pex_management, root, port, 0, 0, "mgmt%d", i);
    }
    nvs = add_root(machine, 0, 0x80, 1);
    add_intel_integrated(machine, nvs, lean);
    add_nvswitches(machine, nvs, &intel_root, &pmc_up, &pmc_down, &nvswitch3, 4);
    for (int socket = 0; socket < 2 && !lean; socket++) {
        int dsa = add_root(machine, 0, (uint8_t)(socket ? 0xf2 : 0x75), socket);
        int uncore = add_root(machine, 0, (uint8_t)(socket ? 0xfe : 0x7e), socket);

        machine_add(machine, &intel_dsa, dsa, -1, 1, 0, "cpu%d.dsa", socket);
        for (int i = 0; i < 28; i++)
            machine_add(machine, &intel_cha, uncore, -1, i / 8, i % 8, "cpu%d.cha%d", socket, i);
        for (int i = 0; i < 8; i++)
            machine_add(machine, &intel_imc, uncore, -1, 0x0c + i / 2, i % 2, "cpu%d.imc%d", socket,
                        i);
    }
}

static void add_amd_integrated(struct machine *machine, int root, bool lean)
{
    static const uint8_t dummies[] = {1, 2, 3, 4, 5, 7};

    if (lean)
        return;
    machine_add(machine, &amd_complex, root, -1, 0, 0, "r%d.complex", root);
    machine_add(machine, &amd_iommu, root, -1, 0, 2, "r%d.iommu", root);
    machine_add(machine, &amd_collector, root, -1, 0, 3, "r%d.rcec", root);
    for (size_t i = 0; i < ARRAY_LEN(dummies); i++)
        machine_add(machine, &amd_dummy, root, -1, dummies[i], 0, "r%d.dummy%zu", root, i);
}

static void add_amd_board(struct machine *machine, const struct function_type *port_type, int root,
                          bool lean)
{
    int port0 = machine_add(machine, port_type, root, -1, 5, 1, "board.lan");
    int port1 = machine_add(machine, port_type, root, -1, 5, 2, "board.bmc");

    add_board_devices(machine, root, port0, port1);
    machine_add(machine, &amd_smbus, root, -1, 0x14, 0, "smbus");
    machine_add(machine, &amd_lpc, root, -1, 0x14, 3, "lpc");
    for (int socket = 0; socket < 2 && !lean; socket++)
        for (int i = 0; i < 8; i++)
            machine_add(machine, &amd_df, root, -1, 0x18 + socket, i, "cpu%d.df%d", socket, i);
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
        if (up_type == &pex_up) {
            int port = machine_add(machine, down_type, root, up, 0x1f, 0, "sw%d.mgmt", i);

            machine_add(machine, &pex_management, root, port, 0, 0, "mgmt%d", i);
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
            machine_add(machine, &nvme, root, port, 0, 0, "nvme%d", i * 2 + j);
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
        .ib_rate = 400,
    };
    common_host(&machine->host);
    board = add_root(machine, 0, 0x00, 0);
    add_amd_integrated(machine, board, lean);
    add_amd_board(machine, &amd_root, board, lean);
    add_amd_switches(machine, &amd_root, &pex_up, &pex_down, &h100_pcie, &cx7, lean);
    add_amd_nvme(machine, &amd_root, 3, lean);
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
        .ib_rate = 200,
    };
    common_host(&machine->host);
    board = add_root(machine, 0, 0x00, 0);
    add_amd_integrated(machine, board, lean);
    add_amd_board(machine, &amd_root4, board, lean);
    add_amd_switches(machine, &amd_root4, &pex4_up, &pex4_down, &a100_sxm, &cx6, lean);
    add_amd_nvme(machine, &amd_root4, 2, lean);
    nvs = add_root(machine, 0, 0xc0, 1);
    add_amd_integrated(machine, nvs, lean);
    add_nvswitches(machine, nvs, &amd_root4, &pmc_up, &pmc_down, &nvswitch2, 6);
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
        {0x0000, 0, 16, &cx7, "nic0"},       {0x0002, 0, 16, &cx7, "nic1"},
        {0x0004, 0, 4, &nvme, "nvme0"},      {0x0005, 0, 4, &nvme, "nvme1"},
        {0x0006, 0, 16, &bf3, "stor0"},      {0x0008, 0, 16, &gb200_gpu, "gpu0"},
        {0x0009, 0, 16, &gb200_gpu, "gpu1"}, {0x0010, 1, 16, &cx7, "nic2"},
        {0x0012, 1, 16, &cx7, "nic3"},       {0x0014, 1, 4, &nvme, "nvme2"},
        {0x0015, 1, 4, &nvme, "nvme3"},      {0x0016, 1, 16, &bf3, "stor1"},
        {0x0018, 1, 16, &gb200_gpu, "gpu2"}, {0x0019, 1, 16, &gb200_gpu, "gpu3"},
    };

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
        .ib_rate = 400,
    };
    common_host(&machine->host);
    machine->host.driver = machine->host.module_driver = "570.124.06";
    machine->host.cuda = "12.8";
    machine->host.kernel = "6.8.0-1021-nvidia-64k";
    machine->host.os_name = "Ubuntu 24.04.1 LTS";
    machine->host.os_version = "24.04";
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int root = add_root(machine, places[i].domain, 0, places[i].numa);
        int port = machine_add(machine, &grace_root, root, -1, 0, 0, "%s.root", places[i].name);

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
         build_a100},
    };

    return index < ARRAY_LEN(models) ? &models[index] : NULL;
}
