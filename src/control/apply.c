/* The fold: events to durable state, and nothing else writes that. Events may come from a disk, so
 * every number in them is checked; one that makes no sense changes nothing. */
#include "control/state.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

uint32_t fold_ranks_of(const struct control *control, uint32_t node, uint32_t *first)
{
    const struct fold *fold = &control->fold;
    struct place_span span = place_span((uint32_t)fold->nodes[node].node_rank, fold->nnodes,
                                        control->nproc, fold->world);

    *first = span.first;
    return span.count;
}

static bool attempt_lives(const struct fold *fold)
{
    return fold->state >= RUN_SPAWNING && fold->state <= RUN_STOPPING;
}

/* Which state follows, when something happened that one kind of state minds. */
static void step_on(struct control *control, enum run_event_kind kind)
{
    static const struct {
        enum run_state from;
        enum run_event_kind on;
        enum run_state to;
        bool together; /* only where ranks need each other */
    } table[] = {
        {RUN_GATHERING, EV_ATTEMPT_BEGUN, RUN_SPAWNING},
        {RUN_SPAWNING, EV_ATTEMPT_RUNNING, RUN_RUNNING},
        {RUN_SPAWNING, EV_RANK_EXITED, RUN_ABORTING, true}, /* these four: only when it is a */
        {RUN_RUNNING, EV_RANK_EXITED, RUN_ABORTING, true},  /* failure */
        {RUN_SPAWNING, EV_NODE_LOST, RUN_ABORTING, true},
        {RUN_RUNNING, EV_NODE_LOST, RUN_ABORTING, true},
        {RUN_SPAWNING, EV_SPAWN_FAILED, RUN_ABORTING, true},
        {RUN_RUNNING, EV_HANG, RUN_ABORTING, true},
        {RUN_GATHERING, EV_STOP_ASKED, RUN_LEAVING},
        {RUN_SPAWNING, EV_STOP_ASKED, RUN_STOPPING},
        {RUN_RUNNING, EV_STOP_ASKED, RUN_STOPPING},
        {RUN_GATHERING, EV_FAILED, RUN_LEAVING},
        {RUN_LEAVING, EV_RUN_ENDED, RUN_ENDED},
    };
    struct fold *fold = &control->fold;

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].from == fold->state && table[i].on == kind) {
            if (!table[i].together || !control->config.job->independent)
                fold->state = table[i].to;
            return;
        }
}

static struct node_fact *node_of(struct control *control, const struct run_event *event)
{
    return event->node >= 0 && event->node < control->config.node_count
               ? &control->fold.nodes[event->node]
               : NULL;
}

static void run_created(struct control *control, const struct run_event *event)
{
    control->fold.created_at = event->at_ns;
}

/* A run that did not end well begins anew where it stopped: its steps, checkpoints and layout stay,
 * what was held against nodes and attempts does not. */
static void reopen(struct control *control, const struct run_event *event)
{
    struct fold *fold = &control->fold;

    for (uint32_t i = 0; i < control->config.node_count; i++)
        fold->nodes[i] = (struct node_fact){.slot = fold->nodes[i].slot, .node_rank = -1};
    fold->state = RUN_GATHERING;
    fold->created_at = event->at_ns;
    fold->attempts_before = fold->attempt;
    fold->without_progress = 0;
    fold->last_first = -1;
    fold->failed = fold->cause = fold->stop_cause = CAUSE_NONE;
    fold->stop_how = (enum stop_how)0;
    fold->failed_text[0] = fold->end_text[0] = '\0';
    fold->exit_code = -1;
}

static void controller_started(struct control *control, const struct run_event *event)
{
    control->fold.generation = (uint64_t)event->a;
    if (control->fold.state == RUN_ENDED && control->fold.exit_code != 0)
        reopen(control, event);
}

static void node_starting(struct control *control, const struct run_event *event)
{
    struct node_fact *node = node_of(control, event);

    if (node)
        node->starting = true;
}

