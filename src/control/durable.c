/* The durable state as text: two machines that hold the same print the same. */
#include "control/state.h"

static void print_node(const struct node_fact *node, uint32_t i, struct buf *out)
{
    buf_printf(
        out, "node %u: %llx %llx slot %d rank %d ended %u errno %d blame %d %d%d%d%d%d%d%d\n", i,
        (unsigned long long)node->incarnation, (unsigned long long)node->previous, node->slot,
        node->node_rank, node->ended, node->spawn_errno, node->blame, node->starting, node->up,
        node->lost, node->excluded, node->started, node->empty, node->settled);
}

static void print_attempt(const struct fold *fold, struct buf *out)
{
    buf_printf(out, "attempt %u %u %u: %u %u %u %u %u %u; %lld %lld %lld %lld %d\n", fold->attempt,
               fold->nnodes, fold->world, fold->nodes_started, fold->nodes_empty, fold->ranks_ended,
               fold->ranks_died, fold->well_before, fold->first_well, (long long)fold->running_at,
               (long long)fold->rendezvous_at, (long long)fold->step_told_at, (long long)fold->step,
               fold->progress);
    for (uint32_t i = 0; i < fold->nnodes; i++)
        buf_printf(out, "%u ", fold->assigned[i]);
    for (uint32_t i = 0; i < fold->world; i++)
        buf_printf(out, "%d", fold->rank_ends[i]);
    for (size_t i = 0; i < fold->death_count; i++) {
        const struct death *death = &fold->deaths[i];

        buf_printf(out, "\ndeath %u %u %lld %lld %d %d%d%d", death->rank, death->node,
                   (long long)death->at_ns, (long long)death->uncertain_ns, death->wait_status,
                   death->ours, death->oom, death->lost);
    }
    for (size_t i = 0; i < fold->word_count; i++)
        buf_printf(out, "\nwords %u %s", fold->words[i].rank, fold->words[i].text);
    buf_printf(out, "\nhang %d %s; spawn %s; failed %d %s\n", fold->hang, fold->hang_text,
               fold->spawn_text, fold->failed, fold->failed_text);
}

static void print_run(const struct fold *fold, struct buf *out)
{
    buf_printf(out, "best %lld without %u before %u first %lld resume %lld %s saved %lld %s\n",
               (long long)fold->best_step, fold->without_progress, fold->attempts_before,
               (long long)fold->last_first, (long long)fold->resume_step, fold->resume,
               (long long)fold->saved_step, fold->saved);
    buf_printf(out, "cause %d stop %d %d %s exit %d\n", fold->cause, fold->stop_cause,
               fold->stop_how, fold->end_text, fold->exit_code);
}

void control_print_durable(const struct control *control, struct buf *out)
{
    const struct fold *fold = &control->fold;

    buf_printf(out, "seq %llu gen %llu %s created %lld\n", (unsigned long long)fold->seq,
               (unsigned long long)fold->generation, run_state_name(fold->state),
               (long long)fold->created_at);
    for (uint32_t i = 0; i < control->config.node_count; i++)
        print_node(&fold->nodes[i], i, out);
    for (uint32_t i = 0; i < control->config.job->nodes; i++)
        buf_printf(out, "slot %u\n", fold->slots[i]);
    print_attempt(fold, out);
    print_run(fold, out);
}
