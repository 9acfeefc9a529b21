#include "wire/socket.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void a_port_that_is_taken_names_its_holder(void **state)
{
    static const char *const addrs[] = {"127.0.0.1", "0.0.0.0", "::"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addrs); i++) {
        struct err err = {0};
        char want[128];
        uint16_t port = 0;
        int fd = socket_listen(addrs[i], &port, &err), second;

        if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)
            continue; /* no IPv6 here */
        assert_true(fd >= 0);
        assert_int_not_equal(port, 0);
        second = socket_listen(addrs[i], &port, &err);
        assert_int_equal(second, -EADDRINUSE);
        /* the kernel cuts a program's name at 15 bytes */
        (void)snprintf(want, sizeof(want),
                       "port %u is taken: test_wire_socke (pid %d) listens there", port,
                       (int)getpid());
        assert_string_equal(err.text, want);
        (void)close(fd);
    }
}

static void the_port_of_a_listener_that_died_is_free_again(void **state)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct err err = {0};
    uint16_t port = 0;
    int fd = socket_listen("127.0.0.1", &port, &err), client, accepted = -1;

    (void)state;
    assert_true(fd >= 0);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    addr.sin_port = htons(port);
    assert_int_equal(connect(client, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    while (accepted < 0)
        accepted = accept(fd, NULL, NULL);
    (void)close(accepted); /* ours ends first: its side lies in TIME_WAIT */
    (void)close(fd);
    (void)close(client);
    fd = socket_listen("127.0.0.1", &port, &err);
    if (fd < 0)
        fail_msg("%s", err.text);
    (void)close(fd);
}

static void where_one_cannot_listen_is_said(void **state)
{
    static const struct {
        const char *addr;
        int code;
        const char *err;
    } cases[] = {
        {"localhost", -EINVAL, "'localhost' is no numeric address to listen on"},
        {"", -EINVAL, "'' is no numeric address to listen on"},
        {"192.0.2.1", -EADDRNOTAVAIL,
         "cannot listen on 192.0.2.1, port 0: Cannot assign requested address"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        uint16_t port = 0;

        assert_int_equal(socket_listen(cases[i].addr, &port, &err), cases[i].code);
        assert_string_equal(err.text, cases[i].err);
    }
}

static void addresses_are_shown_as_people_write_them(void **state)
{
    static const struct {
        const char *addr, *want;
    } cases[] = {
        {"10.0.0.7", "10.0.0.7:40112"},
        {"fe80::1", "[fe80::1]:40112"},
        {"::ffff:10.0.0.7", "10.0.0.7:40112"},
    };
    const struct sockaddr other = {.sa_family = AF_UNIX};
    char name[SOCKET_NAME_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(40112)};
        struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(40112)};

        if (inet_pton(AF_INET, cases[i].addr, &four.sin_addr) == 1) {
            socket_name((const struct sockaddr *)&four, name);
        } else {
            assert_int_equal(inet_pton(AF_INET6, cases[i].addr, &six.sin6_addr), 1);
            socket_name((const struct sockaddr *)&six, name);
        }
        assert_string_equal(name, cases[i].want);
    }
    socket_name(&other, name);
    assert_string_equal(name, "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_that_is_taken_names_its_holder),
        cmocka_unit_test(the_port_of_a_listener_that_died_is_free_again),
        cmocka_unit_test(where_one_cannot_listen_is_said),
        cmocka_unit_test(addresses_are_shown_as_people_write_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