static void node_up(struct control *control, const struct run_event *event)
{
    struct node_fact *node = node_of(control, event);

    if (!node)
        return;
    if (node->incarnation != (uint64_t)event->a)
        node->previous = node->incarnation;
    node->incarnation = (uint64_t)event->a;
    node->up = true;
    node->starting = node->lost = false;
}

static void node_down(struct control *control, const struct run_event *event)
{
    struct node_fact *node = node_of(control, event);

    if (node)
        node->up = node->starting = false;
}

static void add_death(struct fold *fold, const struct run_event *event, uint32_t rank, bool lost)
{
    fold->deaths[fold->death_count++] = (struct death){
        .rank = rank,
        .node = (uint32_t)event->node,
        .at_ns = event->at_ns,
        .uncertain_ns = event->uncertain_ns,
        .wait_status = lost ? 0 : (int)event->a,
        .ours = !lost && event->b == 1,
        .oom = !lost && event->b == 2,
        .lost = lost,
    };
}

/* Whatever lives on the node is written off; true when something did. */
static bool write_off(struct control *control, struct node_fact *node,
                      const struct run_event *event)
{
    struct fold *fold = &control->fold;
    uint32_t first, count = fold_ranks_of(control, (uint32_t)event->node, &first);
    uint32_t lived = count - node->ended;

    for (uint32_t i = 0; i < count; i++)
        if (fold->rank_ends[first + i] == RANK_LIVES)
            fold->rank_ends[first + i] = RANK_LOST;
    fold->ranks_ended += lived;
    node->ended = count;
    if (lived)
        add_death(fold, event, first, true);
    return lived > 0;
}

static void node_settles(struct fold *fold, struct node_fact *node)
{
    fold->nodes_settled += !node->settled;
    node->settled = true;
}

static void node_is_empty(struct fold *fold, struct node_fact *node)
{
    node->empty = true;
    fold->nodes_empty++;
    node_settles(fold, node);
}

static void node_lost_event(struct control *control, const struct run_event *event)
{
    struct node_fact *node = node_of(control, event);
    struct fold *fold = &control->fold;

    if (!node)
        return;
    node->up = node->starting = false;
    node->lost = true;
    node->blame = BLAME_LOST;
    if (!attempt_lives(fold) || node->node_rank < 0 || node->empty)
        return;
    node_is_empty(fold, node);
    if (write_off(control, node, event))
        step_on(control, EV_NODE_LOST);
}

static void node_excluded(struct control *control, const struct run_event *event)
{
    struct node_fact *node = node_of(control, event);

    if (node)
        node->excluded = true;
}

static void node_swapped(struct control *control, const struct run_event *event)
{
    struct node_fact *node = node_of(control, event), *old;
    struct fold *fold = &control->fold;

    if (!node || node->slot >= 0 || event->b < 0 || event->b >= control->config.node_count)
        return;
    old = &fold->nodes[event->b];
    if (old->slot < 0)
        return;
    node->slot = old->slot;
    old->slot = -1;
    fold->slots[node->slot] = (uint32_t)event->node;
}

/* "0-62,64" into listed[], each node once. Returns how many, 0 when it is no such list. */
static uint32_t read_nodes(const struct control *control, struct str text)
{
    uint32_t count = 0, max = (uint32_t)control->config.job->nodes;
    struct str item, low;
    uint64_t from, to;

    memset(control->marks, false, control->config.node_count);
    while (str_cut(&text, ',', &item)) {
        if (!str_cut(&item, '-', &low) || str_to_u64(low, 10, &from) < 0)
            return 0;
        to = from;
        if (item.len && str_to_u64(item, 10, &to) < 0)
            return 0;
        if (to < from || to >= control->config.node_count || to - from >= max - count)
            return 0;
        for (; from <= to; from++) {
            if (control->marks[from])
                return 0;
            control->marks[from] = true;
            control->listed[count++] = (uint32_t)from;
        }
    }
    return count;
}

