#include "control/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define KEEP_BYTES (1u << 20) /* of memory for the next turn */

int ledger_init(struct ledger *ledger, struct store *store, const char *run, const char *run_dir)
{
    *ledger = (struct ledger){.store = store, .run = run, .run_dir = run_dir, .journal_fd = -1};
    ledger->arena = arena_new(0);
    return ledger->arena ? 0 : -ENOMEM;
}

void ledger_done(struct ledger *ledger)
{
    arena_free(ledger->arena);
    vec_done(&ledger->events);
    vec_done(&ledger->metrics);
    vec_done(&ledger->deeds);
    buf_done(&ledger->bytes);
    buf_done(&ledger->journal);
    if (ledger->journal_fd >= 0)
        (void)close(ledger->journal_fd);
}

void ledger_event(struct ledger *ledger, const struct run_event *event)
{
    struct store_event *row = vec_push(&ledger->events);

    if (!row || run_event_to_store(ledger->arena, event, row) < 0)
        ledger->failed = true;
}

void ledger_metric(struct ledger *ledger, const struct store_metric *metric)
{
    struct store_metric *row = vec_push(&ledger->metrics);

    if (row)
        *row = *metric;
    else
        ledger->failed = true;
}

void ledger_journal(struct ledger *ledger, uint32_t attempt, struct str bytes)
{
    if (attempt != ledger->journal_attempt) { /* what is left of an older one serves nobody */
        buf_clear(&ledger->journal);
        ledger->journal_attempt = attempt;
    }
    buf_add(&ledger->journal, bytes.p, bytes.len);
}

void ledger_send(struct ledger *ledger, uint32_t node, const struct message *message)
{
    struct deed *deed = vec_push(&ledger->deeds);

    if (!deed) {
        ledger->failed = true;
        return;
    }
    *deed = (struct deed){.kind = DEED_SEND, .node = node, .at = ledger->bytes.len};
    message_encode(message, &ledger->bytes);
    deed->len = ledger->bytes.len - deed->at;
}

void ledger_deed(struct ledger *ledger, enum deed_kind kind, uint32_t node, int exit_code)
{
    struct deed *deed = vec_push(&ledger->deeds);

    if (deed)
        *deed = (struct deed){.kind = kind, .node = node, .exit_code = exit_code};
    else
        ledger->failed = true;
}

const char *ledger_journal_path(struct arena *arena, const char *run_dir, uint32_t attempt)
{
    return arena_printf(arena, "%s/store.%u", run_dir, attempt);
}

static int open_journal(struct ledger *ledger, struct err *err)
{
    const char *path = ledger_journal_path(ledger->arena, ledger->run_dir, ledger->journal_attempt);

    if (!path)
        return err_set(err, -ENOMEM, "no memory for a journal's name");
    if (ledger->journal_fd >= 0)
        (void)close(ledger->journal_fd);
    ledger->journal_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (ledger->journal_fd < 0)
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    ledger->journal_fd_attempt = ledger->journal_attempt;
    return 0;
}

/* A write cut short by a full disk is taken back, so that the journal never has a hole. */
static int write_journal(struct ledger *ledger, struct err *err)
{
    struct buf *journal = &ledger->journal;
    off_t begin;

    if (!journal->len)
        return 0;
    if (ledger->journal_fd < 0 || ledger->journal_fd_attempt != ledger->journal_attempt) {
        int r = open_journal(ledger, err);

        if (r < 0)
            return r;
    }
    begin = lseek(ledger->journal_fd, 0, SEEK_END);
    for (size_t done = 0; done < journal->len;) {
        ssize_t put = write(ledger->journal_fd, journal->p + done, journal->len - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            int why = errno;

            (void)ftruncate(ledger->journal_fd, begin);
            return err_set(err, -why, "the journal of the rendezvous store: %s", strerror(why));
        }
        done += (size_t)put;
    }
    buf_clear(journal);
    return 0;
}

static int write_all(struct ledger *ledger, struct err *err)
{
    int r;

    if (ledger->events.count || ledger->metrics.count) {
        r = store_append(ledger->store, ledger->run, ledger->events.items, ledger->events.count,
                         ledger->metrics.items, ledger->metrics.count, err);
        if (r < 0)
            return r;
        ledger->events.count = ledger->metrics.count = 0;
        arena_reset(ledger->arena);
    }
    return write_journal(ledger, err);
}

/* Launches of a turn go out together: a back end may start many at once. */
static void launch_some(const struct ledger_doer *doer, const struct deed *deeds, size_t *i,
                        size_t count)
{
    uint32_t nodes[256];
    size_t n = 0;

    for (; *i < count && deeds[*i].kind == DEED_LAUNCH && n < ARRAY_LEN(nodes); ++*i)
        nodes[n++] = deeds[*i].node;
    doer->launch(doer->data, nodes, n);
}

/* What is done may ask for more: that waits for the next flush, behind its own events. */
static void do_all(struct ledger *ledger, const struct ledger_doer *doer)
{
    __typeof__(ledger->deeds) deeds = ledger->deeds;
    struct buf bytes = ledger->bytes;

    memset(&ledger->deeds, 0, sizeof(ledger->deeds));
    ledger->bytes = (struct buf){0};
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
    if (ledger->deeds.count || bytes.len > KEEP_BYTES) {
        vec_done(&deeds);
        buf_done(&bytes);
        return;
    }
    buf_clear(&bytes);
    deeds.count = 0;
    ledger->deeds = deeds;
    ledger->bytes = bytes;
}

int ledger_flush(struct ledger *ledger, const struct ledger_doer *doer, struct err *err)
{
    int r;

    if (ledger->failed || ledger->bytes.failed || ledger->journal.failed)
        return err_set(err, -ENOMEM, "no memory for what the run has to do");
    r = write_all(ledger, err);
    if (r == 0)
        do_all(ledger, doer);
    return r;
}

void ledger_give_up(struct ledger *ledger, const struct ledger_doer *doer)
{
    ledger->events.count = ledger->metrics.count = 0;
    arena_reset(ledger->arena);
    buf_clear(&ledger->journal);
    do_all(ledger, doer);
}
