/* rules/check - how a rule looks at a node: as rows of data, or as a function.
 *
 * A row names whom it looks at, the fact, what is bad about it, and what else must hold or must
 * not. Facts that were not seen satisfy nothing, so an unseen fact is never bad and never good;
 * which rules could not be judged for lack of a source is worked out from the rows and `needs`. */
#ifndef RULES_CHECK_H
#define RULES_CHECK_H

#include "rules/rules.h"

/* Whom a row looks at. Virtual functions are none of these: their registers mirror little. */
enum who {
    WHO_GPU = 1 << 0,
    WHO_NIC = 1 << 1, /* any network card */
    WHO_NVSWITCH = 1 << 2,
    WHO_NVME = 1 << 3,
    WHO_PORT = 1 << 4, /* any bridge */
    WHO_OTHER = 1 << 5,
    WHO_HOST = 1 << 6,
    WHO_IB = 1 << 7,
    WHO_NET = 1 << 8,
    WHO_DIMM = 1 << 9,
    WHO_NUMA = 1 << 10,
    WHO_RDMA = 1 << 11,      /* NICs that do RDMA */
    WHO_PEER_PORT = 1 << 12, /* ports whose ACS decides over GPU-NIC and GPU-GPU traffic */
    WHO_ABOVE = 1 << 13,     /* bridges above a GPU, an RDMA NIC or an NVSwitch */
    WHO_NAMED = 1 << 14,     /* PCI devices that only a log names: what they are is not known */
};
#define WHO_PCI                                                                                    \
    (WHO_GPU | WHO_NIC | WHO_NVSWITCH | WHO_NVME | WHO_PORT | WHO_OTHER | WHO_RDMA |               \
     WHO_PEER_PORT | WHO_ABOVE | WHO_NAMED)
#define WHO_WORK (WHO_GPU | WHO_RDMA | WHO_NVSWITCH) /* what the cluster is bought for */

enum op {
    OP_NONE, /* no condition: the end of a list */
    OP_ON,   /* a flag is + */
    OP_OFF,  /* a flag is - */
    OP_IS,   /* the text is `text` */
    OP_ISNT,
    OP_ONE_OF, /* the text is one of "a|b|c" */
    OP_NONE_OF,
    OP_GLOB,       /* the text matches `text` */
    OP_BELOW,      /* the number is < `number` */
    OP_ABOVE,      /* the number is > `number` */
    OP_SOME,       /* the number is not 0; for texts: not empty */
    OP_ABSENT,     /* the block is there without this fact; as a condition: no such fact is known */
    OP_BELOW_FACT, /* the number is < that of the fact `text` on the same subject */
    OP_ODD,        /* differs from most devices of the same model in this node */
};

/* `path` may begin with "host:": then the host's fact. In a row's first condition the last part may
 * be a glob ("mlx_next.*"). */
struct condition {
    const char *path;
    enum op op;
    int64_t number;
    const char *text;
};

#define ON(path)                                                                                   \
    {                                                                                              \
        path, OP_ON, 0, NULL                                                                       \
    }
#define OFF(path)                                                                                  \
    {                                                                                              \
        path, OP_OFF, 0, NULL                                                                      \
    }
#define IS(path, value)                                                                            \
    {                                                                                              \
        path, OP_IS, 0, value                                                                      \
    }
#define ISNT(path, value)                                                                          \
    {                                                                                              \
        path, OP_ISNT, 0, value                                                                    \
    }
#define ONE_OF(path, values)                                                                       \
    {                                                                                              \
        path, OP_ONE_OF, 0, values                                                                 \
    }
#define NONE_OF(path, values)                                                                      \
    {                                                                                              \
        path, OP_NONE_OF, 0, values                                                                \
    }
#define GLOB(path, glob)                                                                           \
    {                                                                                              \
        path, OP_GLOB, 0, glob                                                                     \
    }
#define BELOW(path, limit)                                                                         \
    {                                                                                              \
        path, OP_BELOW, limit, NULL                                                                \
    }
#define ABOVE(path, limit)                                                                         \
    {                                                                                              \
        path, OP_ABOVE, limit, NULL                                                                \
    }
#define SOME(path)                                                                                 \
    {                                                                                              \
        path, OP_SOME, 0, NULL                                                                     \
    }
#define ABSENT(path)                                                                               \
    {                                                                                              \
        path, OP_ABSENT, 0, NULL                                                                   \
    }