static void forget_attempt(struct control *control)
{
    struct fold *fold = &control->fold;

    for (uint32_t i = 0; i < control->config.node_count; i++) {
        struct node_fact *node = &fold->nodes[i];

        node->node_rank = -1;
        node->ended = 0;
        node->spawn_errno = 0;
        node->started = node->empty = node->settled = false;
    }
    memset(fold->rank_ends, RANK_LIVES, control->world_max);
    fold->nodes_started = fold->nodes_settled = fold->nodes_empty = 0;
    fold->ranks_ended = fold->ranks_well = fold->ranks_died = 0;
    fold->well_before = fold->first_well = 0;
    fold->running_at = fold->rendezvous_at = fold->step_told_at = 0;
    fold->step = -1;
    fold->progress = fold->hang = false;
    fold->death_count = fold->word_count = 0;
    fold->spawn_text[0] = fold->hang_text[0] = fold->failed_text[0] = '\0';
    fold->failed = CAUSE_NONE;
}

static void attempt_begun(struct control *control, const struct run_event *event)
{
    struct fold *fold = &control->fold;
    uint32_t nnodes = read_nodes(control, event->text);

    if (!nnodes || event->b < 1 || event->b > control->world_max ||
        event->b > (int64_t)nnodes * control->nproc)
        return;
    forget_attempt(control);
    fold->attempt = event->attempt;
    fold->world = (uint32_t)event->b;
    fold->resume_step = event->c;
    fold->nnodes = nnodes;
    memcpy(fold->assigned, control->listed, nnodes * sizeof(*fold->assigned));
    for (uint32_t i = 0; i < nnodes; i++)
        fold->nodes[fold->assigned[i]].node_rank = (int32_t)i;
    step_on(control, EV_ATTEMPT_BEGUN);
}

static void checkpoint_chosen(struct control *control, const struct run_event *event)
{
    str_keep(control->fold.resume, PATH_BYTES, event->text);
    control->fold.resume_step = event->a;
}

static void made_step(struct fold *fold, int64_t step)
{
    if (step <= fold->best_step)
        return;
    fold->best_step = step;
    fold->progress = true;
}

/* A checkpoint may tell of a step that no status came to tell. */
static void checkpoint_saved(struct control *control, const struct run_event *event)
{
    str_keep(control->fold.saved, PATH_BYTES, event->text);
    control->fold.saved_step = event->a;
    made_step(&control->fold, event->a);
}

static void ranks_started_event(struct control *control, const struct run_event *event)
{
    struct node_fact *node = node_of(control, event);

    if (!node || node->node_rank < 0 || node->started)
        return;
    node->started = true;
    control->fold.nodes_started++;
    node_settles(&control->fold, node);
}

static void spawn_failed(struct control *control, const struct run_event *event)
{
    struct node_fact *node = node_of(control, event);
    struct fold *fold = &control->fold;
    uint32_t first;

    if (!node || node->node_rank < 0 || node->spawn_errno)
        return;
    node->spawn_errno = event->a > 0 && event->a < 4096 ? (int32_t)event->a : EIO;
    fold->ranks_ended += fold_ranks_of(control, (uint32_t)event->node, &first) - node->ended;
    node->ended = fold_ranks_of(control, (uint32_t)event->node, &first);
    memset(fold->rank_ends + first, RANK_LOST, node->ended);
    node_settles(fold, node);
    if (!fold->spawn_text[0])
        str_keep(fold->spawn_text, SENTENCE_MAX, event->text);
    step_on(control, EV_SPAWN_FAILED);
}

static void attempt_running(struct control *control, const struct run_event *event)
{
    control->fold.running_at = event->at_ns;
    step_on(control, EV_ATTEMPT_RUNNING);
}

