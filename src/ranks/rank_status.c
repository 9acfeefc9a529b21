#include "ranks/rank_status.h"
#include "progress/pattern.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096 /* a longer line holds no step that a person would read */
#define STREAMS        2

/* The beginning of a line whose end has not come. */
struct part {
    char text[LINE_MAX_BYTES];
    size_t len;
    bool too_long;
};

struct rank {
    int64_t step, total, tokens;
    double loss;
    uint32_t phase, page_pid;
    int64_t phase_at_ns, checkpoints;
    bool stop_seen;
    unsigned lines_left;
    struct part *parts[STREAMS]; /* made with the first output */
};

struct rank_status {
    uint32_t nproc;
    const char *pattern;
    struct rank_status_watch watch;
    struct rank ranks[];
};

struct rank_status *rank_status_new(uint32_t nproc, const char *pattern,
                                    const struct rank_status_watch *watch)
{
    struct rank_status *status = calloc(1, sizeof(*status) + nproc * sizeof(struct rank));

    if (!status)
        return NULL;
    status->nproc = nproc;
    status->pattern = pattern;
    status->watch = *watch;
    for (uint32_t i = 0; i < nproc; i++)
        status->ranks[i] = (struct rank){
            .step = -1, .total = -1, .tokens = -1, .loss = NAN, .lines_left = RANK_STATUS_LINES};
    return status;
}

void rank_status_free(struct rank_status *status)
{
    if (!status)
        return;
    for (uint32_t i = 0; i < status->nproc; i++)
        for (int s = 0; s < STREAMS; s++)
            free(status->ranks[i].parts[s]);
    free(status);
}

void rank_status_look(struct rank_status *status, uint32_t local_rank, const struct page *page)
{
    struct rank *rank = &status->ranks[local_rank];
    struct page now;

    rank->lines_left = RANK_STATUS_LINES;
    (void)page_read(page, &now); /* what a writer left when it died is the best there is */
    if (!now.pid)
        return;
    if (rank->page_pid != now.pid) { /* the first writer, or another program of a script */
        rank->page_pid = now.pid;
        rank->checkpoints = 0;
        status->watch.page_used(status->watch.data, local_rank);
    }
    rank->step = now.step;
    rank->total = now.total;
    rank->tokens = now.tokens;
    rank->loss = now.loss;
    if (now.checkpoint_count > rank->checkpoints)
        status->watch.saved(status->watch.data, local_rank, now.checkpoint_step,
                            str_of(now.checkpoint_path), now.checkpoint_at_ns);
    rank->checkpoints = now.checkpoint_count;
    if (now.phase != rank->phase || now.phase_at_ns != rank->phase_at_ns) {
        bool other = now.phase != rank->phase;

        rank->phase = now.phase;
        rank->phase_at_ns = now.phase_at_ns;
        if (other)
            status->watch.phase(status->watch.data, local_rank, now.phase, now.phase_at_ns);
    }
    if (now.stop_seen == 1 && !rank->stop_seen) {
        rank->stop_seen = true;
        status->watch.stop_seen(status->watch.data, local_rank);
    }
}

static void look_at_line(struct rank_status *status, struct rank *rank, struct str line)
{
    struct pattern_found found;

    if (line.len == 0 || rank->lines_left == 0)
        return;
    rank->lines_left--;
    if (!pattern_find(status->pattern, line, &found))
        return;
    if (found.total >= 0 && found.total < rank->total)
        return; /* an evaluation's bar, drawn beside the training's */
    if (found.step >= 0)
        rank->step = found.step;
    if (found.total >= 0)
        rank->total = found.total;
    if (found.tokens >= 0)
        rank->tokens = found.tokens;
    if (!isnan(found.loss))
        rank->loss = found.loss;
}

static void keep_part(struct part *part, struct str bytes)
{
    size_t room = sizeof(part->text) - part->len;

    part->too_long = part->too_long || bytes.len > room;
    if (bytes.len > room)
        bytes.len = room;
    memcpy(part->text + part->len, bytes.p, bytes.len);
    part->len += bytes.len;
}

/* Bars end their lines with a carriage return, so that counts as an end here. */
static size_t line_length(struct str bytes)
{
    size_t i = 0;

    while (i < bytes.len && bytes.p[i] != '\n' && bytes.p[i] != '\r')
        i++;
    return i;
}

void rank_status_output(struct rank_status *status, uint32_t local_rank, int stream,
                        struct str bytes)
{
    struct rank *rank = &status->ranks[local_rank];
    struct part **slot = &rank->parts[stream == 2], *part;

    if (rank->page_pid || rank->lines_left == 0)
        return;
    if (!*slot)
        *slot = calloc(1, sizeof(**slot));
    part = *slot;
    while (part && bytes.len > 0) {
        size_t len = line_length(bytes);

        if (len == bytes.len) {
            keep_part(part, bytes);
            return;
        }
        if (part->len == 0) {
            look_at_line(status, rank, (struct str){bytes.p, len});
        } else {
            keep_part(part, (struct str){bytes.p, len});
            if (!part->too_long)
                look_at_line(status, rank, (struct str){part->text, part->len});
            part->len = 0;
            part->too_long = false;
        }
        bytes = str_skip(bytes, len + 1);
    }
}

bool rank_status_has_step(const struct rank_status *status)
{
    for (uint32_t i = 0; i < status->nproc; i++)
        if (status->ranks[i].step >= 0)
            return true;
    return false;
}

uint32_t rank_status_phase(const struct rank_status *status, uint32_t local_rank)
{
    return status->ranks[local_rank].phase;
}

bool rank_status_fill(const struct rank_status *status, struct arena *arena, struct msg_status *out)
{
    size_t bytes = status->nproc * sizeof(int64_t);
    int64_t *step = arena_alloc(arena, bytes), *total = arena_alloc(arena, bytes);
    int64_t *tokens = arena_alloc(arena, bytes), *phase = arena_alloc(arena, bytes);
    double *loss = arena_alloc(arena, status->nproc * sizeof(*loss));

    if (!step || !total || !tokens || !phase || !loss)
        return false;
    for (uint32_t i = 0; i < status->nproc; i++) {
        const struct rank *rank = &status->ranks[i];

        step[i] = rank->step;
        total[i] = rank->total;
        tokens[i] = rank->tokens;
        phase[i] = rank->phase;
        loss[i] = rank->loss;
    }
    out->step = (struct i64_list){step, status->nproc};
    out->total = (struct i64_list){total, status->nproc};
    out->tokens = (struct i64_list){tokens, status->nproc};
    out->phase = (struct i64_list){phase, status->nproc};
    out->loss = (struct f64_list){loss, status->nproc};
    return true;
}
