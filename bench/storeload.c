/* storeload - requests a second to a rendezvous store or to redis: many connections, one request at
 * a time on each.
 *
 *   storeload DIALECT NAME CONNECTIONS SECONDS [HOST PORT]
 *
 * DIALECT is new (TCPStore of torch 2.2 and later), old (of 1.13) or redis. Without HOST and PORT
 * it is a rank, and speaks to MASTER_ADDR and MASTER_PORT. Prints a line "NAME VERB
 * REQUESTS_A_SECOND" for each verb: get      of one key that is there, of 3 bytes add      1 to one
 * counter set+get  of a key of the connection's own: two requests, since TCPStore answers no SET */
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 16384
#define REPLY_MAX       256
#define READY_MAX       512
#define WARM_S          0.2
#define VALUE           "xxx"
#define MAGIC           0x3C85F7CEu /* of torch's VALIDATE */

enum verb { JOIN, ONE, GET, ADD, SET_GET, VERBS };

static const char *const verb_names[VERBS] = {"join", "one", "get", "add", "set+get"};

struct dialect {
    const char *name;
    void (*hello)(struct buf *out);
    void (*get)(struct buf *out, const char *key);
    void (*add)(struct buf *out, const char *key);
    void (*set)(struct buf *out, const char *key);
    size_t value_bytes; /* of a GET's whole reply, whose end is the value and... */
    size_t tail_bytes;  /* ...so many more */
    size_t set_bytes;
    size_t sum_bytes; /* of an ADD's; 0: a line */
};

struct connection {
    int fd;
    size_t got;
    struct buf request;
    char reply[REPLY_MAX];
};

static struct {
    const struct dialect *dialect;
    int epoll, count;
    struct connection *connections;
    enum verb verb;
    uint64_t replies;
    int under_way;
} load;

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "storeload: %s: %s\n", what, why);
    exit(1);
}

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* TCPStore: numbers little-endian, texts behind their length. */

static void put_u64(struct buf *out, uint64_t value)
{
    buf_add(out, (const char *)&value, sizeof(value));
}

static void put_text(struct buf *out, const char *text)
{
    put_u64(out, strlen(text));
    buf_puts(out, text);
}

static void put_op(struct buf *out, char op, const char *key)
{
    buf_add(out, &op, 1);
    put_text(out, key);
}

static void new_hello(struct buf *out)
{
    const uint32_t magic = MAGIC;

    buf_add(out, "\0", 1);
    buf_add(out, (const char *)&magic, sizeof(magic));
}

static void new_get(struct buf *out, const char *key)
{
    put_op(out, 3, key);
}

static void new_add(struct buf *out, const char *key)
{
    put_op(out, 4, key);
    put_u64(out, 1);
}

static void new_set(struct buf *out, const char *key)
{
    put_op(out, 1, key);
    put_text(out, VALUE);
}

static void old_hello(struct buf *out)
{
    (void)out;
}

static void old_get(struct buf *out, const char *key)
{
    put_op(out, 2, key);
}

static void old_add(struct buf *out, const char *key)
{
    put_op(out, 3, key);
    put_u64(out, 1);
}

static void old_set(struct buf *out, const char *key)
{
    put_op(out, 0, key);
    put_text(out, VALUE);
}

static void redis_get(struct buf *out, const char *key)
{
    buf_printf(out, "*2\r\n$3\r\nGET\r\n$%zu\r\n%s\r\n", strlen(key), key);
}

static void redis_add(struct buf *out, const char *key)
{
    buf_printf(out, "*2\r\n$4\r\nINCR\r\n$%zu\r\n%s\r\n", strlen(key), key);
}

