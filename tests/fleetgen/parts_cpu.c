/* The processors' own functions and root ports. Ids and register values follow published dumps of a
 * Xeon HGX node and EPYC boxes; those of Grace are put together from its parts. */
#include "part_rows.h"

const struct function_type part_intel_root = {
    .name = "Intel root port",
    ID(0x8086, 0x352a, 0x8086, 0),
    CLASS(0x0604, 0, 4),
    .express = EXPRESS_ROOT,
    .caps = PORT_CAPS | CAP_ROOT_AER | CAP_VC | CAP_DPC | CAP_PTM | GEN5_CAPS | CAP_VSEC,
    LINK(5, 16, 0),
    SIZES(1, 1, 5),
    CONTROL(CTL_ROOT, CAP2_ROOT, 0x0446),
    ACS(0x1f, 0),
    .bars = {{BAR_MEM64, KB(7)}},
    .driver = "pcieport",
};

const struct function_type part_intel_pch_port = {
    .name = "Intel PCH root port",
    ID(0x8086, 0x1bbc, 0x1028, 0x0b73),
    CLASS(0x0604, 0, 0x11),
    .express = EXPRESS_ROOT,
    .caps = PORT_CAPS | CAP_ROOT_AER | CAP_VC | CAP_DPC | CAP_PTM,
    LINK(3, 2, 0),
    SIZES(1, 1, 2),
    CONTROL(0x0104, 0x00000c37, 0x0406),
    ACS(0x13, 0x01),
    .driver = "pcieport",
};

const struct function_type part_intel_vtd = {
    .name = "Intel VT-d",
    ID(0x8086, 0x09a2, 0x8086, 0),
    CLASS(0x0880, 0, 0x20),
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS,
};

const struct function_type part_intel_ras = {
    .name = "Intel RAS",
    ID(0x8086, 0x09a4, 0x8086, 0),
    CLASS(0x0880, 0, 0x20),
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS,
};

const struct function_type part_intel_mesh = {
    .name = "Intel mesh",
    ID(0x8086, 0x09a3, 0x8086, 0),
    CLASS(0x0880, 0, 0x20),
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS,
};

const struct function_type part_intel_collector = {
    .name = "Intel event collector",
    ID(0x8086, 0x0b23, 0x8086, 0),
    CLASS(0x0807, 0, 0),
    .express = EXPRESS_COLLECTOR,
    .caps = CAP_EXPRESS | CAP_PM | CAP_MSI | CAP_MSI_ON | CAP_AER | CAP_ROOT_AER | CAP_RCEC,
    SIZES(2, 0, 0),
    CONTROL(0x0004, 0, 0),
    .driver = "pcieport",
};

const struct function_type part_intel_cha = {
    .name = "Intel CHA",
    ID(0x8086, 0x324c, 0x8086, 0),
    CLASS(0x0880, 0, 0),
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS,
};

const struct function_type part_intel_imc = {
    .name = "Intel IMC",
    ID(0x8086, 0x324a, 0x8086, 0),
    CLASS(0x1101, 0, 0),
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS,
};

const struct function_type part_intel_dsa = {
    .name = "Intel DSA",
    ID(0x8086, 0x0b25, 0x8086, 0),
    CLASS(0x0880, 0, 0),
    .express = EXPRESS_INTEGRATED,
    .caps = CAP_EXPRESS | CAP_MSIX | CAP_PM | CAP_AER | CAP_LTR | CAP_VC | CAP_ATS,
    SIZES(2, 1, 5),
    CONTROL(CTL_ENDPOINT & ~0x10, 0, 0),
    .bars = {{BAR_PREF64, KB(6)}, {0}, {BAR_PREF64, KB(7)}},
    .driver = "idxd",
    .modules = "idxd",
};

const struct function_type part_intel_usb = {
    .name = "Intel xHCI",
    ID(0x8086, 0x1bcd, 0x1028, 0x0b73),
    CLASS(0x0c03, 0x30, 0x11),
    .express = EXPRESS_NONE,
    .caps = CAP_PM | CAP_MSI | CAP_MSI_ON | CAP_VENDOR,
    .bars = {{BAR_MEM64, KB(6)}},
    .driver = "xhci_hcd",
    .modules = "xhci_pci",
};

const struct function_type part_intel_sata = {
    .name = "Intel AHCI",
    ID(0x8086, 0x1bd2, 0x1028, 0x0b73),
    CLASS(0x0106, 1, 0x11),
    .express = EXPRESS_NONE,
    .caps = CAP_PM | CAP_MSI | CAP_MSI_ON,
    .bars = {{BAR_MEM32, KB(13)}},
    .driver = "ahci",
    .modules = "ahci",
};

