#include "host/ip_link.h"

#include "support/parsed.h"

static const char good[] =
    "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT\n"
    "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
    "2: eth0: <BROADCAST,MULTICAST,SLAVE,UP,LOWER_UP> mtu 9000 qdisc mq master bond0 state UP\n"
    "    link/ether 94:6d:ae:00:01:02 brd ff:ff:ff:ff:ff:ff\n"
    "    RX:  bytes packets errors dropped  missed   mcast\n"
    "    12345678   90123      7       0       3     100\n"
    "    TX:  bytes packets errors dropped carrier collsns\n"
    "      234567     890      0       1       5       0\n"
    "3: ib0@if2: <BROADCAST,MULTICAST> mtu 4092 qdisc noop state DOWN mode DEFAULT\n";

static const struct {
    const char *subject, *path, *want;
} facts[] = {
    {"eth0", "net.mtu", "9000"},          {"eth0", "net.state", "up"},
    {"eth0", "net.master", "bond0"},      {"eth0", "net.mac", "94:6d:ae:00:01:02"},
    {"eth0", "netcount.rx_errors", "7"},  {"eth0", "netcount.rx_missed", "3"},
    {"eth0", "netcount.tx_carrier", "5"}, {"eth0", "netcount.rx_bytes", "12345678"},
    {"ib0", "net.mtu", "4092"},           {"ib0", "net.state", "down"},
    {"lo", "net.mtu", "(absent)"},
};

static void interfaces_have_their_facts(void **state)
{
    struct parsed p = parsed_new(FACT_KEEP_ALL);

    (void)state;
    assert_true(ip_link_looks_like(str_of(good)));
    parsed_text(&p, ip_link_parse, "ip.txt", str_of(good));
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        assert_fact(&p, SUBJECT_NET, facts[i].subject, facts[i].path, facts[i].want);
    assert_int_equal(p.node->subject_count, 3);
    assert_int_equal(parsed_fact(&p, SUBJECT_NET, "eth0", "netcount.rx_errors")->class, FACT_STATE);
    assert_int_equal(parsed_fact(&p, SUBJECT_NET, "eth0", "netcount.rx_bytes")->class,
                     FACT_VOLATILE);
    parsed_done(&p);
}

static void every_prefix_is_read_inside_its_bytes(void **state)
{
    (void)state;
    parsed_prefixes(ip_link_parse, ip_link_looks_like, str_of(good));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interfaces_have_their_facts),
        cmocka_unit_test(every_prefix_is_read_inside_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
