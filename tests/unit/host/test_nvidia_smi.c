#include "host/nvidia_smi.h"

#include "host/nvidia_smi_names.h"
#include "support/parsed.h"

static const char good[] = "\n"
                           "==============NVSMI LOG==============\n"
                           "\n"
                           "Timestamp                                 : Thu Mar 14 20:46:07 2024\n"
                           "Driver Version                            : 535.86.10\n"
                           "CUDA Version                              : 12.2\n"
                           "\n"
                           "Attached GPUs                             : 2\n"
                           "GPU 00000000:19:00.0\n"
                           "    Product Name                          : NVIDIA H100 80GB HBM3\n"
                           "    Persistence Mode                      : Enabled\n"
                           "    Ecc Mode\n"
                           "        Current                           : Enabled\n"
                           "    Serial Number                         : 1654422007891\n"
                           "    Platform Info\n"
                           "        Chassis Serial Number             : \n"
                           "    PCI\n"
                           "        GPU Link Info\n"
                           "            PCIe Generation\n"
                           "                Max                       : 5\n"
                           "                Current                   : 1\n"
                           "            Link Width\n"
                           "                Max                       : 16x\n"
                           "        Replays Since Reset               : 7\n"
                           "    Clocks Throttle Reasons\n"
                           "        HW Slowdown                       : Active\n"
                           "            HW Thermal Slowdown           : Active\n"
                           "        Sync Boost                        : Not Active\n"
                           "    Power Readings\n"
                           "        Power Draw                        : 71.16 W\n"
                           "        Power Limit                       : 650.00 W\n"
                           "        Enforced Power Limit              : 700.00 W\n"
                           "    Processes\n"
                           "        GPU instance ID                   : N/A\n"
                           "        Process ID                        : 4242\n"
                           "            Name                          : /usr/bin/python: x\n"
                           "\n"
                           "GPU 00000000:3B:00.0\n"
                           "    Persistence Mode                      : Disabled\n";

static const struct {
    const char *subject, *path, *want;
    enum fact_class class;
} facts[] = {
    {"19:00.0", "SMI.Product Name", "NVIDIA H100 80GB HBM3", FACT_CONFIG},
    {"19:00.0", "SMI.Persistence Mode", "Enabled", FACT_CONFIG},
    {"19:00.0", "SMI.ECC Mode.Current", "Enabled", FACT_CONFIG},
    {"19:00.0", "SMI.Serial Number", "1654422007891", FACT_IDENTITY},
    {"19:00.0", "SMI.Platform Info.Chassis Serial Number", "", FACT_IDENTITY},
    {"19:00.0", "SMI.PCI.GPU Link Info.PCIe Generation.Max", "5", FACT_CONFIG},
    {"19:00.0", "SMI.PCI.GPU Link Info.PCIe Generation.Current", "1", FACT_STATE},
    {"19:00.0", "SMI.PCI.GPU Link Info.Link Width.Max", "16x", FACT_CONFIG},
    {"19:00.0", "SMI.PCI.Replays Since Reset", "7", FACT_STATE},
    {"19:00.0", "SMI.Clocks Event Reasons.HW Slowdown", "Active", FACT_STATE},
    {"19:00.0", "SMI.Clocks Event Reasons.HW Thermal Slowdown", "Active", FACT_STATE},
    {"19:00.0", "SMI.Clocks Event Reasons.Sync Boost", "Not Active", FACT_STATE},
    {"19:00.0", "SMI.GPU Power Readings.Average Power Draw", "71.16 W", FACT_VOLATILE},
    {"19:00.0", "SMI.GPU Power Readings.Requested Power Limit", "650.00 W", FACT_CONFIG},
    {"19:00.0", "SMI.GPU Power Readings.Current Power Limit", "700.00 W", FACT_CONFIG},
    {"3b:00.0", "SMI.Persistence Mode", "Disabled", FACT_CONFIG},
};

static void sections_and_old_names_give_canonical_paths(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    assert_true(nvidia_smi_looks_like(str_of(good)));
    parsed_text(&p, nvidia_smi_parse, "nvidia-smi.txt", str_of(good));
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        const struct fact *fact = parsed_fact(&p, SUBJECT_PCI, facts[i].subject, facts[i].path);

        if (!fact)
            fail_msg("no %s", facts[i].path);
        assert_string_equal(fact->text, facts[i].want);
        assert_int_equal(fact->class, facts[i].class);
    }
    assert_fact(&p, SUBJECT_HOST, "", "smi.driver", "535.86.10");
    assert_fact(&p, SUBJECT_HOST, "", "smi.cuda", "12.2");
    assert_int_equal(parsed_fact(&p, SUBJECT_HOST, "", "smi.gpus")->number, 2);
    assert_null(parsed_fact(&p, SUBJECT_PCI, "19:00.0", "SMI.Processes.Process ID"));
    assert_int_equal(p.node->subject_count, 3);
    assert_true(str_is(parsed_line(&p, SUBJECT_PCI, "19:00.0", "SMI.PCI.Replays Since Reset"),
                       "Replays Since Reset               : 7"));
    parsed_done(&p);
}