const struct function_type part_intel_lpc = {
    .name = "Intel LPC",
    ID(0x8086, 0x1b81, 0x1028, 0x0b73),
    CLASS(0x0601, 0, 0x11),
    .express = EXPRESS_NONE,
};

const struct function_type part_intel_smbus = {
    .name = "Intel SMBus",
    ID(0x8086, 0x1bc9, 0x1028, 0x0b73),
    CLASS(0x0c05, 0, 0x11),
    .express = EXPRESS_NONE,
    .bars = {{BAR_MEM64, KB(0)}},
    .driver = "i801_smbus",
    .modules = "i2c_i801",
};

const struct function_type part_amd_root = {
    .name = "AMD GPP bridge",
    ID(0x1022, 0x14ab, 0x1022, 0x1453),
    CLASS(0x0604, 0, 1),
    .express = EXPRESS_ROOT,
    .caps = PORT_CAPS | CAP_ROOT_AER | CAP_DPC | CAP_L1SS | GEN5_CAPS | CAP_VSEC,
    LINK(5, 16, 2),
    SIZES(2, 1, 2),
    CONTROL(0x011f, CAP2_ROOT, 0x0446),
    ACS(0x5f, 0x01),
    .driver = "pcieport",
};

const struct function_type part_amd_root4 = {
    .name = "AMD GPP bridge (Rome)",
    ID(0x1022, 0x1483, 0x1022, 0x1453),
    CLASS(0x0604, 0, 1),
    .express = EXPRESS_ROOT,
    .caps = PORT_CAPS | CAP_ROOT_AER | CAP_DPC | CAP_L1SS | GEN4_CAPS | CAP_VSEC,
    LINK(4, 16, 2),
    SIZES(2, 1, 2),
    CONTROL(0x011f, CAP2_ROOT, 0x0446),
    ACS(0x5f, 0x01),
    .driver = "pcieport",
};

const struct function_type part_amd_complex = {
    .name = "AMD root complex",
    ID(0x1022, 0x14a4, 0x1022, 0x14a4),
    CLASS(0x0600, 0, 1),
    .express = EXPRESS_NONE,
};

const struct function_type part_amd_iommu = {
    .name = "AMD IOMMU",
    ID(0x1022, 0x149e, 0x1022, 0x149e),
    CLASS(0x0806, 0, 1),
    .express = EXPRESS_NONE,
    .caps = CAP_MSI | CAP_MSI_ON,
};

const struct function_type part_amd_collector = {
    .name = "AMD event collector",
    ID(0x1022, 0x14a6, 0x1022, 0x14a6),
    CLASS(0x0807, 0, 0),
    .express = EXPRESS_COLLECTOR,
    .caps = CAP_EXPRESS | CAP_MSI | CAP_MSI_ON | CAP_AER | CAP_ROOT_AER | CAP_RCEC,
    SIZES(2, 0, 0),
    CONTROL(0x0000, 0, 0),
    .driver = "pcieport",
};

const struct function_type part_amd_dummy = {
    .name = "AMD dummy host bridge",
    ID(0x1022, 0x149f, 0, 0),
    CLASS(0x0600, 0, 1),
    .express = EXPRESS_NONE,
};

const struct function_type part_amd_df = {
    .name = "AMD data fabric",
    ID(0x1022, 0x14ad, 0, 0),
    CLASS(0x0600, 0, 0),
    .express = EXPRESS_NONE,
};

const struct function_type part_amd_smbus = {
    .name = "AMD SMBus",
    ID(0x1022, 0x790b, 0x1022, 0x790b),
    CLASS(0x0c05, 0, 0x71),
    .express = EXPRESS_NONE,
    .driver = "piix4_smbus",
    .modules = "i2c_piix4, sp5100_tco",
};

const struct function_type part_amd_lpc = {
    .name = "AMD LPC",
    ID(0x1022, 0x790e, 0x1022, 0x790e),
    CLASS(0x0601, 0, 0x51),
    .express = EXPRESS_NONE,
};

const struct function_type part_grace_root = {
    .name = "Grace root port",
    ID(0x10de, 0x22b2, 0x10de, 0x22b2),
    CLASS(0x0604, 0, 0),
    .express = EXPRESS_ROOT,
    .caps = PORT_CAPS | CAP_ROOT_AER | CAP_DPC | CAP_VC | GEN5_CAPS,
    LINK(5, 16, 0),
    SIZES(2, 1, 5),
    CONTROL(0x011f, CAP2_ROOT, 0x0446),
    ACS(0x5f, 0x01),
    .driver = "pcieport",
};
