#include "ranks/peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define REST " 01 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0 20 4 30 10 -1"

static const struct {
    const char *name, *line;
    int port; /* 0: not one of ours */
} lines[] = {
    {"the heading", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt",
     0},
    {"on loopback", "   0: 0100007F:A1B2 0100007F:1F90" REST, 0xa1b2},
    {"127.0.1.1", "   0: 0101007F:0016 0100007F:1F90" REST, 0x16},
    {"another address", "   0: 0500000A:A1B2 0100007F:1F90" REST, 0},
    {"::1", "   0: 00000000000000000000000001000000:0016 0:1F90" REST, 0x16},
    {"::ffff:127.0.0.1", "   0: 0000000000000000FFFF00000100007F:0016 0:1F90" REST, 0x16},
    {"fe80::1", "   0: 000080FE000000000000000001000000:0016 0:1F90" REST, 0},
    {"no inode any more",
     "   0: 0100007F:A1B2 0100007F:1F90 06 00000000:00000000 00:00000000 00000000  1000 0 0 1", 0},
    {"cut off", "   0: 0100007F:A1B2 0100007F:1F90 01 00000000:00000000", 0},
    {"no number", "   0: 0100007F:XYZ 0100007F:1F90" REST, 0},
    {"a port too large", "   0: 0100007F:10000 0100007F:1F90" REST, 0},
};

static void lines_of_loopback_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        uint16_t port = 0;
        uint64_t inode = 0;

        if (peers_line(str_of(lines[i].line), &port, &inode) != (lines[i].port != 0) ||
            (lines[i].port && (port != lines[i].port || inode != 12345)))
            fail_msg("%s: port %u inode %llu", lines[i].name, port, (unsigned long long)inode);
    }
}

static void nothing_is_known_without_a_look(void **state)
{
    struct peers peers = {0};

    (void)state;
    assert_int_equal(peers_take(&peers, 80, 0), -1);
    assert_int_equal(peers_look(&peers, NULL, 0, 1000), 0);
    assert_int_equal(peers_take(&peers, 80, 1000), -1);
    peers_done(&peers);
}

static void an_answer_is_given_once_and_not_late(void **state)
{
    struct peers peers = {0};

    (void)state;
    assert_int_equal(peers_look(&peers, NULL, 0, 1000), 0);
    peers.rank_of_port[80] = peers.rank_of_port[81] = 7;
    assert_int_equal(peers_take(&peers, 80, 2000), 7);
    assert_int_equal(peers_take(&peers, 80, 2000), -1);
    assert_int_equal(peers_take(&peers, 81, INT64_C(60000000000)), -1);
    peers_done(&peers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_loopback_are_read),
        cmocka_unit_test(nothing_is_known_without_a_look),
        cmocka_unit_test(an_answer_is_given_once_and_not_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