static void rendezvous(struct control *control, const struct run_event *event)
{
    control->fold.rendezvous_at = event->at_ns;
}

static void step(struct control *control, const struct run_event *event)
{
    struct fold *fold = &control->fold;

    fold->step = event->a;
    fold->step_told_at = event->at_ns;
    made_step(fold, event->a);
}

static bool has_word(struct str line)
{
    for (size_t i = 0; i < line.len; i++)
        if (isalnum((unsigned char)line.p[i]) || (line.p[i] & 0x80))
            return true;
    return false;
}

/* The last line says most, where it is more than a rule below others: a Python traceback's is the
 * exception. */
static struct str last_line(struct str text)
{
    struct str line, last = {0};

    while (str_line(&text, &line))
        if (has_word(line) || (!last.len && str_trim(line).len))
            last = str_trim(line);
    return last;
}

static void keep_words(struct fold *fold, const struct run_event *event)
{
    struct str line = last_line(event->text);

    if (event->b == 1 || !line.len || fold->word_count == WORDS_MAX)
        return;
    fold->words[fold->word_count].rank = (uint32_t)event->rank;
    str_keep(fold->words[fold->word_count++].text, WORDS_BYTES, line);
}

static void rank_exited(struct control *control, const struct run_event *event)
{
    struct node_fact *node = node_of(control, event);
    struct fold *fold = &control->fold;

    if (!node || node->node_rank < 0 || event->rank < 0 || event->rank >= fold->world ||
        fold->rank_ends[event->rank] != RANK_LIVES)
        return;
    node->ended++;
    fold->ranks_ended++;
    fold->rank_ends[event->rank] = event->a ? RANK_DIED : RANK_LEFT_WELL;
    if (!event->a) {
        if (!fold->ranks_well++)
            fold->first_well = (uint32_t)event->rank;
        return;
    }
    if (!fold->ranks_died++)
        fold->well_before = fold->ranks_well;
    add_death(fold, event, (uint32_t)event->rank, false);
    keep_words(fold, event);
    step_on(control, EV_RANK_EXITED);
}

static void node_empty(struct control *control, const struct run_event *event)
{
    struct node_fact *node = node_of(control, event);
    struct fold *fold = &control->fold;

    if (!node || node->node_rank < 0 || node->empty)
        return;
    node_is_empty(fold, node);
    /* Ranks that went without a word of their end: while nobody had asked, that is a failure. */
    if ((fold->state == RUN_SPAWNING || fold->state == RUN_RUNNING) &&
        write_off(control, node, event))
        step_on(control, EV_NODE_LOST);
}

/* A program's own exit code blames nobody the first time. */
static void blame_first(struct fold *fold, const struct run_event *event, struct node_fact *node)
{
    bool machine = event->a == CAUSE_SIGNAL || event->a == CAUSE_OOM;

    if (!node || event->c < 0) {
        fold->last_first = -1;
        return;
    }
    if (machine)
        node->blame = BLAME_DEATH;
    else if (fold->last_first == event->node && event->a == CAUSE_PROGRAM)
        node->blame = BLAME_TWICE;
    fold->last_first = event->node;
}

static void blame_spawn(struct control *control)
{
    struct fold *fold = &control->fold;

    for (uint32_t i = 0; i < fold->nnodes && fold->nodes_started; i++)
        if (fold->nodes[fold->assigned[i]].spawn_errno)
            fold->nodes[fold->assigned[i]].blame = BLAME_SPAWN;
}

static void failed(struct control *control, const struct run_event *event)
{
    struct fold *fold = &control->fold;

    if (event->a <= CAUSE_NONE || event->a >= CAUSE_COUNT)
        return;
    if (fold->state == RUN_GATHERING) {
        fold->cause = (enum run_cause)event->a;
        str_keep(fold->end_text, SENTENCE_MAX, event->text);
        step_on(control, EV_FAILED);
        return;
    }
    fold->failed = (enum run_cause)event->a;
    str_keep(fold->failed_text, SENTENCE_MAX, event->text);
    blame_first(fold, event, node_of(control, event));
    if (fold->failed == CAUSE_SPAWN)
        blame_spawn(control);
}

