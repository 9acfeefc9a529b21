/* sched/launch_ssh - an ssh a host.
 *
 * Up to 32 come from here, `fanout` at a time. More are parted among relays, hosts that start
 * others; those need keys for them, and where they have none all come from here after all. The
 * agent outlives its ssh: it has a link of its own. */
#include "base/hash.h"
#include "sched/launch_ssh_inside.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIRECT_MAX 32 /* more hosts go by relays, */
#define RELAYS_MAX 32 /* at most so many */

static bool has_name(const void *value, const void *key)
{
    return !strcmp(ssh_name(value), key);
}

/* The words of $FIRSTLIGHT_SSH, as `firstlight collect` takes them too. */
static int own_words(struct ssh *ssh)
{
    const char *text = getenv("FIRSTLIGHT_SSH");
    struct str rest, word;

    if (!text)
        return 0;
    rest = str_of(text);
    while (str_word(&rest, &word)) {
        if (ssh->own_count == OWN_WORDS_MAX)
            return -E2BIG;
        ssh->own[ssh->own_count] = arena_copy(ssh->arena, word.p, word.len);
        if (!ssh->own[ssh->own_count++])
            return -ENOMEM;
    }
    return 0;
}

static void free_ssh(struct ssh *ssh)
{
    if (!ssh)
        return;
    agent_copy_done(&ssh->copy);
    map_done(&ssh->by_name);
    free(ssh->hosts);
    arena_free(ssh->arena);
    free(ssh);
}

static int open_ssh(struct launch *launch, struct err *err)
{
    const struct launch_request *request = &launch->request;
    struct ssh *ssh = calloc(1, sizeof(*ssh));
    int r;

    if (ssh) {
        ssh->hosts = calloc(request->count, sizeof(*ssh->hosts));
        ssh->arena = arena_new(0);
        ssh->last = &ssh->first;
    }
    if (ssh && ssh->arena)
        ssh->key = arena_printf(ssh->arena, "%s\n", request->key);
    if (!ssh || !ssh->hosts || !ssh->key || own_words(ssh) < 0) {
        free_ssh(ssh);
        return err_set(err, -ENOMEM, "no memory for %u agents", request->count);
    }
    r = agent_copy_read(request->agent, &ssh->copy, err);
    if (r < 0) {
        free_ssh(ssh);
        return r;
    }
    agent_copy_keep(&ssh->copy);
    launch->state = ssh;
    ssh->by_name.equal = has_name;
    for (uint32_t i = 0; i < request->count && r == 0; i++) {
        ssh->hosts[i] = (struct ssh_host){.launch = launch, .node = i, .pidfd = -1};
        r = map_add(&ssh->by_name, hash64(request->names[i], strlen(request->names[i])),
                    &ssh->hosts[i]);
    }
    if (r < 0) {
        free_ssh(ssh);
        launch->state = NULL;
        return err_set(err, r, "no memory for %u agents", request->count);
    }
    return 0;
}

/* Part them evenly, neighbours together: so many relays as each has hosts, when there are few. */
static void spread(struct launch *launch, struct ssh_host *const *hosts, uint32_t count)
{
    uint32_t relays = (uint32_t)ceil(sqrt(count));

    if (relays > RELAYS_MAX)
        relays = RELAYS_MAX;
    for (uint32_t i = 0; i < relays; i++) {
        uint32_t from = (uint32_t)((uint64_t)count * i / relays);
        uint32_t to = (uint32_t)((uint64_t)count * (i + 1) / relays);

        if (relay_start(launch, hosts + from, to - from, NULL) < 0)
            for (uint32_t k = from; k < to; k++)
                ssh_wait_for_turn(launch->state, hosts[k]);
    }
}

static int start_ssh(struct launch *launch, const uint32_t *nodes, size_t count, struct err *err)
{
    struct ssh *ssh = launch->state;
    struct ssh_host **fresh = calloc(count ? count : 1, sizeof(struct ssh_host *));
    uint32_t fresh_count = 0;

    if (!fresh)
        return err_set(err, -ENOMEM, "no memory to start agents");
    for (size_t i = 0; i < count; i++) {
        struct ssh_host *host = &ssh->hosts[nodes[i]];

        if (host->state == HOST_IDLE) {
            fresh[fresh_count++] = host;
        } else if (host->via) {
            relay_end_host(host);
            ssh_wait_for_turn(ssh, host);
        } else if (host->state != HOST_WAITING) {
            host->again = true;
            process_end(&host->process);
        }
    }
    if (fresh_count > DIRECT_MAX)
        spread(launch, fresh, fresh_count);
    for (uint32_t i = 0; i < fresh_count; i++)
        if (fresh[i]->state == HOST_IDLE)
            ssh_wait_for_turn(ssh, fresh[i]);
    free(fresh);
    ssh_start_more(launch);
    return 0;
}

/* Its watcher there kills it; a host that does not listen loses its ssh, and the next agent of the
 * run on it ends what is left. */
static void end_ssh(struct launch *launch, uint32_t node)
{
    struct ssh_host *host = &((struct ssh *)launch->state)->hosts[node];

    if (host->via) {
        relay_end_host(host);
        return;
    }
    if (host->state == HOST_RUNNING && process_give(&host->process, STR("end\n")) == 0)
        return;
    if (host->state == HOST_STARTING || host->state == HOST_RUNNING)
        process_end(&host->process);
}

static void finish_ssh(struct launch *launch)
{
    struct ssh *ssh = launch->state;

    relay_finish_all(ssh->relays);
    for (uint32_t i = 0; i < launch->request.count; i++)
        if (!ssh->hosts[i].via && ssh->hosts[i].state >= HOST_STARTING)
            process_kill(&ssh->hosts[i].process);
}

static void close_ssh(struct launch *launch)
{
    struct ssh *ssh = launch->state;

    while (ssh && ssh->relays)
        relay_leave(ssh->relays);
    for (uint32_t i = 0; ssh && i < launch->request.count; i++) {
        struct ssh_host *host = &ssh->hosts[i];

        if (!host->via && (host->state == HOST_STARTING || host->state == HOST_RUNNING))
            process_leave(&host->process);
        ssh_forget(host);
    }
    free_ssh(ssh);
    launch->state = NULL;
}

const struct launch_backend launch_ssh = {
    .name = "ssh",
    .remote = true,
    .open = open_ssh,
    .start = start_ssh,
    .end = end_ssh,
    .finish = finish_ssh,
    .close = close_ssh,
};
