#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure/order.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct card a_card(void)
{
    return (struct card){
        .host = "n1",
        .ucx = "UCX 1.13.1 (tcp)",
        .has_ucx = true,
        .cpus = 96,
        .numa_nodes = 2,
        .device_count = 2,
        .devices = {{DEVICE_RDMA, "mlx5_0:1", true, 5e10, 1}, {DEVICE_NET, "eth0", false, 0, -1}},
    };
}

static struct order an_order(void)
{
    return (struct order){
        .kind = ORDER_PAIR,
        .tests = 1u << TEST_PAIRS | 1u << TEST_NAMES,
        .limit_ms = 5000,
        .ms = 200,
        .peer = 7,
        .meeting = 4000000000u,
        .first = true,
        .phase = PHASE_TOGETHER,
        .bandwidth = true,
        .both = true,
        .latency = true,
        .size_count = 2,
        .sizes = {65536, ORDER_MESSAGE_BYTES_MAX},
        .latency_bytes = 8,
        .device = "mlx5_0:1",
        .peer_name = "n8",
        .gpu = true,
    };
}

static struct measure some_measures[] = {
    {NULL, 1, 7, PHASE_TOGETHER, 65536, "", "tcp/eth0", 1.1e9, 0.1, 1.2e9},
    {NULL, 1, MEASURE_NOBODY, PHASE_ALONE, 0, "cpu3", "", -1.0 / 3, -1.0 / 3, -1.0 / 3},
};
static struct fabric_trouble some_troubles[] = {
    {TROUBLE_PEER, TEST_PAIRS, 1, 7, "rank 7 did not come"},
    {TROUBLE_TEST, TEST_DISK, 1, MEASURE_NOBODY, "/tmp: \"full\""},
};

static struct answer an_answer(void)
{
    some_measures[0].metric = metric_find(STR("pair.bandwidth"));
    some_measures[1].metric = metric_find(STR("clock.offset"));
    return (struct answer){1700000000123456789, 5, 2, 2, some_measures, some_troubles};
}

static void test_a_card_comes_back_as_it_was(void **state)
{
    struct card card = a_card(), back;
    struct buf text = {0};

    (void)state;
    memset(&back, 0xff, sizeof(back));
    card_print(&card, &text);
    assert_false(text.failed);
    assert_int_equal(card_read((struct str){text.p, text.len}, &back, NULL), 0);
    assert_string_equal(back.host, card.host);
    assert_string_equal(back.ucx, card.ucx);
    assert_true(back.has_ucx);
    assert_int_equal(back.cpus, 96);
    assert_int_equal(back.numa_nodes, 2);
    assert_int_equal(back.device_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(back.devices[i].kind, card.devices[i].kind);
        assert_string_equal(back.devices[i].name, card.devices[i].name);
        assert_int_equal(back.devices[i].up, card.devices[i].up);
        assert_true(back.devices[i].rate == card.devices[i].rate);
        assert_int_equal(back.devices[i].numa, card.devices[i].numa);
    }
    buf_done(&text);
}

static void test_an_order_comes_back_as_it_was(void **state)
{
    struct order order = an_order(), back;
    struct buf text = {0};

    (void)state;
    memset(&back, 0xff, sizeof(back));
    order_print(&order, &text);
    assert_false(text.failed);
    assert_int_equal(order_read((struct str){text.p, text.len}, &back, NULL), 0);
    assert_int_equal(back.kind, order.kind);
    assert_int_equal(back.tests, order.tests);
    assert_int_equal(back.limit_ms, order.limit_ms);
    assert_int_equal(back.ms, order.ms);
    assert_int_equal(back.peer, order.peer);
    assert_int_equal(back.meeting, order.meeting);
    assert_int_equal(back.phase, order.phase);
    assert_true(back.first && back.bandwidth && back.both && back.latency && back.gpu);
    assert_int_equal(back.size_count, 2);
    assert_true(back.sizes[0] == 65536 && back.sizes[1] == ORDER_MESSAGE_BYTES_MAX);
    assert_int_equal(back.latency_bytes, 8);
    assert_string_equal(back.device, order.device);
    assert_string_equal(back.peer_name, order.peer_name);
    buf_done(&text);
}

