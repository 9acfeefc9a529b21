#include "fabric/session_inside.h"

#include "fabric/model.h"

#include <stdio.h>
#include <stdlib.h>

#define RAILS_MIN       2
#define DECIDE_AGAIN    8 /* pairs beyond two a node that the model may ask for among few nodes */
#define LOOK_AHEAD      1024 /* in the queue, for a pair that can run beside the others */
#define MODEL_BYTES_MAX ((size_t)4 << 30)

static uint64_t key_of(uint32_t a, uint32_t b)
{
    uint64_t key = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;

    key *= 0x9e3779b97f4a7c15u; /* both steps are one to one: the table takes it as it is, and */
    return key ^ key >> 32;     /* looks at the low bits */
}

static bool is_in(const struct map *pairs, uint32_t a, uint32_t b)
{
    return map_get(pairs, key_of(a, b), NULL) != NULL;
}

static bool has_met(void *data, uint32_t a, uint32_t b)
{
    return is_in(&((struct session *)data)->met, a, b);
}

static void put_in(struct session *session, struct map *pairs, uint32_t a, uint32_t b)
{
    if (!is_in(pairs, a, b) && map_add(pairs, key_of(a, b), session) < 0)
        session->failed = true;
}

static bool every_pair(const struct session *session)
{
    uint32_t most = session->options.all_pairs_max;

    return session->node_count <= (most ? most : session->level->all_pairs_max);
}

/* How many pairs run at the same time when the core is to be spared. */
static uint32_t at_once(const struct session *session)
{
    uint32_t pairs = session->node_count / LEVEL_ALONE_SHARE;

    if (session->node_count <= LEVEL_ONE_BY_ONE)
        return 1;
    if (pairs > LEVEL_ALONE_MAX)
        pairs = LEVEL_ALONE_MAX;
    return pairs ? pairs : 1;
}

void session_pair_measured(struct session *session, uint32_t a, uint32_t b)
{
    uint32_t running = session->seats[a].running;

    if (running != MEASURE_NOBODY && running == session->seats[b].running)
        session->running.items[running].measured = true;
    else if (running != MEASURE_NOBODY || session->seats[b].running != MEASURE_NOBODY)
        for (size_t i = 0; i < session->running.count; i++) { /* one end has answered already */
            struct running *at = &session->running.items[i];

            at->measured |=
                (at->pair.a == a && at->pair.b == b) || (at->pair.a == b && at->pair.b == a);
        }
    put_in(session, &session->measured, a, b);
    session->result->pairs_done = (uint32_t)session->measured.count;
}

static bool has_gpu(const struct card *card)
{
    for (uint32_t i = 0; i < card->device_count && i < CARD_DEVICES_MAX; i++)
        if (card->devices[i].kind == DEVICE_GPU && card->devices[i].up)
            return true;
    return false;
}

static void send_end(struct session *session, struct pair pair, bool first, enum phase phase)
{
    const struct pair_level *level = &session->level->pair[phase];
    const struct fabric_node *nodes = session->result->nodes.items;
    uint32_t node = first ? pair.a : pair.b, peer = first ? pair.b : pair.a;
    struct order order = {
        .kind = ORDER_PAIR,
        .tests = 1u << TEST_PAIRS,
        .limit_ms = level->limit_ms,
        .ms = level->ms,
        .peer = peer,
        .meeting = session->meeting,
        .first = first,
        .phase = phase,
        .bandwidth = true,
        .both = level->both,
        .latency = level->latency,
        .size_count = level->size_count,
        .latency_bytes = level->latency ? LEVEL_LATENCY_BYTES : 0,
        .gpu = session->options.gpu && has_gpu(&nodes[node].card) && has_gpu(&nodes[peer].card),
    };

    memcpy(order.sizes, level->sizes, level->size_count * sizeof(*level->sizes));
    (void)snprintf(order.device, sizeof(order.device), "%s", session->device);
    session->seats[node].running = (uint32_t)session->running.count - 1;
    session_send(session, node, &order);
}

static bool has_device(const struct session *session, uint32_t node, const char *name)
{
    const struct card *card = &session->result->nodes.items[node].card;

    for (uint32_t i = 0; i < card->device_count && i < CARD_DEVICES_MAX; i++)
        if (card->devices[i].kind == DEVICE_RDMA && card->devices[i].up &&
            strcmp(card->devices[i].name, name) == 0)
            return true;
    return false;
}

/* Both ends get their orders. False: one of them is not there (any more), or lacks the device. */
static bool start_pair(struct session *session, struct pair pair, enum phase phase)
{
    struct running *running;

    if (!session_is_well(session, pair.a) || !session_is_well(session, pair.b) ||
        session->seats[pair.a].busy || session->seats[pair.b].busy || session->failed)
        return false;
    if (session->device[0] && !(has_device(session, pair.a, session->device) &&
                                has_device(session, pair.b, session->device)))
        return false;
    running = vec_push(&session->running);
    if (!running) {
        session->failed = true;
        return false;
    }
    running->pair = pair;
    session->meeting++;
    put_in(session, &session->met, pair.a, pair.b);
    send_end(session, pair, true, phase);
    send_end(session, pair, false, phase);
    return true;
}

