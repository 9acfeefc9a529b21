/* ctest labels: threads */
#include "unit/fleet/machine.h"

#include "fleet/symptom.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODES 24

/* A host bridge, two ports with a GPU and a NIC; the ports' ACS bits and the MSI address vary. */
static void write_node(const char *folder, unsigned index)
{
    bool redirect = index == 5 || index == 11 || index == 17;
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/n%02u.txt", folder, index);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "00:00.0 Host bridge [0600]: Intel Corporation Device [8086:09a2]\n"
                        "\tControl: I/O- Mem+ BusMaster+ SpecCycle-\n\n");
    for (unsigned port = 1; port <= 2; port++)
        (void)fprintf(file,
                      "00:0%u.0 PCI bridge [0604]: Intel Corporation Device [8086:352a]\n"
                      "\tControl: I/O+ Mem+ BusMaster+ SpecCycle-\n"
                      "\tBus: primary=00, secondary=0%u, subordinate=0%u, sec-latency=0\n"
                      "\tCapabilities: [40] Express (v2) Root Port (Slot-), MSI 00\n"
                      "\t\tLnkCap:\tPort #%u, Speed 32GT/s, Width x16, ASPM not supported\n"
                      "\t\tLnkSta:\tSpeed 32GT/s, Width x16\n"
                      "\tCapabilities: [80] MSI: Enable+ Count=1/1 Maskable+ 64bit-\n"
                      "\t\tAddress: fee%05x  Data: 0000\n"
                      "\tCapabilities: [110 v1] Access Control Services\n"
                      "\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+\n"
                      "\t\tACSCtl:\tSrcValid%c TransBlk- ReqRedir%c CmpltRedir%c UpstreamFwd%c\n\n",
                      port, port, port, port, index * 16 + port, redirect ? '+' : '-',
                      redirect ? '+' : '-', redirect ? '+' : '-', redirect ? '+' : '-');
    (void)fprintf(file, "01:00.0 3D controller [0302]: NVIDIA Corporation Device [10de:2330]\n"
                        "\tControl: I/O- Mem+ BusMaster+ SpecCycle-\n"
                        "\tCapabilities: [60] Express (v2) Endpoint, MSI 00\n"
                        "\t\tLnkCap:\tPort #0, Speed 32GT/s, Width x16, ASPM not supported\n"
                        "\t\tLnkSta:\tSpeed 32GT/s, Width x16\n\n"
                        "02:00.0 Infiniband controller [0207]: Mellanox Technologies [15b3:1021]\n"
                        "\tControl: I/O- Mem+ BusMaster+ SpecCycle-\n"
                        "\tCapabilities: [60] Express (v2) Endpoint, MSI 00\n"
                        "\t\tLnkCap:\tPort #0, Speed 32GT/s, Width x16, ASPM not supported\n"
                        "\t\tLnkSta:\tSpeed 32GT/s, Width x16\n");
    assert_int_equal(fclose(file), 0);
}

