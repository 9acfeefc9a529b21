/* ctest labels: threads */
#include "probe/names.h"

#include "support/told.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static struct told told;
static struct order order;

/* A small world of names: what leads where, and back. */
static const struct {
    const char *name, *addresses[3];
} forward[] = {
    {"n012", {"10.0.0.12"}},       {"n012.cluster", {"10.0.0.12", "fe80::12"}},
    {"debian", {"127.0.1.1"}},     {"foreign", {"10.9.9.9"}},
    {"lonely", {"10.0.0.99"}},     {"n013", {"10.0.0.13", "fd00::13"}},
    {"crossed", {"10.0.0.14"}},    {"mine", {"10.0.0.12"}},
    {"local-peer", {"127.0.0.1"}},
};
static const struct {
    const char *address, *name;
} back[] = {
    {"10.0.0.12", "N012.cluster.example"},
    {"10.0.0.13", "n013"},
    {"fd00::13", "n013.cluster"},
    {"10.0.0.14", "n077"},
    {"10.9.9.9", "foreign"},
};
static const char *own[] = {"127.0.0.1", "10.0.0.12", "fe80::12", NULL, NULL};
static atomic_bool hold_names, hold_addresses;
static atomic_int held;

static union address address_of(const char *text)
{
    union address address = {0};

    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1)
        address.any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1)
        address.any.sa_family = AF_INET6;
    else
        fail_msg("%s is no address", text);
    return address;
}

/* A server that does not answer until the test lets it. */
static void wait_while(atomic_bool *held_back)
{
    if (!atomic_load(held_back))
        return;
    atomic_fetch_add(&held, 1);
    while (atomic_load(held_back))
        (void)usleep(1000);
    atomic_fetch_sub(&held, 1);
}

static int fake_addresses(const char *name, union address *out, size_t *count)
{
    wait_while(&hold_names);
    for (size_t i = 0; i < ARRAY_LEN(forward); i++)
        if (strcmp(forward[i].name, name) == 0) {
            for (*count = 0; *count < 3 && forward[i].addresses[*count]; (*count)++)
                out[*count] = address_of(forward[i].addresses[*count]);
            return 0;
        }
    return EAI_NONAME;
}

static int fake_name(const union address *address, char out[NI_MAXHOST])
{
    wait_while(&hold_addresses);
    for (size_t i = 0; i < ARRAY_LEN(back); i++) {
        union address known = address_of(back[i].address);

        if (memcmp(&known, address, sizeof(known)) == 0) {
            (void)snprintf(out, NI_MAXHOST, "%s", back[i].name);
            return 0;
        }
    }
    return EAI_NONAME;
}

static size_t fake_own(union address out[NAMES_OWN_MAX])
{
    size_t count = 0;

    for (; own[count]; count++)
        out[count] = address_of(own[count]);
    return count;
}

static const struct resolver fake = {fake_addresses, fake_name, fake_own};

static void measure(const char *own_name, const char *peer_name)
{
    told_init(&told, 10);
    told.probe.deadline_ms = clock_now_ms() + 60000;
    order = (struct order){.kind = ORDER_NODE, .peer = 8};
    (void)snprintf(order.peer_name, sizeof(order.peer_name), "%s", peer_name);
    told.probe.order = &order;
    names_measure(&told.probe, &fake, own_name);
}

static const struct {
    const char *what, *own, *peer, *words; /* NULL: all is well */
    size_t measures;
    bool of_peer;
} cases[] = {
    {"there and back", "n012", "", NULL, 2, false},
    {"domains and case don't matter", "n012.cluster", "", NULL, 2, false},
    {"both names", "n012", "n013", NULL, 4, false},
    {"an address instead of a name", "n012", "10.0.0.13", NULL, 2, false},
    {"a peer on the same host", "n012", "N012.cluster", NULL, 2, false},
    {"nowhere", "n099", "", "its own name n099 leads nowhere: Name or service not known", 0, false},
    {"loopback", "debian", "",
     "its own name debian leads to 127.0.1.1, which is loopback; other nodes reach it by 10.0.0.12",
     1, false},
    {"somebody else", "foreign", "",
     "its own name foreign leads to 10.9.9.9, which is no address of this node (10.0.0.12)", 2,
     false},
    {"back to another", "mine", "",
     "its own name mine leads to 10.0.0.12, which leads back to N012.cluster.example", 2, false},
    {"a peer back to another", "n012", "crossed",
     "the name crossed of its peer leads to 10.0.0.14, which leads back to n077", 4, true},
    {"a peer without a way back", "n012", "lonely",
     "the name lonely of its peer leads to 10.0.0.99, which does not lead back to a name: Name or "
     "service not known",
     4, true},
    {"a peer that is loopback", "n012", "local-peer",
     "the name local-peer of its peer leads to 127.0.0.1, which is loopback", 3, true},
    {"a peer nowhere", "n012", "n100",
     "the name n100 of its peer leads nowhere: Name or service not known", 2, true},
};

