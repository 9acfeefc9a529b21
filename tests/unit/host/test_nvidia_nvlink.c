#include "host/nvidia_nvlink.h"

#include "host/nvidia_smi.h"
#include "support/parsed.h"

static const char smi[] = "GPU 00000000:9A:00.0\n"
                          "    GPU UUID : GPU-b\n"
                          "    Persistence Mode : Enabled\n"
                          "GPU 00000000:19:00.0\n"
                          "    GPU UUID : GPU-a\n"
                          "    Persistence Mode : Enabled\n";

static const char links[] = "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-a)\n"
                            "\t Link 0: 26.562 GB/s\n"
                            "\t Link 1: 26.562 GB/s\n"
                            "GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-b)\n"
                            "\t Link 0: 26.562 GB/s\n"
                            "\t Link 1: <inactive>\n"
                            "\t Link 0: Replay Errors: 3\n";

/* By UUID, and by the order of bus ids when identities are not kept. */
static void links_stand_on_the_gpu_of_their_number(void **state)
{
    static const unsigned keep[] = {FACT_KEEP_ALL, FACT_KEEP_COMPARED};

    (void)state;
    assert_true(nvidia_nvlink_looks_like(str_of(links)));
    for (size_t i = 0; i < ARRAY_LEN(keep); i++) {
        struct parsed p = parsed_new(keep[i]);

        parsed_text(&p, nvidia_smi_parse, "q", str_of(smi));
        parsed_text(&p, nvidia_nvlink_parse, "nvlink", str_of(links));
        assert_fact(&p, SUBJECT_PCI, "19:00.0", "nvlink.1", "26.562 GB/s");
        assert_fact(&p, SUBJECT_PCI, "19:00.0", "nvlink.active", "2");
        assert_fact(&p, SUBJECT_PCI, "19:00.0", "nvlink.inactive", "0");
        assert_fact(&p, SUBJECT_PCI, "9a:00.0", "nvlink.1", "<inactive>");
        assert_fact(&p, SUBJECT_PCI, "9a:00.0", "nvlink.active", "1");
        assert_fact(&p, SUBJECT_PCI, "9a:00.0", "nvlink.inactive", "1");
        assert_int_equal(parsed_fact(&p, SUBJECT_PCI, "9a:00.0", "nvlink.0.Replay Errors")->number,
                         3);
        assert_true(
            str_is(parsed_line(&p, SUBJECT_PCI, "9a:00.0", "nvlink.1"), "Link 1: <inactive>"));
        parsed_done(&p);
    }
}

static void links_of_unknown_gpus_stand_on_the_host(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    parsed_text(&p, nvidia_nvlink_parse, "nvlink", str_of(links));
    assert_fact(&p, SUBJECT_HOST, "", "nvlink.gpu1.1", "<inactive>");
    assert_fact(&p, SUBJECT_HOST, "", "nvlink.gpu1.inactive", "1");
    assert_int_equal(p.node->subject_count, 1);
    parsed_done(&p);
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(nvidia_nvlink_parse, nvidia_nvlink_looks_like, str_of(links));
}

static void other_texts_are_not_taken(void **state)
{
    static const char *const texts[] = {"", "GPU 0: NVIDIA A100 (UUID: GPU-1)\n", "Link 0: 25 GB/s",
                                        "==============NVSMI LOG==============\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(nvidia_nvlink_looks_like(str_of(texts[i])));
}

static void the_real_files_give_their_links(void **state)
{
    static const struct {
        const char *file, *path, *want;
    } real[] = {
        {"gpud-nvidia-smi.nvlink.status.a100.txt", "nvlink.gpu0.0", "25 GB/s"},
        {"gpud-nvidia-smi.nvlink.status.a100.txt", "nvlink.gpu7.active", "12"},
        {"gpud-nvidia-smi.nvlink.status.a100.txt", "nvlink.gpu7.inactive", "0"},
        {"azure-nhc-good_nvlink_status.txt", "nvlink.gpu7.active", "12"},
        {"azure-nhc-bad_nvlink_status.txt", "nvlink.gpu6.active", "0"},
        {"azure-nhc-bad_nvlink_status.txt", "nvlink.gpu6.error",
         "NVML: Unable to retrieve NVLink information as all links are inactive"},
        {"azure-nhc-bad_nvlink_status.txt", "nvlink.gpu6.lost", "+"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(real); i++) {
        struct str text = parsed_machine(real[i].file);
        struct parsed p = parsed_new(FACT_KEEP_COMPARED);

        assert_true(nvidia_nvlink_looks_like(text));
        assert_false(nvidia_smi_looks_like(text));
        parsed_text(&p, nvidia_nvlink_parse, real[i].file, text);
        assert_fact(&p, SUBJECT_HOST, "", real[i].path, real[i].want);
        parsed_done(&p);
        free((char *)text.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_stand_on_the_gpu_of_their_number),
        cmocka_unit_test(links_of_unknown_gpus_stand_on_the_host),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
        cmocka_unit_test(other_texts_are_not_taken),
        cmocka_unit_test(the_real_files_give_their_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
