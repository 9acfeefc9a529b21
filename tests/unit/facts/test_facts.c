/* ctest labels: threads */
#include "facts/facts.h"
#include "facts/tree.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct fact_block *link_block(struct fact_builder *builder, int64_t width,
                                           const char *serial)
{
    fact_begin(builder, STR("Express"));
    fact_number(builder, FACT_CONFIG, 3, fact_key(builder, STR("LnkSta"), STR("Width")), width,
                STR(""));
    fact_flag(builder, FACT_STATE, 4, fact_key(builder, STR("DevSta"), STR("CorrErr")), true);
    fact_text(builder, FACT_IDENTITY, 5, fact_key(builder, STR(""), STR("serial")), str_of(serial));
    return fact_end(builder);
}

static void equal_blocks_are_one_block(void **state)
{
    struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
    struct fact_builder *a = fact_builder_new(pool), *b = fact_builder_new(pool);
    const struct fact_block *block = link_block(a, 16, "s1");

    (void)state;
    assert_ptr_equal(block, link_block(b, 16, "s1"));
    assert_int_equal(block->count, 3);
    assert_string_equal(fact_key_name(pool, block->facts[0].key), "Express.LnkSta.Width");
    assert_string_equal(fact_key_name(pool, block->facts[2].key), "Express.serial");
    assert_string_equal(block->facts[0].text, "16");
    assert_string_equal(block->facts[1].text, "+");
    assert_string_equal(fact_key_name(pool, block->name), "Express");
    fact_builder_free(a);
    fact_builder_free(b);
    fact_pool_free(pool);
}

static void only_configuration_enters_the_config_signature(void **state)
{
    struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL),
                     *other = fact_pool_new(FACT_KEEP_COMPARED);
    struct fact_builder *a = fact_builder_new(pool), *b = fact_builder_new(other);
    const struct fact_block *one = link_block(a, 16, "s1"), *two = link_block(a, 16, "s2");
    const struct fact_block *narrow = link_block(a, 8, "s1"), *elsewhere = link_block(b, 16, "s9");

    (void)state;
    assert_ptr_not_equal(one, two);
    assert_true(one->config_sig == two->config_sig);
    assert_true(one->config_sig != narrow->config_sig);
    assert_true(one->config_sig == elsewhere->config_sig); /* in every pool the same */
    assert_true(one->state_sig == elsewhere->state_sig);
    assert_int_equal(elsewhere->count, 2); /* identity was not kept */
    fact_builder_free(a);
    fact_builder_free(b);
    fact_pool_free(pool);
    fact_pool_free(other);
}

static void a_block_without_configuration_has_no_signature(void **state)
{
    struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
    struct fact_builder *builder = fact_builder_new(pool);
    const struct fact_block *block;

    (void)state;
    fact_begin(builder, STR("DSN"));
    fact_text(builder, FACT_IDENTITY, 0, fact_key(builder, STR(""), STR("serial")), STR("1-2"));
    block = fact_end(builder);
    assert_non_null(block);
    assert_true(block->config_sig == 0);
    fact_builder_free(builder);
    fact_pool_free(pool);
}

static void a_text_is_parsed_once(void **state)
{
    struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
    struct fact_builder *builder = fact_builder_new(pool);
    const struct fact_block *block;

    (void)state;
    assert_null(fact_cached(builder, 1, STR("text")));
    fact_begin(builder, STR("PM"));
    fact_flag(builder, FACT_CONFIG, 0, fact_key(builder, STR(""), STR("D1")), false);
    block = fact_end_cached(builder, 1, STR("text"));
    assert_ptr_equal(fact_cached(builder, 1, STR("text")), block);
    assert_null(fact_cached(builder, 2, STR("text")));
    assert_null(fact_cached(builder, 1, STR("texu")));
    for (int i = 0; i < 20000; i++) { /* the table grows and keeps what it has */
        char text[16];
        int len = snprintf(text, sizeof(text), "%d", i);

        fact_begin(builder, STR("PM"));
        fact_number(builder, FACT_CONFIG, 0, fact_key(builder, STR(""), STR("n")), i, STR(""));
        assert_non_null(fact_end_cached(builder, 1, (struct str){text, (size_t)len}));
    }
    assert_ptr_equal(fact_cached(builder, 1, STR("text")), block);
    fact_builder_free(builder);
    fact_pool_free(pool);
}

static void texts_and_blocks_are_bounded(void **state)
{
    struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
    struct fact_builder *builder = fact_builder_new(pool);
    char *text = malloc(FACT_TEXT_MAX * 2);
    const struct fact_block *block;
    uint32_t key;

    (void)state;
    memset(text, 'x', FACT_TEXT_MAX * 2);
    fact_begin(builder, STR("B"));
    key = fact_key(builder, STR(""), STR("t"));
    for (int i = 0; i < FACT_BLOCK_FACTS_MAX + 10; i++)
        fact_flag(builder, FACT_CONFIG, 0, key, true);
    block = fact_end(builder);
    assert_int_equal(block->count, FACT_BLOCK_FACTS_MAX);
    fact_begin(builder, STR("B"));
    fact_text(builder, FACT_CONFIG, 0, key, (struct str){text, FACT_TEXT_MAX * 2});
    block = fact_end(builder);
    assert_int_equal(strlen(block->facts[0].text), FACT_TEXT_MAX);
    free(text);
    fact_builder_free(builder);
    fact_pool_free(pool);
}

struct job {
    struct fact_pool *pool;
    const struct fact_block *blocks[500];
};

static void *build_many(void *argument)
{
    struct job *job = argument;
    struct fact_builder *builder = fact_builder_new(job->pool);

    for (int i = 0; i < 500; i++)
        job->blocks[i] = link_block(builder, i % 50, i % 2 ? "a" : "b");
    fact_builder_free(builder);
    return NULL;
}

static void threads_share_keys_and_blocks(void **state)
{
    struct fact_pool *pool = fact_pool_new(FACT_KEEP_ALL);
    struct job jobs[4] = {{pool, {0}}, {pool, {0}}, {pool, {0}}, {pool, {0}}};
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, build_many, &jobs[i]), 0);
    for (size_t i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    for (size_t i = 1; i < 4; i++)
        assert_memory_equal(jobs[i].blocks, jobs[0].blocks, sizeof(jobs[0].blocks));
    fact_pool_free(pool);
}

static void a_tree_finds_by_path_and_prefix(void **state)
{
    struct tree_entry entries[] = {{.path = "b/2"}, {.path = "a"}, {.path = "b/1"}, {.path = "b0"}};
    struct tree tree = {"n", entries, ARRAY_LEN(entries)};
    const struct tree_entry *first;
    size_t count;

    (void)state;
    tree_sort(&tree);
    assert_non_null(tree_find(&tree, "b/2"));
    assert_null(tree_find(&tree, "b"));
    first = tree_under(&tree, "b/", &count);
    assert_int_equal(count, 2);
    assert_string_equal(first->path, "b/1");
    assert_null(tree_under(&tree, "c", &count));
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_blocks_are_one_block),
        cmocka_unit_test(only_configuration_enters_the_config_signature),
        cmocka_unit_test(a_block_without_configuration_has_no_signature),
        cmocka_unit_test(a_text_is_parsed_once),
        cmocka_unit_test(texts_and_blocks_are_bounded),
        cmocka_unit_test(threads_share_keys_and_blocks),
        cmocka_unit_test(a_tree_finds_by_path_and_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
