/* The generator itself: what it writes is what it says. ctest labels: slow */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/map.h"
#include "fleetgen.h"
#include "lspci.h"
#include "snap/snap.h"
#include "write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct renderer *renderer; /* shared by the tests: its templates cost the most */

static struct gen_fleet *new_fleet(const char *model, const char *mutation, uint64_t seed,
                                   struct noise_share noise)
{
    struct gen_spec spec = {
        .model = model, .nodes = 8, .seed = seed, .bad = 3, .mutation = mutation, .noise = noise};
    struct err err = {0};
    struct gen_fleet *fleet = gen_new(&spec, renderer, &err);

    if (!fleet)
        fail_msg("%s %s: %s", model, mutation ? mutation : "healthy", err.text);
    return fleet;
}

static struct gen_node *new_node(const struct gen_fleet *fleet, uint32_t index)
{
    struct gen_node *node = calloc(1, sizeof(*node));

    assert_non_null(node);
    assert_int_equal(gen_node(fleet, index, node), 0);
    return node;
}

static void free_node(struct gen_node *node)
{
    gen_node_done(node);
    free(node);
}

static uint64_t node_hash(const struct gen_node *node)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < node->tree.count; i++) {
        const struct tree_entry *entry = &node->tree.entries[i];

        hash = hash_mix(hash, hash64(entry->path, strlen(entry->path)));
        hash = hash_mix(hash, hash64(entry->bytes.p, entry->bytes.len));
    }
    return hash;
}

static void same_seed_same_bytes(void **state)
{
    const struct model *model;

    (void)state;
    for (size_t i = 0; (model = model_at(i)) != NULL; i++) {
        struct gen_fleet *a = new_fleet(model->name, "IOMMU_ON", 11, gen_noise());
        struct gen_fleet *b = new_fleet(model->name, "IOMMU_ON", 11, gen_noise());
        struct gen_fleet *c = new_fleet(model->name, "IOMMU_ON", 12, gen_noise());

        for (uint32_t index = 0; index < 8; index += 3) {
            struct gen_node *na = new_node(a, index), *nb = new_node(b, index);
            struct gen_node *nc = new_node(c, index);

            assert_int_equal(node_hash(na), node_hash(nb));
            assert_int_not_equal(node_hash(na), node_hash(nc));
            free_node(na);
            free_node(nb);
            free_node(nc);
        }
        gen_free(a);
        gen_free(b);
        gen_free(c);
    }
}

/* Lines that lspci -F can't print, and the ends of lines that we add. */
static void keep_printable(struct str text, struct buf *out)
{
    static const char *const added[] = {
        "\tNUMA node:", "\tIOMMU group:", "\tKernel driver in use:", "\tKernel modules:"};
    struct str line;

    while (str_line(&text, &line)) {
        ptrdiff_t size = str_starts(line, "\tRegion ") ? str_find(line, " [size=") : -1;
        bool skip = str_starts(line, "\tRegion ") && str_find(line, "<unassigned>") >= 0;

        for (size_t i = 0; i < ARRAY_LEN(added); i++)
            skip = skip || str_starts(line, added[i]);
        if (skip)
            continue;
        buf_add(out, line.p, size < 0 ? line.len : (size_t)size);
        buf_puts(out, "\n");
    }
}

static void assert_same_text(struct str want, struct str got, const char *what)
{
    struct str a, b;

    for (int line = 1;; line++) {
        bool more_a = str_line(&want, &a), more_b = str_line(&got, &b);

        if (!more_a && !more_b)
            return;
        if (!more_a || !more_b || !str_eq(a, b))
            fail_msg("%s line %d: lspci '%.*s', ours '%.*s'", what, line, more_a ? (int)a.len : 0,
                     a.p, more_b ? (int)b.len : 0, b.p);
    }
}

