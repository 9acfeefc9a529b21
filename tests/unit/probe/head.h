/* A store, probes in processes of their own, and the head's part played by the test. */
#ifndef TESTS_PROBE_HEAD_H
#define TESTS_PROBE_HEAD_H

#include "base/clock.h"
#include "peer/store_client.h"
#include "probe/serve.h"
#include "unit/coll/store_server.h"

#include <errno.h>

#define HEAD_WAIT_MS 60000 /* a loaded machine */
#define HEAD_PROBES  3

struct head {
    struct server *server;
    struct store_client store;
    struct arena *arena;
    pid_t probes[HEAD_PROBES];
    uint32_t seq[HEAD_PROBES];
    struct card card; /* of every probe */
};

static inline void head_start(struct head *head)
{
    *head = (struct head){.server = server_start(), .arena = arena_new(0)};
    head->card = (struct card){.host = "test", .ucx = "UCX", .has_ucx = true, .cpus = 1};
    if (store_client_open(&head->store, "127.0.0.1", head->server->port,
                          clock_now_ms() + HEAD_WAIT_MS, NULL) < 0)
        abort();
}

/* Its exit status is 0 when it was told to leave, 1 when the store was gone. */
static inline void head_start_probe(struct head *head, uint32_t rank, const node_test *tests)
{
    head->seq[rank] = 0;
    head->probes[rank] = fork();
    if (head->probes[rank] == 0) {
        const struct serving serving = {"127.0.0.1", head->server->port, rank, &head->card, tests};

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(head->store.fd);
        _exit(probe_serve(&serving, NULL) == 0 ? 0 : 1);
    }
}

/* The exit status, or 256 + the signal. */
static inline int head_wait_probe(struct head *head, uint32_t rank)
{
    int status = 0;

    if (waitpid(head->probes[rank], &status, 0) < 0)
        abort();
    head->probes[rank] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static inline void head_order_text(struct head *head, uint32_t rank, const char *text)
{
    char key[ORDER_KEY_BYTES];

    if (store_client_set(&head->store, order_key(rank, ++head->seq[rank], key), text, strlen(text),
                         NULL) < 0)
        abort();
}

static inline void head_order(struct head *head, uint32_t rank, const struct order *order)
{
    struct buf text = {0};

    order_print(order, &text);
    head_order_text(head, rank, text.p);
    buf_done(&text);
}

/* The answer to the latest order. */
static inline struct answer head_answer(struct head *head, uint32_t rank)
{
    char key[ORDER_KEY_BYTES];
    struct answer answer;
    struct err err = {0};
    void *text;
    size_t len;

    if (store_client_get_any(&head->store, answer_key(rank, head->seq[rank], key), ANSWER_BYTES_MAX,
                             &text, &len, clock_now_ms() + HEAD_WAIT_MS, &err) < 0 ||
        answer_read(head->arena, (struct str){text, len}, &answer, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        abort();
    }
    free(text);
    return answer;
}

static inline void head_stop(struct head *head)
{
    for (uint32_t i = 0; i < HEAD_PROBES; i++) {
        if (head->probes[i] == 0)
            continue;
        (void)kill(head->probes[i], SIGKILL);
        (void)head_wait_probe(head, i);
    }
    store_client_close(&head->store);
    server_stop(head->server);
    arena_free(head->arena);
}

#endif
