/* topo/topo - the PCI tree of one node and the roles in it.
 *
 * Built from the facts `Header.*`, `Bus.*`, `Express.*`, `NUMA.node` of the node's pci subjects.
 * All of it lives in the node's arena. Devices are in bus order. */
#ifndef TOPO_TOPO_H
#define TOPO_TOPO_H

#include "facts/node.h"

enum topo_kind { TOPO_OTHER, TOPO_GPU, TOPO_NIC, TOPO_NVSWITCH, TOPO_NVME, TOPO_BRIDGE };

/* Express.type; PORT_NONE when the device shows no Express capability. */
enum port_type {
    PORT_NONE,
    PORT_ENDPOINT, /* also legacy endpoint */
    PORT_ROOT,
    PORT_UP,
    PORT_DOWN,
    PORT_INTEGRATED, /* root complex integrated endpoint or event collector */
    PORT_TO_PCI,     /* PCIe to PCI bridge, or back */
};

struct topo_device {
    uint32_t subject; /* in node->subjects */
    uint64_t bdf;
    enum topo_kind kind;
    enum port_type port;
    int parent;             /* index of the bridge above, -1 on a root bus */
    int root_bus;           /* 0, 1, ...: which root bus, in (domain, bus) order */
    int numa;               /* -1 when not known */
    int depth;              /* bridges above */
    bool rdma;              /* a NIC that does RDMA, as far as vendor, class or driver tell */
    bool peer_path;         /* a bridge between a GPU and the NIC next to it, or between two GPUs */
    uint32_t vendor_device; /* vendor << 16 | device; 0 when not known */
    const char *slot;       /* place in the tree, free of bus numbers: "rb2/01.0/00.0/03.0" */
    const char *role; /* "gpu3", "nic3", "switch1"; the port above it "gpu3.port"; else the slot */
    const char *name; /* as lspci words it, or "10de:2330", or "" */
};

/* A link: the port and function 0 of the device on its secondary bus. */
struct topo_link {
    int port, device; /* indices into devices; the port is a root or downstream port */
};

struct topo {
    const struct node *node;
    struct topo_device *devices;
    uint32_t count;
    struct topo_link *links;
    uint32_t link_count;
    int *by_subject;  /* subject index -> device index or -1 */
    int *gpus, *nics; /* device indices in role order (function 0 and other functions of NICs) */
    uint32_t gpu_count, nic_count;
    uint64_t shape; /* hash of what the node is made of: equal for nodes that should be alike */
};

/* NULL when there is no memory. A node without PCI facts gives an empty tree. */
struct topo *topo_build(struct node *node);

/* Index of the device that stands for this subject, -1 when it is none. */
int topo_of(const struct topo *topo, uint32_t subject);

/* The bridges between two devices, both ends left out, from a's side over the common ancestor to
 * b's side. Fills at most `max` indices; returns how many there are. *through_root is set when the
 * path goes over a host bridge (different root ports). */
#define TOPO_PATH_MAX 64
uint32_t topo_path(const struct topo *topo, int a, int b, int *path, uint32_t max,
                   bool *through_root);

/* Sets peer_path of all devices; topo_build calls it. */
void topo_mark_peer_paths(struct topo *topo);

/* Does this port's ACS decide over peer-to-peer? It is a root or downstream port between a GPU and
 * the RDMA NIC next to it, or between two GPUs that share a switch; on a machine without NVSwitch,
 * between any two GPUs. Where the path turns round in the root complex, the root ports count. */
bool topo_on_peer_path(const struct topo *topo, int device);

/* The RDMA NIC nearest to a GPU (fewest bridges on the way; then the same NUMA node; then the
 * lowest), -1 when there is none. */
int topo_nearest_nic(const struct topo *topo, int gpu);

#endif
