#include "texts.h"

#include <stdio.h>

const struct text_source *text_source_at(size_t index)
{
    static const struct text_source sources[] = {
        {"lspci", "lspci.txt", text_lspci},
        {"dmesg", "dmesg.txt", text_dmesg},
        {"cmdline", "cmdline.txt", text_cmdline},
        {"lscpu", "lscpu.txt", text_lscpu},
        {"numactl", "numactl.txt", text_numactl},
        {"meminfo", "meminfo", text_meminfo},
        {"dmidecode", "dmidecode.txt", text_dmidecode},
        {"nvidia-smi", "nvidia-smi.txt", text_smi},
        {"nvidia-topo", "nvidia-topo.txt", text_topo},
        {"nvlink", "nvidia-smi-nvlink.txt", text_nvlink},
        {"ibstat", "ibstat.txt", text_ibstat},
        {"ibv_devinfo", "ibv_devinfo.txt", text_ibv_devinfo},
        {"sysctl", "sysctl.txt", text_sysctl},
        {"limits", "limits.txt", text_limits},
        {"modules", "modules.txt", text_modules},
        {"os-release", "os-release", text_os_release},
        {"systemctl", "systemctl.txt", text_systemctl},
        {"uname", "uname.txt", text_uname},
        {"ofed", "ofed_info.txt", text_ofed},
        {"ipmitool", "ipmitool_mc_info.txt", text_ipmi},
        {"governor", "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text_governor},
        {"idle", "sys/devices/system/cpu/cpuidle/current_driver", text_idle_driver},
        {"thp", "sys/kernel/mm/transparent_hugepage/enabled", text_thp},
    };

    return index < ARRAY_LEN(sources) ? &sources[index] : NULL;
}

void text_lspci(const struct text_input *in, struct buf *out)
{
    render_lspci(in->variant, &in->noise->lspci, out);
}

void text_bdf(const struct text_input *in, int index, char out[20])
{
    struct bdf bdf = render_bdf(in->variant, &in->noise->lspci, index);

    snprintf(out, 20, "%04x:%02x:%02x.%x", bdf.domain, bdf.bus, bdf.device, bdf.function);
}

bool text_is_present(const struct text_input *in, int index)
{
    for (; index >= 0; index = in->variant->machine.functions[index].parent)
        if (in->variant->machine.functions[index].absent)
            return false;
    return true;
}
