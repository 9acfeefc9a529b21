#include "pci/device_names.h"

/* By the start of the name; the id of the vendor as pci.ids spells it, old spellings too. */
static const struct {
    const char *name;
    uint16_t id;
} vendors[] = {
    {"NVIDIA Corporation", 0x10de},
    {"nVidia Corporation", 0x10de},
    {"Mellanox Technologies", 0x15b3},
    {"Intel Corporation", 0x8086},
    {"Intel Corp.", 0x8086},
    {"Advanced Micro Devices, Inc. [AMD/ATI]", 0x1002},
    {"Advanced Micro Devices [AMD] nee ATI", 0x1002},
    {"Advanced Micro Devices, Inc. [AMD]", 0x1022},
    {"Advanced Micro Devices [AMD]", 0x1022},
    {"Broadcom Inc. and subsidiaries", 0x14e4},
    {"Broadcom Limited", 0x14e4},
    {"Broadcom Corporation", 0x14e4},
    {"Broadcom / LSI", 0x1000},
    {"LSI Logic / Symbios Logic", 0x1000},
    {"PLX Technology, Inc.", 0x10b5},
    {"Microchip Technology", 0x11f8},
    {"Microsemi / PMC / IDT", 0x11f8},
    {"Microsemi", 0x11f8},
    {"PMC-Sierra Inc.", 0x11f8},
    {"Samsung Electronics Co Ltd", 0x144d},
    {"Micron Technology Inc", 0x1344},
    {"KIOXIA Corporation", 0x1e0f},
    {"Solidigm", 0x025e},
    {"SK hynix", 0x1c5c},
    {"Sandisk Corp", 0x15b7},
    {"Marvell Technology Group Ltd.", 0x1b4b},
    {"Realtek Semiconductor Co., Ltd.", 0x10ec},
    {"ASPEED Technology, Inc.", 0x1a03},
    {"ASMedia Technology Inc.", 0x1b21},
    {"Matrox Electronics Systems Ltd.", 0x102b},
    {"Texas Instruments", 0x104c},
    {"Pericom Semiconductor", 0x12d8},
    {"Amazon.com, Inc.", 0x1d0f},
    {"Red Hat, Inc.", 0x1af4},
    {"Xilinx Corporation", 0x10ee},
    {"Chelsio Communications Inc", 0x1425},
    {"Cornelis Networks", 0x434e},
};

uint16_t vendor_by_name(struct str text, size_t *len)
{
    for (size_t i = 0; i < ARRAY_LEN(vendors); i++)
        if (text.len && *vendors[i].name == *text.p && str_starts(text, vendors[i].name)) {
            if (len)
                *len = strlen(vendors[i].name);
            return vendors[i].id;
        }
    return 0;
}

static const struct {
    const char *name;
    uint16_t class;
} class_names[] = {
    {"Non-VGA unclassified device", 0x0000},
    {"SCSI storage controller", 0x0100},
    {"IDE interface", 0x0101},
    {"RAID bus controller", 0x0104},
    {"SATA controller", 0x0106},
    {"Serial Attached SCSI controller", 0x0107},
    {"Non-Volatile memory controller", 0x0108},
    {"Mass storage controller", 0x0180},
    {"Ethernet controller", 0x0200},
    {"Infiniband controller", 0x0207},
    {"Fabric controller", 0x0208},
    {"Network controller", 0x0280},
    {"VGA compatible controller", 0x0300},
    {"XGA compatible controller", 0x0301},
    {"3D controller", 0x0302},
    {"Display controller", 0x0380},
    {"Audio device", 0x0403},
    {"Host bridge", 0x0600},
    {"ISA bridge", 0x0601},
    {"PCI bridge", 0x0604},
    {"CardBus bridge", 0x0607},
    {"Semi-transparent PCI-to-PCI bridge", 0x0609},
    {"InfiniBand to PCI host bridge", 0x060a},
    {"Bridge", 0x0680},
    {"Communication controller", 0x0780},
    {"Serial controller", 0x0700},
    {"PIC", 0x0800},
    {"DMA controller", 0x0801},
    {"SD Host controller", 0x0805},
    {"IOMMU", 0x0806},
    {"System peripheral", 0x0880},
    {"USB controller", 0x0c03},
    {"USB Controller", 0x0c03},
    {"SMBus", 0x0c05},
    {"Encryption controller", 0x1080},
    {"Performance counters", 0x1101},
    {"Signal processing controller", 0x1180},
    {"Processing accelerators", 0x1200},
};

int class_by_name(struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(class_names); i++)
        if (str_is(text, class_names[i].name))
            return class_names[i].class;
    return -1;
}

const char *device_kind_name(int class, uint16_t vendor, struct str name)
{
    enum { NVIDIA = 0x10de, AMD_GPU = 0x1002 };

    switch (class) {
    case 0x0300:
    case 0x0302:
    case 0x0380:
    case 0x1200:
        if (vendor == NVIDIA)
            return "gpu";
        /* AMD's integrated graphics are no accelerators; those of the Instinct line never have
         * a VGA class of their own. */
        return vendor == AMD_GPU &&
                       (class == 0x1200 || class == 0x0380 || str_find(name, "Instinct") >= 0)
                   ? "gpu"
                   : "other";
    case 0x0200:
    case 0x0207:
        return "nic";
    case 0x0604:
    case 0x0607:
    case 0x0609:
        return "bridge";
    case 0x0680:
        return vendor == NVIDIA ? "nvswitch" : "other";
    case 0x0108:
        return "nvme";
    default:
        return "other";
    }
}
