#include "ranks/own_ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Bind as a store would; returns the socket or -errno. */
static int bind_to(uint16_t port, bool reuse)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = reuse;

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    if (bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(fd, 8) == 0)
        return fd;
    (void)close(fd);
    return -errno;
}

static void a_rank_can_listen_where_nobody_else_gets_a_port(void **state)
{
    struct own_ports ports = OWN_PORTS_NONE;
    struct err err;

    (void)state;
    assert_int_equal(own_ports_open(&ports, &err), 0);
    for (int i = 0; i < OWN_PORTS; i++) {
        int fd;

        for (int j = 0; j < i; j++)
            assert_int_not_equal(ports.numbers[i], ports.numbers[j]);
        assert_int_equal(bind_to(ports.numbers[i], false), -EADDRINUSE);
        fd = bind_to(ports.numbers[i], true);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    own_ports_close(&ports);
    own_ports_close(&ports);
}

static void without_descriptors_nothing_stays_open(void **state)
{
    struct own_ports ports = OWN_PORTS_NONE;
    struct rlimit before, few;
    struct err err = {0};
    int next = dup(0);

    (void)state;
    assert_true(next >= 0);
    (void)close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)next + 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(own_ports_open(&ports, &err), -EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_string_equal(err.text, "no port for a store that rank 0 hosts: Too many open files");
    assert_int_equal(dup(0), next);
    (void)close(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rank_can_listen_where_nobody_else_gets_a_port),
        cmocka_unit_test(without_descriptors_nothing_stays_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