/* One end has answered or is lost. When it is the last and nothing came of it, somebody may have
 * been failed by the other. */
void session_pair_ended(struct session *session, uint32_t at)
{
    struct running *running = &session->running.items[at];
    uint32_t a = running->pair.a, b = running->pair.b;

    if (session->seats[a].running == at || session->seats[b].running == at || running->measured)
        return;
    if (session_is_well(session, a) && session_is_well(session, b)) {
        struct pair *failed = vec_push(&session->failed_pairs);

        if (failed)
            *failed = running->pair;
    } else if (session_is_well(session, a) || session_is_well(session, b)) {
        uint32_t *owed = vec_push(&session->owed);

        if (owed)
            *owed = session_is_well(session, a) ? a : b;
    }
}

static void queue(struct session *session, struct pair pair)
{
    struct planned *planned = vec_push(&session->queue);

    if (planned)
        planned->pair = pair;
    else
        session->failed = true;
}

static void clear_queue(struct session *session)
{
    session->queue.count = session->queue_at = 0;
}

static void find_rails(struct session *session)
{
    for (uint32_t n = 0; n < session->node_count; n++) {
        const struct card *card = &session->result->nodes.items[n].card;

        if (!session_is_well(session, n))
            continue;
        for (uint32_t i = 0; i < card->device_count && i < CARD_DEVICES_MAX; i++)
            if (card->devices[i].kind == DEVICE_RDMA && card->devices[i].up)
                (void)snprintf(session->rails[session->rail_count++], ORDER_DEVICE_BYTES, "%s",
                               card->devices[i].name);
        break; /* as the first node that is well has them */
    }
    if (session->rail_count < RAILS_MIN)
        session->rail_count = 0;
}

static uint64_t all_pairs(const struct session *session)
{
    return (uint64_t)session->node_count * (session->node_count - 1) / 2;
}

static double share_max(const struct session *session)
{
    return session->options.pairs_share > 0 ? session->options.pairs_share
                                            : session->level->pairs_share;
}

static uint32_t random_rounds(const struct session *session)
{
    double most = share_max(session) * (session->node_count - 1); /* each is 1 / (n - 1) of all */
    uint32_t rounds = session->level->rounds;

    if (rounds > most)
        rounds = (uint32_t)most;
    return rounds < LEVEL_ROUNDS_MIN ? LEVEL_ROUNDS_MIN : rounds;
}

void session_plan_pairs(struct session *session)
{
    uint32_t n = session->node_count;

    find_rails(session);
    session->round_at = 0;
    if (every_pair(session)) {
        session->round_count = tournament_rounds(n);
        session->result->pairs_planned = (uint32_t)all_pairs(session);
    } else {
        session->round_count = random_rounds(session);
        session->result->pairs_planned = session->round_count * (n / 2);
    }
    session->batches_total =
        session->round_count + session->rail_count * session->level->rail_rounds;
}

static uint32_t well_nodes(struct session *session)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < session->node_count; i++)
        if (session_is_well(session, i))
            session->nodes[count++] = i;
    return count;
}

static uint32_t draw_round(struct session *session, const uint32_t *nodes, uint32_t count,
                           bool inside)
{
    struct pairing_world world = {session, has_met, session->group};

    return random_round(&session->rng, &world, nodes, count, !inside, session->round);
}

/* Who was failed by a partner in a random round gets another, among them and some that are well. */
static uint32_t draw_owed(struct session *session)
{
    uint32_t well = well_nodes(session), count = 0;
    size_t owed = session->owed.count;

    session->owed.count = 0;
    if (every_pair(session) || !owed)
        return 0;
    for (size_t i = 0; i < owed; i++) { /* to the front of the line, each once */
        uint32_t node = session->owed.items[i];

        for (uint32_t k = count; k < well; k++)
            if (session->nodes[k] == node) {
                session->nodes[k] = session->nodes[count];
                session->nodes[count++] = node;
                break;
            }
    }
    for (size_t i = 0; i < owed && count < well; i++, count++) { /* as many others */
        uint32_t at = count + (uint32_t)rng_below(&session->rng, well - count);
        uint32_t node = session->nodes[at];

        session->nodes[at] = session->nodes[count];
        session->nodes[count] = node;
    }
    return draw_round(session, session->nodes, count, false);
}

/* The pairs of round r of this step into session->round. */
static uint32_t draw(struct session *session, uint32_t r)
{
    uint32_t every = session->level->inside_every;

    session->device = "";
    if (r < session->round_count && every_pair(session))
        return tournament_round(session->node_count, r, session->round);
    if (r < session->round_count)
        return draw_round(session, session->nodes, well_nodes(session),
                          session->group && r % every == every - 1);
    r -= session->round_count;
    if (r < session->rail_count * session->level->rail_rounds) {
        session->device = session->rails[r / session->level->rail_rounds];
        return draw_round(session, session->nodes, well_nodes(session), false);
    }
    return 0;
}

