#include "probe/child.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REAP_MS 1000

/* Fewer bytes than PIPE_BUF: each arrives whole. */
struct record {
    enum { RECORD_MEASURE, RECORD_TROUBLE, RECORD_TEXT, RECORD_DONE } kind;
    union {
        struct measure measure;
        struct fabric_trouble trouble;
        char text[CARD_TEXT_BYTES];
        bool last; /* of DONE: it ends now */
    };
};

/* A parent that does not read is gone: then so is this. */
static void put(const struct child_voice *voice, const struct record *record)
{
    if (write(voice->tells, record, sizeof(*record)) != sizeof(*record))
        _exit(1);
}

static void put_measure(void *data, const struct measure *measure)
{
    const struct record record = {RECORD_MEASURE, .measure = *measure};

    put(data, &record);
}

static void put_trouble(void *data, const struct fabric_trouble *trouble)
{
    const struct record record = {RECORD_TROUBLE, .trouble = *trouble};

    put(data, &record);
}

void child_text(const struct child_voice *voice, const char *text)
{
    struct record record = {RECORD_TEXT};

    (void)snprintf(record.text, sizeof(record.text), "%s", text);
    put(voice, &record);
}

void child_done(const struct child_voice *voice, bool last)
{
    const struct record record = {RECORD_DONE, .last = last};

    put(voice, &record);
}

bool child_order(const struct child_voice *voice, struct order *out)
{
    ssize_t n;

    do
        n = read(voice->orders, out, sizeof(*out));
    while (n < 0 && errno == EINTR);
    return n == sizeof(*out);
}

int child_send(const struct child *child, const struct order *order)
{
    ssize_t n = write(child->orders, order, sizeof(*order));

    return n == sizeof(*order) ? 0 : n < 0 ? -errno : -EPIPE;
}

static void live(int tells, int orders, pid_t parent,
                 void (*run)(const struct child_voice *voice, void *data), void *data)
{
    struct child_voice voice = {{&voice, put_measure, put_trouble}, tells, orders};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    (void)signal(SIGPIPE, SIG_IGN);
    run(&voice, data);
    _exit(0);
}

int child_start(struct child *child, void (*run)(const struct child_voice *voice, void *data),
                void *data)
{
    int tells[2], orders[2];
    pid_t parent = getpid();

    *child = (struct child){0, -1, -1};
    if (pipe2(tells, O_CLOEXEC) < 0)
        return -errno;
    if (pipe2(orders, O_CLOEXEC) < 0) {
        int r = -errno;

        (void)close(tells[0]);
        (void)close(tells[1]);
        return r;
    }
    child->pid = fork();
    if (child->pid == 0) {
        (void)close(tells[0]);
        (void)close(orders[1]);
        live(tells[1], orders[0], parent, run, data);
    }
    (void)close(tells[1]);
    (void)close(orders[0]);
    child->tells = tells[0];
    child->orders = orders[1];
    if (child->pid > 0)
        return 0;
    child->pid = 0;
    (void)child_end(child, NULL);
    return -EAGAIN;
}

/* One record. Returns whether it was the last. */
static bool hear(const struct record *record, const struct telling *telling, char *text)
{
    switch (record->kind) {
    case RECORD_MEASURE:
        telling->measure(telling->data, &record->measure);
        return false;
    case RECORD_TROUBLE:
        telling->trouble(telling->data, &record->trouble);
        return false;
    case RECORD_TEXT:
        if (text)
            (void)snprintf(text, CARD_TEXT_BYTES, "%s", record->text);
        return false;
    case RECORD_DONE:
        break;
    }
    return true;
}

int child_listen(const struct child *child, int64_t deadline_ms, int watch,
                 const struct telling *telling, char *text)
{
    for (;;) {
        struct pollfd polls[] = {{child->tells, POLLIN, 0}, {watch, POLLIN, 0}};
        int64_t left = deadline_ms - clock_now_ms();
        struct record record;
        int n = poll(polls, 2, left > INT32_MAX ? INT32_MAX : left < 0 ? 0 : (int)left);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && polls[0].revents) {
            if (read(child->tells, &record, sizeof(record)) != sizeof(record))
                return -EPIPE;
            if (hear(&record, telling, text))
                return record.last;
        } else if (n > 0 && polls[1].revents) {
            return -ECONNRESET;
        }
        if (left <= 0) /* also when it tells without end */
            return -ETIMEDOUT;
    }
}

/* How a child ended. */
static void word_end(int status, char words[CHILD_WORDS_BYTES])
{
    if (WIFSIGNALED(status))
        (void)snprintf(words, CHILD_WORDS_BYTES, "signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else
        (void)snprintf(words, CHILD_WORDS_BYTES, "exit status %d", WEXITSTATUS(status));
}

/* Is its end of the pipe closed, as the end of a process does, by then? */
static bool has_ended(const struct child *child, int within_ms)
{
    int64_t end_ms = clock_now_ms() + within_ms;
    char bytes[4096];

    do {
        struct pollfd poller = {child->tells, POLLIN, 0};

        if (poll(&poller, 1, within_ms) > 0 && read(child->tells, bytes, sizeof(bytes)) <= 0)
            return true;
    } while (clock_now_ms() < end_ms);
    return false;
}

int child_end(struct child *child, char words[CHILD_WORDS_BYTES])
{
    int status = 0;
    bool by_itself = child->pid > 0 && has_ended(child, 0);

    if (child->pid > 0 && !by_itself)
        (void)kill(child->pid, SIGKILL);
    if (child->pid > 0 && (by_itself || has_ended(child, REAP_MS)))
        (void)waitpid(child->pid, &status, 0);
    if (words)
        words[0] = '\0';
    if (words && by_itself)
        word_end(status, words);
    if (child->orders >= 0)
        (void)close(child->orders);
    if (child->tells >= 0)
        (void)close(child->tells);
    *child = (struct child){0, -1, -1};
    return by_itself && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
