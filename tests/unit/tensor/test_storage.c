#include "tensor/storage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void storage_is_zero_aligned_and_all_there(void **state)
{
    static const size_t sizes[] = {1, 63, 4096, 4097, (2 << 20) - 1, 2 << 20, (6 << 20) + 12345};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct storage storage;
        unsigned char *p;

        assert_int_equal(storage_init(&storage, sizes[i], "test", NULL), 0);
        p = storage.p;
        assert_int_equal(storage.bytes, sizes[i]);
        assert_int_equal((uintptr_t)p % STORAGE_ALIGN, 0);
        for (size_t at = 0; at < sizes[i]; at++)
            assert_int_equal(p[at], 0);
        memset(p, 1, sizes[i]);
        storage_done(&storage);
        assert_null(storage.p);
        storage_done(&storage); /* twice is nothing */
    }
}

static void nothing_is_no_pointer(void **state)
{
    struct storage storage;

    (void)state;
    assert_int_equal(storage_init(&storage, 0, "test", NULL), 0);
    assert_null(storage.p);
    storage_done(&storage);
}

static void too_much_is_said_in_a_sentence(void **state)
{
    static const struct {
        size_t bytes;
        const char *text;
    } cases[] = {
        {(size_t)1 << 60, "moments: no memory for 1.0 EiB"},
        {((size_t)5 << 59) / 2, "moments: no memory for 1.2 EiB"},
        {SIZE_MAX, "moments: no memory for 16.0 EiB"},
        {SIZE_MAX - (2 << 20), "moments: no memory for 16.0 EiB"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct storage storage;
        struct err err = {0};

        assert_int_equal(storage_init(&storage, cases[i].bytes, "moments", &err), -ENOMEM);
        assert_string_equal(err.text, cases[i].text);
        assert_null(storage.p);
        storage_done(&storage);
    }
}

static void carving_counts_first_and_then_gives(void **state)
{
    static const size_t parts[] = {1, 64, 65, 0, 1000};
    struct carve carve = {NULL, 0};
    char base[2048];
    size_t want = 0;

    (void)state;
    for (size_t i = 0; i < 5; i++)
        assert_null(carve_take(&carve, parts[i]));
    assert_int_equal(carve.used, 64 + 64 + 128 + 0 + 1024);
    carve = (struct carve){base, 0};
    for (size_t i = 0; i < 5; i++) {
        assert_ptr_equal(carve_take(&carve, parts[i]), base + want);
        want += (parts[i] + 63) / 64 * 64;
    }
}

static void carving_more_than_there_is_stays_more(void **state)
{
    struct carve carve = {NULL, 0};
    struct storage storage;

    (void)state;
    (void)carve_take(&carve, SIZE_MAX / 2);
    (void)carve_take(&carve, SIZE_MAX / 2);
    (void)carve_take(&carve, SIZE_MAX / 2);
    (void)carve_take(&carve, 100);
    assert_true(carve.used > SIZE_MAX - 1000);
    assert_int_equal(storage_init(&storage, carve.used, "test", NULL), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storage_is_zero_aligned_and_all_there),
        cmocka_unit_test(nothing_is_no_pointer),
        cmocka_unit_test(too_much_is_said_in_a_sentence),
        cmocka_unit_test(carving_counts_first_and_then_gives),
        cmocka_unit_test(carving_more_than_there_is_stays_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
