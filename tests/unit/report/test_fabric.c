#include "unit/fabric/measured.h"

#include "fabric/file.h"
#include "report/fabric.h"
#include "report/heat.h"

#include <math.h>

struct shown {
    struct arena *arena;
    struct fabric_result *result;
    struct findings_of_fabric findings;
    struct fabric_report report;
    struct buf out;
};

static struct shown show(struct fabric_result *result)
{
    struct shown s = {.arena = arena_new(0), .result = result};

    assert_int_equal(model_find(s.arena, result, &s.findings), 0);
    s.report.result = result;
    s.report.findings = NULL; /* its owner may move: set when it is used */
    return s;
}

static const char *text_of(struct shown *s, bool colour, int columns, bool verbose)
{
    struct report_style style = {.colour = colour, .columns = columns, .verbose = verbose};

    s->report.findings = &s->findings;
    buf_clear(&s->out);
    assert_int_equal(fabric_report_text(&s->report, &style, &s->out), 0);
    return s->out.p;
}

static void done(struct shown *s)
{
    buf_done(&s->out);
    arena_free(s->arena);
    result_free(s->result);
}

static void assert_says(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("it does not say '%s':\n%s", words, text);
}

static void a_slow_node_reads_as_it_should(void **state)
{
    struct shown s = show(MEASURED(.nodes = 6, .slow = 2, .share = 0.4));
    const char *text = text_of(&s, false, 100, false);

    (void)state;
    assert_says(text, "6 nodes, 15 pairs in 1 min 35 s: 1 suspect\n"
                      "fabric-bcdfg, 2025-11-24 16:00 UTC, quick: pairs, memory\n"
                      "over rc_mlx5/mlx5_0:1 (120 measures)\n\n"
                      " 1 node  n002: 60 % slower  pair.bandwidth\n   what    n002 sends at 4.7");
    assert_says(text, "   next    firstlight explain --fabric fabric-bcdfg PATH ... names the "
                      "setting\n");
    assert_says(text, "\nnumbers of nodes            typical          worst   nodes  worst is\n"
                      "pair.bandwidth            11.");
    assert_says(text, "pair.bandwidth, 1 MiB, all pairs at once: rows send, columns receive\n"
                      ". at least 90 % of the typical 11.");
    assert_says(text, " GB/s; 0 to 8: tenths of it\nn001 \\ ");
    assert_null(strstr(text, "\033["));
    assert_null(strstr(text, "few pairs at once"));
    assert_says(text_of(&s, false, 100, true), "few pairs at once");
    assert_true(fabric_report_has_findings(&s.report));
    done(&s);
}

/* The row of the slow node is full of digits, and so is its column; the others have dots. */
static void a_slow_row_and_column_are_seen_without_colour(void **state)
{
    struct shown s = show(MEASURED(.nodes = 6, .slow = 2, .share = 0.45));
    const char *text = text_of(&s, false, 100, false);

    (void)state;
    assert_says(text, "n001 \\ 4 . . . . \n"
                      "n002 4 \\ 4 4 4 4 < n002\n"
                      "n003 . 4 \\ . . . \n"
                      "n004 . 4 . \\ . . \n"
                      "n005 . 4 . . \\ . \n"
                      "n006 . 4 . . . \\ \n"
                      "       ^         \n"
                      "     receive slowly: n002\n");
    text = text_of(&s, true, 100, false);
    assert_says(text, "\033[1;31m4 ");
    done(&s);
}

static bool marks(const struct heat *heat, bool receiving, uint32_t node)
{
    uint32_t nodes[64], count = 0;
    bool seen = false;

    for (uint32_t cell = 0; cell < heat->side; cell++)
        count += heat_slow(heat, cell, receiving, nodes + count, 64 - count);
    for (uint32_t i = 0; i < count; i++) {
        seen |= nodes[i] == node;
        assert_int_equal(nodes[i], node); /* nobody else */
    }
    return seen;
}