static void test_an_answer_comes_back_as_it_was(void **state)
{
    struct arena *arena = arena_new(0);
    struct answer answer = an_answer(), back;
    struct buf text = {0};

    (void)state;
    answer_print(&answer, &text);
    assert_false(text.failed);
    assert_int_equal(answer_read(arena, (struct str){text.p, text.len}, &back, NULL), 0);
    assert_true(back.wall_ns == answer.wall_ns && back.mono_ns == 5);
    assert_int_equal(back.measure_count, 2);
    assert_int_equal(back.trouble_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct measure *m = &back.measures[i], *want = &answer.measures[i];
        const struct fabric_trouble *t = &back.troubles[i], *wrong = &answer.troubles[i];

        assert_ptr_equal(m->metric, want->metric);
        assert_true(m->node == want->node && m->peer == want->peer && m->phase == want->phase &&
                    m->bytes == want->bytes);
        assert_string_equal(m->part, want->part);
        assert_string_equal(m->via, want->via);
        assert_true(m->value == want->value && m->low == want->low && m->high == want->high);
        assert_true(t->kind == wrong->kind && t->test == wrong->test && t->node == wrong->node &&
                    t->peer == wrong->peer);
        assert_string_equal(t->words, wrong->words);
    }
    buf_done(&text);
    arena_free(arena);
}

static void test_keys_have_room_for_any_rank(void **state)
{
    char out[ORDER_KEY_BYTES];

    (void)state;
    assert_string_equal(card_key(3, out), "card/3");
    assert_string_equal(order_key(UINT32_MAX, UINT32_MAX, out), "order/4294967295/4294967295");
    assert_string_equal(answer_key(UINT32_MAX, UINT32_MAX, out), "answer/4294967295/4294967295");
}

enum what { CARD, ORDER, ANSWER };

static int read_as(enum what what, struct arena *arena, struct str text, struct err *err)
{
    static struct card card;
    static struct order order;
    static struct answer answer;

    return what == CARD    ? card_read(text, &card, err)
           : what == ORDER ? order_read(text, &order, err)
                           : answer_read(arena, text, &answer, err);
}

#define MEASURE "\"metric\":\"pair.both\",\"node\":0,\"value\":1,\"low\":1"
#define CLOCKS  "\"wall_ns\":1,\"mono_ns\":1"

