/* Any bytes to a server, cut anywhere: the first byte says how far the peer is.
 *   0: a stranger says them; 1: after a right hello; 2: after the first frame, as they are;
 *   3: as the text of sealed frames; the second byte is the size of the pieces. */
#include "wire/link_inside.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct event_base *base;
static struct link_server *server;
static struct ephemeral ephemeral;
static struct link *accepted;
static const unsigned char key[LINK_KEY_BYTES] = "the key of all fuzzed runs";

static void on_up(struct link *link, void *data)
{
    (void)link;
    (void)data;
    abort(); /* of clients alone */
}

static void on_message(struct link *link, void *data, const struct message *message)
{
    struct buf line = {0};

    (void)data;
    message_print(message, &line);
    buf_done(&line);
    if (message->id == MSG_LEAVE) {
        link_close(link);
        accepted = NULL;
    } else {
        (void)link_send(link, message);
    }
}

static void on_down(struct link *link, void *data, const char *why)
{
    (void)data;
    if (link != accepted || !why[0])
        abort();
    accepted = NULL;
}

static void *on_accepted(void *data, struct link *link)
{
    (void)data;
    if (accepted)
        abort();
    accepted = link;
    return NULL;
}

static void start(void)
{
    static const struct link_watch watch = {on_up, on_message, on_down};

    base = event_base_new();
    server = base ? link_listen(base, "127.0.0.1", 0, key, &watch, on_accepted, NULL, NULL) : NULL;
    if (!server)
        abort();
    ephemeral_new(&ephemeral);
}

static void turn(void)
{
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static int connect_to_server(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(link_server_port(server)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger at_once = {1, 0}; /* a fuzzer soon has no ports left in TIME_WAIT */
    int no_delay = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        abort();
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
    while (!server->stranger_count)
        turn();
    return fd;
}

static void say(int fd, const void *bytes, size_t len)
{
    (void)send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    turn();
}

static void say_frame(int fd, struct cipher *cipher, const void *text, size_t len)
{
    unsigned char *frame = malloc(FRAME_HEAD_BYTES + len + CIPHER_SEAL_BYTES);

    if (!frame)
        abort();
    if (len)
        memcpy(frame + FRAME_HEAD_BYTES, text, len);
    cipher_seal(cipher, frame, len);
    say(fd, frame, FRAME_HEAD_BYTES + len + CIPHER_SEAL_BYTES);
    free(frame);
}

static struct cipher meet(int fd)
{
    struct cipher out, in;
    struct hello client, reply;

    hello_make(&client, WIRE_VERSION, key, &ephemeral, NULL);
    say(fd, client.bytes, HELLO_BYTES);
    while (recv(fd, reply.bytes, HELLO_BYTES, MSG_DONTWAIT) != HELLO_BYTES)
        turn();
    if (!session_keys(false, key, &ephemeral, &client, &reply, &out, &in))
        abort();
    return out;
}

/* The server hears all of it, up to the end. */
static void leave(int fd)
{
    (void)shutdown(fd, SHUT_WR);
    while (accepted || server->stranger_count)
        turn();
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cipher cipher = {.frames = 0};
    size_t piece, stage;
    int fd;

    if (size < 2)
        return 0;
    if (!server)
        start();
    stage = data[0] % 4;
    piece = data[1] ? data[1] : size;
    fd = connect_to_server();
    if (stage > 0)
        cipher = meet(fd);
    if (stage > 1)
        say_frame(fd, &cipher, NULL, 0);
    while (stage > 1 && !accepted)
        turn();
    for (size_t at = 2; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;

        if (stage == 3)
            say_frame(fd, &cipher, data + at, len);
        else
            say(fd, data + at, len);
    }
    if (stage == 0 && accepted)
        abort(); /* nobody guesses the key */
    leave(fd);
    return 0;
}