/* Where single pairs scatter by 40 % the median of three often lies below 90 % of the typical. */
static void where_all_is_well_no_row_is_marked(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct shown s = show(MEASURED(.nodes = 4, .noise = 0.4, .seed = seed));
        const char *text = text_of(&s, false, 100, true);

        if (s.findings.suspect_count == 0) {
            assert_says(text, ": all well\n");
            assert_null(strstr(text, "< n0"));
            assert_null(strstr(text, "receive slowly"));
            assert_null(strchr(strstr(text, "rows send"), '^'));
            buf_clear(&s.out);
            assert_int_equal(fabric_report_html(&s.report, &s.out), 0);
            assert_null(strstr(s.out.p, "class=\"slow\""));
            assert_null(strstr(s.out.p, "class=\"odd n\""));
        }
        done(&s);
    }
}

/* Who is named is marked where its median is no dot; by a number that the model does not judge,
 * whoever is beyond chance. */
static void rows_are_marked_for_what_is_somebodys_doing(void **state)
{
    static const struct {
        const char *metric;
        double share, noise;
        bool marked;
    } cases[] = {
        {"pair.bandwidth", 0.93, 0.01, false}, /* named, and all of it above 90 % */
        {"pair.bandwidth", 0.85, 0.01, true},  {"pair.both", 0.85, 0.01, true},
        {"pair.both", 0.85, 0.2, false},       {"pair.both", 0.4, 0.1, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fabric_result *result =
            MEASURED(.nodes = 8, .slow = 3, .share = cases[i].share, .noise = cases[i].noise);
        const struct metric *metric = metric_find(str_of(cases[i].metric));
        struct shown s;
        struct heat heat;

        for (size_t k = 0; k < result->measures.count; k++) /* the same numbers, by another name */
            if (strcmp(result->measures.items[k].metric->name, "pair.bandwidth") == 0)
                result->measures.items[k].metric = metric;
        s = show(result);
        if (strcmp(cases[i].metric, "pair.both") == 0)
            assert_int_equal(s.findings.suspect_count, 0);
        else
            assert_int_equal(s.findings.suspect_count, 1);
        assert_int_equal(heat_make(s.arena, result, &s.findings, metric, PHASE_ALONE, 64, &heat),
                         1);
        for (int receiving = 0; receiving < 2; receiving++)
            if (marks(&heat, receiving, 2) != cases[i].marked)
                fail_msg("case %zu", i);
        done(&s);
    }
}

static void all_well_is_said_and_no_finding(void **state)
{
    struct shown s = show(MEASURED(.nodes = 5));

    (void)state;
    assert_says(text_of(&s, false, 100, false), "5 nodes, 10 pairs in 1 min 35 s: all well\n");
    assert_false(fabric_report_has_findings(&s.report));
    done(&s);
}

/* 60 nodes in at most 48 columns: the slow one is still seen, and named. */
static void many_nodes_are_folded(void **state)
{
    struct shown s = show(MEASURED(.nodes = 60, .slow = 31, .share = 0.5));
    const char *text = text_of(&s, false, 80, false);
    struct heat heat;

    (void)state;
    assert_says(text, "n[031-032] ");
    assert_says(text, "< n031\n");
    assert_says(text, "receive slowly: n031\n");
    assert_null(strstr(text, "< n032"));
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strcspn(line, "\n") > 100)
            fail_msg("a line of %zu columns: %.*s", strcspn(line, "\n"), (int)strcspn(line, "\n"),
                     line);
    }
    assert_int_equal(heat_make(s.arena, s.result, &s.findings, metric_find(STR("pair.bandwidth")),
                               PHASE_ALONE, 7, &heat),
                     1);
    assert_int_equal(heat.fold, 9);
    assert_int_equal(heat.side, 7);
    assert_int_equal(heat.cells[3 * 7 + 6].measures, 9 * 6);
    assert_true(heat.cells[3 * 7 + 6].worst < 0.6F);
    assert_int_equal(heat.cells[3 * 7 + 6].from, 30);
    assert_true(heat.cells[0].worst > 0.9F);
    assert_int_equal(heat_make(s.arena, s.result, &s.findings, metric_find(STR("pair.both")),
                               PHASE_ALONE, 7, &heat),
                     0);
    done(&s);
}