static void stop_asked(struct control *control, const struct run_event *event)
{
    struct fold *fold = &control->fold;

    if (event->a != STOP_POLITE && event->a != STOP_KILL)
        return; /* a save ends nothing */
    fold->stop_how = (enum stop_how)event->a;
    fold->stop_cause =
        event->b > CAUSE_NONE && event->b < CAUSE_COUNT ? (enum run_cause)event->b : CAUSE_STOPPED;
    str_keep(fold->end_text, SENTENCE_MAX, event->text);
    if (fold->state == RUN_GATHERING)
        fold->cause = fold->stop_cause;
    step_on(control, EV_STOP_ASKED);
}

static void attempt_ended(struct control *control, const struct run_event *event)
{
    struct fold *fold = &control->fold;

    if (!attempt_lives(fold))
        return;
    if (event->a == 0) {
        fold->state = RUN_LEAVING;
        return;
    }
    /* Without any notion of a step, ten minutes count. */
    if (fold->best_step < 0 && fold->running_at && event->at_ns - fold->running_at >= PROGRESS_NS)
        fold->progress = true;
    fold->without_progress = fold->progress ? 0 : fold->without_progress + 1;
    fold->cause = fold->stop_cause;
    if (control->config.job->independent && !fold->cause) { /* there is no second attempt */
        fold->cause = fold->failed;
        memcpy(fold->end_text, fold->failed_text, SENTENCE_MAX);
    }
    fold->state = fold->cause ? RUN_LEAVING : RUN_GATHERING;
}

static void hang(struct control *control, const struct run_event *event)
{
    control->fold.hang = true;
    str_keep(control->fold.hang_text, SENTENCE_MAX, event->text);
    step_on(control, EV_HANG);
}

static void run_ended(struct control *control, const struct run_event *event)
{
    control->fold.exit_code = (int)event->a;
    str_keep(control->fold.end_text, SENTENCE_MAX, event->text);
    step_on(control, EV_RUN_ENDED);
}

void control_apply(struct control *control, const struct run_event *event)
{
    static void (*const table[EV_KIND_COUNT])(struct control *, const struct run_event *) = {
        [EV_RUN_CREATED] = run_created,
        [EV_CONTROLLER_STARTED] = controller_started,
        [EV_NODE_STARTING] = node_starting,
        [EV_NODE_UP] = node_up,
        [EV_NODE_DOWN] = node_down,
        [EV_NODE_LOST] = node_lost_event,
        [EV_NODE_EXCLUDED] = node_excluded,
        [EV_ATTEMPT_BEGUN] = attempt_begun,
        [EV_NODE_SWAPPED] = node_swapped,
        [EV_CHECKPOINT_CHOSEN] = checkpoint_chosen,
        [EV_CHECKPOINT_SAVED] = checkpoint_saved,
        [EV_RANKS_STARTED] = ranks_started_event,
        [EV_SPAWN_FAILED] = spawn_failed,
        [EV_ATTEMPT_RUNNING] = attempt_running,
        [EV_RENDEZVOUS] = rendezvous,
        [EV_STEP] = step,
        [EV_RANK_EXITED] = rank_exited,
        [EV_NODE_EMPTY] = node_empty,
        [EV_FAILED] = failed,
        [EV_STOP_ASKED] = stop_asked,
        [EV_ATTEMPT_ENDED] = attempt_ended,
        [EV_HANG] = hang,
        [EV_RUN_ENDED] = run_ended,
    };

    control->fold.seq = event->seq;
    if (event->kind < EV_KIND_COUNT && table[event->kind])
        table[event->kind](control, event);
}
