/* docs/facts.md names every fact that the parsers give: of the real machines, where they are here,
 * and of generated ones. The page's `words` are patterns: <x> stands for anything, `.b` behind
 * `x.a` is `x.b`, and a word with a capital and without a dot is a whole block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/map.h"
#include "base/vec.h"
#include "fleetgen.h"
#include "lspci.h"
#include "node/inputs.h"
#include "node/load.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE_BYTES_MAX (1 << 20)
#define MISSES_SHOWN   60

struct page {
    struct arena *arena;
    VEC(const char *) patterns;
    struct fact_pool *pool;
    struct loader *loader;
    struct map known; /* keys that were looked up */
    size_t paths, misses;
};

/* The pattern of a word of the page; `last` is the one before it. */
static const char *pattern_of(struct arena *arena, struct str word, const char *last)
{
    const char *dot = strrchr(last, '.'), *copy;
    struct buf out = {0};

    if (str_starts(word, ".") && dot)
        buf_add(&out, last, (size_t)(dot - last));
    for (size_t i = 0; i < word.len; i++) {
        const char *close = word.p[i] == '<' ? memchr(word.p + i, '>', word.len - i) : NULL;

        buf_add(&out, close ? "*" : &word.p[i], 1);
        if (close)
            i = (size_t)(close - word.p);
    }
    if (!memchr(out.p, '.', out.len))
        buf_puts(&out, ".*");
    copy = arena_copy(arena, out.p, out.len);
    assert_non_null(copy);
    buf_done(&out);
    return copy;
}

/* Is it no value, and says more than "any name"? */
static bool is_path(struct str word)
{
    return word.len && word.p[0] != '<' && word.p[0] != '*' &&
           (memchr(word.p, '.', word.len) || char_is_digit(word.p[0]) ||
            (word.p[0] >= 'A' && word.p[0] <= 'Z'));
}

static void read_page(struct page *page)
{
    const char *source = getenv("FIRSTLIGHT_SOURCE"), *last = "";
    char *text, path[4096];
    struct str rest, piece;
    struct err err = {0};
    bool inside = false;
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/docs/facts.md", source ? source : ".");
    if (file_read(path, PAGE_BYTES_MAX, &text, &len, &err) < 0)
        fail_msg("%s", err.text);
    rest = (struct str){text, len};
    for (; str_cut(&rest, '`', &piece); inside = !inside)
        if (inside && is_path(piece)) {
            const char **slot = vec_push(&page->patterns);

            assert_non_null(slot);
            last = *slot = pattern_of(page->arena, piece, last);
        }
    free(text);
}

static void page_init(struct page *page)
{
    *page = (struct page){.arena = arena_new(0), .pool = fact_pool_new(FACT_KEEP_ALL)};
    page->loader = loader_new(page->pool);
    assert_true(page->arena && page->pool && page->loader);
    read_page(page);
}

static void page_done(struct page *page)
{
    loader_free(page->loader);
    fact_pool_free(page->pool);
    map_done(&page->known);
    vec_done(&page->patterns);
    arena_free(page->arena);
}

static bool is_on_page(const struct page *page, const char *path)
{
    for (size_t i = 0; i < page->patterns.count; i++)
        if (str_glob(page->patterns.items[i], str_of(path)))
            return true;
    return false;
}

static void look_up(struct page *page, const struct node *node, const struct fact_block *block)
{
    for (uint32_t i = 0; i < block->count; i++) {
        const char *path = fact_key_name(page->pool, block->facts[i].key);

        if (map_get(&page->known, block->facts[i].key, NULL))
            continue;
        assert_int_equal(map_add(&page->known, block->facts[i].key, page), 0);
        page->paths++;
        if (!is_on_page(page, path) && page->misses++ < MISSES_SHOWN)
            print_message("%s = %s, of %s\n", path, block->facts[i].text, node->name);
    }
}

static void look_at(struct page *page, struct loaded *loaded)
{
    for (const struct loaded *part = loaded; part; part = part->next_part)
        for (uint32_t s = 0; s < part->node->subject_count; s++)
            for (uint32_t i = 0; i < part->node->subjects[s].count; i++)
                look_up(page, part->node, part->node->subjects[s].refs[i].block);
    loaded_done(loaded);
}

static void facts_of_real_machines_are_on_the_page(void **state)
{
    const char *data = getenv("FIRSTLIGHT_DATA"), *folder;
    struct page page;
    struct inputs inputs;

    (void)state;
    page_init(&page);
    folder = arena_printf(page.arena, "%s/machines", data ? data : "");
    if (!data || inputs_find(page.arena, &folder, 1, &inputs, NULL) < 0) {
        page_done(&page);
        print_message("skipped: the machine data is not here\n");
        skip();
    }
    for (size_t i = 0; i < inputs.count; i++) {
        struct loaded loaded;

        if (strstr(inputs.items[i].name, ".diff")) /* lines of two dumps: no device's are whole */
            continue;
        if (loader_load(page.loader, &inputs.items[i], &loaded, NULL) == 0)
            look_at(&page, &loaded);
    }
    assert_true(page.paths > 1500);
    assert_int_equal(page.misses, 0);
    page_done(&page);
}

static void facts_of_generated_machines_are_on_the_page(void **state)
{
    struct renderer *renderer = renderer_new();
    const struct model *model;
    struct page page;

    (void)state;
    page_init(&page);
    assert_non_null(renderer);
    for (size_t i = 0; (model = model_at(i)) != NULL; i++) {
        struct gen_spec spec = {.model = model->name, .nodes = 1, .noise = gen_noise()};
        struct gen_fleet *fleet = gen_new(&spec, renderer, NULL);
        struct gen_node *node = calloc(1, sizeof(*node));
        struct loaded loaded;

        assert_true(fleet && node);
        assert_int_equal(gen_node(fleet, 0, node), 0);
        assert_int_equal(loader_load_tree(page.loader, model->name, &node->tree, &loaded, NULL), 0);
        look_at(&page, &loaded);
        gen_node_done(node);
        gen_free(fleet);
        free(node);
    }
    assert_true(page.paths > 500);
    assert_int_equal(page.misses, 0);
    renderer_free(renderer);
    page_done(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_of_real_machines_are_on_the_page),
        cmocka_unit_test(facts_of_generated_machines_are_on_the_page),
    };

    if (!lspci_present()) {
        puts("skipped: lspci is not there (pciutils)");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