static void node_text_is_what_lspci_prints(void **state)
{
    static const char *const mutations[] = {
        NULL,          "IOMMU_ON",     "BAR1_SMALL",        "LINK_GEN_LIMIT",
        "MISSING_GPU", "EXTRA_DEVICE", "CORRECTABLE_ERRORS"};
    struct noise_share noise = {.shifted_buses = 0.8, .shifted_addresses = 0.5, .corrected = 0.3};
    const struct model *model;

    (void)state;
    for (size_t i = 0; (model = model_at(i)) != NULL; i++) {
        for (size_t m = 0; m < ARRAY_LEN(mutations); m++) {
            struct gen_fleet *fleet = new_fleet(model->name, mutations[m], 100 + m, noise);

            for (uint32_t index = 0; index < 8; index++) {
                struct gen_node *node;
                struct buf hex = {0}, printed = {0}, want = {0}, got = {0};
                const struct tree_entry *entry;
                struct err err = {0};
                char what[64];

                /* Bad nodes and one good one are enough. */
                if (index > 0 && !gen_is_bad(fleet, index))
                    continue;
                node = new_node(fleet, index);
                entry = tree_find(&node->tree, "lspci.txt");
                assert_non_null(entry);
                render_hex(gen_variant(fleet, index), &node->noise.lspci, &hex);
                if (lspci_print((struct str){hex.p, hex.len}, &printed, &err) < 0)
                    fail_msg("%s", err.text);
                keep_printable((struct str){printed.p, printed.len}, &want);
                keep_printable(entry->bytes, &got);
                snprintf(what, sizeof(what), "%s %s", model->name,
                         mutations[m] ? mutations[m] : "healthy");
                assert_same_text((struct str){want.p, want.len}, (struct str){got.p, got.len},
                                 what);
                buf_done(&hex);
                buf_done(&printed);
                buf_done(&want);
                buf_done(&got);
                free_node(node);
            }
            gen_free(fleet);
        }
    }
}

static void healthy_links_agree_at_both_ends_and_are_at_their_best(void **state)
{
    const struct model *model;

    (void)state;
    for (size_t i = 0; (model = model_at(i)) != NULL; i++) {
        struct machine *machine = calloc(1, sizeof(*machine));
        int links = 0;

        assert_non_null(machine);
        assert_int_equal(machine_build(model->name, false, machine), 0);
        for (int at = 0; at < machine->count; at++) {
            const struct function *device = &machine->functions[at];
            const struct function *port =
                &machine->functions[device->parent < 0 ? 0 : device->parent];

            if (device->parent < 0 || !device->type->speed || !function_is_port(port))
                continue;
            links++;
            assert_int_equal(device->link_speed, port->link_speed);
            assert_int_equal(device->link_width, port->link_width);
            assert_int_equal(device->link_speed, device->cap_speed < port->cap_speed
                                                     ? device->cap_speed
                                                     : port->cap_speed);
            assert_int_equal(device->link_width, device->cap_width < port->cap_width
                                                     ? device->cap_width
                                                     : port->cap_width);
            assert_true(port->link_target >= port->link_speed);
            assert_int_equal(device->payload, port->payload);
            if (function_is_port(port))
                assert_int_equal(port->acs_ctl & 0x0c, 0);
        }
        assert_true(links >= machine->gpu_count * 2);
        free(machine);
    }
}

static void bus_numbers_are_unique_and_inside_their_bridges(void **state)
{
    struct noise_share noise = {.shifted_buses = 1};
    const struct model *model;

    (void)state;
    for (size_t i = 0; (model = model_at(i)) != NULL; i++) {
        struct gen_fleet *fleet = new_fleet(model->name, NULL, 5, noise);

        for (uint32_t index = 0; index < 8; index++) {
            struct gen_node *node = new_node(fleet, index);
            const struct variant *variant = gen_variant(fleet, index);
            uint64_t before = 0;

            for (int at = 0; at < variant->order_count; at++) {
                struct bdf bdf = render_bdf(variant, &node->noise.lspci, variant->order[at]);
                uint64_t place = ((uint64_t)bdf.domain << 16 | (unsigned)bdf.bus << 8 |
                                  (unsigned)bdf.device << 3 | bdf.function) +
                                 1;

                if (place <= before)
                    fail_msg("%s: %04x:%02x:%02x.%x is not above the one before", model->name,
                             bdf.domain, bdf.bus, bdf.device, bdf.function);
                before = place;
            }
            free_node(node);
        }
        gen_free(fleet);
    }
}

