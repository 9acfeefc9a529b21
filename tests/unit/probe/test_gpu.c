#include "probe/cuda.h"

#include "fakecuda/fake.h"
#include "support/fakecuda.h"
#include "support/told.h"

#include <dlfcn.h>

static struct told told;

static void run(const char *wish)
{
    (void)setenv("FIRSTLIGHT_FAKE_CUDA", wish, 1);
    told_init(&told, 60);
    told.card.device_count = 1;
    told.card.devices[0].kind = DEVICE_GPU;
    probe_test_gpu(&told.probe);
}

static void rate_is(const char *metric, const char *part, double want)
{
    double got = told_find(&told, metric, part)->value;

    if (fabs(got / want - 1) > 1e-3)
        fail_msg("%s of %s is %g, not %g", metric, part, got, want);
}

static void both_gpus_are_measured_and_the_slow_one_shows(void **state)
{
    (void)state;
    run("");
    told_no_trouble(&told);
    assert_int_equal(told.measure_count, 2 * 4 + 2);
    rate_is("gpu.memory", "gpu0", FAKE_MEMORY);
    rate_is("gpu.memory", "gpu1", FAKE_MEMORY / 2);
    rate_is("gpu.matrix", "gpu0", FAKE_MATRIX);
    rate_is("gpu.matrix", "gpu1", FAKE_MATRIX / 2);
    assert_string_equal(told_find(&told, "gpu.matrix", "gpu0")->via, "bf16");
    assert_int_equal(told_find(&told, "gpu.matrix", "gpu0")->bytes, 8192 * 8192 * 2);
    for (int i = 0; i < 2; i++) {
        rate_is("gpu.host.read", i ? "gpu1" : "gpu0", FAKE_TO_HOST);
        rate_is("gpu.host.write", i ? "gpu1" : "gpu0", FAKE_FROM_HOST);
        rate_is("gpu.copy", i ? "gpu1>gpu0" : "gpu0>gpu1", FAKE_PEER);
    }
    assert_string_equal(told_find(&told, "gpu.copy", "gpu0>gpu1")->via, "peer");
}

static void gpus_without_a_way_to_each_other_copy_by_the_host(void **state)
{
    (void)state;
    run("nopeer");
    told_no_trouble(&told);
    rate_is("gpu.copy", "gpu0>gpu1", FAKE_NO_PEER);
    assert_string_equal(told_find(&told, "gpu.copy", "gpu1>gpu0")->via, "host");
}

static void a_gpu_without_bf16_multiplies_fp16(void **state)
{
    (void)state;
    run("nobf16");
    told_no_trouble(&told);
    assert_string_equal(told_find(&told, "gpu.matrix", "gpu1")->via, "fp16");
}

static void a_gpu_whose_memory_is_taken_costs_only_itself(void **state)
{
    (void)state;
    run("full");
    assert_int_equal(told.measure_count, 4);
    assert_int_equal(told.trouble_count, 1);
    assert_string_equal(told.troubles[0].words, "gpu1: only 100 of its 81920 MiB are free");
}

/* Each call in turn goes wrong on GPU 1: one sentence that names it, GPU 0 as if nothing were. */
static void a_call_that_fails_on_one_gpu_is_one_sentence(void **state)
{
    static const char *const calls[] = {
        "cuDevicePrimaryCtxRetain",
        "cuCtxSetCurrent",
        "cuMemGetInfo",
        "cuMemAlloc",
        "cuStreamCreate",
        "cuEventCreate",
        "cuMemHostAlloc",
        "cuMemcpyHtoDAsync",
        "cuMemcpyDtoHAsync",
        "cuMemcpyDtoDAsync",
        "cuStreamSynchronize",
        "cuEventRecord",
        "cuEventSynchronize",
        "cuEventElapsedTime",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        char wish[64], words[160];

        (void)snprintf(wish, sizeof(wish), "%s@1", calls[i]);
        run(wish);
        (void)snprintf(words, sizeof(words), "%s: unspecified launch failure (719)", calls[i]);
        assert_non_null(strstr(told_words(&told, words)->words, "gpu1: "));
        assert_int_equal(told.trouble_count, 1);
        rate_is("gpu.memory", "gpu0", FAKE_MEMORY);
        rate_is("gpu.matrix", "gpu0", FAKE_MATRIX);
    }
    run("");
    told_no_trouble(&told); /* and nothing was left behind that would spoil the next */
}

static void a_call_that_fails_between_gpus_is_a_sentence_for_each_direction(void **state)
{
    static const char *const calls[] = {"cuDeviceCanAccessPeer", "cuCtxEnablePeerAccess",
                                        "cuMemcpyPeerAsync"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        run(calls[i]);
        assert_int_equal(told.measure_count, 8);
        assert_int_equal(told.trouble_count,
                         1); /* GPU 0 is not asked again, GPU 1 is its only peer */
        assert_non_null(strstr(told_words(&told, calls[i])->words, "gpu0>gpu1: "));
    }
}