#define UNDER(path, other)                                                                         \
    {                                                                                              \
        path, OP_BELOW_FACT, 0, other                                                              \
    }
#define ODD(path)                                                                                  \
    {                                                                                              \
        path, OP_ODD, 0, NULL                                                                      \
    }

#define CONDITIONS_MAX 3

struct row_test {
    unsigned who; /* WHO_* bits */
    unsigned has; /* ... that the node must have too; 0: none */
    struct condition is;
    struct condition when[CONDITIONS_MAX];   /* all hold */
    struct condition unless[CONDITIONS_MAX]; /* none holds */
    const char *say; /* what the line means, when it does not speak for itself */
    bool aside;      /* where this is not seen, nothing is lacking */
};
/* In a rule: its rows, and a list of globs. */
#define ROWS(...)                                                                                  \
    .tests = (const struct row_test[]){__VA_ARGS__},                                               \
    .test_count = sizeof((const struct row_test[]){__VA_ARGS__}) / sizeof(struct row_test)
#define GLOBS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The facts that functions read, made into keys once. */
#define CHECK_KEYS(X)                                                                              \
    X(KEY_ACS_SRCVALID, "ACS.ACSCtl.SrcValid")                                                     \
    X(KEY_ACS_TRANSBLK, "ACS.ACSCtl.TransBlk")                                                     \
    X(KEY_ACS_REQREDIR, "ACS.ACSCtl.ReqRedir")                                                     \
    X(KEY_ACS_CMPLTREDIR, "ACS.ACSCtl.CmpltRedir")                                                 \
    X(KEY_ACS_UPSTREAMFWD, "ACS.ACSCtl.UpstreamFwd")                                               \
    X(KEY_ACS_EGRESSCTRL, "ACS.ACSCtl.EgressCtrl")                                                 \
    X(KEY_ACS_DIRECTTRANS, "ACS.ACSCtl.DirectTrans")                                               \
    X(KEY_ACS_OFFSET, "ACS.offset")                                                                \
    X(KEY_AER_OFFSET, "AER.offset")                                                                \
    X(KEY_DSN_OFFSET, "DSN.offset")                                                                \
    X(KEY_EXPRESS_TYPE, "Express.type")                                                            \
    X(KEY_CAP_SPEED, "Express.LnkCap.Speed")                                                       \
    X(KEY_CAP_WIDTH, "Express.LnkCap.Width")                                                       \
    X(KEY_LINK_SPEED, "Express.LnkSta.Speed")                                                      \
    X(KEY_LINK_WIDTH, "Express.LnkSta.Width")                                                      \
    X(KEY_TARGET_SPEED, "Express.LnkCtl2.Target Link Speed")                                       \
    X(KEY_MAX_PAYLOAD, "Express.DevCtl.MaxPayload")                                                \
    X(KEY_CAP_PAYLOAD, "Express.DevCap.MaxPayload")                                                \
    X(KEY_TAG10_COMP, "Express.DevCap2.10BitTagComp")                                              \
    X(KEY_TAG10_REQ_CAP, "Express.DevCap2.10BitTagReq")                                            \
    X(KEY_TAG10_REQ, "Express.DevCtl2.10BitTagReq")                                                \
    X(KEY_ARI_FWD, "Express.DevCtl2.ARIFwd")                                                       \
    X(KEY_EQ_COMPLETE, "Express.LnkSta2.EqualizationComplete")                                     \
    X(KEY_HEADER_KIND, "Header.kind")                                                              \
    X(KEY_HEADER_REV, "Header.rev")                                                                \
    X(KEY_HEADER_DEVICE, "Header.device")                                                          \
    X(KEY_HEADER_VENDOR, "Header.vendor")                                                          \
    X(KEY_REGION1_SIZE, "Region1.size")                                                            \
    X(KEY_REGION2_SIZE, "Region2.size")                                                            \
    X(KEY_REBAR_OFFSET, "ReBAR.offset")                                                            \
    X(KEY_PREF_SIZE, "PrefWindow.size")                                                            \
    X(KEY_NUMA_NODE, "NUMA.node")                                                                  \
    X(KEY_IOMMU_PRESENT, "IOMMU.present")                                                          \
    X(KEY_SRIOV_ENABLE, "SR-IOV.IOVCtl.Enable")                                                    \
    X(KEY_SRIOV_VFS, "SR-IOV.Number of VFs")                                                       \
    X(KEY_SMI_FB_TOTAL, "SMI.FB Memory Usage.Total")                                               \
    X(KEY_SMI_PSTATE, "SMI.Performance State")                                                     \
    X(KEY_SMI_NAME, "SMI.Product Name")                                                            \
    X(KEY_SMI_GPUS, "smi.gpus")                                                                    \
    X(KEY_CMDLINE_IOMMU, "cmdline.iommu")                                                          \
    X(KEY_CMDLINE_INTEL_IOMMU, "cmdline.intel_iommu")                                              \
    X(KEY_CMDLINE_AMD_IOMMU, "cmdline.amd_iommu")                                                  \
    X(KEY_CMDLINE_PASSTHROUGH, "cmdline.iommu.passthrough")                                        \
    X(KEY_CMDLINE_PCI, "cmdline.pci")                                                              \
    X(KEY_IOMMU_DOMAIN, "iommu.default_domain")                                                    \
    X(KEY_IOMMU_GROUPS, "iommu.groups")                                                            \
    X(KEY_LOG_APIC, "log.cpu_apic_invalid")                                                        \
    X(KEY_LOG_X2APIC, "log.x2apic_disabled")                                                       \
    X(KEY_LOG_ECAM, "log.ecam_missing")                                                            \
    X(KEY_CPU_OFFLINE, "cpu.offline")                                                              \
    X(KEY_CPU_COUNT, "cpu.count")                                                                  \
    X(KEY_CPU_ONLINE, "cpu.online_count")                                                          \
    X(KEY_CPU_NUMA_NODES, "cpu.numa_nodes")                                                        \
    X(KEY_CPU_SOCKETS, "cpu.sockets")                                                              \
    X(KEY_CPU_SMT, "cpu.smt")                                                                      \
    X(KEY_OS_KERNEL, "os.kernel")                                                                  \
    X(KEY_OS_HOSTNAME, "os.hostname")                                                              \
    X(KEY_SYSTEM_UUID, "system.uuid")                                                              \
    X(KEY_SMI_DRIVER, "smi.driver")                                                                \
    X(KEY_PACKAGE_FM, "package.nvidia-fabricmanager")                                              \
    X(KEY_MODULE_NVIDIA, "module.nvidia")                                                          \
    X(KEY_MODULE_PEERMEM, "module.nvidia_peermem")                                                 \
    X(KEY_MODULE_PEERMEM_OLD, "module.nv_peer_mem")                                                \
    X(KEY_MODPARAM_HMM, "modparam.nvidia_uvm.uvm_disable_hmm")                                     \
    X(KEY_IB_STATE, "ib.state")                                                                    \
    X(KEY_IB_PHYS, "ib.phys_state")                                                                \
    X(KEY_IB_LAYER, "ib.link_layer")                                                               \
    X(KEY_IB_RATE, "ib.rate_gbs")                                                                  \
    X(KEY_IB_GUID, "ib.node_guid")                                                                 \
    X(KEY_IB_TYPE, "ib.hca_type")                                                                  \
    X(KEY_IB_PSID, "ib.psid")                                                                      \
    X(KEY_DIMM_SIZE, "DIMM.size_mb")                                                               \
    X(KEY_DIMM_COUNT, "dimm.count")                                                                \
    X(KEY_DIMM_SERIAL, "DIMM.serial")                                                              \
    X(KEY_DIMM_PART, "DIMM.part")                                                                  \
    X(KEY_CLOCK_OFFSET, "clock.offset_us")                                                         \
    X(KEY_SMI_UUID, "SMI.GPU UUID")                                                                \
    X(KEY_DSN_SERIAL, "DSN.serial")                                                                \
    X(KEY_NET_STATE, "net.state")                                                                  \
    X(KEY_COUNT_LINK_DOWNED, "ibcount.link_downed")                                                \
    X(KEY_COUNT_SYMBOL, "ibcount.symbol_error")                                                    \
    X(KEY_COUNT_RECOVERY, "ibcount.link_error_recovery")                                           \
    X(KEY_COUNT_RCV_ERRORS, "ibcount.port_rcv_errors")                                             \
    X(KEY_COUNT_ACK_TIMEOUT, "ibcount.local_ack_timeout_err")                                      \
    X(KEY_COUNT_SEQUENCE, "ibcount.out_of_sequence")                                               \
    X(KEY_COUNT_PACKET_SEQ, "ibcount.packet_seq_err")                                              \
    X(KEY_COUNT_RNR, "ibcount.rnr_nak_retry_err")                                                  \
    X(KEY_COUNT_SLOW_RESTART, "ibcount.roce_slow_restart")