static void redis_set(struct buf *out, const char *key)
{
    buf_printf(out, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$3\r\n%s\r\n", strlen(key), key, VALUE);
}

static const struct dialect dialects[] = {
    {"new", new_hello, new_get, new_add, new_set, 8 + 3, 0, 0, 8},
    {"old", old_hello, old_get, old_add, old_set, 8 + 3, 0, 0, 8},
    {"redis", old_hello, redis_get, redis_add, redis_set, 4 + 3 + 2, 2, 5, 0},
};

/* The load. */

static void send_all(int fd, const struct buf *bytes)
{
    for (size_t done = 0; done < bytes->len;) {
        ssize_t put = send(fd, bytes->p + done, bytes->len - done, MSG_NOSIGNAL);

        if (put < 0 && errno != EINTR)
            die("send", strerror(errno));
        done += put > 0 ? (size_t)put : 0;
    }
}

static void ask(struct connection *connection)
{
    connection->got = 0;
    load.under_way++;
    send_all(connection->fd, &connection->request);
}

static bool value_is_right(const struct connection *connection)
{
    return !memcmp(connection->reply + connection->got - load.dialect->tail_bytes - 3, VALUE, 3);
}

/* Is the answer whole? */
static bool whole(const struct connection *connection)
{
    size_t want = load.verb == ADD ? load.dialect->sum_bytes : load.dialect->value_bytes;

    if (load.verb == SET_GET)
        want += load.dialect->set_bytes;
    if (!want)
        return connection->got && connection->reply[connection->got - 1] == '\n';
    if (connection->got > want ||
        (connection->got == want && load.verb != ADD && !value_is_right(connection)))
        die("an answer", "it is not what was set");
    return connection->got == want;
}

static void hear(struct connection *connection, bool again)
{
    ssize_t got = recv(connection->fd, connection->reply + connection->got,
                       sizeof(connection->reply) - connection->got, 0);

    if (got <= 0)
        die("recv", got < 0 ? strerror(errno) : "the store hangs up");
    connection->got += (size_t)got;
    if (!whole(connection))
        return;
    load.under_way--;
    load.replies++;
    if (again)
        ask(connection);
}

static void turn(bool again)
{
    struct epoll_event ready[READY_MAX];
    int count = epoll_wait(load.epoll, ready, READY_MAX, 60000);

    if (count <= 0)
        die("an answer", "none for a minute");
    for (int i = 0; i < count; i++)
        hear(ready[i].data.ptr, again);
}

static void prepare(int i)
{
    struct connection *connection = &load.connections[i];
    char own[32];

    (void)snprintf(own, sizeof(own), "own-%d", i);
    buf_clear(&connection->request);
    if (load.verb == SET_GET)
        load.dialect->set(&connection->request, own);
    if (load.verb == ADD)
        load.dialect->add(&connection->request, "sum");
    else
        load.dialect->get(&connection->request, load.verb == GET ? "there" : own);
}

static void ask_once(int i, enum verb verb)
{
    load.verb = verb;
    prepare(i);
    ask(&load.connections[i]);
    while (load.under_way)
        turn(false);
}

static double measure(double seconds)
{
    double begin, now;
    uint64_t before;

    for (int i = 0; i < load.count; i++) {
        prepare(i);
        ask(&load.connections[i]);
    }
    for (begin = now_s(); now_s() < begin + WARM_S;)
        turn(true);
    begin = now_s();
    before = load.replies;
    while ((now = now_s()) < begin + seconds)
        turn(true);
    before = load.replies - before;
    while (load.under_way)
        turn(false);
    return (double)before / (now - begin) * (load.verb == SET_GET ? 2 : 1);
}

/* Beginning. */

static void connect_one(struct connection *connection, const struct sockaddr_in *to)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    struct buf hello = {0};
    int yes = 1;

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
        die("connect", strerror(errno));
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    load.dialect->hello(&hello);
    if (hello.len)
        send_all(connection->fd, &hello);
    buf_done(&hello);
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0)
        die("epoll", strerror(errno));
}

static double join(const struct sockaddr_in *to)
{
    double begin = now_s();

    for (int i = 0; i < load.count; i++) {
        connect_one(&load.connections[i], to);
        ask_once(i, ADD);
        ask_once(i, SET_GET);
    }
    return load.count * 3 / (now_s() - begin);
}

static double one_by_one(double seconds)
{
    double begin = now_s(), now;
    uint64_t asked = 0;

    while ((now = now_s()) < begin + seconds)
        ask_once((int)(asked++ % (uint64_t)load.count), GET);
    return (double)asked / (now - begin);
}

/* The key that all get. */
static void set_up(void)
{
    struct connection *first = &load.connections[0];
    struct buf set = {0};

    load.dialect->set(&set, "there");
    load.dialect->get(&set, "there");
    load.verb = SET_GET;
    load.under_way++;
    first->got = 0;
    send_all(first->fd, &set);
    buf_done(&set);
    while (load.under_way)
        turn(false);
}

static struct sockaddr_in address(const char *host, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET};

    if (!host || !port || inet_pton(AF_INET, host, &to.sin_addr) != 1)
        die("the store", "where is it? HOST PORT, or MASTER_ADDR and MASTER_PORT");
    to.sin_port = htons((uint16_t)atoi(port));
    return to;
}

static void allow_files(int count)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= (rlim_t)count + 64)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    struct sockaddr_in to;
    double seconds;

    for (size_t i = 0; argc > 1 && i < sizeof(dialects) / sizeof(*dialects); i++)
        if (!strcmp(argv[1], dialects[i].name))
            load.dialect = &dialects[i];
    load.count = argc > 3 ? atoi(argv[3]) : 0;
    seconds = argc > 4 ? atof(argv[4]) : 0;
    if (!load.dialect || load.count < 1 || load.count > CONNECTIONS_MAX || seconds <= 0 ||
        (argc != 5 && argc != 7)) {
        (void)fprintf(stderr,
                      "usage: storeload new|old|redis NAME CONNECTIONS SECONDS [HOST PORT]\n");
        return 2;
    }
    to = argc == 7 ? address(argv[5], argv[6])
                   : address(getenv("MASTER_ADDR"), getenv("MASTER_PORT"));
    allow_files(load.count);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.connections = calloc((size_t)load.count, sizeof(*load.connections));
    if (load.epoll < 0 || !load.connections)
        die("start", strerror(errno));
    (void)printf("%s %s %.0f\n", argv[2], verb_names[JOIN], join(&to));
    set_up();
    (void)printf("%s %s %.0f\n", argv[2], verb_names[ONE], one_by_one(seconds));
    for (int verb = GET; verb < VERBS; verb++) {
        load.verb = (enum verb)verb;
        (void)printf("%s %s %.0f\n", argv[2], verb_names[verb], measure(seconds));
        (void)fflush(stdout);
    }
    return 0;
}
