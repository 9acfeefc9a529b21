/* ctest labels: threads */
#include "progress/page.h"

#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "page-test-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/page", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void a_new_page_says_that_nothing_was_told(void **state)
{
    struct page *page = page_create(path, NULL), copy;
    struct stat st;

    (void)state;
    assert_non_null(page);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, PAGE_BYTES);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_memory_equal(page, "FRSTLGT1", 8);
    assert_true(page_read(page, &copy));
    assert_int_equal(copy.version, 1);
    assert_int_equal(copy.pid, 0);
    assert_int_equal(copy.phase, PAGE_PHASE_NONE);
    assert_int_equal(copy.step, -1);
    assert_int_equal(copy.total, -1);
    assert_int_equal(copy.tokens, -1);
    assert_true(isnan(copy.loss));
    assert_int_equal(copy.checkpoint_step, -1);
    assert_string_equal(copy.checkpoint_path, "");
    page_unmap(page);
    page_unmap(NULL);
}

static void an_old_page_at_the_path_is_left_alone_by_the_new_one(void **state)
{
    struct page *old = page_create(path, NULL), *new = page_create(path, NULL), copy;

    (void)state;
    assert_non_null(old);
    assert_non_null(new);
    old->step = 7;
    page_ask_stop(new, 2);
    assert_true(page_read(new, &copy));
    assert_int_equal(copy.step, -1);
    assert_int_equal(copy.should_stop, 2);
    assert_int_equal(old->should_stop, 0);
    page_unmap(old);
    page_unmap(new);
}

static void a_page_that_cannot_be_made_is_one_sentence(void **state)
{
    struct err err = {0};

    (void)state;
    assert_null(page_create("no/such/folder/page", &err));
    assert_int_equal(err.code, -ENOENT);
    assert_string_equal(err.text, "no/such/folder/page: No such file or directory");
    assert_null(page_create(folder, &err));
    assert_true(err.code < 0);
}

static void what_a_dead_writer_left_in_the_middle_is_read_and_said(void **state)
{
    struct page *page = page_create(path, NULL), copy;

    (void)state;
    page->sequence = 3;
    page->step = 41;
    assert_false(page_read(page, &copy));
    assert_int_equal(copy.step, 41);
    page_unmap(page);
}

static void bytes_that_no_library_writes_are_made_harmless(void **state)
{
    struct page *page = page_create(path, NULL), copy;

    (void)state;
    memset((char *)page + 64, 0xfe, PAGE_BYTES - 64);
    assert_true(page_read(page, &copy)); /* 0xfefefefe is even */
    assert_int_equal(strlen(copy.checkpoint_path), sizeof(copy.checkpoint_path) - 1);
    assert_string_equal(page_phase_name((enum page_phase)copy.phase), "none");
    assert_string_equal(page_phase_name((enum page_phase)99), "none");
    assert_string_equal(page_phase_name(PAGE_PHASE_CHECKPOINT), "checkpoint");
    page_unmap(page);
}

/* Step, tokens and the two ends of the path always say the same number. */
struct race {
    struct page *page;
    uint32_t stop;
};

static void *write_numbers(void *data)
{
    struct race *race = data;
    struct page *page = race->page;
    uint64_t *path_words = (uint64_t *)page->checkpoint_path;

    for (int64_t n = 1; !__atomic_load_n(&race->stop, __ATOMIC_RELAXED); n++) {
        __atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELEASE);
        __atomic_store_n(&page->step, n, __ATOMIC_RELEASE);
        __atomic_store_n(&path_words[0], (uint64_t)n, __ATOMIC_RELEASE);
        __atomic_store_n(&path_words[200], (uint64_t)n, __ATOMIC_RELEASE);
        __atomic_store_n(&page->tokens, n, __ATOMIC_RELEASE);
        __atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELEASE);
        if (n % 16 == 0) /* a writer that never rests leaves a reader nothing to read */
            (void)sched_yield();
    }
    return NULL;
}

static void a_copy_never_mixes_two_updates(void **state)
{
    struct race race = {page_create(path, NULL), 0};
    struct page copy;
    pthread_t writer;
    int whole = 0;

    (void)state;
    assert_int_equal(pthread_create(&writer, NULL, write_numbers, &race), 0);
    while (whole < 20000) {
        uint64_t words[256];

        if (!page_read(race.page, &copy) || copy.step <= 0)
            continue;
        whole++;
        memcpy(words, copy.checkpoint_path, sizeof(words));
        if (copy.tokens != copy.step || words[0] != words[200] || words[0] != (uint64_t)copy.step)
            fail_msg("step %lld, tokens %lld, path %llu, %llu", (long long)copy.step,
                     (long long)copy.tokens, (unsigned long long)words[0],
                     (unsigned long long)words[200]);
    }
    __atomic_store_n(&race.stop, 1, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(writer, NULL), 0);
    page_unmap(race.page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_page_says_that_nothing_was_told),
        cmocka_unit_test(an_old_page_at_the_path_is_left_alone_by_the_new_one),
        cmocka_unit_test(a_page_that_cannot_be_made_is_one_sentence),
        cmocka_unit_test(what_a_dead_writer_left_in_the_middle_is_read_and_said),
        cmocka_unit_test(bytes_that_no_library_writes_are_made_harmless),
        cmocka_unit_test(a_copy_never_mixes_two_updates),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