#define CHECK_KEY_ENUM(name, path) name,
enum check_key { CHECK_KEYS(CHECK_KEY_ENUM) KEY_COUNT };
#undef CHECK_KEY_ENUM

/* What a rule's function gets: the node, the tree, and where to report. */
struct check {
    const struct rules *rules;
    const struct rule *rule;
    struct node *node;
    const struct topo *topo;
    const uint32_t *who;   /* WHO_* bits of each subject */
    uint32_t there;        /* all of them together */
    struct report *report; /* what was found so far; its own business */
    struct link *links;    /* check_link.c's */
};

/* One fact of a subject; .fact is NULL when it is not known. */
struct fact_at check_fact(const struct check *check, uint32_t subject, enum check_key key);
struct fact_at check_host(const struct check *check, enum check_key key);
/* Its number, flag (1 or 0) or text; `otherwise` when it is not known. */
int64_t check_number(const struct check *check, uint32_t subject, enum check_key key,
                     int64_t otherwise);
const char *check_text(const struct check *check, uint32_t subject, enum check_key key,
                       const char *otherwise);
bool check_is_on(const struct check *check, uint32_t subject, enum check_key key);

/* The block's name as a key, for walks over all facts of a block. 0 when no rule names it. */
uint32_t check_block(const struct check *check, const char *name);

