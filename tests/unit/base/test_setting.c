#include "base/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct things {
    bool on;
    int64_t steps;
    double rate;
    char name[SETTING_TEXT_MAX];
    int kind;
};

static const struct setting rows[] = {
    {"train.on", SETTING_BOOL, offsetof(struct things, on), .help = "whether"},
    {"train.steps", SETTING_INT, offsetof(struct things, steps), 1, 1e12, .help = "how many"},
    {"optim.lr", SETTING_REAL, offsetof(struct things, rate), 0, 10, .help = "learning rate"},
    {"out.name", SETTING_TEXT, offsetof(struct things, name), .help = "a name"},
    {"optim.schedule", SETTING_CHOICE, offsetof(struct things, kind), 0, 0, "cosine wsd constant",
     "the rate's course"},
};
#define COUNT ARRAY_LEN(rows)

static void each_type_is_read_and_printed_back(void **state)
{
    static const struct {
        const char *key, *text, *printed;
    } cases[] = {
        {"train.on", "train.on=yes", "true"},
        {"train.on", "train.on=off", "false"},
        {"train.steps", "train.steps=4k", "4000"},
        {"train.steps", "train.steps=1e3", "1000"},
        {"train.steps", "train.steps=1.5k", "1500"},
        {"train.steps", " train.steps = 12 ", "12"},
        {"optim.lr", "optim.lr=1e-3", "0.001"},
        {"optim.lr", "optim.lr=0.1", "0.1"},
        {"out.name", "out.name=a b=c", "a b=c"},
        {"optim.schedule", "optim.schedule=wsd", "wsd"},
        {"optim.lr", "optim.lr=0.30000000000000004", "0.30000000000000004"},
    };
    struct things things = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        struct buf out = {0};

        assert_int_equal(setting_assign(rows, COUNT, &things, cases[i].text, &err), 0);
        setting_print(setting_find(rows, COUNT, cases[i].key), &things, &out);
        assert_string_equal(out.p, cases[i].printed);
        buf_done(&out);
    }
}

static void what_is_wrong_gets_a_sentence(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"optim.lrr=1", "there is no setting 'optim.lrr'; did you mean optim.lr (learning rate)?"},
        {"train.lr=1", "there is no setting 'train.lr'; did you mean optim.lr (learning rate)?"},
        {"train.stesp=1",
         "there is no setting 'train.stesp'; did you mean train.steps (how many)?"},
        {"zzzzzzzzzzzzzz=1", "there is no setting 'zzzzzzzzzzzzzz'"},
        {"train.steps=0", "train.steps is '0', but takes a whole number from 1 to 1000000000000"},
        {"train.steps=1.5",
         "train.steps is '1.5', but takes a whole number from 1 to 1000000000000"},
        {"train.steps=1e30",
         "train.steps is '1e30', but takes a whole number from 1 to 1000000000000"},
        {"train.steps=nan",
         "train.steps is 'nan', but takes a whole number from 1 to 1000000000000"},
        {"train.steps=9223372036854775807k",
         "train.steps is '9223372036854775807k', but takes a whole "
         "number from 1 to 1000000000000"},
        {"train.steps=1.5",
         "train.steps is '1.5', but takes a whole number from 1 to 1000000000000"},
        {"train.steps=1e30",
         "train.steps is '1e30', but takes a whole number from 1 to 1000000000000"},
        {"train.steps=nan",
         "train.steps is 'nan', but takes a whole number from 1 to 1000000000000"},
        {"optim.lr=nan", "optim.lr is 'nan', but takes a number from 0 to 10"},
        {"optim.lr=", "optim.lr is '', but takes a number from 0 to 10"},
        {"train.on=2", "train.on is '2', but takes true or false"},
        {"optim.schedule=cos", "optim.schedule is 'cos', but takes one of: cosine wsd constant"},
        {"optim.lr", "'optim.lr' is no KEY=VALUE"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct things things = {.steps = 7, .rate = 0.5};
        struct err err = {0};

        assert_true(setting_assign(rows, COUNT, &things, cases[i].text, &err) < 0);
        assert_string_equal(err.text, cases[i].sentence);
        assert_true(things.steps == 7 && things.rate == 0.5);
    }
}

static void json_there_and_back_is_the_same(void **state)
{
    struct things a = {true, 123456789012, 0.1 + 0.2, "n \"1\"", 2}, b = {0};
    json_t *json = setting_to_json(rows, COUNT, &a), *other = json_pack("{s:i}", "train.step", 1);
    struct err err = {0};

    (void)state;
    assert_int_equal(setting_from_json(rows, COUNT, &b, json, &err), 0);
    assert_true(a.on == b.on && a.steps == b.steps && a.rate == b.rate && a.kind == b.kind);
    assert_string_equal(a.name, b.name);
    assert_int_equal(setting_from_json(rows, COUNT, &b, other, &err), -2);
    json_decref(json);
    json_decref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_read_and_printed_back),
        cmocka_unit_test(what_is_wrong_gets_a_sentence),
        cmocka_unit_test(json_there_and_back_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
