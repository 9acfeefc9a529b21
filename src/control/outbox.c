#include "control/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define KEEP_BYTES (1u << 20) /* of memory for the next turn */

int outbox_init(struct outbox *outbox, struct store *store, const char *run, const char *run_dir)
{
    *outbox = (struct outbox){.store = store, .run = run, .run_dir = run_dir, .journal_fd = -1};
    outbox->arena = arena_new(0);
    return outbox->arena ? 0 : -ENOMEM;
}

void outbox_done(struct outbox *outbox)
{
    arena_free(outbox->arena);
    vec_done(&outbox->events);
    vec_done(&outbox->metrics);
    vec_done(&outbox->deeds);
    buf_done(&outbox->bytes);
    buf_done(&outbox->journal);
    if (outbox->journal_fd >= 0)
        (void)close(outbox->journal_fd);
}

void outbox_event(struct outbox *outbox, const struct run_event *event)
{
    struct store_event *row = vec_push(&outbox->events);

    if (!row || run_event_to_store(outbox->arena, event, row) < 0)
        outbox->failed = true;
}

void outbox_metric(struct outbox *outbox, const struct store_metric *metric)
{
    struct store_metric *row = vec_push(&outbox->metrics);

    if (row)
        *row = *metric;
    else
        outbox->failed = true;
}

void outbox_journal(struct outbox *outbox, uint32_t attempt, struct str bytes)
{
    if (attempt != outbox->journal_attempt) { /* what is left of an older one serves nobody */
        buf_clear(&outbox->journal);
        outbox->journal_attempt = attempt;
    }
    buf_add(&outbox->journal, bytes.p, bytes.len);
}

void outbox_send(struct outbox *outbox, uint32_t node, const struct message *message)
{
    struct deed *deed = vec_push(&outbox->deeds);

    if (!deed) {
        outbox->failed = true;
        return;
    }
    *deed = (struct deed){.kind = DEED_SEND, .node = node, .at = outbox->bytes.len};
    message_encode(message, &outbox->bytes);
    deed->len = outbox->bytes.len - deed->at;
}

void outbox_deed(struct outbox *outbox, enum deed_kind kind, uint32_t node, int exit_code)
{
    struct deed *deed = vec_push(&outbox->deeds);

    if (deed)
        *deed = (struct deed){.kind = kind, .node = node, .exit_code = exit_code};
    else
        outbox->failed = true;
}

const char *outbox_journal_path(struct arena *arena, const char *run_dir, uint32_t attempt)
{
    return arena_printf(arena, "%s/store.%u", run_dir, attempt);
}

static int open_journal(struct outbox *outbox, struct err *err)
{
    const char *path = outbox_journal_path(outbox->arena, outbox->run_dir, outbox->journal_attempt);

    if (!path)
        return err_set(err, -ENOMEM, "no memory for a journal's name");
    if (outbox->journal_fd >= 0)
        (void)close(outbox->journal_fd);
    outbox->journal_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (outbox->journal_fd < 0)
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    outbox->journal_fd_attempt = outbox->journal_attempt;
    return 0;
}

/* A write cut short by a full disk is taken back, so that the journal never has a hole. */
static int write_journal(struct outbox *outbox, struct err *err)
{
    struct buf *journal = &outbox->journal;
    off_t begin;

    if (!journal->len)
        return 0;
    if (outbox->journal_fd < 0 || outbox->journal_fd_attempt != outbox->journal_attempt) {
        int r = open_journal(outbox, err);

        if (r < 0)
            return r;
    }
    begin = lseek(outbox->journal_fd, 0, SEEK_END);
    for (size_t done = 0; done < journal->len;) {
        ssize_t put = write(outbox->journal_fd, journal->p + done, journal->len - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            int why = errno;

            (void)ftruncate(outbox->journal_fd, begin);
            return err_set(err, -why, "the journal of the rendezvous store: %s", strerror(why));
        }
        done += (size_t)put;
    }
    buf_clear(journal);
    return 0;
}

static int write_all(struct outbox *outbox, struct err *err)
{
    int r;

    if (outbox->events.count || outbox->metrics.count) {
        r = store_append(outbox->store, outbox->run, outbox->events.items, outbox->events.count,
                         outbox->metrics.items, outbox->metrics.count, err);
        if (r < 0)
            return r;
        outbox->events.count = outbox->metrics.count = 0;
        arena_reset(outbox->arena);
    }
    return write_journal(outbox, err);
}

/* Launches of a turn go out together: a back end may start many at once. */
static void launch_some(const struct outbox_doer *doer, const struct deed *deeds, size_t *i,
                        size_t count)
{
    uint32_t nodes[256];
    size_t n = 0;

    for (; *i < count && deeds[*i].kind == DEED_LAUNCH && n < ARRAY_LEN(nodes); ++*i)
        nodes[n++] = deeds[*i].node;
    doer->launch(doer->data, nodes, n);
}

/* What is done may ask for more: that waits for the next flush, behind its own events. */
static void do_all(struct outbox *outbox, const struct outbox_doer *doer)
{
    __typeof__(outbox->deeds) deeds = outbox->deeds;
    struct buf bytes = outbox->bytes;

    memset(&outbox->deeds, 0, sizeof(outbox->deeds));
    outbox->bytes = (struct buf){0};
    for (size_t i = 0; i < deeds.count;) {
        const struct deed *deed = &deeds.items[i];

        if (deed->kind == DEED_LAUNCH) {
            launch_some(doer, deeds.items, &i, deeds.count);
            continue;
        }
        if (deed->kind == DEED_SEND)
            doer->send(doer->data, deed->node, (struct str){bytes.p + deed->at, deed->len});
        else if (deed->kind == DEED_FORGET)
            doer->forget(doer->data, deed->node);
        else
            doer->ended(doer->data, deed->exit_code);
        i++;
    }
    if (outbox->deeds.count || bytes.len > KEEP_BYTES) {
        vec_done(&deeds);
        buf_done(&bytes);
        return;
    }
    buf_clear(&bytes);
    deeds.count = 0;
    outbox->deeds = deeds;
    outbox->bytes = bytes;
}

int outbox_flush(struct outbox *outbox, const struct outbox_doer *doer, struct err *err)
{
    int r;

    if (outbox->failed || outbox->bytes.failed || outbox->journal.failed)
        return err_set(err, -ENOMEM, "no memory for what the run has to do");
    r = write_all(outbox, err);
    if (r == 0)
        do_all(outbox, doer);
    return r;
}
