/* sim/meeting - how ranks meet at the store: PyTorch's bytes (2.2 dialect) through a proxy.
 *
 * ADD barrier 1; who gets the world size sets "go" to the attempt; all WAIT for it and read it. A
 * value of another attempt would be a broken fence. */
#include "sim/world.h"

#include <stdio.h>
#include <string.h>

#define MAGIC 0x3C85F7CEu

enum { CODE_VALIDATE = 0, CODE_SET = 1, CODE_GET = 3, CODE_ADD = 4, CODE_WAIT = 6 };
enum { MEET_ADDED = 1, MEET_WAITS, MEET_READS, MEET_DONE };

static void put_number(struct buf *out, uint64_t value, size_t bytes)
{
    buf_add(out, (const char *)&value, bytes);
}

static void put_text(struct buf *out, struct str text)
{
    put_number(out, text.len, 8);
    buf_add(out, text.p, text.len);
}

static void say(struct sim *sim, struct sim_rank *rank, struct buf *bytes)
{
    struct proxy *proxy = rank->node->proxy;

    proxy_set_now(proxy, sim->now_ns / SIM_MS);
    proxy_take(proxy, rank->client, (struct str){bytes->p, bytes->len});
    proxy_flush(proxy);
    buf_done(bytes);
}

void rank_meet(struct sim *sim, struct sim_rank *rank)
{
    struct buf bytes = {0};

    rank->client = proxy_client_new(rank->node->proxy, rank);
    if (!rank->client) {
        sim_break(sim, "the store of node %u takes no client", rank->node->index);
        return;
    }
    rank->stage = MEET_ADDED;
    put_number(&bytes, CODE_VALIDATE, 1);
    put_number(&bytes, MAGIC, 4);
    put_number(&bytes, CODE_ADD, 1);
    put_text(&bytes, STR("barrier"));
    put_number(&bytes, 1, 8);
    say(sim, rank, &bytes);
}

static void after_add(struct sim *sim, struct sim_rank *rank, struct str reply)
{
    struct buf bytes = {0};
    char attempt[16];
    int64_t count = 0;

    memcpy(&count, reply.p, sizeof(count));
    if (count < 1 || count > rank->node->world) {
        sim_break(sim, "the barrier of attempt %u counts %lld of %u", rank->attempt,
                  (long long)count, rank->node->world);
        return;
    }
    rank->stage = MEET_WAITS;
    (void)snprintf(attempt, sizeof(attempt), "%u", rank->attempt);
    if (count == rank->node->world) {
        put_number(&bytes, CODE_SET, 1);
        put_text(&bytes, STR("go"));
        put_text(&bytes, str_of(attempt));
    }
    put_number(&bytes, CODE_WAIT, 1);
    put_number(&bytes, 1, 8);
    put_text(&bytes, STR("go"));
    say(sim, rank, &bytes);
}

static void after_wait(struct sim *sim, struct sim_rank *rank)
{
    struct buf bytes = {0};

    rank->stage = MEET_READS;
    put_number(&bytes, CODE_GET, 1);
    put_text(&bytes, STR("go"));
    say(sim, rank, &bytes);
}

static void after_get(struct sim *sim, struct sim_rank *rank, struct str reply)
{
    uint64_t attempt;

    if (str_to_u64(str_skip(reply, 8), 10, &attempt) < 0 || attempt != rank->attempt) {
        sim_break(sim, "the store answers attempt %u with '%.*s'", rank->attempt,
                  STR_ARG(str_skip(reply, 8)));
        return;
    }
    rank->stage = MEET_DONE;
    rank->met = true;
    program_rank_met(sim, rank->attempt, rank->node->world);
}

/* Each request is sent when the one before is answered, so a reply is whole. */
void rank_reply(struct sim *sim, struct sim_rank *rank, struct str bytes)
{
    if (rank->stage == MEET_ADDED && bytes.len == 8)
        after_add(sim, rank, bytes);
    else if (rank->stage == MEET_WAITS && bytes.len == 1)
        after_wait(sim, rank);
    else if (rank->stage == MEET_READS && bytes.len > 8)
        after_get(sim, rank, bytes);
    else
        sim_break(sim, "the store answers %zu bytes in stage %d of a meeting", bytes.len,
                  rank->stage);
}