static void test_garbage_is_a_sentence(void **state)
{
    static const struct {
        enum what what;
        const char *text, *err;
    } cases[] = {
        {CARD, "7", "card: no JSON: '[' or '{' expected near '7'"},
        {CARD, "[]", "card: no JSON object"},
        {CARD, "{}", "card: host is missing"},
        {CARD, "{\"host\":7}", "card: host is no text of fewer than 256 bytes"},
        {CARD, "{\"host\":\"a\",\"has_ucx\":1}", "card: has_ucx is neither true nor false"},
        {CARD, "{\"host\":\"a\",\"has_ucx\":true,\"cpus\":-1}",
         "card: cpus is no whole number from 0 to 1000000"},
        {CARD, "{\"host\":\"a\",\"has_ucx\":true,\"devices\":{}}", "card: devices is no list"},
        {CARD, "{\"host\":\"a\",\"has_ucx\":true,\"devices\":[3]}",
         "card: device 0: no JSON object"},
        {CARD, "{\"host\":\"a\",\"has_ucx\":true,\"devices\":[{\"kind\":\"fpga\"}]}",
         "card: device 0: kind: there is no 'fpga'"},
        {CARD,
         "{\"host\":\"a\",\"has_ucx\":true,\"devices\":[{\"kind\":\"gpu\",\"name\":\"gpu0\","
         "\"up\":true,\"rate\":-1}]}",
         "card: device 0: rate is no number from 0 to 1e+15"},
        {ORDER, "{}", "order: do is missing"},
        {ORDER, "{\"do\":\"dance\"}", "order: do: there is no 'dance'"},
        {ORDER, "{\"do\":1}", "order: do has what is no text"},
        {ORDER, "{\"do\":\"node\",\"tests\":\"cpu\"}", "order: tests is no list"},
        {ORDER, "{\"do\":\"node\",\"tests\":[\"cpu\",\"gpus\"]}",
         "order: tests: there is no 'gpus'"},
        {ORDER, "{\"do\":\"node\",\"limit_ms\":86400001}",
         "order: limit_ms is no whole number from 0 to 86400000"},
        {ORDER, "{\"do\":\"node\",\"limit_ms\":1.5}",
         "order: limit_ms is no whole number from 0 to 86400000"},
        {ORDER, "{\"do\":\"pair\",\"sizes\":8}", "order: sizes is no list"},
        {ORDER, "{\"do\":\"pair\",\"sizes\":[8,0]}",
         "order: size 1 is no whole number from 1 to 1073741824"},
        {ORDER, "{\"do\":\"pair\",\"sizes\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
         "order: sizes has 17 items; 16 are the limit"},
        {ANSWER, "{\"wall_ns\":1}", "answer: mono_ns is missing"},
        {ANSWER, "{" CLOCKS ",\"measures\":[{}]}", "answer: measure 0: metric is missing"},
        {ANSWER, "{" CLOCKS ",\"measures\":[{\"metric\":\"pair.speed\"}]}",
         "answer: measure 0: metric: there is no 'pair.speed'"},
        {ANSWER, "{" CLOCKS ",\"measures\":[{" MEASURE ",\"high\":0.5}]}",
         "answer: measure 0: value 1 is not between low 1 and high 0.5"},
        {ANSWER, "{" CLOCKS ",\"measures\":[{" MEASURE ",\"high\":1e999}]}",
         "answer: no JSON: real number overflow near '1e999'"},
        {ANSWER, "{" CLOCKS ",\"measures\":[{" MEASURE ",\"high\":1,\"phase\":\"later\"}]}",
         "answer: measure 0: phase: there is no 'later'"},
        {ANSWER, "{" CLOCKS ",\"troubles\":[{\"kind\":\"died\",\"test\":\"cpu\",\"node\":-3}]}",
         "answer: trouble 0: node is no whole number from 0 to 1000000"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_new(0);
        struct err err = {0};

        assert_int_equal(read_as(cases[i].what, arena, str_of(cases[i].text), &err), -EPROTO);
        assert_string_equal(err.text, cases[i].err);
        arena_free(arena);
    }
}

static void test_every_prefix_of_a_good_text_is_garbage(void **state)
{
    struct card card = a_card();
    struct order order = an_order();
    struct answer answer = an_answer();
    struct arena *arena = arena_new(0);
    struct buf texts[3] = {0};

    (void)state;
    card_print(&card, &texts[CARD]);
    order_print(&order, &texts[ORDER]);
    answer_print(&answer, &texts[ANSWER]);
    for (enum what what = CARD; what <= ANSWER; what++) {
        for (size_t len = 0; len < texts[what].len; len++) {
            char *prefix = malloc(len + 1); /* of exactly its size, for ASan */
            struct err err = {0};

            prefix = realloc(prefix, len ? len : 1);
            memcpy(prefix, texts[what].p, len);
            assert_int_equal(read_as(what, arena, (struct str){prefix, len}, &err), -EPROTO);
            assert_true(err.text[0] != '\0');
            free(prefix);
        }
        buf_done(&texts[what]);
    }
    arena_free(arena);
}

static void test_what_is_too_large_is_refused(void **state)
{
    struct buf text = {0};
    struct err err = {0};

    (void)state;
    buf_puts(&text, "{\"host\":\"a\",\"has_ucx\":true,\"devices\":[");
    for (int i = 0; i < CARD_DEVICES_MAX + 1; i++)
        buf_printf(&text, "%s{\"kind\":\"net\",\"name\":\"e%d\",\"up\":true}", i ? "," : "", i);
    buf_puts(&text, "]}");
    assert_int_equal(read_as(CARD, NULL, (struct str){text.p, text.len}, &err), -EPROTO);
    assert_string_equal(err.text, "card: devices has 65 items; 64 are the limit");
    while (text.len <= ORDER_BYTES_MAX)
        buf_puts(&text, " ");
    assert_int_equal(read_as(ORDER, NULL, (struct str){text.p, text.len}, &err), -EPROTO);
    assert_string_equal(err.text, "order: 16385 bytes; 16384 are the limit");
    buf_done(&text);
}

static void test_a_full_answer_and_a_full_card_fit_their_limits(void **state)
{
    struct measure *all = calloc(ANSWER_MEASURES_MAX, sizeof(*all));
    struct fabric_trouble *wrong = calloc(ANSWER_TROUBLES_MAX, sizeof(*wrong));
    struct answer answer = {INT64_MAX / 2,       INT64_MAX / 2, ANSWER_MEASURES_MAX,
                            ANSWER_TROUBLES_MAX, all,           wrong};
    struct card card = a_card();
    struct arena *arena = arena_new(0);
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ANSWER_MEASURES_MAX; i++) {
        all[i] = (struct measure){metric_find(STR("pair.gpu.bandwidth")), 999999, 999999,
                                  PHASE_TOGETHER, 1u << 30};
        memset(all[i].part, 'p', sizeof(all[i].part) - 1);
        memset(all[i].via, 'v', sizeof(all[i].via) - 1);
        all[i].value = all[i].low = all[i].high = -1.2345678901234567e+101;
    }
    for (size_t i = 0; i < ANSWER_TROUBLES_MAX; i++) {
        wrong[i] = (struct fabric_trouble){TROUBLE_FALLBACK, TEST_LOOPBACK, 999999, 999999, ""};
        memset(wrong[i].words, 'w', sizeof(wrong[i].words) - 1);
    }
    answer_print(&answer, &text);
    assert_false(text.failed);
    assert_in_range(text.len, 1, ANSWER_BYTES_MAX);
    assert_int_equal(answer_read(arena, (struct str){text.p, text.len}, &answer, NULL), 0);
    assert_int_equal(answer.measure_count, ANSWER_MEASURES_MAX);
    buf_clear(&text);
    card.device_count = CARD_DEVICES_MAX;
    memset(card.host, 'h', sizeof(card.host) - 1);
    memset(card.ucx, 'u', sizeof(card.ucx) - 1);
    for (size_t i = 0; i < CARD_DEVICES_MAX; i++) {
        card.devices[i] = (struct device){DEVICE_RDMA, "", true, 1.2345678901234567e+14, 1000000};
        memset(card.devices[i].name, 'n', sizeof(card.devices[i].name) - 1);
    }
    card_print(&card, &text);
    assert_int_equal(card_read((struct str){text.p, text.len}, &card, NULL), 0);
    buf_done(&text);
    arena_free(arena);
    free(all);
    free(wrong);
}

