#include "probe/names.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

static bool put_address(const struct sockaddr *from, union address *to)
{
    size_t bytes = from->sa_family == AF_INET    ? sizeof(to->v4)
                   : from->sa_family == AF_INET6 ? sizeof(to->v6)
                                                 : 0;

    memset(to, 0, sizeof(*to));
    memcpy(to, from, bytes);
    return bytes > 0;
}

static int system_addresses(const char *name, union address *out, size_t *count)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int r = getaddrinfo(name, NULL, &hints, &list);

    *count = 0;
    if (r != 0)
        return r;
    for (const struct addrinfo *at = list; at && *count < NAMES_ADDRESSES_MAX; at = at->ai_next)
        *count += put_address(at->ai_addr, &out[*count]);
    freeaddrinfo(list);
    return *count ? 0 : EAI_NONAME;
}

static int system_name(const union address *address, char out[NI_MAXHOST])
{
    socklen_t bytes = address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);

    return getnameinfo(&address->any, bytes, out, NI_MAXHOST, NULL, 0, NI_NAMEREQD);
}

static size_t system_own(union address out[NAMES_OWN_MAX])
{
    struct ifaddrs *list;
    size_t count = 0;

    if (getifaddrs(&list) < 0)
        return 0;
    for (const struct ifaddrs *at = list; at && count < NAMES_OWN_MAX; at = at->ifa_next)
        if (at->ifa_addr && at->ifa_flags & IFF_UP)
            count += put_address(at->ifa_addr, &out[count]);
    freeifaddrs(list);
    return count;
}

const struct resolver names_resolver = {system_addresses, system_name, system_own};
