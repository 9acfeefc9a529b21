/* fleetgen/model - a machine as a list of PCI functions, before it becomes bytes.
 *
 * A model (models.c) places functions on root buses; mutations (mutate.h) change the settings of
 * single functions; layout.h gives bus numbers and addresses; confspace.h makes the bytes. A
 * machine is a plain value that may be copied with `=`; it owns nothing. */
#ifndef FLEETGEN_MODEL_H
#define FLEETGEN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MACHINE_FUNCTIONS_MAX 384
#define MACHINE_ROOTS_MAX     40
#define MACHINE_GPUS_MAX      8
#define MACHINE_NICS_MAX      16

/* Express port types, as in the capability's flags register. */
enum express_type {
    EXPRESS_ENDPOINT = 0,
    EXPRESS_ROOT = 4,
    EXPRESS_UP = 5,
    EXPRESS_DOWN = 6,
    EXPRESS_TO_PCI = 7,
    EXPRESS_INTEGRATED = 9,
    EXPRESS_COLLECTOR = 10,
    EXPRESS_NONE = 255, /* no Express capability */
};

/* Capabilities a kind of function has; the order here is the order in the chain. */
enum capability {
    CAP_PM = 1 << 0,
    CAP_MSI = 1 << 1,
    CAP_EXPRESS = 1 << 2,
    CAP_MSIX = 1 << 3,
    CAP_SSVID = 1 << 4,
    CAP_VENDOR = 1 << 5,
    CAP_AER = 1 << 6,
    CAP_ROOT_AER = 1 << 7, /* with RootCmd, RootSta, ErrorSrc */
    CAP_DSN = 1 << 8,
    CAP_VC = 1 << 9,
    CAP_ACS = 1 << 10,
    CAP_ARI = 1 << 11,
    CAP_ATS = 1 << 12,
    CAP_SRIOV = 1 << 13,
    CAP_REBAR = 1 << 14,
    CAP_LTR = 1 << 15,
    CAP_SECPCIE = 1 << 16,
    CAP_DPC = 1 << 17,
    CAP_L1SS = 1 << 18,
    CAP_PTM = 1 << 19,
    CAP_DLF = 1 << 20,
    CAP_16GT = 1 << 21,
    CAP_MARGIN = 1 << 22,
    CAP_32GT = 1 << 23,
    CAP_VSEC = 1 << 24,
    CAP_RCEC = 1 << 25,
    CAP_MSI_ON = 1 << 26, /* not a capability: MSI is in use */
};

enum function_role { ROLE_OTHER, ROLE_GPU, ROLE_NIC, ROLE_STORAGE_NIC, ROLE_NVSWITCH, ROLE_NVME };

/* BAR kinds. */
enum { BAR_NONE, BAR_MEM32, BAR_MEM64, BAR_PREF64, BAR_IO };

/* What all functions of one kind share: a row of the table in models.c. Link speeds are codes:
 * 1 is 2.5GT/s ... 5 is 32GT/s. Payload and read request sizes are codes: 0 is 128 bytes. */
struct function_type {
    const char *name;
    enum function_role role;
    uint16_t vendor, device, subvendor, subdevice, class;
    uint8_t progif, rev;
    enum express_type express;
    uint32_t caps;
    uint8_t speed, width;                  /* LnkCap; 0: no link */
    uint8_t payload_max, payload, request; /* DevCap, DevCtl MaxPayload; MaxReadReq */
    uint16_t dev_ctl;                      /* DevCtl without the sizes */
    uint32_t dev_cap2;
    uint16_t dev_ctl2;
    uint8_t aspm; /* LnkCap ASPM: 0 none, 2 L1, 3 L0s L1 */
    uint8_t acs_cap, acs_ctl;
    struct {
        uint8_t kind;
        uint8_t bits; /* log2 of the size */
    } bars[6];
    uint16_t vfs_max;
    const char *driver, *modules; /* NULL: none */
};

struct function {
    const struct function_type *type;
    char name[20]; /* "gpu3", "sw3.up", "sw3.gpu": stable over mutations */
    int parent;    /* index of the bridge above, -1 on a root bus */
    int root;      /* index into machine.roots */
    uint8_t device, number;
    uint8_t port; /* LnkCap port number, and slot number of a port with a slot */
    int8_t numa;  /* -1: not told */
    bool absent;  /* taken out by a mutation */
    bool slot;    /* a downstream or root port with a slot */

    /* Settings, copied from the type and changed by mutations. */
    uint8_t cap_speed, cap_width;
    uint8_t link_speed, link_width, link_target; /* LnkSta; 0: no link; LnkCtl2 */
    uint8_t payload, request;
    uint16_t dev_ctl, dev_ctl2;
    uint16_t link_ctl;
    uint8_t acs_ctl;
    bool ats;
    uint32_t l1ss_ctl;
    uint16_t lane_errors;
    uint16_t vfs;
    uint16_t command;
    uint8_t power_state; /* 3: D3 */
    uint8_t rev;
    uint32_t aer_ctl; /* ECRC bits of AERCap */
    uint32_t uncorrectable, correctable;
    uint8_t bar_bits[6];
    bool dpc_triggered;
    bool no_extended; /* lost its extended space: no capability above 0x100 */

