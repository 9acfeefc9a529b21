#include "host/net_facts.h"

#include "host/scan.h"

#define NET_NAME_MAX 32 /* IFNAMSIZ is 16; a bus address stands for a name that is not known */

bool net_is_physical(struct str name)
{
    static const char *const others[] = {
        "lo",   "veth*", "docker*", "br-*",         "virbr*",  "cali*",  "cni*",   "lxc*",
        "lxd*", "tap*",  "tun*",    "flannel*",     "cilium*", "vxlan*", "dummy*", "ifb*",
        "sit*", "gre*",  "kube-*",  "nodelocaldns", "podman*", "wg*",    "tunl*",  "nerdctl*"};

    if (!name.len || name.len > NET_NAME_MAX)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_glob(others[i], name))
            return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.p[i] <= ' ' || name.p[i] == '/')
            return false;
    return true;
}

int net_subject(struct node *node, struct str name)
{
    return net_is_physical(name) ? (int)node_subject(node, SUBJECT_NET, name) : -1;
}

enum fact_class net_counter_class(struct str name)
{
    static const char *const faults[] = {
        "*err*",       "*drop*",    "*discard*",   "*crc*",     "*symbol*", "*out_of_*",
        "*fifo*",      "*carrier*", "*missed*",    "*timeout*", "*fail*",   "*pause*",
        "*collision*", "*lost*",    "*cnp*",       "*ecn*",     "*_fec_*",  "*link_down*",
        "*over*",      "*retrans*", "*corrected*", "*jabber*",  "*storm*"};

    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        if (str_glob(faults[i], name))
            return FACT_STATE;
    return FACT_VOLATILE;
}

void net_set_pci(struct node *node, uint32_t subject, uint64_t bdf)
{
    if (node->subjects[subject].kind == SUBJECT_NET)
        node->subjects[subject].bdf = bdf;
}
