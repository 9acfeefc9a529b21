#include "host/parser.h"

#include "host/bmc.h"
#include "host/clock.h"
#include "host/cmdline.h"
#include "host/cpu.h"
#include "host/disk.h"
#include "host/dmesg.h"
#include "host/dmidecode.h"
#include "host/edac.h"
#include "host/ethtool.h"
#include "host/fabricmanager.h"
#include "host/ib_sysfs.h"
#include "host/ibdev2netdev.h"
#include "host/ibnetdiscover.h"
#include "host/ibstat.h"
#include "host/iommu.h"
#include "host/ip_link.h"
#include "host/limits.h"
#include "host/memory.h"
#include "host/mlxconfig.h"
#include "host/module.h"
#include "host/net_sysfs.h"
#include "host/nvidia_nvlink.h"
#include "host/nvidia_proc.h"
#include "host/nvidia_smi.h"
#include "host/nvidia_topo.h"
#include "host/osinfo.h"
#include "host/package.h"
#include "host/service.h"
#include "host/smbios.h"
#include "host/sysctl.h"

#include <ctype.h>

/* Content is looked at in this order too, so what is easily mistaken comes last. */
static const struct parser parsers[] = {
    {"cmdline", "cmdline* *.cmdline* proc_cmdline* proc-cmdline*", cmdline_looks_like,
     cmdline_parse},
    {"cpuinfo", "cpuinfo* *.cpuinfo* proc_cpuinfo*", cpuinfo_looks_like, cpuinfo_parse},
    {"lscpu", "lscpu* *.lscpu* *_lscpu*", lscpu_looks_like, lscpu_parse},
    {"meminfo", "meminfo* *.meminfo* proc_meminfo*", meminfo_looks_like, meminfo_parse},
    {"numactl", "numactl* *.numactl* *.numa.* numa.txt numa", numactl_looks_like, numactl_parse},
    {"os-release", "os-release* *.os-release* os_release*", os_release_looks_like,
     os_release_parse},
    {"uname", "uname* *.uname*", uname_looks_like, uname_parse},
    {"version", "version proc_version* proc-version*", version_looks_like, version_parse},
    {"hostname", "hostname hostname.txt", NULL, hostname_parse},
    {"uptime", "uptime* *.uptime*", NULL, uptime_parse},
    {"modules", "modules lsmod* *.lsmod* modules.txt proc_modules*", modules_looks_like,
     modules_parse},
    {"sysctl", "sysctl* *.sysctl*", sysctl_looks_like, sysctl_parse},
    {"limits", "limits limits.txt ulimit* *.ulimit* *.limits.txt", limits_looks_like, limits_parse},
    {"systemctl", "systemctl* *.systemctl* services.txt", services_looks_like, services_parse},
    {"packages", "dpkg* *.dpkg* rpm* *.rpm* packages* *.packages*", packages_looks_like,
     packages_parse},
    {"ofed_info", "ofed_info* *.ofed_info*", ofed_info_looks_like, ofed_info_parse},
    {"df", "df df.txt df_* df-* *.df.txt", df_looks_like, df_parse},
    {"mounts", "mounts* mount.txt *.mounts*", mounts_looks_like, mounts_parse},
    {"chronyc", "chronyc* *.chronyc*", chronyc_looks_like, chronyc_parse},
    {"timedatectl", "timedatectl* *.timedatectl*", timedatectl_looks_like, timedatectl_parse},
    {"ipmitool", "ipmitool* *.ipmitool* sel.txt", bmc_looks_like, bmc_parse},
    {"smbios", "dmidecode*.bin *.dmi.bin smbios*.bin", smbios_dump_looks_like, smbios_dump_parse},
    {"dmidecode", "dmidecode* *.dmidecode* *-dmidecode* *_dmidecode*", dmidecode_looks_like,
     dmidecode_parse},
    /* These two hold lines of `nvidia-smi -L`; which GPU has which number -q says. */
    {"nvidia-topo", "nvidia-smi*topo* *nvidia_topo* *nvidia-topo* *nvidia-smi-topo*",
     nvidia_topo_looks_like, nvidia_topo_parse, .late = true},
    {"nvlink", "nvidia-smi*nvlink* *nvlink_status* *nvlink.status*", nvidia_nvlink_looks_like,
     nvidia_nvlink_parse, .late = true},
    {"nvidia-smi", "nvidia-smi* *nvidia_smi* *nvsmi*", nvidia_smi_looks_like, nvidia_smi_parse},
    {"nvidia-version", "version", nvidia_version_looks_like, nvidia_version_parse},
    {"nvidia-params", "params", nvidia_params_looks_like, nvidia_params_parse},
    {"nvidia-information", "information", nvidia_information_looks_like, nvidia_information_parse},
    {"ibstat", "ibstat* *.ibstat* *_ibstat* ibv_devinfo* *.ibv_devinfo* ibv_devices*",
     ibstat_looks_like, ibstat_parse},
    {"ibdev2netdev", "ibdev2netdev* *.ibdev2netdev* rdma_link* rdma-link*", ibdev2netdev_looks_like,
     ibdev2netdev_parse},
    {"ip", "ip_* ip-* ip.txt *.ip_link*", ip_link_looks_like, ip_link_parse},
    {"ethtool", "ethtool* *.ethtool*", ethtool_looks_like, ethtool_parse},
    /* The device behind /dev/mst/mt4129_pciconf0 is found by what ibstat told. */
    {"mlxconfig", "mlxconfig* *.mlxconfig*", mlxconfig_looks_like, mlxconfig_parse, .late = true},
    {"mlxfw", "mlxfwmanager* *.mlxfwmanager* flint* *.flint*", mlxfw_looks_like, mlxfw_parse,
     .late = true},
    {"ibnetdiscover", "ibnetdiscover* *.ibnetdiscover* *_ibnetdiscover*", ibnetdiscover_looks_like,
     ibnetdiscover_parse},
    {"fabricmanager", "fabricmanager* *.fabricmanager* *-fabricmanager* fabric-manager*",
     fabricmanager_looks_like, fabricmanager_parse},
    {"dmesg",
     "dmesg* *.dmesg* *-dmesg* *_dmesg* kern.log* kmsg* *-kmsg* *.kmsg* syslog* *_syslog* "
     "*.syslog* messages* journalctl*",
     dmesg_looks_like, dmesg_parse, .late = true},
};

