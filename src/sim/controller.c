/* sim/controller - control's world: what it says is committed to a disk that takes time, can be
 * full and survives it; then it is done. */
#include "sim/world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DISK_RETRY_MS 1000
#define FOLD_EACH     32 /* commits: to compare the whole state costs more than all the rest */

static void on_event(void *data, const struct run_event *event)
{
    struct sim *sim = data;
    struct run_event *row = vec_push(&sim->batch.events);

    if (!row)
        return;
    if (event->kind == EV_NOTE && str_starts(event->text, "store:"))
        sim_break(sim, "node %lld: %.*s", (long long)event->node, STR_ARG(event->text));
    *row = *event;
    row->text.p = arena_copy(sim->arena, event->text.p ? event->text.p : "", event->text.len);
    sim->result.events++;
}

static void on_journal(void *data, uint32_t attempt, struct str bytes)
{
    struct sim_batch *batch = &((struct sim *)data)->batch;

    if (batch->journal_attempt != attempt)
        buf_clear(&batch->journal);
    batch->journal_attempt = attempt;
    buf_add(&batch->journal, bytes.p, bytes.len);
}

static struct sim_deed *add_deed(struct sim *sim, enum sim_deed_kind kind, uint32_t node)
{
    struct sim_deed *deed = vec_push(&sim->batch.deeds);

    if (deed)
        *deed = (struct sim_deed){.kind = kind, .node = node};
    return deed;
}

static void on_send(void *data, uint32_t node, const struct message *message)
{
    struct sim_deed *deed = add_deed(data, SIM_SEND, node);
    struct buf bytes = {0};

    message_encode(message, &bytes);
    if (deed)
        deed->bytes = (struct str){bytes.p, bytes.len};
    else
        buf_done(&bytes);
}

static void on_launch(void *data, uint32_t node)
{
    (void)add_deed(data, SIM_LAUNCH, node);
}

static void on_forget(void *data, uint32_t node)
{
    (void)add_deed(data, SIM_FORGET, node);
}

static void on_ended(void *data, int exit_code)
{
    struct sim_deed *deed = add_deed(data, SIM_END, 0);

    if (deed)
        deed->exit_code = exit_code;
}

static void tick(struct sim *sim, const struct sim_event *event)
{
    if (!sim->control || event->epoch != sim->controller_epoch || event->at_ns < sim->wake_ns)
        return;
    sim->wake_ns = INT64_MAX;
    control_tick(sim->control, sim->now_ns);
}

static void on_wake(void *data, int64_t at_ns)
{
    struct sim *sim = data;

    if (at_ns >= sim->wake_ns)
        return;
    sim->wake_ns = at_ns > sim->now_ns ? at_ns : sim->now_ns;
    sim_at(sim, sim->wake_ns - sim->now_ns,
           (struct sim_event){.act = tick, .epoch = sim->controller_epoch});
}

static void no_metric(void *data, const struct store_metric *metric)
{
    (void)data;
    (void)metric;
}

static void no_log_data(void *data, uint32_t node, const struct msg_log_data *log)
{
    (void)data;
    (void)node;
    (void)log;
}

static void no_output(void *data, uint32_t node, const struct msg_log *log)
{
    (void)data;
    (void)node;
    (void)log;
}

static struct control *make(struct sim *sim)
{
    const struct control_world world = {
        .data = sim,
        .event = on_event,
        .metric = no_metric,
        .journal = on_journal,
        .send = on_send,
        .launch = on_launch,
        .forget = on_forget,
        .wake = on_wake,
        .log_data = no_log_data,
        .output = no_output,
        .ended = on_ended,
    };
    const struct control_config config = {
        .run = "sim",
        .job = sim->config.job,
        .names = sim->names,
        .node_count = sim->config.nodes,
        .generation = sim->generation,
    };
    struct control *control = control_new(&config, &world);

    if (!control)
        sim_break(sim, "no memory for a controller of %u nodes", sim->config.nodes);
    return control;
}