static void numbers_lose_their_unit_and_versions_are_text(void **state)
{
    static const struct {
        const char *text;
        bool is;
        int64_t number;
    } rows[] = {
        {"600.00 W", true, 600},
        {"16x", true, 16},
        {"97887 MiB", true, 97887},
        {"-5 C", true, -5},
        {"182086 us", true, 182086},
        {"0", true, 0},
        {"2.1", false, 0},
        {"595.58.03", false, 0},
        {"0x2BB510DE", false, 0},
        {"N/A", false, 0},
        {"", false, 0},
        {"12 parrots", false, 0},
        {"5.", false, 0},
        {"99999999999999999999 W", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t number = 0;

        assert_int_equal(nvidia_smi_number(str_of(rows[i].text), &number), rows[i].is);
        if (rows[i].is)
            assert_int_equal(number, rows[i].number);
    }
}

static void a_failed_nvidia_smi_is_unseen_and_not_clean(void **state)
{
    static const struct {
        const char *text, *subject;
    } rows[] = {
        {"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure "
         "that the latest NVIDIA driver is installed and running.\n",
         NULL},
        {"Failed to initialize NVML: Driver/library version mismatch\n", NULL},
        {"No devices were found\n", NULL},
        {"Unable to determine the device handle for GPU 0000:17:00.0: GPU is lost.  Reboot the "
         "system to recover this GPU\n",
         "0000:17:00.0"},
        {"Unable to determine the device handle for GPU0000:17:00.0: Unknown Error\n",
         "0000:17:00.0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p = parsed_new(FACT_KEEP_ALL);
        struct str line = str_trim(str_of(rows[i].text));

        assert_true(nvidia_smi_looks_like(str_of(rows[i].text)));
        parsed_text(&p, nvidia_smi_parse, "nvidia-smi.txt", str_of(rows[i].text));
        assert_true(str_is(line, parsed_get(&p, SUBJECT_HOST, "", "smi.error")));
        assert_int_equal(parsed_fact(&p, SUBJECT_HOST, "", "smi.error")->class, FACT_STATE);
        assert_int_equal(p.node->unseen_count, 1);
        if (rows[i].subject)
            assert_true(str_is(line, parsed_get(&p, SUBJECT_PCI, rows[i].subject, "SMI.Error")));
        assert_int_equal(p.node->unseen[0].subject > 0, rows[i].subject != NULL);
        parsed_done(&p);
    }
}

static void a_missing_tool_is_unseen(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&p, nvidia_smi_parse, "nvidia-smi.txt",
                STR("bash: nvidia-smi: command not found\n"));
    assert_true(p.node->unseen_count > 0);
    assert_string_equal(p.node->unseen[0].why, "the tool is not installed there");
    parsed_done(&p);
}

static void other_texts_are_not_taken(void **state)
{
    static const char *const texts[] = {
        "",
        "GPU",
        "lspci\n00:00.0 Host bridge\n",
        "GPU 0: fine\n",
        "CA 'mlx5_0'\n\tCA type: MT4129\n",
        "NVML: Unable to retrieve NVLink information as all links are inactive\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(nvidia_smi_looks_like(str_of(texts[i])));
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(nvidia_smi_parse, nvidia_smi_looks_like, str_of(good));
}

static void too_deep_and_too_long_names_stay_bounded(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);
    struct buf text = {0};

    (void)state;
    buf_puts(&text, "GPU 00000000:19:00.0\n");
    for (int i = 1; i < 40; i++) {
        buf_printf(&text, "%*s", i, "");
        for (int k = 0; k < 20 + i * 8; k++)
            buf_puts(&text, "s");
        buf_puts(&text, "\n");
        buf_printf(&text, "%*sk%d : %d\n", i + 1, "", i, i);
    }
    for (int i = 0; i < 30000; i++)
        buf_printf(&text, "x%d : 1\n", i);
    parsed_text(&p, nvidia_smi_parse, "deep", (struct str){text.p, text.len});
    assert_null(parsed_fact(&p, SUBJECT_PCI, "19:00.0", "SMI.x20000"));
    assert_non_null(parsed_fact(&p, SUBJECT_PCI, "19:00.0", "SMI.x2000"));
    buf_done(&text);
    parsed_done(&p);
}

static void the_asus_machine_has_eight_gpus_idle_at_gen1(void **state)
{
    struct str text = parsed_machine("asus-esc8000a-e13p.nvidia_smi_full.txt");
    struct parsed p = parsed_new(FACT_KEEP_ALL);
    unsigned gpus = 0;

    (void)state;
    parsed_text(&p, nvidia_smi_parse, "nvidia_smi_full.txt", text);
    for (uint32_t i = 0; i < p.node->subject_count; i++) {
        const char *name = p.node->subjects[i].name;

        if (p.node->subjects[i].kind != SUBJECT_PCI)
            continue;
        gpus++;
        assert_fact(&p, SUBJECT_PCI, name, "SMI.PCI.GPU Link Info.PCIe Generation.Max", "5");
        assert_fact(&p, SUBJECT_PCI, name, "SMI.PCI.GPU Link Info.PCIe Generation.Current", "1");
        assert_fact(&p, SUBJECT_PCI, name, "SMI.Performance State", "P8");
        assert_fact(&p, SUBJECT_PCI, name, "SMI.BAR1 Memory Usage.Total", "131072 MiB");
        assert_fact(&p, SUBJECT_PCI, name, "SMI.Remapped Rows.Pending", "No");
        assert_fact(&p, SUBJECT_PCI, name, "SMI.Clocks Event Reasons.HW Thermal Slowdown",
                    "Not Active");
        assert_fact(&p, SUBJECT_PCI, name, "SMI.GPU Power Readings.Current Power Limit",
                    "600.00 W");
        assert_fact(&p, SUBJECT_PCI, name, "SMI.Fabric.Health.Summary", "N/A");
    }
    assert_int_equal(gpus, 8);
    assert_fact(&p, SUBJECT_HOST, "", "smi.driver", "595.58.03");
    parsed_done(&p);
    free((char *)text.p);
}

/* One node's eight equal GPUs must carry equal settings, or the classes are wrong. */
static void the_asus_gpus_have_equal_config(void **state)
{
    struct str text = parsed_machine("asus-esc8000a-e13p.nvidia_smi_full.txt");
    struct parsed p = parsed_new(FACT_KEEP_ALL);
    const struct fact_block *first = NULL;

    (void)state;
    parsed_text(&p, nvidia_smi_parse, "nvidia_smi_full.txt", text);
    for (uint32_t i = 0; i < p.node->subject_count; i++) {
        const struct fact_block *block;

        if (p.node->subjects[i].kind != SUBJECT_PCI)
            continue;
        block = p.node->subjects[i].refs[0].block;
        if (!first)
            first = block;
        assert_int_equal(block->count, first->count);
        for (uint32_t k = 0; k < block->count; k++)
            if (block->facts[k].class == FACT_CONFIG &&
                !fact_equal(&block->facts[k], &first->facts[k]))
                fail_msg("%s: %s is %s, first GPU has %s", p.node->subjects[i].name,
                         fact_key_name(p.pool, block->facts[k].key), block->facts[k].text,
                         first->facts[k].text);
    }
    parsed_done(&p);
    free((char *)text.p);
}

static void retired_pages_of_the_azure_pair_differ(void **state)
{
    static const struct {
        const char *file, *pending2, *single1;
    } rows[] = {
        {"azure-nhc-bad_nvsmi8_output.txt", "Yes", "60"},
        {"azure-nhc-orig_nvsmi8_output.txt", "No", "0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str text = parsed_machine(rows[i].file);
        struct parsed p = parsed_new(FACT_KEEP_COMPARED);

        parsed_text(&p, nvidia_smi_parse, rows[i].file, text);
        assert_fact(&p, SUBJECT_PCI, "0002:00:00.0", "SMI.Retired Pages.Pending Page Blacklist",
                    rows[i].pending2);
        assert_fact(&p, SUBJECT_PCI, "0001:00:00.0", "SMI.Retired Pages.Single Bit ECC",
                    rows[i].single1);
        assert_int_equal(p.node->subject_count, 9);
        parsed_done(&p);
        free((char *)text.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_and_old_names_give_canonical_paths),
        cmocka_unit_test(numbers_lose_their_unit_and_versions_are_text),
        cmocka_unit_test(a_failed_nvidia_smi_is_unseen_and_not_clean),
        cmocka_unit_test(a_missing_tool_is_unseen),
        cmocka_unit_test(other_texts_are_not_taken),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
        cmocka_unit_test(too_deep_and_too_long_names_stay_bounded),
        cmocka_unit_test(the_asus_machine_has_eight_gpus_idle_at_gen1),
        cmocka_unit_test(the_asus_gpus_have_equal_config),
        cmocka_unit_test(retired_pages_of_the_azure_pair_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
