#include "base/clock.h"
#include "cli/fabric_work.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static void take_card(struct fabric_work *w, uint32_t rank, struct str text)
{
    uint32_t node = w->node_of_rank[rank];
    struct err err = {0};
    struct card card;

    if (card_read(text, &card, &err) < 0)
        session_gone(w->session, node, NODE_DIED, err.text, clock_now_ms());
    else
        session_card(w->session, node, &card, clock_now_ms());
}

/* Ranks become nodes; false: one of them is none. */
static bool place(const struct fabric_work *w, uint32_t *node, uint32_t *peer)
{
    if (*node >= w->ranks || (*peer != MEASURE_NOBODY && *peer >= w->ranks))
        return false;
    *node = w->node_of_rank[*node];
    if (*peer != MEASURE_NOBODY)
        *peer = w->node_of_rank[*peer];
    return true;
}

/* What names no rank is left out. */
static void place_answer(const struct fabric_work *w, struct answer *answer)
{
    uint32_t measures = answer->measure_count, troubles = answer->trouble_count;

    answer->measure_count = answer->trouble_count = 0;
    for (uint32_t i = 0; i < measures; i++) {
        struct measure m = answer->measures[i];

        if (place(w, &m.node, &m.peer))
            answer->measures[answer->measure_count++] = m;
    }
    for (uint32_t i = 0; i < troubles; i++) {
        struct fabric_trouble t = answer->troubles[i];

        if (place(w, &t.node, &t.peer))
            answer->troubles[answer->trouble_count++] = t;
    }
}

static void take_answer(struct fabric_work *w, uint32_t rank, uint32_t seq, struct str text)
{
    struct arena *arena = arena_new(0);
    uint32_t node = w->node_of_rank[rank];
    struct err err = {0};
    struct answer answer;
    int r = arena ? answer_read(arena, text, &answer, &err) : -ENOMEM;

    if (r == 0) {
        place_answer(w, &answer);
        session_answer(w->session, node, seq, &answer, clock_now_ms(), clock_wall_ns());
    } else if (r != -ENOMEM) {
        session_gone(w->session, node, NODE_DIED, err.text, clock_now_ms());
    }
    arena_free(arena);
}

/* "card/3", "answer/3/17"; other keys are the probes' own. */
void fabric_news_stored(void *data, struct str key, struct str text)
{
    struct fabric_work *w = data;
    struct str rest = key, kind, number;
    uint64_t rank, seq;

    (void)str_cut(&rest, '/', &kind);
    if (!w->begun || (!str_is(kind, "card") && !str_is(kind, "answer")))
        return;
    (void)str_cut(&rest, '/', &number);
    if (str_to_u64(number, 10, &rank) == 0 && rank < w->ranks) {
        if (str_is(kind, "card"))
            take_card(w, (uint32_t)rank, text);
        else if (str_to_u64(rest, 10, &seq) == 0 && seq <= UINT32_MAX)
            take_answer(w, (uint32_t)rank, (uint32_t)seq, text);
    }
    (void)driver_store_delete(w->driver, key);
}

void fabric_news_begun(void *data, uint32_t attempt, const uint32_t *nodes, uint32_t count)
{
    struct fabric_work *w = data;

    if (w->begun || attempt == 0)
        return; /* ranks are independent: there is one attempt */
    for (uint32_t i = 0; i < w->result->nodes.count; i++)
        w->rank_of_node[i] = MEASURE_NOBODY;
    for (uint32_t r = 0; r < count; r++) {
        w->node_of_rank[r] = nodes[r];
        w->rank_of_node[nodes[r]] = r;
    }
    w->ranks = count;
    w->begun = true;
    session_begin(w->session, clock_now_ms(), clock_wall_ns());
    for (uint32_t i = 0; i < w->result->nodes.count; i++) {
        const struct fabric_node *node = &w->result->nodes.items[i];

        if (w->rank_of_node[i] == MEASURE_NOBODY || node->fate > NODE_WELL)
            session_gone(w->session, i, NODE_ABSENT,
                         node->words[0] ? node->words : "its agent did not come", clock_now_ms());
    }
}

void fabric_news_event(void *data, const struct run_event *event, const char *name)
{
    struct fabric_work *w = data;
    char words[TROUBLE_WORDS_BYTES];

    (void)name;
    if (event->node < 0 || event->node >= (int64_t)w->result->nodes.count)
        return;
    (void)snprintf(words, sizeof(words), "%.*s", STR_ARG(event->text));
    if (event->kind == EV_NODE_LOST || event->kind == EV_NODE_EXCLUDED) {
        if (!w->begun)
            (void)result_set_fate(w->result, (uint32_t)event->node, NODE_ABSENT, words, NULL);
        else
            session_gone(w->session, (uint32_t)event->node, NODE_DIED, words, clock_now_ms());
    } else if (event->kind == EV_SPAWN_FAILED) {
        session_gone(w->session, (uint32_t)event->node, NODE_DIED,
                     words[0] ? words : "its probe could not be started", clock_now_ms());
    } else if (event->kind == EV_RANK_EXITED && !w->over) {
        struct buf said = {0};

        if (WIFSIGNALED(event->a))
            buf_printf(&said, "its probe was killed by signal %d (%s)", WTERMSIG((int)event->a),
                       strsignal(WTERMSIG((int)event->a)));
        else
            buf_printf(&said, "its probe ended with exit code %d%s%s", WEXITSTATUS((int)event->a),
                       words[0] ? ": " : "", words);
        session_gone(w->session, (uint32_t)event->node, NODE_DIED,
                     said.failed ? "its probe ended" : said.p, clock_now_ms());
        buf_done(&said);
    }
}