/* Whatever is shown on a terminal of 40 columns fits it. */
static void forty_columns_suffice(void **state)
{
    static const uint32_t nodes[] = {3, 8, 13, 60};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        for (int by_metric = 0; by_metric < 2; by_metric++) {
            struct shown s = show(MEASURED(.nodes = nodes[i], .slow = 2, .share = 0.4));
            const char *text;

            if (by_metric)
                s.report.metric = metric_find(STR("pair.bandwidth"));
            text = text_of(&s, false, 40, false);
            assert_says(text, "receive slowly: n002\n");
            for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                /* titles of suspects are one line, which the terminal breaks */
                if (strcspn(line, "\n") > 40 && !strstr(line, "slower  pair"))
                    fail_msg("a line of %zu columns: %.*s", strcspn(line, "\n"),
                             (int)strcspn(line, "\n"), line);
            }
            done(&s);
        }
}

/* In the order of their nodes: leaf10 comes after leaf2. */
static void groups_stand_in_the_order_of_their_nodes(void **state)
{
    struct shown s = show(MEASURED(.nodes = 6));
    static const char *const groups[] = {"leaf2", "leaf10", "leaf2", "", "leaf10", "leaf1"};
    static const uint32_t want[] = {0, 2, 1, 4, 3, 5};
    struct heat heat;

    (void)state;
    for (uint32_t n = 0; n < 6; n++)
        s.result->nodes.items[n].group = groups[n];
    assert_int_equal(heat_make(s.arena, s.result, &s.findings, metric_find(STR("pair.bandwidth")),
                               PHASE_ALONE, 6, &heat),
                     1);
    for (uint32_t p = 0; p < 6; p++)
        assert_int_equal(heat.order[p], want[p]);
    done(&s);
}

static void nodes_of_a_group_stand_together(void **state)
{
    struct shown s = show(MEASURED(.nodes = 4));
    struct heat heat;

    (void)state;
    for (uint32_t n = 0; n < 4; n++)
        s.result->nodes.items[n].group = n % 2 ? "leaf1" : "leaf2";
    assert_int_equal(heat_make(s.arena, s.result, &s.findings, metric_find(STR("pair.latency.p50")),
                               PHASE_ALONE, 2, &heat),
                     1);
    assert_string_equal(heat_label(s.arena, &heat, s.result, 0), "n[001,003]");
    assert_string_equal(heat_label(s.arena, &heat, s.result, 1), "n[002,004]");
    done(&s);
}