static void what_is_wrong_with_a_name_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        measure(cases[i].own, cases[i].peer);
        if (!cases[i].words) {
            told_no_trouble(&told);
        } else {
            assert_string_equal(told_words(&told, cases[i].words)->words, cases[i].words);
            assert_int_equal(told.trouble_count, 1);
            assert_int_equal(told.troubles[0].kind, TROUBLE_NAMES);
            assert_int_equal(told.troubles[0].test, TEST_NAMES);
            assert_int_equal(told.troubles[0].peer, cases[i].of_peer ? 8 : MEASURE_NOBODY);
        }
        assert_int_equal(told.measure_count, cases[i].measures);
    }
    measure("n012", "n013");
    (void)told_find(&told, "names.forward", "own");
    (void)told_find(&told, "names.reverse", "own");
    (void)told_find(&told, "names.forward", "peer");
    (void)told_find(&told, "names.reverse", "peer");
}

static void the_own_address_under_a_peers_name_is_said(void **state)
{
    (void)state;
    measure("n012", "mine");
    (void)told_words(&told, "the name mine of its peer leads to 10.0.0.12, which is an address of "
                            "n012 itself");
    (void)told_words(&told, "which leads back to N012.cluster.example");
}

static void a_node_that_has_only_loopback_may_be_named_so(void **state)
{
    (void)state;
    own[1] = NULL;
    measure("debian", "");
    told_no_trouble(&told);
    own[1] = "10.0.0.12";
}

/* The threads that were left behind end by themselves. */
static void let_go(atomic_bool *held_back)
{
    atomic_store(held_back, false);
    while (atomic_load(&held) > 0)
        (void)usleep(1000);
}

static void a_server_that_does_not_answer_is_said_in_time(void **state)
{
    (void)state;
    told_init(&told, 10);
    told.probe.deadline_ms = clock_now_ms() + 210;
    atomic_store(&hold_names, true);
    names_measure(&told.probe, &fake, "n012");
    let_go(&hold_names);
    assert_int_equal(told.measure_count, 0);
    assert_int_equal(told.trouble_count, 1);
    (void)told_words(&told, "its own name n012 was looked up for 0.");

    told_init(&told, 10);
    told.probe.deadline_ms = clock_now_ms() + 900;
    atomic_store(&hold_addresses, true);
    names_measure(&told.probe, &fake, "n012");
    let_go(&hold_addresses);
    (void)told_words(&told, "its own name n012 leads to 10.0.0.12, whose name was looked up "
                            "without an answer in 0.");
    (void)told_find(&told, "names.forward", "own"); /* what is known is kept */
    assert_int_equal(told.measure_count, 1);
}

static void the_systems_own_resolver_knows_this_host(void **state)
{
    union address found[NAMES_OWN_MAX];
    char name[NI_MAXHOST];
    size_t count = 0;

    (void)state;
    assert_true(names_resolver.own(found) <= NAMES_OWN_MAX);
    assert_int_equal(names_resolver.addresses("127.0.0.1", found, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(ntohl(found[0].v4.sin_addr.s_addr), 0x7f000001);
    if (names_resolver.name(&found[0], name) == 0)
        assert_true(strlen(name) > 0);
    told_init(&told, 10);
    told.probe.deadline_ms = clock_now_ms() + 5000;
    probe_test_names(&told.probe);
    assert_true(told.measure_count + told.trouble_count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_with_a_name_is_said),
        cmocka_unit_test(the_own_address_under_a_peers_name_is_said),
        cmocka_unit_test(a_node_that_has_only_loopback_may_be_named_so),
        cmocka_unit_test(a_server_that_does_not_answer_is_said_in_time),
        cmocka_unit_test(the_systems_own_resolver_knows_this_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
