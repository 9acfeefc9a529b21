/* The RDMA, NIC and network tools, into one node; and the text as files of a sysfs tree. */
#include "fuzz_node.h"
#include "host/ethtool.h"
#include "host/ib_sysfs.h"
#include "host/ibdev2netdev.h"
#include "host/ibnetdiscover.h"
#include "host/ibstat.h"
#include "host/ip_link.h"
#include "host/mlxconfig.h"
#include "host/net_sysfs.h"

/* Lines "path value" as entries; paths live in the node's arena. */
static void tree_parse(struct node *node, struct str text)
{
    struct tree_entry entries[64];
    struct tree tree = {.name = "fuzz", .entries = entries};
    struct str line;

    while (tree.count < ARRAY_LEN(entries) && str_line(&text, &line)) {
        struct str path = line;
        const char *copy;

        if (!str_cut(&line, ' ', &path) || !path.len || memchr(path.p, '\0', path.len))
            continue;
        copy = arena_copy(node->arena, path.p, path.len);
        if (!copy)
            abort();
        entries[tree.count++] = (struct tree_entry){copy, line, str_starts(line, "../")};
    }
    tree_sort(&tree);
    if (ib_sysfs_parse(node, &tree, NULL) < 0 || net_sysfs_parse(node, &tree, NULL) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_parser parsers[] = {
        {ibstat_looks_like, ibstat_parse},
        {mlxconfig_looks_like, mlxconfig_parse},
        {mlxfw_looks_like, mlxfw_parse},
        {ethtool_looks_like, ethtool_parse},
        {ibnetdiscover_looks_like, ibnetdiscover_parse},
        {ibdev2netdev_looks_like, ibdev2netdev_parse},
        {ip_link_looks_like, ip_link_parse},
    };
    struct str text = {(const char *)data, size};
    struct node *node = fuzz_node_new();

    for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
        fuzz_parse(node, "ethtool_-i_eth0.txt", text, &parsers[i]);
    tree_parse(node, text);
    fuzz_node_free(node);
    return 0;
}