static char folder[] = "/tmp/firstlight-fleet-XXXXXX";

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *ftw)
{
    (void)stat;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int group_setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    for (unsigned i = 0; i < NODES; i++)
        write_node(folder, i);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct run {
    struct arena *arena;
    struct fleet *fleet;
    const struct difference *list;
    size_t count;
    size_t done, total; /* as progress told */
    bool fell;          /* it went back */
};

static void on_progress(void *context, size_t finished, size_t total)
{
    struct run *run = context;

    run->fell |= finished <= run->done; /* another thread: no assert here */
    run->done = finished;
    run->total = total;
}

static void run_start(struct run *run, unsigned threads)
{
    struct fleet_options options = {.threads = threads, .progress = on_progress, .context = run};
    const char *paths[] = {folder};
    struct inputs *inputs;

    *run = (struct run){.arena = arena_new(0)};
    inputs = arena_alloc(run->arena, sizeof(*inputs));
    assert_int_equal(inputs_find(run->arena, paths, 1, inputs, NULL), 0);
    run->fleet = fleet_new(&options);
    assert_non_null(run->fleet);
    assert_int_equal(fleet_load(run->fleet, inputs, NULL), 0);
    assert_int_equal(fleet_compare(run->fleet, &run->list, &run->count, NULL), 0);
}

static void run_end(struct run *run)
{
    fleet_free(run->fleet);
    arena_free(run->arena);
}

static void put_set(struct buf *out, struct node_set set)
{
    for (uint32_t i = 0; i < set.count; i++)
        buf_printf(out, " %u", set.nodes[i]);
}

static void put_proofs(struct buf *out, const struct proof *proofs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        buf_printf(out, "  %s:%u %s | %s\n", proofs[i].source, proofs[i].line, proofs[i].where,
                   proofs[i].text);
}

/* All that a report could show. */
static void put_run(struct buf *out, const struct run *run)
{
    for (size_t n = 0; n < fleet_node_count(run->fleet); n++) {
        const struct fleet_node *node = fleet_node(run->fleet, n);

        buf_printf(out, "%s cohort %u error %s\n", node->name, node->cohort,
                   node->error ? node->error : "-");
        for (uint32_t i = 0; i < node->finding_count; i++) {
            buf_printf(out, " %s %s %u\n", node->findings[i].rule->id,
                       node->findings[i].detail ? node->findings[i].detail : "",
                       node->findings[i].place_count);
            put_proofs(out, node->findings[i].proofs, node->findings[i].proof_count);
        }
        for (uint32_t i = 0; i < node->unknown_count; i++)
            buf_printf(out, " ? %s: %s\n", node->unknowns[i].what, node->unknowns[i].why);
    }
    for (size_t d = 0; d < run->count; d++) {
        const struct difference *difference = &run->list[d];

        buf_printf(out, "%u %d %s %s %g on", difference->rank, (int)difference->kind,
                   difference->title, difference->cause ? difference->cause->id : "-",
                   difference->score);
        put_set(out, difference->nodes);
        for (uint32_t f = 0; f < difference->field_count; f++) {
            buf_printf(out, "\n %s %s", difference->fields[f].role, difference->fields[f].path);
            for (uint32_t v = 0; v < difference->fields[f].value_count; v++) {
                buf_printf(out, " = %s on", difference->fields[f].values[v].text);
                put_set(out, difference->fields[f].values[v].nodes);
            }
        }
        buf_puts(out, "\n");
        put_proofs(out, difference->proofs, difference->proof_count);
    }
}

static void test_a_setting_is_found_with_its_lines(void **state)
{
    const struct difference *first;
    struct run run;

    (void)state;
    run_start(&run, 1);
    assert_int_equal(fleet_node_count(run.fleet), NODES);
    assert_int_equal(run.done, NODES);
    assert_int_equal(run.total, NODES);
    assert_false(run.fell);
    assert_true(run.count >= 1);
    first = &run.list[0];
    assert_set(first->nodes, 5, 11, 17);
    assert_non_null(first->cause);
    assert_true(first->proof_count >= 2);
    assert_non_null(strstr(first->proofs[0].source, "n05.txt"));
    assert_non_null(strstr(first->proofs[0].text, "ACSCtl:"));
    assert_non_null(strstr(first->proofs[0].text, "ReqRedir+"));
    assert_non_null(strstr(first->proofs[1].text, "ReqRedir-"));
    run_end(&run);
}

static void test_threads_do_not_change_the_answer(void **state)
{
    struct buf texts[2] = {0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct run run;

        run_start(&run, i ? 4 : 1);
        put_run(&texts[i], &run);
        run_end(&run);
    }
    assert_false(texts[0].failed || texts[1].failed);
    assert_string_equal(texts[0].p, texts[1].p);
    buf_done(&texts[0]);
    buf_done(&texts[1]);
}

static void test_a_node_that_cannot_be_read_keeps_a_sentence(void **state)
{
    char path[512];
    struct run run;
    uint32_t bad = 0;
    FILE *file;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/broken.snap", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("not a snapshot", file);
    assert_int_equal(fclose(file), 0);
    run_start(&run, 2);
    assert_int_equal(fleet_node_count(run.fleet), NODES + 1);
    for (size_t n = 0; n < fleet_node_count(run.fleet); n++)
        if (fleet_node(run.fleet, n)->error) {
            assert_non_null(strstr(fleet_node(run.fleet, n)->name, "broken"));
            bad++;
        }
    assert_int_equal(bad, 1);
    assert_int_equal(run.list[0].nodes.count, 3); /* the rest is processed */
    run_end(&run);
    assert_int_equal(unlink(path), 0);
}

static void test_slow_nodes_of_files_are_explained(void **state)
{
    struct explanation explanation;
    struct symptom symptom;
    struct strangers strangers;
    struct run run;

    (void)state;
    run_start(&run, 2);
    assert_int_equal(
        symptom_from_slow(run.arena, run.fleet, "n[05,11,17]", &symptom, &strangers, NULL), 0);
    assert_int_equal(strangers.count, 0);
    assert_int_equal(fleet_explain(run.fleet, &symptom, &explanation, NULL), 0);
    assert_true(explanation.explaining >= 1);
    assert_ptr_equal(run.list[explanation.causes[0].difference].cause, run.list[0].cause);
    assert_int_equal(explanation.causes[0].slow_with, 3);
    run_end(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_setting_is_found_with_its_lines),
        cmocka_unit_test(test_threads_do_not_change_the_answer),
        cmocka_unit_test(test_a_node_that_cannot_be_read_keeps_a_sentence),
        cmocka_unit_test(test_slow_nodes_of_files_are_explained),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
