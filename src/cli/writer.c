#include "cli/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct piece {
    struct piece *next;
    int fd;
    size_t len;
    char bytes[];
};

struct writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    struct piece *first, **last;
    size_t waiting;      /* bytes */
    unsigned long moved; /* writes that took something */
    bool ending, ended, mute, broken[3];
};

/* A reader that has gone knows it; a full disk is told where that is possible. */
static void give_up(struct writer *writer, int fd, int why)
{
    writer->broken[fd] = true;
    if (fd == STDOUT_FILENO && why != EPIPE && !writer->broken[STDERR_FILENO])
        (void)dprintf(STDERR_FILENO,
                      "firstlight: standard output: %s: the rest is in the logs only\n",
                      strerror(why));
}

/* Outside the lock: this may take for ever. */
static void put(struct writer *writer, const struct piece *piece)
{
    for (size_t done = 0; done < piece->len && !writer->broken[piece->fd];) {
        ssize_t n = write(piece->fd, piece->bytes + done, piece->len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) /* no reason to end a run */
            give_up(writer, piece->fd, errno);
        else
            done += (size_t)n;
        (void)pthread_mutex_lock(&writer->lock);
        writer->moved++;
        (void)pthread_mutex_unlock(&writer->lock);
    }
}

static void *work(void *data)
{
    struct writer *writer = data;

    (void)pthread_mutex_lock(&writer->lock);
    while (writer->first || !writer->ending) {
        struct piece *piece = writer->first;

        if (!piece) {
            (void)pthread_cond_wait(&writer->change, &writer->lock);
            continue;
        }
        writer->first = piece->next;
        if (!writer->first)
            writer->last = &writer->first;
        (void)pthread_mutex_unlock(&writer->lock);
        put(writer, piece);
        (void)pthread_mutex_lock(&writer->lock);
        writer->waiting -= piece->len;
        free(piece);
    }
    writer->ended = true;
    (void)pthread_cond_broadcast(&writer->change);
    (void)pthread_mutex_unlock(&writer->lock);
    return NULL;
}

struct writer *writer_new(void)
{
    struct writer *writer = calloc(1, sizeof(*writer));
    pthread_condattr_t attr;
    sigset_t all, before;
    int r;

    if (!writer)
        return NULL;
    writer->last = &writer->first;
    (void)pthread_mutex_init(&writer->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&writer->change, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)sigfillset(&all); /* signals are the loop's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&writer->thread, NULL, work, writer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        return writer;
    free(writer);
    return NULL;
}

bool writer_put(struct writer *writer, int fd, struct str bytes)
{
    struct piece *piece = NULL;
    bool taken;

    (void)pthread_mutex_lock(&writer->lock);
    taken = writer->mute || !bytes.len;
    if (!taken && writer->waiting + bytes.len <= WRITER_BYTES_MAX)
        piece = malloc(sizeof(*piece) + bytes.len);
    if (piece) {
        *piece = (struct piece){.fd = fd, .len = bytes.len};
        memcpy(piece->bytes, bytes.p, bytes.len);
        *writer->last = piece;
        writer->last = &piece->next;
        writer->waiting += bytes.len;
        taken = true;
        (void)pthread_cond_broadcast(&writer->change);
    }
    (void)pthread_mutex_unlock(&writer->lock);
    return taken;
}

size_t writer_waiting(struct writer *writer)
{
    size_t waiting;

    (void)pthread_mutex_lock(&writer->lock);
    waiting = writer->waiting;
    (void)pthread_mutex_unlock(&writer->lock);
    return waiting;
}

void writer_mute(struct writer *writer)
{
    (void)pthread_mutex_lock(&writer->lock);
    writer->mute = true;
    (void)pthread_mutex_unlock(&writer->lock);
}

static bool wait_change(struct writer *writer, int ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    return pthread_cond_timedwait(&writer->change, &writer->lock, &until) != ETIMEDOUT;
}

size_t writer_free(struct writer *writer, int patience_ms)
{
    size_t left;
    bool ended;

    if (!writer)
        return 0;
    (void)pthread_mutex_lock(&writer->lock);
    writer->ending = true;
    (void)pthread_cond_broadcast(&writer->change);
    while (!writer->ended) {
        unsigned long moved = writer->moved;

        if (!wait_change(writer, patience_ms) && moved == writer->moved)
            break;
    }
    ended = writer->ended;
    left = writer->mute ? 0 : writer->waiting;
    (void)pthread_mutex_unlock(&writer->lock);
    if (!ended) { /* it hangs in write: it and what it holds go with the process */
        (void)pthread_detach(writer->thread);
        return left;
    }
    (void)pthread_join(writer->thread, NULL);
    (void)pthread_cond_destroy(&writer->change);
    (void)pthread_mutex_destroy(&writer->lock);
    free(writer);
    return 0;
}
