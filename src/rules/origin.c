#include "rules/origin.h"

static const struct origin origins[] = {
    {"log Log Xid SXid iommu osc", "dmesg", "kernel log (dmesg)"},
    {"cmdline", "cmdline", "kernel command line (/proc/cmdline)"},
    {"SMI smi", "nvidia-smi nvidia-list", "nvidia-smi -q"},
    {"nvlink", "nvlink", "nvidia-smi nvlink -s"},
    {"topo", "nvidia-topo", "nvidia-smi topo -m"},
    {"cpu vulnerability", "lscpu cpu cpuinfo", "CPUs (lscpu)"},
    {"mem", "meminfo memory", "memory (/proc/meminfo)"},
    {"sysctl", "sysctl", "sysctl -a"},
    {"limit shm", "limits", "limits (ulimit -a)"},
    {"module modparam", "modules module", "kernel modules (/proc/modules)"},
    {"ib", "ibstat infiniband", "RDMA ports (ibstat, /sys/class/infiniband)"},
    {"ibcount", "infiniband", "counters of RDMA ports (/sys/class/infiniband)"},
    {"mlx mlx_next", "mlxconfig", "mlxconfig -e q"},
    {"net netcount", "net", "network interfaces (ethtool -i, /sys/class/net)"},
    {"dimm DIMM bios system board bmc", "dmidecode smbios dmi", "dmidecode"},
    {"sel", "ipmitool", "event log of the BMC (ipmitool sel elist)"},
    {"edac", "edac", "memory errors (/sys/devices/system/edac)"},
    {"service", "systemctl", "services (systemctl list-units)"},
    {"package ofed", "packages ofed_info", "package versions"},
    {"os", "os-release uname version", "system and kernel version (uname -r, /etc/os-release)"},
    {"clock", "chronyc timedatectl clock", "clock (chronyc tracking)"},
    {"disk fs", "df mounts", "file systems (df)"},
    {"AERCount", "sysfs", "error counters (/sys/bus/pci/devices/*/aer_dev_*)"},
};

static bool has_word(const char *words, const char *word)
{
    struct str rest = str_of(words), head;

    while (str_word(&rest, &head))
        if (str_is(head, word))
            return true;
    return false;
}

const struct origin *origin_at(size_t index)
{
    return index < ARRAY_LEN(origins) ? &origins[index] : NULL;
}

const struct origin *origin_of(const char *block)
{
    for (size_t i = 0; i < ARRAY_LEN(origins); i++)
        if (has_word(origins[i].blocks, block))
            return &origins[i];
    return NULL;
}

bool origin_given(const struct node *node, const struct origin *origin)
{
    for (uint32_t i = 0; i < node->source_count; i++)
        if (node->sources[i].kind && has_word(origin->kinds, node->sources[i].kind))
            return true;
    return false;
}