/* A sample of what was measured together, to be measured alone; of few nodes all. */
static void plan_alone(struct session *session, uint32_t r, uint32_t count)
{
    if (every_pair(session) && r < session->round_count) {
        for (uint32_t i = 0; i < count; i++)
            queue(session, session->round[i]);
        return;
    }
    /* One round across groups, and some of one within them. */
    if (r == 0 || (session->group && r == session->level->inside_every - 1))
        for (uint32_t i = 0; i < count && i < session->level->alone_pairs / (1 + (r > 0)); i++)
            queue(session, session->round[i]);
}

bool session_next_together(struct session *session)
{
    while (session->round_at <= session->batches_total && !session->failed) {
        uint32_t r = session->round_at++;
        bool last = r == session->batches_total; /* those that were failed */
        uint32_t count = last ? draw_owed(session) : draw(session, r), started = 0;

        session->running.count = 0;
        if (last)
            session->device = "";
        if (!last && r < session->round_count)
            plan_alone(session, r, count);
        for (uint32_t i = 0; i < count; i++)
            started += start_pair(session, session->round[i], PHASE_TOGETHER);
        session->batches = r + 1 < session->batches_total ? r + 1 : session->batches_total;
        if (started) {
            session->result->rounds++;
            return true;
        }
    }
    session->device = "";
    return false;
}

/* Does the pair keep out of the way of those that have been started? */
static bool is_apart(const struct session *session, struct pair pair)
{
    for (size_t i = 0; i < session->running.count && session->group; i++) {
        const struct pair *other = &session->running.items[i].pair;
        const uint32_t *group = session->group;

        if (group[pair.a] == group[other->a] || group[pair.a] == group[other->b] ||
            group[pair.b] == group[other->a] || group[pair.b] == group[other->b])
            return false;
    }
    return true;
}

/* As many of the queue as may run at once. */
static bool start_queued(struct session *session)
{
    uint32_t most = at_once(session), started = 0;

    session->running.count = 0;
    for (size_t i = session->queue_at;
         i < session->queue.count && i < session->queue_at + LOOK_AHEAD && started < most; i++) {
        struct planned *planned = &session->queue.items[i];

        if (planned->done || session->seats[planned->pair.a].busy ||
            session->seats[planned->pair.b].busy || !is_apart(session, planned->pair))
            continue;
        planned->done = true;
        started += start_pair(session, planned->pair, PHASE_ALONE);
    }
    while (session->queue_at < session->queue.count && session->queue.items[session->queue_at].done)
        session->queue_at++;
    session->batches++;
    return started > 0;
}

static bool drain(struct session *session)
{
    while (session->queue_at < session->queue.count && !session->failed)
        if (start_queued(session))
            return true;
    return false;
}

bool session_next_alone(struct session *session)
{
    if (!session->batches_total)
        session->batches_total =
            (uint32_t)(session->queue.count / at_once(session)) + (session->queue.count > 0);
    return drain(session);
}

/* Distinct pairs that may still be asked for. */
static uint64_t pairs_left(const struct session *session)
{
    uint64_t most, asked = session->met.count;

    if (every_pair(session)) { /* only again: what takes long with few nodes is one by one */
        most = 2 * (uint64_t)session->node_count + DECIDE_AGAIN;
        return most > session->asked_again ? most - session->asked_again : 0;
    }
    most = (uint64_t)(share_max(session) * (double)all_pairs(session));
    if (most < (uint64_t)session->round_count * (session->node_count / 2) + session->node_count)
        most = (uint64_t)session->round_count * (session->node_count / 2) + session->node_count;
    return most > asked ? most - asked : 0;
}

static bool ask_model(struct session *session)
{
    struct arena *arena = arena_new(MODEL_BYTES_MAX);
    uint64_t most = pairs_left(session);
    int count = 0;

    if (most > session->node_count / 2)
        most = session->node_count / 2;
    clear_queue(session);
    if (arena && most)
        count = model_next_pairs(arena, session->result, session->round, (uint32_t)most,
                                 &session->suspects);
    arena_free(arena);
    for (int i = 0; i < count; i++)
        queue(session, session->round[i]);
    if (count > 0) {
        session->decided++;
        session->asked_again += (uint32_t)count;
        session->result->rounds++;
    }
    return count > 0;
}

bool session_next_decide(struct session *session)
{
    if (!session->retried) { /* once more, by themselves */
        session->retried = true;
        clear_queue(session);
        for (size_t i = 0; i < session->failed_pairs.count; i++)
            queue(session, session->failed_pairs.items[i]);
        session->failed_pairs.count = 0;
    }
    session->batches_total = session->level->decide_rounds;
    if (session->met.count > session->result->pairs_planned)
        session->result->pairs_planned = (uint32_t)session->met.count;
    do {
        session->batches = session->decided;
        if (drain(session))
            return true;
    } while (session->decided < session->level->decide_rounds && ask_model(session));
    return false;
}
