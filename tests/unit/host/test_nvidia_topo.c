#include "host/nvidia_topo.h"

#include "support/parsed.h"

static const char good[] =
    "\t\033[4mGPU0\tGPU1\tNIC0\tNIC1\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\033[0m\n"
    "GPU0\t X \tNV18\tPXB\tSYS\t0-55,112-167\t0\t\tN/A\n"
    "GPU1\tNV18\t X \tNODE\tPIX\t56-111\t1\t\t2\n"
    "NIC0\tPXB\tNODE\t X \tSYS\t\t\t\t\n"
    "NIC1\tSYS\tPIX\tSYS\t X \t\t\t\t\n"
    "\n"
    "Legend:\n"
    "\n"
    "  X    = Self\n"
    "  SYS  = Connection traversing PCIe as well as the SMP interconnect\n"
    "  NV#  = Connection traversing a bonded set of # NVLinks\n"
    "\n"
    "NIC Legend:\n"
    "\n"
    "  NIC0: mlx5_0\n"
    "  NIC1: mlx5_bond_0\n";

static const char p2p[] = " \tGPU0\tGPU1\t\n"
                          " GPU0\tX\tCNS\t\n"
                          " GPU1\tOK\tX\t\n"
                          "\nLegend:\n\n  X    = Self\n  OK   = Status Ok\n";

static const struct {
    const char *name, *text, *path, *want;
} rows[] = {
    {"a link", good, "topo.GPU0.GPU1", "NV18"},
    {"a NIC column", good, "topo.GPU0.NIC0", "PXB"},
    {"a NIC row", good, "topo.NIC1.GPU1", "PIX"},
    {"itself is no fact", good, "topo.GPU0.GPU0", "(absent)"},
    {"CPUs", good, "topo.GPU0.cpus", "0-55,112-167"},
    {"NUMA node", good, "topo.GPU1.numa", "1"},
    {"own NUMA node behind a doubled tab", good, "topo.GPU1.gpu_numa", "2"},
    {"NIC legend", good, "topo.NIC1.name", "mlx5_bond_0"},
    {"no p2p in it", good, "p2p.GPU0.GPU1", "(absent)"},
    {"p2p one way", p2p, "p2p.GPU0.GPU1", "CNS"},
    {"p2p the other way", p2p, "p2p.GPU1.GPU0", "OK"},
    {"no topo in p2p", p2p, "topo.GPU1.GPU0", "(absent)"},
    {"device names as columns", "\tGPU0\tmlx5_0\tCPU Affinity\nGPU0\t X \tPIX\t0-7\n",
     "topo.GPU0.mlx5_0", "PIX"},
    {"blanks for tabs", "     GPU0  GPU1  CPU Affinity  NUMA Affinity\nGPU0  X  SYS  0-7  0\n",
     "topo.GPU0.GPU1", "SYS"},
    {"blanks for tabs, affinity",
     "     GPU0  GPU1  CPU Affinity  NUMA Affinity\nGPU0  X  SYS  0-7  0\n", "topo.GPU0.numa", "0"},
    {"no CPU list", "\tGPU0\tCPU Affinity\tNUMA Affinity\nGPU0\t X \t\t3\n", "topo.GPU0.numa", "3"},
    {"CRLF", "\tGPU0\tGPU1\r\nGPU0\t X \tPHB\r\n", "topo.GPU0.GPU1", "PHB"},
    {"a row cut off", "\tGPU0\tGPU1\tGPU2\nGPU0\t X \tPHB\tSY", "topo.GPU0.GPU1", "PHB"},
    {"the cell cut off", "\tGPU0\tGPU1\tGPU2\nGPU0\t X \tPHB\tSY", "topo.GPU0.GPU2", "(absent)"},
    {"one GPU", "\tGPU0\tCPU Affinity\tNUMA Affinity\nGPU0\t X \t0-7\t0\n", "topo.GPU0.cpus",
     "0-7"},
};

static void the_matrix_gives_its_cells(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);

        assert_true(nvidia_topo_looks_like(str_of(rows[i].text)));
        parsed_text(&p, nvidia_topo_parse, "topo.txt", str_of(rows[i].text));
        if (strcmp(parsed_get(&p, SUBJECT_HOST, "", rows[i].path), rows[i].want) != 0)
            fail_msg("%s: %s is %s, not %s", rows[i].name, rows[i].path,
                     parsed_get(&p, SUBJECT_HOST, "", rows[i].path), rows[i].want);
        parsed_done(&p);
    }
}

static void other_texts_are_not_taken(void **state)
{
    static const char *const texts[] = {
        "",
        "GPU0",
        "\tGPU0\tGPU1\n",
        "GPU 0: NVIDIA A100 (UUID: GPU-1)\n\t Link 0: 25 GB/s\n",
        "GPU0: fine\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);

        assert_false(nvidia_topo_looks_like(str_of(texts[i])));
        parsed_text(&p, nvidia_topo_parse, "topo.txt", str_of(texts[i]));
        assert_int_equal(p.node->subjects[0].count, 0);
        parsed_done(&p);
    }
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(nvidia_topo_parse, nvidia_topo_looks_like, str_of(good));
    parsed_prefixes(nvidia_topo_parse, nvidia_topo_looks_like, str_of(p2p));
}

static void the_real_matrices_give_their_cells(void **state)
{
    static const struct {
        const char *file, *path, *want;
    } real[] = {
        {"asus-esc8000a-e13p.nvidia_topo.txt", "topo.GPU0.GPU1", "PIX"},
        {"asus-esc8000a-e13p.nvidia_topo.txt", "topo.GPU7.GPU4", "NODE"},
        {"asus-esc8000a-e13p.nvidia_topo.txt", "topo.GPU7.GPU0", "SYS"},
        {"asus-esc8000a-e13p.nvidia_topo.txt", "topo.GPU5.cpus", "64-127,192-238"},
        {"asus-esc8000a-e13p.nvidia_topo.txt", "topo.GPU5.numa", "1"},
        {"asus-esc8000a-e13p.nvidia_topo.txt", "topo.GPU5.gpu_numa", "N/A"},
        {"issue-nccl-1405-host2.nvidia-smi-topo.partial.txt", "topo.GPU3.NIC4", "PIX"},
        {"issue-nccl-1405-host2.nvidia-smi-topo.partial.txt", "topo.GPU3.NIC7", "SYS"},
        {"issue-nccl-1405-host2.nvidia-smi-topo.partial.txt", "topo.GPU0.cpus", "0-37,76-113"},
        {"issue-nccl-667-vtd-hang.nvidia-smi-topo.txt", "topo.GPU0.GPU1", "PXB"},
        {"issue-nccl-667-vtd-hang.nvidia-smi-topo.txt", "topo.GPU2.numa", "1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(real); i++) {
        struct str text = parsed_machine(real[i].file);
        struct parsed p = parsed_new(FACT_KEEP_ALL);

        assert_true(nvidia_topo_looks_like(text));
        parsed_text(&p, nvidia_topo_parse, real[i].file, text);
        assert_fact(&p, SUBJECT_HOST, "", real[i].path, real[i].want);
        parsed_done(&p);
        free((char *)text.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_matrix_gives_its_cells),
        cmocka_unit_test(other_texts_are_not_taken),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
        cmocka_unit_test(the_real_matrices_give_their_cells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