    /* Set by layout_place. */
    uint8_t bus, secondary, subordinate;
    uint64_t bar_address[6];
    uint64_t mem_base, mem_end;   /* window, end exclusive; equal: closed */
    uint64_t pref_base, pref_end; /* likewise */
};

struct root {
    uint32_t domain;
    uint8_t bus;
    int8_t numa;
};

enum cpu_maker { CPU_INTEL, CPU_AMD, CPU_ARM };

/* What is not PCI. Texts are literals or live as long as the program. */
struct host_facts {
    enum cpu_maker maker;
    const char *cpu_model, *vendor_id;
    int family, model_number, stepping;
    int sockets, cores, threads; /* per socket; per core */
    int nodes;                   /* NUMA nodes, all sockets */
    int max_mhz;
    int l3_mb;
    const char *product, *manufacturer, *board, *board_version;
    const char *bios_vendor, *bios_version, *bios_date, *bmc;
    const char *microcode;
    const char *os_name, *os_version, *os_id, *kernel;
    const char *cmdline;          /* tokens after ro */
    const char *cmdline_extra[4]; /* added by mutations; NULL: none */
    const char *cmdline_drop;     /* tokens that a mutation takes away, blank between; or NULL */
    bool iommu;                   /* groups exist */
    bool translated;              /* the default domain type */
    bool interrupt_remapping;
    const char *osc_refused; /* "AER LTR DPC" or NULL */
    int dimm_slots, dimm_gb, dimm_mts, dimm_rated_mts;
    int dimm_missing; /* slot index, -1: none */
    int dimm_odd;     /* slot with another maker's module, -1: none */
    const char *dimm_maker, *dimm_part;
    const char *governor, *thp;
    bool cstates_deep, boost, irqbalance, numa_balancing, swap;
    int hugepages;
    int memlock_kb; /* -1: unlimited */
    int nofile;
    int zone_reclaim;
    const char *mitigations; /* wording class: "on" or "off" */
    /* GPU software */
    const char *gpu_name, *gpu_arch, *gpu_part, *vbios, *driver, *cuda, *module_driver;
    int gpu_fb_mib, gpu_power_w, gpu_power_default_w, gpu_sm_mhz, gpu_mem_mhz;
    int nvlinks; /* per GPU; 0: none */
    double nvlink_gbs;
    int nvlink_dead_gpu, nvlink_dead_link; /* -1: none */
    bool persistence, ecc, mig, fabric_manager, peermem, open_module;
    int throttled_gpu, remap_pending_gpu, xid_gpu, xid_code; /* -1: none */
    int pcie_gen;
    /* fabric */
    const char *nic_fw, *nic_type, *nic_psid;
    const char *vbios_odd; /* VBIOS of gpu_odd */
    int gpu_odd;
    int ib_rate, nic_bad, nic_bad_rate; /* Gb/s; index of the bad NIC, -1: none */
    bool nic_bad_down, nic_bad_eth;
    int nic_fw_odd; /* NIC with other firmware, -1: none */
    const char *nic_fw_odd_text;
    const char *ofed;
    int aer_noise; /* corrected AER lines of the link in dmesg */
    int mce, edac_ce;
    int cpu_lost;      /* logical CPU that did not come up, -1: none */
    int ib_mtu;        /* active */
    bool ecam_missing; /* dmesg says that ECAM is not used */
    bool api_mismatch;
};

struct machine {
    const char *model;
    struct function functions[MACHINE_FUNCTIONS_MAX];
    int count;
    struct root roots[MACHINE_ROOTS_MAX];
    int root_count;
    int gpus[MACHINE_GPUS_MAX], gpu_count; /* function indices, in bus order */
    int nics[MACHINE_NICS_MAX], nic_count; /* compute NICs */
    struct host_facts host;
};

/* The models: "hgx-h100", "amd-pcie", "gb200", "a100". NULL past the end. */
struct model {
    const char *name, *what;
    void (*build)(struct machine *machine, bool lean);
};
const struct model *model_at(size_t index);

/* Build one. `lean` leaves out the integrated functions of the CPUs (they show nothing that any
 * rule looks at, and are half the text). NULL name or an unknown one: -EINVAL. */
int machine_build(const char *name, bool lean, struct machine *machine);

/* Add a function below `parent` (-1: on root `root`), with its type's settings; returns its index.
 */
int machine_add(struct machine *machine, const struct function_type *type, int root, int parent,
                int device, int number, const char *name_format, ...)
    __attribute__((format(printf, 7, 8)));

/* Bring up the link between `index` and the port above it, at what both can do. */
void machine_train(struct machine *machine, int index);

/* Set the state of that link at both ends (all functions of the device). */
void machine_set_link(struct machine *machine, int index, int speed, int width);

/* Index of the function of this name, -1. */
int machine_find(const struct machine *machine, const char *name);

/* Is it a port whose ACS bits matter: root or downstream? */
bool function_is_port(const struct function *function);
bool function_is_bridge(const struct function *function);

#endif
