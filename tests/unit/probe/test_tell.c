#include "support/told.h"

static struct told told;

static void the_median_goes_with_its_least_and_most(void **state)
{
    double values[] = {5, 1, 3, 9};
    const struct measure *m;

    (void)state;
    told_init(&told, 10);
    probe_tell(&told.probe, "numa.copy", MEASURE_NOBODY, 4096, "numa0>numa1", "tcp/lo", values, 4);
    m = told_find(&told, "numa.copy", "numa0>numa1");
    assert_true(m->value == 4 && m->low == 1 && m->high == 9);
    assert_int_equal(m->bytes, 4096);
    assert_string_equal(m->via, "tcp/lo");
    probe_tell(&told.probe, "cpu.matrix", MEASURE_NOBODY, 0, NULL, NULL, values, 1);
    assert_string_equal(told_find(&told, "cpu.matrix", "")->via, "");
    probe_tell(&told.probe, "cpu.matrix", MEASURE_NOBODY, 0, NULL, NULL, values, 0);
    assert_int_equal(told.measure_count, 2); /* of no repeats nothing is told */
}

static void long_texts_end_between_two_characters(void **state)
{
    static const struct {
        const char *first; /* before characters of two bytes */
        size_t bytes;
    } cases[] = {{"a", 63}, {"ab", 62}};
    double one = 1;

    (void)state;
    told_init(&told, 10);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[200], *p = stpcpy(name, cases[i].first);

        for (int k = 0; k < 60; k++)
            p = stpcpy(p, "\xc3\xa4");
        probe_tell(&told.probe, "disk.read", MEASURE_NOBODY, 0, name, NULL, &one, 1);
        assert_int_equal(strlen(told.measures[i].part), cases[i].bytes);
        assert_memory_equal(told.measures[i].part, name, cases[i].bytes);
    }
    probe_tell_trouble(&told.probe, TROUBLE_NAMES, TEST_NAMES, 3, "%s is %0300d", "long", 1);
    assert_int_equal(strlen(told.troubles[0].words), TROUBLE_WORDS_BYTES - 1);
    assert_memory_equal(told.troubles[0].words, "long is 000", 11);
    assert_int_equal(told.troubles[0].kind, TROUBLE_NAMES);
    assert_int_equal(told.troubles[0].test, TEST_NAMES);
    assert_int_equal(told.troubles[0].node, 7);
    assert_int_equal(told.troubles[0].peer, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_goes_with_its_least_and_most),
        cmocka_unit_test(long_texts_end_between_two_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
