#include "host/mlx_device.h"

#include "host/ib_facts.h"
#include "host/scan.h"

#include <stdio.h>

/* A device id as Header.device has it: "1021" for ConnectX-7, whose name in mst is mt4129. */
static bool has_device_id(const struct node *node, uint32_t subject, uint32_t key, uint32_t id)
{
    struct fact_at at = node_fact(node, subject, key);

    return at.fact && at.fact->number == id;
}

/* The `index`-th PCI function `function` with this device id, in bus order; -1 without. */
static int by_order(const struct node *node, uint32_t id, unsigned index, unsigned function)
{
    uint32_t key = fact_pool_key(node->pool, STR("Header.device"));
    uint64_t last = 0;
    int found = -1;

    /* The next greater address, `index` + 1 times: nodes have some ten NICs. */
    for (unsigned round = 0; round <= index; round++) {
        int next = -1;

        for (uint32_t i = 0; i < node->subject_count; i++) {
            const struct subject *subject = &node->subjects[i];

            if (subject->kind != SUBJECT_PCI || (subject->bdf & 7) != 0 ||
                (round && subject->bdf <= last) ||
                (next >= 0 && subject->bdf >= node->subjects[next].bdf) ||
                !has_device_id(node, i, key, id))
                continue;
            next = (int)i;
        }
        if (next < 0)
            return -1;
        last = node->subjects[next].bdf;
        found = next;
    }
    return function && found >= 0 ? node_find_pci(node, last | function) : found;
}

/* "mt4129_pciconf2.1": the device id, the ordinal, the function. */
static int by_mst(const struct node *node, struct str name)
{
    struct str id, rest = str_skip(name, 2), ordinal, function = STR("0");
    int64_t device, index, fn;

    id = str_digits(&rest, 10);
    if (!str_starts(rest, "_pciconf"))
        return -1;
    rest = str_skip(rest, 8);
    ordinal = str_digits(&rest, 10);
    if (rest.len && rest.p[0] == '.')
        function = str_skip(rest, 1);
    if (id.len > 5 || ordinal.len > 3 || str_to_i64(id, 10, &device) < 0 ||
        str_to_i64(ordinal, 10, &index) < 0 || str_to_i64(function, 10, &fn) < 0 || fn < 0 ||
        fn > 7)
        return -1;
    return by_order(node, (uint32_t)device, (unsigned)index, (unsigned)fn);
}

struct str mlx_device_name(struct str name)
{
    const char *slash = name.len ? memrchr(name.p, '/', name.len) : NULL;

    return slash ? str_range(slash + 1, name.p + name.len) : name;
}

int mlx_device_find(struct node *node, struct str name)
{
    uint64_t bdf;
    int found, port;

    name = mlx_device_name(name);
    if (bdf_parse(name, &bdf) == 0) {
        found = ib_find_pci(node, bdf);
        return found >= 0 ? found : (int)node_pci(node, bdf);
    }
    if (str_starts(name, "mt")) {
        found = by_mst(node, name);
        port = found < 0 ? -1 : ib_find_pci(node, node->subjects[found].bdf);
        return port >= 0 ? port : found;
    }
    if (str_starts(name, "mlx5_") && name.len < SCAN_NAME_MAX / 2) {
        char text[SCAN_NAME_MAX];

        (void)snprintf(text, sizeof(text), "%.*s/1", STR_ARG(name));
        return node_find(node, SUBJECT_IB_PORT, str_of(text));
    }
    return -1;
}