/* Line counts: +1 for each in a, -1 for each in b. */
struct tally {
    struct str line;
    int count;
};

static bool tally_equal(const void *value, const void *key)
{
    return str_eq(((const struct tally *)value)->line, *(const struct str *)key);
}

static struct str without_time(struct str line)
{
    ptrdiff_t end = str_starts(line, "[ ") || str_starts(line, "[1") ? str_find(line, "] ") : -1;

    return end < 0 ? line : str_skip(line, (size_t)end + 2);
}

static void tally_lines(struct map *map, struct str text, int step)
{
    struct str line;

    while (str_line(&text, &line)) {
        struct tally *tally;
        uint64_t hash;

        line = without_time(line);
        hash = hash64(line.p, line.len);
        tally = map_get(map, hash, &line);
        if (!tally) {
            tally = calloc(1, sizeof(*tally));
            assert_non_null(tally);
            tally->line = line;
            assert_int_equal(map_add(map, hash, tally), 0);
        }
        tally->count += step;
    }
}

static bool one_of(const char *words, char separator, struct str line)
{
    struct str rest = str_of(words), word;

    while (str_cut(&rest, separator, &word)) {
        char text[64];

        snprintf(text, sizeof(text), "%.*s", STR_ARG(word));
        if (strcmp(text, "*") == 0 || str_find(line, text) >= 0)
            return true;
    }
    return false;
}

static bool names_source(const char *sources, const char *kind)
{
    struct str rest = str_of(sources), word;

    while (str_word(&rest, &word))
        if (str_is(word, kind))
            return true;
    return false;
}

/* Lines of one output that differ; each must be one that the row lists. */
static int changed_lines(const struct mutation *mutation, const char *model, const char *path,
                         struct str healthy, struct str broken)
{
    struct map map = {.equal = tally_equal};
    int changed = 0;

    tally_lines(&map, healthy, 1);
    tally_lines(&map, broken, -1);
    for (size_t i = 0; i < map.space; i++) {
        struct tally *tally = map.slots[i].value;

        if (!tally)
            continue;
        if (tally->count != 0) {
            changed++;
            if (!one_of(mutation->lines, '|', tally->line))
                fail_msg("%s on %s: %s: changed line is not listed: '%.*s'", mutation->id, model,
                         path, STR_ARG(tally->line));
        }
        free(tally);
    }
    map_done(&map);
    return changed;
}

static void check_mutation(const struct mutation *mutation, const char *model)
{
    struct gen_fleet *healthy = new_fleet(model, NULL, 21, (struct noise_share){0});
    struct gen_fleet *broken = new_fleet(model, mutation->id, 21, (struct noise_share){0});
    uint32_t index = 0;
    struct gen_node *a, *b;
    const struct text_source *source;
    int changed = 0;

    while (!gen_is_bad(broken, index))
        index++;
    a = new_node(healthy, index);
    b = new_node(broken, index);
    for (size_t i = 0; (source = text_source_at(i)) != NULL; i++) {
        const struct tree_entry *was = tree_find(&a->tree, source->path);
        const struct tree_entry *is = tree_find(&b->tree, source->path);
        int lines;

        if (!was && !is)
            continue;
        assert_true(was && is);
        lines = changed_lines(mutation, model, source->path, was->bytes, is->bytes);
        if (lines > 0 && !names_source(mutation->sources, source->kind))
            fail_msg("%s on %s: %d lines of %s changed, which the row does not list", mutation->id,
                     model, lines, source->path);
        changed += lines;
    }
    if (changed == 0)
        fail_msg("%s on %s: nothing changed", mutation->id, model);
    free_node(a);
    free_node(b);
    gen_free(healthy);
    gen_free(broken);
}

