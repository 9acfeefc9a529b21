/* Two dumps of one real machine each, of which it is known what was changed between them: the known
 * cause is among the first three differences. ctest labels: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fleet/fleet.h"

#include <stdio.h>
#include <unistd.h>

#define FIRST 3

struct pair {
    const char *one, *other;
    const char *cause;   /* id of a rule */
    const char *carrier; /* which of the two has it; NULL: not said */
};

static const struct pair pairs[] = {
    /* Kernel 5.10 with the IOMMU on, 5.0 without: listed by the poster. The second lspci is too old
     * to print IOMMU groups, so what is seen of it is the redirection that the kernel switches on.
     */
    {"ml-cometlake-aer-corrected.debian.lspci-vv.txt",
     "ml-cometlake-aer-corrected.ubuntu.lspci-vv.txt", "IOMMU_TRANSLATING", "debian"},
    /* pcie_aspm policy, by bisect. */
    {"ml-asus-pn51.aspm-default.lspci-vvv.txt", "ml-asus-pn51.aspm-performance.lspci-vvv.txt",
     "ASPM_ENABLED", "aspm-default"},
    /* Kernel 6.13 turns link bandwidth interrupts on: what is left of it is LnkSta BWMgmt+
       ABWMgmt+. */
    {"ml-core2-rv-regression-6.13.a.lspci-vv.txt", "ml-core2-rv-regression-6.13.b.lspci-vv.txt",
     "LINK_RETRAINED", "6.13.a"},
    /* Link registers that are not as before after hibernation. */
    {"ml-icelake-l1ss.4257f7e-pre-hibernate.lspci-vvnn.txt",
     "ml-icelake-l1ss.4257f7e-post-hibernate.lspci-vvnn.txt", "ASPM_ENABLED", NULL},
};

static bool names(const struct difference *difference, const char *id)
{
    return difference->cause && !strcmp(difference->cause->id, id);
}

static void test_known_pairs_give_the_known_cause(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        const struct pair *pair = &pairs[i];
        char one[512], other[512];
        const char *paths[] = {one, other};
        struct fleet_options options = {.threads = 2};
        struct fleet *fleet = fleet_new(&options);
        struct arena *arena = arena_new(0);
        const struct difference *list;
        struct inputs inputs;
        bool found = false;
        size_t count;

        (void)snprintf(one, sizeof(one), "%s/machines/%s", TEST_DATA, pair->one);
        (void)snprintf(other, sizeof(other), "%s/machines/%s", TEST_DATA, pair->other);
        if (access(one, R_OK) < 0) {
            print_message("no real machine output at %s\n", TEST_DATA);
            fleet_free(fleet);
            arena_free(arena);
            skip();
        }
        assert_int_equal(inputs_find(arena, paths, 2, &inputs, NULL), 0);
        assert_int_equal(fleet_load(fleet, &inputs, NULL), 0);
        assert_int_equal(fleet_compare(fleet, &list, &count, NULL), 0);
        for (size_t d = 0; d < count && d < FIRST && !found; d++) {
            found = names(&list[d], pair->cause);
            if (found && pair->carrier) {
                assert_int_equal(list[d].nodes.count, 1);
                assert_non_null(
                    strstr(fleet_node(fleet, list[d].nodes.nodes[0])->name, pair->carrier));
            }
            if (found)
                assert_true(list[d].proof_count > 0);
        }
        if (!found)
            fail_msg("%s: %s is not among the first %d differences", pair->one, pair->cause, FIRST);
        fleet_free(fleet);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_pairs_give_the_known_cause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
