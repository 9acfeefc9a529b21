#include "host/nvidia_list.h"

#include "host/nvidia_nvlink.h"
#include "host/nvidia_smi.h"
#include "support/parsed.h"

static const char list[] = "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-a)\n"
                           "  MIG 1g.10gb     Device  0: (UUID: MIG-x)\n"
                           "GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-b)\n";

static const char csv[] =
    "index, name, pci.bus_id, driver_version, persistence_mode, memory.total [MiB], "
    "pcie.link.gen.max, pcie.link.width.current, clocks_throttle_reasons.hw_thermal_slowdown, "
    "enforced.power.limit [W], a_new_column\n"
    "0, NVIDIA H100 80GB HBM3, 00000000:19:00.0, 535.86.10, Enabled, 81559 MiB, 5, 16, Not Active, "
    "700.00 W, x\n"
    "1, NVIDIA H100 80GB HBM3, 00000000:9A:00.0, 535.86.10, Disabled, 81559, 5, 8, Active, "
    "[N/A], x\n";

static const char table[] =
    "Thu Mar 14 20:46:07 2024\n"
    "+---------------------------------------------------------------------------------------+\n"
    "| NVIDIA-SMI 535.86.10              Driver Version: 535.86.10    CUDA Version: 12.2     |\n"
    "|-----------------------------------------+----------------------+----------------------+\n"
    "| GPU  Name                 Persistence-M | Bus-Id        Disp.A | Volatile Uncorr. ECC |\n"
    "|=========================================+======================+======================|\n"
    "|   0  NVIDIA H100 80GB HBM3          On  | 00000000:19:00.0 Off |                    0 |\n"
    "| N/A   32C    P0              71W / 700W |      4MiB / 81559MiB |      0%      Default |\n"
    "|   1  NVIDIA RTX PRO 6000 Blac...    Off | 00000000:9A:00.0 Off |                    0 |\n";

static const struct {
    const char *text;
    enum subject_kind kind;
    const char *subject, *path, *want;
} rows[] = {
    {list, SUBJECT_HOST, "", "smi.gpus", "2"},
    {list, SUBJECT_HOST, "", "smi.gpu1.name", "NVIDIA H100 80GB HBM3"},
    {list, SUBJECT_HOST, "", "smi.gpu1.uuid", "GPU-b"},
    {csv, SUBJECT_HOST, "", "smi.gpus", "2"},
    {csv, SUBJECT_HOST, "", "smi.driver", "535.86.10"},
    {csv, SUBJECT_PCI, "19:00.0", "SMI.Product Name", "NVIDIA H100 80GB HBM3"},
    {csv, SUBJECT_PCI, "19:00.0", "SMI.FB Memory Usage.Total", "81559 MiB"},
    {csv, SUBJECT_PCI, "9a:00.0", "SMI.FB Memory Usage.Total", "81559 MiB"},
    {csv, SUBJECT_PCI, "19:00.0", "SMI.PCI.GPU Link Info.PCIe Generation.Max", "5"},
    {csv, SUBJECT_PCI, "9a:00.0", "SMI.PCI.GPU Link Info.Link Width.Current", "8x"},
    {csv, SUBJECT_PCI, "9a:00.0", "SMI.Persistence Mode", "Disabled"},
    {csv, SUBJECT_PCI, "9a:00.0", "SMI.Clocks Event Reasons.HW Thermal Slowdown", "Active"},
    {csv, SUBJECT_PCI, "19:00.0", "SMI.GPU Power Readings.Current Power Limit", "700.00 W"},
    {table, SUBJECT_HOST, "", "smi.driver", "535.86.10"},
    {table, SUBJECT_HOST, "", "smi.cuda", "12.2"},
    {table, SUBJECT_HOST, "", "smi.gpus", "2"},
    {table, SUBJECT_PCI, "19:00.0", "SMI.Product Name", "NVIDIA H100 80GB HBM3"},
    {table, SUBJECT_PCI, "19:00.0", "SMI.Persistence Mode", "Enabled"},
    {table, SUBJECT_PCI, "9a:00.0", "SMI.Product Name", "(absent)"},
    {table, SUBJECT_PCI, "9a:00.0", "SMI.Persistence Mode", "Disabled"},
};

static void the_short_outputs_use_the_paths_of_the_long_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);
        const char *got;

        assert_true(nvidia_list_looks_like(str_of(rows[i].text)));
        assert_true(nvidia_smi_looks_like(str_of(rows[i].text)));
        /* By the name nvidia-smi.txt they reach the parser of -q, which hands them on. */
        parsed_text(&p, nvidia_smi_parse, "nvidia-smi.txt", str_of(rows[i].text));
        got = parsed_get(&p, rows[i].kind, rows[i].subject, rows[i].path);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: %s is %s, not %s", i, rows[i].path, got, rows[i].want);
        parsed_done(&p);
    }
}

static void a_list_after_the_table_stands_on_the_gpus(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&p, nvidia_list_parse, "table", str_of(table));
    parsed_text(&p, nvidia_list_parse, "list", str_of(list));
    assert_fact(&p, SUBJECT_PCI, "9a:00.0", "SMI.GPU UUID", "GPU-b");
    assert_fact(&p, SUBJECT_PCI, "9a:00.0", "SMI.Product Name", "NVIDIA H100 80GB HBM3");
    parsed_done(&p);
}

static void other_texts_are_not_taken(void **state)
{
    static const char *const texts[] = {"", "a, b, c\n1, 2, 3\n", "index, value\n",
                                        "node,busbw\nn001,412\n", "name, value\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(nvidia_list_looks_like(str_of(texts[i])));
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(nvidia_list_parse, nvidia_list_looks_like, str_of(list));
    parsed_prefixes(nvidia_list_parse, nvidia_list_looks_like, str_of(csv));
    parsed_prefixes(nvidia_list_parse, nvidia_list_looks_like, str_of(table));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_short_outputs_use_the_paths_of_the_long_one),
        cmocka_unit_test(a_list_after_the_table_stands_on_the_gpus),
        cmocka_unit_test(other_texts_are_not_taken),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