static void a_mutation_changes_what_its_row_says_and_nothing_else(void **state)
{
    const struct mutation *mutation;
    const struct model *model;
    size_t count = 0;

    (void)state;
    for (size_t i = 0; (mutation = mutation_at(i)) != NULL; i++) {
        for (size_t m = 0; (model = model_at(m)) != NULL; m++)
            if (mutation->models >> m & 1)
                check_mutation(mutation, model->name);
        assert_ptr_equal(mutation_find(mutation->id), mutation);
        count++;
    }
    assert_true(count >= 40);
}

static void other_nodes_of_a_bad_fleet_are_those_of_the_healthy_one(void **state)
{
    struct gen_fleet *healthy = new_fleet("hgx-h100", NULL, 33, gen_noise());
    struct gen_fleet *broken = new_fleet("hgx-h100", "MRRS_512", 33, gen_noise());
    uint32_t bad = 0;

    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        struct gen_node *a = new_node(healthy, i), *b = new_node(broken, i);

        bad += gen_is_bad(broken, i);
        if (gen_is_bad(broken, i))
            assert_int_not_equal(node_hash(a), node_hash(b));
        else
            assert_int_equal(node_hash(a), node_hash(b));
        free_node(a);
        free_node(b);
    }
    assert_int_equal(bad, 3);
    gen_free(healthy);
    gen_free(broken);
}

static void measurements_tell_bad_nodes_and_labels_are_wrong_as_often_as_asked(void **state)
{
    int labels = 0, wrong = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct gen_spec spec = {.model = "gb200",
                                .nodes = 512,
                                .seed = seed,
                                .bad = 10,
                                .mutation = "ACS_REDIRECT",
                                .wrong_labels = 0.2};
        struct gen_fleet *fleet = gen_new(&spec, renderer, NULL);
        int slow = 0;

        assert_non_null(fleet);
        for (uint32_t i = 0; i < spec.nodes; i++) {
            double value = gen_bandwidth(fleet, i);

            assert_true(gen_is_bad(fleet, i) ? value < 300 : value > 300);
            if (gen_is_labelled_slow(fleet, i)) {
                slow++;
                wrong += !gen_is_bad(fleet, i);
            }
        }
        assert_int_equal(slow, 10);
        labels += slow;
        assert_true((gen_pair_bandwidth(fleet, 0, 1) < 300) ==
                    (gen_is_bad(fleet, 0) || gen_is_bad(fleet, 1)));
        gen_free(fleet);
    }
    /* 400 labels, 80 wrong ones expected; the standard deviation is 8. */
    assert_in_range(wrong, 48, 112);
    assert_int_equal(labels, 400);
}

static void old_lspci_marks_both_ends_of_a_link(void **state)
{
    struct noise_share noise = {.old_lspci = 1};
    struct gen_fleet *fleet = new_fleet("hgx-h100", "NIC_WIDTH_X8", 3, noise);
    uint32_t index = 0;
    struct gen_node *node;
    const struct tree_entry *entry;
    struct str rest, line;
    int downgraded = 0;

    (void)state;
    while (!gen_is_bad(fleet, index))
        index++;
    node = new_node(fleet, index);
    entry = tree_find(&node->tree, "lspci.txt");
    assert_non_null(entry);
    rest = entry->bytes;
    while (str_line(&rest, &line)) {
        assert_true(str_find(line, "-bit]") < 0);
        if (!str_starts(line, "\t\tLnkSta:"))
            continue;
        assert_true(str_ends(line, "(ok)") || str_ends(line, "(downgraded)") ||
                    str_ends(line, "Width x0"));
        downgraded += str_ends(line, "Width x8 (downgraded)");
    }
    /* The NIC and its port; and, on healthy nodes too, the x16 root port of the NVSwitches' x8. */
    assert_int_equal(downgraded, 3);
    free_node(node);
    gen_free(fleet);
}

