/* The fold: what events say is all there is. The cluster compares after every step; here the steps
 * are random, with crashes of everything, and events that make no sense. */
#include "cluster.h"
#include "fake_kv.h"

static bool alive(const struct cluster *k, uint32_t rank)
{
    int64_t node = control_node_of_rank(k->control, rank);
    const struct agent *agent = node >= 0 ? &k->agents[node] : NULL;

    return agent && agent->runs && agent->alive && agent->attempt == k->control->fold.attempt &&
           agent->lives[rank - agent->first];
}

static void random_step(struct cluster *k, struct rng *rng)
{
    uint32_t node = (uint32_t)rng_below(rng, k->config.node_count);
    uint32_t rank = (uint32_t)rng_below(rng, k->control->world_max);
    struct agent *agent = &k->agents[node];

    switch (rng_below(rng, 12)) {
    case 0:
        if (alive(k, rank))
            rank_ends(k, rank, rng_below(rng, 2) ? 1 << 8 : SIGSEGV, (int)rng_below(rng, 3), "oh");
        break;
    case 1:
        if (agent->linked)
            agent_link_breaks(k, node, "connection reset");
        break;
    case 2:
    case 3:
        if (agent->runs && !agent->linked)
            agent_connects(k, node);
        break;
    case 4:
        agent->mute = !agent->mute;
        break;
    case 5:
        agent->dead_silent = rng_below(rng, 4) == 0;
        break;
    case 6:
        if (rng_below(rng, 4) == 0)
            control_restarts(k);
        break;
    case 7:
        agent->broken = false;
        if (!agent->runs && rng_below(rng, 2))
            agent_begins(k, node);
        break;
    case 8:
        if (agent->linked && agent->attempt && !agent->empty)
            status_is(k, node, (int64_t)rng_below(rng, 1000), 5, 2, true, "key");
        break;
    case 9:
        if (rng_below(rng, 8) == 0 && agent->linked)
            node_dies(k, node);
        break;
    case 10:
        if (rng_below(rng, 40) == 0)
            control_wish(k->control, (enum control_wish)rng_below(rng, 3), "a wish", k->now_ns);
        break;
    default:
        advance(k, rng_unit(rng) * 20);
        break;
    }
    check_fold(k);
    pump(k);
}

static void a_random_run_is_what_its_events_say(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng rng = {seed};
        uint32_t nodes = 1 + (uint32_t)rng_below(&rng, 4);
        struct cluster *k = cluster_new(nodes, (uint32_t)rng_below(&rng, 3), 1 + seed % 3);

        k->job.attempts_without_progress = 20;
        k->job.independent = rng_below(&rng, 3) == 0;
        k->job.min_nodes = 1 + (int64_t)rng_below(&rng, nodes);
        control_starts(k);
        for (int i = 0; i < 300 && k->ended < 0; i++)
            random_step(k, &rng);
        for (uint32_t i = 0; i < k->config.node_count; i++)
            k->agents[i].mute = k->agents[i].dead_silent = false;
        if (k->ended < 0)
            control_wish(k->control, WISH_KILL, "the end", k->now_ns);
        advance(k, 1000);
        if (k->ended < 0)
            print_events(k);
        assert_true(k->ended >= 0); /* every run comes to its end */
        cluster_free(k);
    }
}

static void events_that_make_no_sense_change_nothing_that_is_outside(void **state)
{
    static const char *const texts[] = {"",  "0",   "0-1", "1,0", "0-99999999999",
                                        "x", "1-0", ",,",  "0,0"};
    struct rng rng = {7};

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct cluster *k = cluster_new(2, 1, 2);
        char *text;

        control_starts(k);
        for (int i = 0; i < 200; i++) {
            struct run_event event = {
                .kind = (enum run_event_kind)rng_below(&rng, EV_KIND_COUNT + 2),
                .node = (int64_t)rng_below(&rng, 6) - 1,
                .rank = (int64_t)rng_below(&rng, 8) - 1,
                .attempt = (uint32_t)rng_below(&rng, 4),
                .a = rng_below(&rng, 9) ? (int64_t)rng_below(&rng, 14) - 2 : INT64_MIN,
                .b = rng_below(&rng, 9) ? (int64_t)rng_below(&rng, 14) - 2 : INT64_MAX,
                .text = str_of(texts[rng_below(&rng, ARRAY_LEN(texts))]),
            };

            control_apply(k->shadow, &event);
        }
        text = print_fold(k->shadow); /* reads all of it */
        free(text);
        cluster_free(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_run_is_what_its_events_say),
        cmocka_unit_test(events_that_make_no_sense_change_nothing_that_is_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
