/* Why an attempt failed, and whether there is another. */
#include "control/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static enum run_cause cause_of(const struct death *death)
{
    return death->lost                       ? CAUSE_NODE
           : death->oom                      ? CAUSE_OOM
           : WIFSIGNALED(death->wait_status) ? CAUSE_SIGNAL
                                             : CAUSE_PROGRAM;
}

static void add_words(const struct fold *fold, uint32_t rank, struct buf *out)
{
    for (size_t i = 0; i < fold->word_count; i++)
        if (fold->words[i].rank == rank) {
            buf_printf(out, ": %s", fold->words[i].text);
            return;
        }
}

/* A rank that leaves before the others, and well, is often why they fail. */
static void add_early(const struct fold *fold, struct buf *out)
{
    if (fold->well_before == 1)
        buf_printf(out, "; rank %u had exited 0", fold->first_well);
    else if (fold->well_before)
        buf_printf(out, "; %u of %u ranks had exited 0", fold->well_before, fold->world);
}

static void say_detect(struct control *c, int64_t died_at)
{
    struct run_event event = event_of(EV_PHASE_ENDED);

    event.a = PHASE_DETECT;
    event.b = c->known_ns + c->wall_minus_mono_ns - died_at;
    if (c->known_ns && event.b >= 0)
        control_emit(c, event);
}

static void emit_failed(struct control *c, struct run_event event, struct buf *text)
{
    if (c->config.job->independent)
        buf_printf(text, "; %u of %u ranks ended badly", c->fold.world - c->fold.ranks_well,
                   c->fold.world);
    event.kind = EV_FAILED;
    event.text = (struct str){text->p, text->len};
    control_emit(c, event);
    buf_done(text);
}

static void failed_to_spawn(struct control *c)
{
    const struct fold *fold = &c->fold;
    struct run_event event = event_of(EV_FAILED);
    uint32_t *list = calloc(fold->nnodes, sizeof(*list));
    struct buf text = {0};
    size_t count = 0;

    event.a = CAUSE_SPAWN;
    event.c = -1;
    for (uint32_t i = 0; i < fold->nnodes && list; i++)
        if (fold->nodes[fold->assigned[i]].spawn_errno)
            list[count++] = fold->assigned[i];
    if (count)
        event.node = list[0];
    control_print_nodes(c, list, count, &text);
    buf_printf(&text, ": %s", fold->spawn_text);
    free(list);
    emit_failed(c, event, &text);
}

static void failed_by_hang(struct control *c)
{
    struct run_event event = event_of(EV_FAILED);
    struct buf text = {0};

    event.a = CAUSE_HANG;
    event.c = -1;
    buf_printf(&text, "no step for more than %.0f s: %s", c->config.job->hang_s, c->fold.hang_text);
    emit_failed(c, event, &text);
}

static void failed_by_death(struct control *c)
{
    struct fold *fold = &c->fold;
    struct run_event event = event_of(EV_FAILED);
    struct first_cause cause;
    struct buf text = {0};
    size_t bytes = fold->death_count * sizeof(*fold->deaths);
    struct death *deaths = malloc(bytes + 1); /* sorted: a copy, for the fold keeps its order */

    event.a = CAUSE_LOST_CONTROL;
    event.c = -1;
    if (deaths)
        memcpy(deaths, fold->deaths, bytes);
    if (!deaths || !cause_first(deaths, fold->death_count, &cause)) {
        buf_puts(&text, "the ranks were ended by their agents");
        free(deaths);
        emit_failed(c, event, &text);
        return;
    }
    event.node = deaths[0].node;
    event.rank = deaths[0].lost ? -1 : (int64_t)deaths[0].rank;
    event.a = cause_of(&deaths[0]);
    event.b = deaths[0].wait_status;
    event.c = cause.candidates == 1 ? cause.next_ns : -1;
    cause_sentence(deaths, &cause, control_node_name, c, 0, &text);
    if (!c->config.job->independent)
        add_early(fold, &text);
    if (cause.candidates == 1)
        add_words(fold, deaths[0].rank, &text);
    if (!c->config.job->independent) /* there nobody waits for it to be known */
        say_detect(c, deaths[0].at_ns);
    free(deaths);
    emit_failed(c, event, &text);
}

void verdict_failed(struct control *c)
{
    /* Independent ranks: the first that died by itself, though others could not be started. */
    if (c->fold.spawn_text[0] && !(c->config.job->independent && c->fold.death_count))
        failed_to_spawn(c);
    else if (c->fold.hang)
        failed_by_hang(c);
    else
        failed_by_death(c);
}

/* A program that cannot be started anywhere will not be found there a moment later. */
static bool hopeless(const struct fold *fold)
{
    /* no such program or folder; may not be run; no program at all; no GPU */
    static const int lasting[] = {ENOENT, EACCES, ENOEXEC, ENODEV};
    const struct node_fact *first = NULL;

    if (fold->attempt != fold->attempts_before + 1 || fold->failed != CAUSE_SPAWN ||
        fold->nodes_started)
        return false;
    for (uint32_t i = 0; i < fold->nnodes && !first; i++)
        if (fold->nodes[fold->assigned[i]].spawn_errno)
            first = &fold->nodes[fold->assigned[i]];
    for (size_t i = 0; first && i < ARRAY_LEN(lasting); i++)
        if (first->spawn_errno == lasting[i])
            return true;
    return false;
}

/* Not a machine's fault: nothing was lost, or something else was certainly first. */
static bool programs_own(const struct fold *fold)
{
    bool certain = fold->last_first >= 0;

    if (fold->failed != CAUSE_PROGRAM && fold->failed != CAUSE_SIGNAL && fold->failed != CAUSE_OOM)
        return false;
    for (size_t i = 0; i < fold->death_count && !certain; i++)
        if (fold->deaths[i].lost)
            return false;
    return true;
}

/* Without anything to go on from, or to judge by whether it gets further, the same would happen
 * again. */
static bool would_repeat(const struct fold *fold, const struct job *job)
{
    return job->attempts_without_progress < 0 && !job->checkpoint && !fold->saved[0] &&
           fold->best_step < 0 && programs_own(fold);
}

bool verdict_run_over(struct control *c)
{
    const struct fold *fold = &c->fold;
    const struct job *job = c->config.job;
    int64_t budget =
        job->attempts_without_progress < 0 ? JOB_ATTEMPTS : job->attempts_without_progress;
    uint32_t attempts = fold->attempt - fold->attempts_before;
    struct run_event event = event_of(EV_FAILED);
    struct buf text = {0};

    if (!fold->attempt || !fold->failed)
        return false;
    event.a = fold->failed;
    event.c = -1;
    if (hopeless(fold) || !budget || would_repeat(fold, job)) {
        buf_puts(&text, fold->failed_text);
    } else if (fold->without_progress >= budget) {
        event.a = CAUSE_NO_PROGRESS;
        buf_printf(&text, "%u attempts in a row made no new step; the last: %s",
                   fold->without_progress, fold->failed_text);
    } else if (job->attempts_max && attempts >= job->attempts_max) {
        buf_printf(&text, "%u attempt%s all that were allowed; the last: %s", attempts,
                   attempts == 1 ? " is" : "s are", fold->failed_text);
    } else {
        return false;
    }
    emit_failed(c, event, &text);
    return true;
}