void controller_start(struct sim *sim)
{
    struct err err = {0};

    sim->generation++;
    sim->wake_ns = INT64_MAX;
    sim->control = make(sim);
    if (sim->config.checks && !sim->folded)
        sim->folded = make(sim);
    if (!sim->control)
        return;
    for (size_t i = 0; i < sim->disk.events.count; i++)
        control_apply(sim->control, &sim->disk.events.items[i]);
    check_fold(sim);
    if (sim->disk.journal.len && sim->disk.journal_attempt == control_attempt(sim->control) &&
        control_replay_journal(sim->control,
                               (struct str){sim->disk.journal.p, sim->disk.journal.len}, &err) < 0)
        sim_break(sim, "the journal can't be read back: %s", err.text);
    control_begin(sim->control, sim->now_ns, SIM_WALL_NS + sim->now_ns);
}

static void clear_batch(struct sim_batch *batch)
{
    for (size_t i = 0; i < batch->deeds.count; i++)
        free((void *)batch->deeds.items[i].bytes.p);
    batch->events.count = batch->deeds.count = 0;
    buf_clear(&batch->journal);
}

/* kill -9: what was not committed was never done, and every link breaks. */
void controller_kill(struct sim *sim)
{
    if (!sim->control)
        return;
    control_free(sim->control);
    sim->control = NULL;
    sim->controller_epoch++;
    clear_batch(&sim->batch);
    clear_batch(&sim->committing);
    sim->is_committing = false;
    for (uint32_t i = 0; i < sim->config.nodes; i++)
        network_cut(sim, i, true);
}

static void commit(struct sim *sim)
{
    struct sim_batch *batch = &sim->committing;

    for (size_t i = 0; i < batch->events.count; i++) {
        struct run_event *row = vec_push(&sim->disk.events);

        if (row)
            *row = batch->events.items[i];
        if (sim->folded)
            control_apply(sim->folded, &batch->events.items[i]);
    }
    if (batch->journal.len) {
        if (sim->disk.journal_attempt != batch->journal_attempt)
            buf_clear(&sim->disk.journal);
        sim->disk.journal_attempt = batch->journal_attempt;
        buf_add(&sim->disk.journal, batch->journal.p, batch->journal.len);
    }
}

static void do_deed(struct sim *sim, struct sim_deed *deed)
{
    switch (deed->kind) {
    case SIM_SEND:
        network_send(sim, deed->node, SIM_DOWN, deed->bytes); /* takes the bytes */
        deed->bytes.p = NULL;
        break;
    case SIM_LAUNCH:
        node_launch(sim, deed->node);
        break;
    case SIM_FORGET:
        network_cut(sim, deed->node, true);
        node_end(sim, deed->node);
        break;
    case SIM_END:
        sim->ended = true;
        check_end(sim, deed->exit_code);
        sim->result.exit_code = deed->exit_code;
        break;
    }
}

static void committed(struct sim *sim, const struct sim_event *event)
{
    if (!sim->control || event->epoch != sim->controller_epoch)
        return;
    if (sim->now_ns < sim->disk.full_until_ns) {
        sim_at(sim, DISK_RETRY_MS * SIM_MS,
               (struct sim_event){.act = committed, .epoch = sim->controller_epoch});
        return;
    }
    commit(sim);
    if (!sim->batch.events.count && ++sim->commits % FOLD_EACH == 0)
        check_fold(sim);
    for (size_t i = 0; i < sim->committing.deeds.count; i++)
        do_deed(sim, &sim->committing.deeds.items[i]);
    clear_batch(&sim->committing);
    sim->is_committing = false;
}

void controller_commit(struct sim *sim)
{
    struct sim_batch swap = sim->committing;

    if (!sim->control || sim->is_committing ||
        (!sim->batch.events.count && !sim->batch.deeds.count && !sim->batch.journal.len))
        return;
    sim->is_committing = true;
    sim->committing = sim->batch;
    sim->batch = swap;
    sim_at(sim, (int64_t)(sim->config.disk_ms * SIM_MS * rng_unit(&sim->rng)),
           (struct sim_event){.act = committed, .epoch = sim->controller_epoch});
}

void controller_done(struct sim *sim)
{
    struct sim_batch *batches[] = {&sim->batch, &sim->committing};

    control_free(sim->control);
    control_free(sim->folded);
    for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
        clear_batch(batches[i]);
        vec_done(&batches[i]->events);
        vec_done(&batches[i]->deeds);
        buf_done(&batches[i]->journal);
    }
    vec_done(&sim->disk.events);
    buf_done(&sim->disk.journal);
}