static void a_spec_that_cannot_be_is_named(void **state)
{
    static const struct {
        struct gen_spec spec;
        const char *err;
    } cases[] = {
        {{.model = "cray-1", .nodes = 8}, "no model is called 'cray-1'"},
        {{.model = "a100", .nodes = 0}, "0 nodes: expected 1 to"},
        {{.model = "a100", .nodes = 8, .bad = 3, .mutation = "GREMLINS"},
         "no mutation is called 'GREMLINS'"},
        {{.model = "a100", .nodes = 8, .bad = 8, .mutation = "MRRS_512"},
         "8 bad nodes: expected 1 to 7"},
        {{.model = "gb200", .nodes = 8, .bad = 1, .mutation = "NPS4"},
         "model gb200 has no setting NPS4"},
        {{.model = "a100", .nodes = 8, .wrong_labels = 1.5}, "share of wrong labels 1.5"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};

        assert_null(gen_new(&cases[i].spec, renderer, &err));
        assert_int_equal(err.code, -EINVAL);
        if (!strstr(err.text, cases[i].err))
            fail_msg("'%s' lacks '%s'", err.text, cases[i].err);
    }
}

/* The tree that is in <folder>/<name>.snap; it lives in `arena`. */
static void read_snap(struct arena *arena, const char *folder, const char *name, struct tree *tree)
{
    const char *path = arena_printf(arena, "%s/%s.snap", folder, name);
    struct err err = {0};
    char *packed;
    size_t len;

    if (file_read(path, SNAP_BYTES_MAX, &packed, &len, &err) < 0 ||
        snap_read(arena, path, packed, len, SNAP_BYTES_MAX, tree, &err) != 0)
        fail_msg("%s", err.text);
    free(packed);
}

static void a_fleet_of_snapshots_holds_the_same_files(void **state)
{
    struct gen_fleet *fleet = new_fleet("a100", "IOMMU_ON", 5, gen_noise());
    struct write_options options = {.snap = true};
    char folder[] = "/tmp/fleetgenXXXXXX";
    struct arena *arena = arena_new(0);
    const char *const *names;
    struct err err = {0};
    long count;

    (void)state;
    assert_non_null(mkdtemp(folder));
    if (gen_write(fleet, folder, &options, &err) < 0)
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < 8; i++) {
        struct gen_node *node = new_node(fleet, i);
        struct tree tree = {0};

        read_snap(arena, folder, node->name, &tree);
        assert_int_equal(tree.count, node->tree.count);
        assert_true(tree.count > 5);
        for (size_t k = 0; k < tree.count; k++) {
            const struct tree_entry *want = &node->tree.entries[k];
            const struct tree_entry *got = tree_find(&tree, want->path);

            if (!got || got->link != want->link || !str_eq(got->bytes, want->bytes))
                fail_msg("%s: %s is not the same", node->name, want->path);
        }
        free_node(node);
    }
    count = file_list(arena, folder, 100, &names, &err);
    assert_int_equal(count, 8 + 3); /* bw.csv, slow.txt, truth.json; no folders */
    for (long i = 0; i < count; i++)
        assert_int_equal(unlink(arena_printf(arena, "%s/%s", folder, names[i])), 0);
    assert_int_equal(rmdir(folder), 0);
    arena_free(arena);
    gen_free(fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(node_text_is_what_lspci_prints),
        cmocka_unit_test(healthy_links_agree_at_both_ends_and_are_at_their_best),
        cmocka_unit_test(bus_numbers_are_unique_and_inside_their_bridges),
        cmocka_unit_test(a_mutation_changes_what_its_row_says_and_nothing_else),
        cmocka_unit_test(other_nodes_of_a_bad_fleet_are_those_of_the_healthy_one),
        cmocka_unit_test(measurements_tell_bad_nodes_and_labels_are_wrong_as_often_as_asked),
        cmocka_unit_test(old_lspci_marks_both_ends_of_a_link),
        cmocka_unit_test(a_spec_that_cannot_be_is_named),
        cmocka_unit_test(a_fleet_of_snapshots_holds_the_same_files),
    };
    int r;

    if (!lspci_present()) {
        puts("skipped: lspci is not there (pciutils)");
        return 77;
    }
    renderer = renderer_new();
    if (!renderer)
        return 1;
    r = cmocka_run_group_tests(tests, NULL, NULL);
    renderer_free(renderer);
    return r;
}
