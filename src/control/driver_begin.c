/* control/driver_begin - the lock, the port, the back end; and what an older controller left. */
#include "base/file.h"
#include "control/driver_inside.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ADDRESSES_MAX 8
#define JOURNAL_BYTES ((size_t)4 << 30)
#define FILES_BESIDE  256 /* open files that are not a node's */
#define FILES_A_NODE  4   /* its link, and its back end's process; or its old link beside the new */

/* "10.0.0.1:4711,192.168.0.1:4711": ours that others may reach, or the one that is listened on. */
static const char *own_addresses(struct driver *driver, uint16_t port)
{
    struct ifaddrs *all = NULL;
    struct buf text = {0};
    const char *listen = driver->saved.listen, *out;
    unsigned count = 0;

    if (strcmp(listen, "0.0.0.0") != 0 && strcmp(listen, "::") != 0) {
        bool six = strchr(listen, ':') != NULL;

        return arena_printf(driver->arena, "%s%s%s:%u", six ? "[" : "", listen, six ? "]" : "",
                            port);
    }
    if (getifaddrs(&all) < 0)
        return NULL;
    for (const struct ifaddrs *a = all; a && count < ADDRESSES_MAX; a = a->ifa_next) {
        char host[NI_MAXHOST];

        if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET || !(a->ifa_flags & IFF_UP) ||
            (a->ifa_flags & IFF_LOOPBACK) ||
            getnameinfo(a->ifa_addr, sizeof(struct sockaddr_in), host, sizeof(host), NULL, 0,
                        NI_NUMERICHOST) != 0)
            continue;
        buf_printf(&text, "%s%s:%u", count++ ? "," : "", host, port);
    }
    freeifaddrs(all);
    buf_printf(&text, "%s127.0.0.1:%u", count ? "," : "", port); /* a node may be this machine */
    out = text.failed ? NULL : arena_copy(driver->arena, text.p, text.len);
    buf_done(&text);
    return out;
}

static bool has_ended(struct driver *driver)
{
    struct control_view view;

    control_view(driver->control, clock_now_ns(), &view);
    return view.state == RUN_ENDED;
}

/* Agents come back to the port that they know; to a run that had ended nobody does. */
static int listen_for_agents(struct driver *driver, struct err *err)
{
    uint16_t port = driver->saved.port;

    driver->server = link_listen(driver->base, driver->saved.listen, port, driver->saved.key,
                                 &driver_link_watch, driver_accept, driver, err);
    if (!driver->server && port && has_ended(driver))
        driver->server = link_listen(driver->base, driver->saved.listen, 0, driver->saved.key,
                                     &driver_link_watch, driver_accept, driver, err);
    if (!driver->server)
        return err ? err->code : -EIO;
    driver->saved.port = link_server_port(driver->server);
    return driver->config.resumed && driver->saved.port == port
               ? 0
               : saved_write(driver->run_dir, &driver->saved, err);
}

static int open_launch(struct driver *driver, struct err *err)
{
    const struct job *job = &driver->saved.job;
    char key[45];
    struct launch_request request = {
        .base = driver->base,
        .names = driver->saved.names,
        .count = driver->saved.node_count,
        .agent = driver->saved.agent,
        .addresses = own_addresses(driver, driver->saved.port),
        .run = driver->config.run,
        .run_dir = driver->run_dir,
        .ssh_options = driver->saved.ssh_options,
        .ssh_option_count = driver->saved.ssh_option_count,
        .fanout = driver->saved.fanout,
        .slurm_options = job->slurm.items,
        .slurm_option_count = job->slurm.count,
        .tie_stdin = job->tie_stdin,
        .failed = driver_launch_failed,
        .data = driver,
    };

    link_key_print(driver->saved.key, key);
    request.key = arena_copy(driver->arena, key, strlen(key));
    if (!request.addresses || !request.key)
        return err_set(err, -ENOMEM, "no addresses for the agents");
    return launch_open(&driver->launch, job->backend, &request, err);
}