const struct tree_parser tree_parsers[] = {
    {"sysctl", sysctl_tree_parse},  {"cpu", cpu_tree_parse},       {"memory", memory_tree_parse},
    {"module", module_tree_parse},  {"iommu", iommu_tree_parse},   {"edac", edac_tree_parse},
    {"clock", clock_tree_parse},    {"smbios", smbios_tree_parse}, {"net", net_sysfs_parse},
    {"infiniband", ib_sysfs_parse},
};
const size_t tree_parser_count = ARRAY_LEN(tree_parsers);

/* Does `path` lie below this folder of the system? */
static bool lies_in(const char *path, const char *folder)
{
    const char *at = strstr(path, folder);

    return at && (at == path || at[-1] == '/' || at[-1] == ':');
}

/* How far the content is looked at: what a text is shows in its beginning. */
#define SNIFF_BYTES 65536

const struct parser *parser_for(const char *path, struct str text)
{
    const char *base = strrchr(path, '/');
    char name[256];
    const struct parser *by_name = NULL, *by_content = NULL;
    struct str head = {text.p, text.len < SNIFF_BYTES ? text.len : SNIFF_BYTES};
    size_t n = 0;

    if (lies_in(path, "sys/devices/") || lies_in(path, "sys/bus/") || lies_in(path, "sys/class/") ||
        lies_in(path, "sys/module/") || lies_in(path, "sys/kernel/") ||
        lies_in(path, "sys/firmware/") || lies_in(path, "proc/sys/"))
        return NULL;
    for (base = base ? base + 1 : path; *base && n < sizeof(name); base++)
        name[n++] = (char)tolower((unsigned char)*base);
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++) {
        bool named = str_glob_any(parsers[i].names, (struct str){name, n});
        bool alike = parsers[i].looks_like && parsers[i].looks_like(head);

        if (named && (alike || !parsers[i].looks_like))
            return &parsers[i];
        if (named && !by_name)
            by_name = &parsers[i];
        if (alike && !by_content)
            by_content = &parsers[i];
    }
    return by_name ? by_name : by_content;
}

size_t parser_order(const struct parser *parser)
{
    return (size_t)(parser - parsers) + (parser->late ? ARRAY_LEN(parsers) : 0);
}

const struct parser *parser_by_kind(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
        if (!strcmp(parsers[i].kind, kind))
            return &parsers[i];
    return NULL;
}
