/* fleetgen/texts - a node's other outputs: dmesg, dmidecode, nvidia-smi ..., each from the same
 * host_facts, so that a fact that shows in several of them shows in all. */
#ifndef FLEETGEN_TEXTS_H
#define FLEETGEN_TEXTS_H

#include "base/str.h"
#include "noise.h"

struct text_input {
    const struct variant *variant;
    const struct host_facts *host; /* the node's own, batches applied */
    const struct node_noise *noise;
};

struct text_source {
    const char *kind; /* what --only calls it: "dmesg" */
    const char *path; /* in the node's folder: "dmesg.txt" */
    void (*write)(const struct text_input *in, struct buf *out);
};

/* The sources, in the order of a node's folder. NULL past the end. lspci is among them. */
const struct text_source *text_source_at(size_t index);

/* One file each (text_*.c). */
void text_lspci(const struct text_input *in, struct buf *out);
void text_dmesg(const struct text_input *in, struct buf *out);
void text_cmdline(const struct text_input *in, struct buf *out);
void text_lscpu(const struct text_input *in, struct buf *out);
void text_numactl(const struct text_input *in, struct buf *out);
void text_meminfo(const struct text_input *in, struct buf *out);
void text_dmidecode(const struct text_input *in, struct buf *out);
void text_smi(const struct text_input *in, struct buf *out);
void text_topo(const struct text_input *in, struct buf *out);
void text_nvlink(const struct text_input *in, struct buf *out);
void text_ibstat(const struct text_input *in, struct buf *out);
void text_ibv_devinfo(const struct text_input *in, struct buf *out);
void text_sysctl(const struct text_input *in, struct buf *out);
void text_limits(const struct text_input *in, struct buf *out);
void text_modules(const struct text_input *in, struct buf *out);
void text_os_release(const struct text_input *in, struct buf *out);
void text_systemctl(const struct text_input *in, struct buf *out);
void text_uname(const struct text_input *in, struct buf *out);
void text_governor(const struct text_input *in, struct buf *out);
void text_thp(const struct text_input *in, struct buf *out);
void text_idle_driver(const struct text_input *in, struct buf *out);
void text_ipmi(const struct text_input *in, struct buf *out);
void text_ofed(const struct text_input *in, struct buf *out);

/* CPUs of NUMA node `node` as a list, "0-55,112-167"; node -1: all that are online. */
void text_cpu_list(const struct host_facts *host, int node, struct buf *out);
long long text_memory_kb(const struct host_facts *host);

/* The function's place as the node has it: "0000:19:00.0". */
void text_bdf(const struct text_input *in, int index, char out[20]);
bool text_is_present(const struct text_input *in, int index);

#endif