static bool fold_one(void *data, const struct store_event *row)
{
    struct driver *driver = data;
    struct arena *arena = arena_new(0);
    struct run_event event;

    if (arena && run_event_from_store(arena, row, &event) == 0)
        control_apply(driver->control, &event);
    arena_free(arena);
    return true;
}

/* The journal of the attempt at hand; a torn end is cut off before anything is added. */
static int read_journal(struct driver *driver, uint32_t attempt, struct err *err)
{
    const char *path = ledger_journal_path(driver->arena, driver->run_dir, attempt);
    char *text;
    size_t len;
    int r;

    if (!attempt || !path || access(path, F_OK) < 0)
        return 0; /* nothing was said to that attempt's store */
    r = file_read(path, JOURNAL_BYTES, &text, &len, err);
    if (r < 0)
        return r;
    r = control_replay_journal(driver->control, (struct str){text, len}, err);
    free(text);
    if (r == 0 && control_journal_good(driver->control) < len &&
        truncate(path, (off_t)control_journal_good(driver->control)) < 0)
        r = err_set(err, -errno, "%s: %s", path, strerror(errno));
    return r;
}

static int fold(struct driver *driver, struct err *err)
{
    int r = store_events(driver->config.store, driver->config.run, 0, fold_one, driver, err);

    return r < 0 ? r : read_journal(driver, control_attempt(driver->control), err);
}

static int make_control(struct driver *driver, uint64_t generation, struct err *err)
{
    struct control_world world = driver_world;
    const struct control_config config = {
        .run = driver->config.run,
        .job = &driver->saved.job,
        .names = driver->saved.names,
        .groups = driver->saved.groups,
        .node_count = driver->saved.node_count,
        .generation = generation,
        .pid = getpid(),
    };

    world.data = driver;
    driver->control = control_new(&config, &world);
    if (!driver->control)
        return err_set(err, -ENOMEM, "no memory for %u nodes", driver->saved.node_count);
    return driver->config.resumed ? fold(driver, err) : 0;
}

/* Only as far as it is needed: back ends' processes inherit it. */
static int allow_files(const struct driver *driver, struct err *err)
{
    rlim_t least = driver->saved.node_count + FILES_BESIDE;
    rlim_t best = (rlim_t)driver->saved.node_count * FILES_A_NODE + FILES_BESIDE;
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= best)
        return 0;
    files.rlim_cur = best < files.rlim_max ? best : files.rlim_max;
    if (files.rlim_cur >= least && setrlimit(RLIMIT_NOFILE, &files) == 0)
        return 0;
    return err_set(
        err, -EMFILE, "%u nodes need %llu open files, this machine allows %llu (ulimit -Hn)",
        driver->saved.node_count, (unsigned long long)least, (unsigned long long)files.rlim_max);
}

int driver_begin(struct driver *driver, struct err *err)
{
    uint64_t generation;
    int r;

    driver->lock_fd = store_run_lock(driver->config.store, driver->config.run, &generation, err);
    if (driver->lock_fd < 0)
        return driver->lock_fd;
    r = ledger_init(&driver->ledger, driver->config.store, driver->config.run, driver->run_dir);
    if (r < 0)
        return err_set(err, r, "no memory for the run");
    if (!driver->config.resumed)
        link_key_new(driver->saved.key);
    r = allow_files(driver, err);
    if (r == 0)
        r = make_control(driver, generation, err);
    if (r == 0)
        r = listen_for_agents(driver, err);
    if (r == 0)
        r = open_launch(driver, err);
    if (r < 0)
        return r;
    driver->socket = control_socket_new(driver, err);
    if (!driver->socket)
        return err ? err->code : -EIO;
    if (driver->config.ends_at_s)
        control_time_limit(driver->control, driver->config.ends_at_s * 1000000000LL);
    control_begin(driver->control, clock_now_ns(), clock_wall_ns());
    driver->begun_due = driver->begun_due || control_attempt(driver->control);
    driver_set_timer(driver->view, 0);
    return 0;
}