static void test_an_arena_too_small_is_no_memory(void **state)
{
    struct answer answer = an_answer();
    struct arena *arena = arena_new(64);
    struct buf text = {0};

    (void)state;
    answer_print(&answer, &text);
    assert_int_equal(answer_read(arena, (struct str){text.p, text.len}, &answer, NULL), -ENOMEM);
    buf_done(&text);
    arena_free(arena);
}

static void test_what_is_no_text_or_no_number_is_not_sent_as_such(void **state)
{
    struct card card = a_card();
    struct answer answer = an_answer();
    struct buf text = {0};

    (void)state;
    (void)snprintf(card.host, sizeof(card.host), "n\xff\xc3.");
    card_print(&card, &text);
    assert_int_equal(card_read((struct str){text.p, text.len}, &card, NULL), 0);
    assert_string_equal(card.host, "n??.");
    buf_done(&text);
    some_measures[0].high = NAN;
    answer_print(&answer, &text);
    assert_true(text.failed);
    buf_done(&text);
    some_measures[0].high = 1.2e9;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_card_comes_back_as_it_was),
        cmocka_unit_test(test_an_order_comes_back_as_it_was),
        cmocka_unit_test(test_an_answer_comes_back_as_it_was),
        cmocka_unit_test(test_keys_have_room_for_any_rank),
        cmocka_unit_test(test_garbage_is_a_sentence),
        cmocka_unit_test(test_every_prefix_of_a_good_text_is_garbage),
        cmocka_unit_test(test_what_is_too_large_is_refused),
        cmocka_unit_test(test_a_full_answer_and_a_full_card_fit_their_limits),
        cmocka_unit_test(test_an_arena_too_small_is_no_memory),
        cmocka_unit_test(test_what_is_no_text_or_no_number_is_not_sent_as_such),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