/* Does any subject have a block of this name? */
bool check_saw(const struct check *check, uint32_t block);

/* The role of a PCI subject ("gpu3", "nic0", else its BDF), or the subject's name. */
const char *check_role(const struct check *check, uint32_t subject);

/* Report a place. `format` may be NULL. */
void check_hit(struct check *check, uint32_t subject, struct fact_at at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The finding's summary; without it, the devices with hits are named. */
void check_detail(struct check *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* This rule cannot be judged here, and why. */
void check_unknown(struct check *check, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- the functions, one a rule; the catalogue names them ---- */

/* check_acs.c */
void check_acs_redirect(struct check *check);
void check_acs_mixed(struct check *check);
void check_acs_srcvalid(struct check *check);
void check_acs_upstream(struct check *check);
void check_acs_for_ats(struct check *check);
void check_acs_data_direct(struct check *check);
void check_acs_siblings(struct check *check);

/* check_iommu.c */
void check_iommu_translating(struct check *check);
void check_iommu_lost_cpus(struct check *check);
void check_cpu_offline(struct check *check);

/* check_link.c */
void check_link_width(struct check *check);
void check_link_speed(struct check *check);
void check_link_slot(struct check *check);
void check_link_target(struct check *check);
void check_link_idle(struct check *check);
void check_link_sibling_ports(struct check *check);
void check_link_gone(struct check *check);
void check_link_equalization(struct check *check);
void check_max_payload(struct check *check);
void check_max_payload_low(struct check *check);

/* check_device.c */
void check_ten_bit_tags(struct check *check);
void check_ten_bit_tags_all(struct check *check);
void check_ari(struct check *check);
void check_device_count(struct check *check);
void check_nic_count(struct check *check);
void check_bar1(struct check *check);
void check_sibling_windows(struct check *check);
void check_ecam(struct check *check);
void check_numa_apart(struct check *check);
void check_numa_unknown(struct check *check);

/* check_gpu.c */
void check_topo_through_cpu(struct check *check);
void check_topo_hidden(struct check *check);
void check_uvm_hmm(struct check *check);
void check_xid_fatal(struct check *check);
void check_xid_hardware(struct check *check);
void check_xid_application(struct check *check);
void check_fabric_manager_version(struct check *check);
void check_peermem(struct check *check);
void check_gpu_count(struct check *check);

/* check_nic.c */
void check_ib_down(struct check *check);
void check_ib_unused(struct check *check);
void check_ib_errors(struct check *check);
void check_ib_retransmits(struct check *check);

/* check_host.c */
void check_dimms(struct check *check);
void check_clock(struct check *check);
void check_bootstrap(struct check *check);
void check_duplicates(struct check *check);

/* The catalogue's parts: rules in the order of their numbers. */
struct catalogue {
    const struct rule *rules;
    size_t count;
};
extern const struct catalogue catalogue_p2p, catalogue_link, catalogue_device, catalogue_presence,
    catalogue_host, catalogue_gpu, catalogue_nic, catalogue_os;

#endif
