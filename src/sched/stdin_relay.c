#include "sched/stdin_relay.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES 65536

struct relay {
    int from, to;
    char bytes[PIECE_BYTES];
};

static bool pass_on(const struct relay *relay, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t put = write(relay->to, relay->bytes + done, len - done);

        if (put < 0 && errno != EINTR)
            return false;
        done += put > 0 ? (size_t)put : 0;
    }
    return true;
}

static void *work(void *data)
{
    struct relay *relay = data;
    ssize_t got;

    do
        got = read(relay->from, relay->bytes, sizeof(relay->bytes));
    while ((got < 0 && errno == EINTR) || (got > 0 && pass_on(relay, (size_t)got)));
    (void)close(relay->to);
    free(relay);
    return NULL;
}

int relay_bytes(int from, int to, struct err *err)
{
    struct relay *relay = malloc(sizeof(*relay));
    sigset_t all, before;
    pthread_t thread;
    int r = ENOMEM;

    if (relay) {
        relay->from = from;
        relay->to = to;
        (void)sigfillset(&all); /* signals are the loop's; a write to nobody is an error */
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&thread, NULL, work, relay);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (r == 0) {
        (void)pthread_detach(thread);
        return 0;
    }
    free(relay);
    (void)close(to);
    return err_set(err, -r, "no thread for standard input: %s", strerror(r));
}