static void shares_become_steps(void **state)
{
    static const struct {
        double share;
        int want;
    } cases[] = {{0, 0}, {0.09, 0}, {0.1, 1}, {0.55, 5}, {0.89, 8}, {0.9, 9}, {3, 9}, {-1, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(heat_step(cases[i].share), cases[i].want);
}

static void one_metric_alone_has_its_nodes(void **state)
{
    struct shown s = show(MEASURED(.nodes = 6, .slow = 2, .share = 0.4, .slow_memory = 5));
    const char *text;

    (void)state;
    s.report.metric = metric_find(STR("memory.read"));
    text = text_of(&s, false, 100, false);
    assert_says(text, "1 suspect by memory.read\n");
    assert_says(text, "\nnode                    memory.read   between\nn005                 ");
    assert_null(strstr(text, "n002: 60 %"));
    assert_null(strstr(text, "rows send"));
    done(&s);
}

static void changes_are_told_and_are_findings(void **state)
{
    struct shown s = show(MEASURED(.nodes = 10, .slow_memory = 2, .seed = 2));
    struct fabric_result *older = MEASURED(.nodes = 10, .seed = 1, .id = "fabric-older");
    struct changes changes;
    const char *text;

    (void)state;
    assert_int_equal(fabric_against(s.arena, older, s.result, &changes, NULL), 0);
    s.report.older = older;
    s.report.changes = &changes;
    text = text_of(&s, false, 100, false);
    assert_says(text, "Since fabric-older, 2025-11-24 16:00 UTC, quick: pairs, memory: 1 got "
                      "slower, 0 got faster (10 nodes in both, 0 gone, 0 new)\n"
                      "   slower  n002: memory.read from ");
    assert_says(text, " % slower\n");
    buf_clear(&s.out);
    assert_int_equal(fabric_report_json(&s.report, &s.out), 0);
    assert_says(s.out.p, "\"against\":{\"id\":\"fabric-older\",\"nodes\":10,");
    done(&s);
    result_free(older);
}

static void json_is_read_again_as_the_result(void **state)
{
    struct shown s = show(MEASURED(.nodes = 6, .slow = 2, .share = 0.4));
    struct fabric_result *back = NULL;
    struct buf before = {0}, after = {0};
    struct err err = {0};

    (void)state;
    s.report.findings = &s.findings;
    assert_int_equal(fabric_report_json(&s.report, &s.out), 0);
    assert_says(s.out.p, "\"suspects\":[\n{\"kind\":\"node\",\"metric\":\"pair.bandwidth\","
                         "\"part\":\"\",\"nodes\":[\"n002\"]");
    if (result_read_json((struct str){s.out.p, s.out.len}, "a.json", &back, &err) < 0)
        fail_msg("%s", err.text);
    result_print_json(s.result, &before);
    result_print_json(back, &after);
    assert_string_equal(before.p, after.p);
    buf_done(&before);
    buf_done(&after);
    result_free(back);
    done(&s);
}

static void texts_from_nodes_stay_texts(void **state)
{
    static const char evil[] = "<b onclick=x>\"&\033[2J";
    struct shown s = show(MEASURED(.nodes = 5, .slow = 2, .share = 0.4));
    struct fabric_trouble trouble = {TROUBLE_TEST, TEST_DISK, 1, MEASURE_NOBODY, ""};

    (void)state;
    s.result->nodes.items[1].name = evil;
    (void)snprintf(trouble.words, sizeof(trouble.words), "%s", evil);
    assert_int_equal(result_add_trouble(s.result, &trouble, NULL), 0);
    assert_int_equal(model_find(s.arena, s.result, &s.findings), 0);
    assert_null(strchr(text_of(&s, false, 100, true), '\033'));
    buf_clear(&s.out);
    assert_int_equal(fabric_report_html(&s.report, &s.out), 0);
    assert_null(strstr(s.out.p, "<b onclick"));
    assert_null(strchr(s.out.p, '\033'));
    assert_says(s.out.p, "&lt;b onclick=x&gt;&quot;&amp; [2J");
    done(&s);
}

/* However many nodes: cells, rows and suspects on the page have bounds. */
static void a_page_stays_small(void **state)
{
    struct shown s = show(MEASURED(.nodes = 150, .slow = 10, .share = 0.5));

    (void)state;
    s.report.findings = &s.findings;
    assert_int_equal(fabric_report_html(&s.report, &s.out), 0);
    assert_true(s.out.len < 3 << 20);
    assert_says(s.out.p, "n010</td>");
    assert_says(s.out.p, "all pairs at once");
    assert_says(s.out.p, "few pairs at once");
    done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_node_reads_as_it_should),
        cmocka_unit_test(a_slow_row_and_column_are_seen_without_colour),
        cmocka_unit_test(where_all_is_well_no_row_is_marked),
        cmocka_unit_test(rows_are_marked_for_what_is_somebodys_doing),
        cmocka_unit_test(all_well_is_said_and_no_finding),
        cmocka_unit_test(many_nodes_are_folded),
        cmocka_unit_test(forty_columns_suffice),
        cmocka_unit_test(groups_stand_in_the_order_of_their_nodes),
        cmocka_unit_test(nodes_of_a_group_stand_together),
        cmocka_unit_test(shares_become_steps),
        cmocka_unit_test(one_metric_alone_has_its_nodes),
        cmocka_unit_test(changes_are_told_and_are_findings),
        cmocka_unit_test(json_is_read_again_as_the_result),
        cmocka_unit_test(texts_from_nodes_stay_texts),
        cmocka_unit_test(a_page_stays_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