static void a_library_that_does_not_start_is_one_sentence(void **state)
{
    static const char *const calls[] = {"cuInit", "cuDeviceGetCount", "cuDeviceGet",
                                        "cuDeviceGetPCIBusId"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        run(calls[i]);
        assert_int_equal(told.measure_count, 0);
        assert_int_equal(told.trouble_count, 1);
        (void)told_words(&told, calls[i]);
    }
}

static void products_that_fail_cost_only_themselves(void **state)
{
    static const char *const calls[] = {
        "cublasLtCreate",
        "cublasLtMatmulDescCreate",
        "cublasLtMatmulDescSetAttribute",
        "cublasLtMatrixLayoutCreate",
        "cublasLtMatmulPreferenceCreate",
        "cublasLtMatmulPreferenceSetAttribute",
        "cublasLtMatmulAlgoGetHeuristic",
        "cublasLtMatmul",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        char words[128];

        run(calls[i]);
        assert_int_equal(told.trouble_count, 2);
        (void)snprintf(words, sizeof(words), "gpu1: gpu.matrix: %s: status 7", calls[i]);
        assert_string_equal(told_words(&told, words)->words, words);
        assert_int_equal(told.measure_count, 2 * 3 + 2);
    }
    run("noway");
    (void)told_words(&told, "gpu0: gpu.matrix: cublasLtMatmulAlgoGetHeuristic: it knows no way");
}

static void what_is_late_is_not_begun(void **state)
{
    (void)state;
    (void)setenv("FIRSTLIGHT_FAKE_CUDA", "", 1);
    told_init(&told, 60);
    told.probe.deadline_ms = clock_now_ms();
    probe_test_gpu(&told.probe);
    assert_int_equal(told.measure_count, 0);
    assert_int_equal(told.trouble_count, 2);
    (void)told_words(&told, "gpu1: its time was over before it began");
}

static void without_cublas_only_the_products_are_missing(void **state)
{
    (void)state;
    if (dlopen("libcublasLt.so.13", RTLD_LAZY) || dlopen("libcublasLt.so.12", RTLD_LAZY) ||
        dlopen("libcublasLt.so.11", RTLD_LAZY))
        skip(); /* this machine has a real one */
    run("");
    assert_int_equal(told.trouble_count, 2);
    assert_int_equal(told.measure_count, 2 * 3 + 2);
    (void)told_words(&told, "gpu0: gpu.matrix: libcublasLt.so (13, 12 or 11) can't be loaded: ");
    assert_int_equal(told.troubles[0].kind, TROUBLE_TEST);
    assert_int_equal(told.troubles[0].test, TEST_GPU);
}

static void without_a_driver_only_a_node_with_gpus_is_in_trouble(void **state)
{
    (void)state;
    if (dlopen("libcuda.so.1", RTLD_NOW))
        skip(); /* this machine has a real one */
    run("");
    assert_int_equal(told.trouble_count, 1);
    (void)told_words(&told, "the NVIDIA driver's library can't be loaded: libcuda.so.1");
    told_init(&told, 60);
    probe_test_gpu(&told.probe);
    assert_int_equal(told.trouble_count + told.measure_count, 0);
}

static void a_driver_that_finds_no_gpu_is_nothing_where_there_is_none(void **state)
{
    (void)state;
    (void)setenv("FIRSTLIGHT_FAKE_CUDA", "nodevice", 1);
    told_init(&told, 60);
    probe_test_gpu(&told.probe);
    assert_int_equal(told.trouble_count + told.measure_count, 0);
    run("nodevice");
    (void)told_words(&told, "cuInit: no CUDA-capable device is detected (100)");
}

int main(void)
{
    const char *have = getenv(FAKECUDA_HAVE);
    const struct CMUnitTest whole[] = {
        cmocka_unit_test(a_driver_that_finds_no_gpu_is_nothing_where_there_is_none),
        cmocka_unit_test(both_gpus_are_measured_and_the_slow_one_shows),
        cmocka_unit_test(gpus_without_a_way_to_each_other_copy_by_the_host),
        cmocka_unit_test(a_gpu_without_bf16_multiplies_fp16),
        cmocka_unit_test(a_gpu_whose_memory_is_taken_costs_only_itself),
        cmocka_unit_test(a_call_that_fails_on_one_gpu_is_one_sentence),
        cmocka_unit_test(a_call_that_fails_between_gpus_is_a_sentence_for_each_direction),
        cmocka_unit_test(a_library_that_does_not_start_is_one_sentence),
        cmocka_unit_test(products_that_fail_cost_only_themselves),
        cmocka_unit_test(what_is_late_is_not_begun),
    };
    const struct CMUnitTest no_cublas[] = {
        cmocka_unit_test(without_cublas_only_the_products_are_missing)};
    const struct CMUnitTest nothing[] = {
        cmocka_unit_test(without_a_driver_only_a_node_with_gpus_is_in_trouble)};

    if (!have)
        return fakecuda_again("driver cublas") || fakecuda_again("driver") ||
               fakecuda_again("nothing");
    if (strcmp(have, "driver cublas") == 0)
        return cmocka_run_group_tests(whole, NULL, NULL);
    return strcmp(have, "driver") == 0 ? cmocka_run_group_tests(no_cublas, NULL, NULL)
                                       : cmocka_run_group_tests(nothing, NULL, NULL);
}
