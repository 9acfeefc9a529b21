/* Processes of one host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "group.h"

static struct server *server;

static int start(void **state)
{
    (void)state;
    server = server_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    server_stop(server);
    return 0;
}

static int body_rounds(struct group *group, struct coll *coll, struct group_rank *rank)
{
    return many_rounds(coll, group->seed, 60, group->size > 4 ? 20000 : 300000, &rank->err);
}

static void every_call_gives_what_the_model_says(void **state)
{
    static const struct {
        size_t size;
        const char *backend;
    } rows[] = {{2, "shm"}, {3, "shm"}, {4, "auto"}, {8, "shm"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct group group = {.server = server,
                              .size = rows[i].size,
                              .seed = 3 + i,
                              .options.backend = rows[i].backend};

        group_start(&group, body_rounds);
        assert_true(group_wait(&group, 60000));
        for (size_t k = 0; k < group.size; k++) {
            if (group.ranks[k].r != 0)
                fail_msg("rank %zu of %zu: %s", k, group.size, group.ranks[k].err.text);
            assert_true(group.ranks[k].ended);
            assert_string_equal(group.ranks[k].name, "shm");
        }
        group_done(&group);
    }
}

/* Longer than any ring. */
static int body_long(struct group *group, struct coll *coll, struct group_rank *rank)
{
    (void)group;
    return many_rounds(coll, 99, 8, (size_t)5 << 20, &rank->err);
}

static void pieces_longer_than_the_rings_go_through(void **state)
{
    struct group group = {.server = server, .size = 2, .options.backend = "shm"};

    (void)state;
    group_start(&group, body_long);
    assert_true(group_wait(&group, 60000));
    for (size_t k = 0; k < group.size; k++)
        if (group.ranks[k].r != 0)
            fail_msg("rank %zu: %s", k, group.ranks[k].err.text);
    group_done(&group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_gives_what_the_model_says),
        cmocka_unit_test(pieces_longer_than_the_rings_go_through),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
