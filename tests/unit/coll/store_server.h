/* A small TCPStore for tests, in a process of its own: SET, GET, WAIT, DELETE_KEY. */
#ifndef TESTS_COLL_STORE_SERVER_H
#define TESTS_COLL_STORE_SERVER_H

#include "rendezvous/tcpstore.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVER_CLIENTS_MAX 160

struct server_key {
    char name[256];
    void *value;
    size_t len;
};

struct server_client {
    struct tcpstore conn;
    char wait[256]; /* the key it waits for */
};

struct server {
    pid_t pid;
    char port[8];
    VEC(struct server_key) keys;
    struct server_client clients[SERVER_CLIENTS_MAX];
    struct pollfd polls[SERVER_CLIENTS_MAX];
};

static inline struct server_key *server_find(struct server *server, struct str name)
{
    for (size_t i = 0; i < server->keys.count; i++)
        if (server->keys.items[i].value && str_is(name, server->keys.items[i].name))
            return &server->keys.items[i];
    return NULL;
}

static inline void server_set(struct server *server, struct str name, struct str value)
{
    struct server_key *key = server_find(server, name);

    if (!key)
        key = vec_push(&server->keys);
    free(key->value);
    (void)snprintf(key->name, sizeof(key->name), "%.*s", STR_ARG(name));
    key->value = malloc(value.len + 1);
    memcpy(key->value, value.p, value.len);
    key->len = value.len;
}

static inline void server_answer(struct server *server, size_t i, struct kv_request *request)
{
    struct str name = request->keys[0];
    struct server_key *key = server_find(server, name);
    struct buf out = {0};

    switch (request->verb) {
    case KV_SET:
        server_set(server, name, request->values[0]);
        break;
    case KV_GET:
        tcpstore_answer_value(&out, (struct str){key->value, key->len});
        break;
    case KV_DELETE_KEY:
        tcpstore_answer_number(&out, key != NULL);
        if (key) {
            free(key->value);
            key->value = NULL;
        }
        break;
    case KV_WAIT:
        (void)snprintf(server->clients[i].wait, sizeof(server->clients[i].wait), "%.*s",
                       STR_ARG(name));
        break;
    default:
        abort();
    }
    (void)send(server->polls[i].fd, out.p, out.len, MSG_NOSIGNAL);
    buf_done(&out);
}

static inline void server_wake(struct server *server)
{
    for (size_t i = 1; i < SERVER_CLIENTS_MAX; i++) {
        struct server_client *client = &server->clients[i];
        struct buf out = {0};

        if (!client->wait[0] || !server_find(server, str_of(client->wait)))
            continue;
        client->wait[0] = '\0';
        tcpstore_answer_wait(&out);
        (void)send(server->polls[i].fd, out.p, out.len, MSG_NOSIGNAL);
        buf_done(&out);
    }
}

static inline void server_take(struct server *server, size_t i)
{
    struct server_client *client = &server->clients[i];
    struct kv_request request;
    char bytes[65536];
    ssize_t n = recv(server->polls[i].fd, bytes, sizeof(bytes), 0);

    if (n <= 0) {
        (void)close(server->polls[i].fd);
        server->polls[i].fd = -1;
        tcpstore_done(&client->conn);
        *client = (struct server_client){0};
        return;
    }
    (void)tcpstore_feed(&client->conn, (struct str){bytes, (size_t)n});
    while (tcpstore_next(&client->conn, &request, NULL) == 1)
        server_answer(server, i, &request);
}

static inline void server_loop(struct server *server)
{
    for (;;) {
        (void)poll(server->polls, SERVER_CLIENTS_MAX, -1);
        for (size_t i = 1; i < SERVER_CLIENTS_MAX; i++)
            if (server->polls[i].fd >= 0 && server->polls[i].revents)
                server_take(server, i);
        for (size_t i = 1; server->polls[0].revents && i < SERVER_CLIENTS_MAX; i++)
            if (server->polls[i].fd < 0) {
                server->polls[i].fd = accept4(server->polls[0].fd, NULL, NULL, SOCK_CLOEXEC);
                break;
            }
        server_wake(server);
    }
}

/* Returns when it listens on 127.0.0.1 at `port`. It dies with its parent. */
static inline struct server *server_start(void)
{
    struct server *server = calloc(1, sizeof(*server));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (!server || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 100) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        abort();
    (void)snprintf(server->port, sizeof(server->port), "%u", ntohs(at.sin_port));
    for (size_t i = 0; i < SERVER_CLIENTS_MAX; i++)
        server->polls[i] = (struct pollfd){i == 0 ? fd : -1, POLLIN, 0};
    server->pid = fork();
    if (server->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        server_loop(server);
    }
    (void)close(fd);
    return server;
}

static inline void server_stop(struct server *server)
{
    (void)kill(server->pid, SIGKILL);
    (void)waitpid(server->pid, NULL, 0);
    free(server);
}

#endif
