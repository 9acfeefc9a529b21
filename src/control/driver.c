#include "control/driver_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define VIEW_MS  1000
#define LEAVE_MS 1000 /* agents have so long to go when the run has ended */

/* Timers. */

static void on_wake(evutil_socket_t fd, short what, void *data)
{
    struct driver *driver = data;

    (void)fd;
    (void)what;
    driver->wake_ns = 0;
    control_tick(driver->control, clock_now_ns());
}

/* Only to end the loop's turn: the outputs that wait are tried again in each. */
static void on_retry(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    (void)data;
}

static void on_pay(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    driver_pay(data);
}

static int update_row(struct driver *driver, const struct control_view *view, struct err *err)
{
    char host[256] = "";
    struct store_run row = {
        .id = driver->config.run,
        .name = driver->saved.job.name,
        .state = run_state_name(view->state),
        .host = host,
        .headline = view->headline,
        .pid = getpid(),
        .created_ns = driver->created_ns,
        .updated_ns = clock_wall_ns(),
        .ended_ns = view->state == RUN_ENDED ? clock_wall_ns() : -1,
        .step = view->step,
        .total = view->total,
        .attempt = view->attempt,
        .world = view->world,
        .nodes = view->nodes_wanted,
        .exit_code = view->exit_code,
    };

    (void)gethostname(host, sizeof(host) - 1);
    return store_run_update(driver->config.store, &row, err);
}

static void show_view(struct driver *driver)
{
    struct control_view view;

    control_view(driver->control, clock_now_ns(), &view);
    (void)update_row(driver, &view, NULL); /* the events are the truth; the row is a comfort */
    if (driver->config.front.view)
        driver->config.front.view(driver->config.front.data, &view);
    control_socket_view(driver->socket, &view);
    driver->view_due = false;
}

static void on_view(evutil_socket_t fd, short what, void *data)
{
    struct driver *driver = data;

    (void)fd;
    (void)what;
    show_view(driver);
    driver_set_timer(driver->view, VIEW_MS * 1000000LL);
}

struct driver *driver_new(const struct driver_config *config, const struct saved *saved,
                          struct err *err)
{
    struct driver *driver = calloc(1, sizeof(*driver));

    if (!driver) {
        (void)err_set(err, -ENOMEM, "no memory for the controller");
        return NULL;
    }
    *driver = (struct driver){.config = *config, .saved = *saved, .lock_fd = -1};
    driver->ledger.journal_fd = -1;
    driver->created_ns = clock_wall_ns();
    driver->arena = arena_new(0);
    driver->base = event_base_new();
    driver->links = calloc(saved->node_count, sizeof(struct link *));
    driver->owed = calloc(saved->node_count, sizeof(*driver->owed));
    if (driver->arena && driver->base && driver->links && driver->owed) {
        driver->run_dir = store_run_dir(driver->arena, config->dir, config->run);
        driver->wake = evtimer_new(driver->base, on_wake, driver);
        driver->view = evtimer_new(driver->base, on_view, driver);
        driver->retry = evtimer_new(driver->base, on_retry, driver);
        driver->pay = evtimer_new(driver->base, on_pay, driver);
    }
    if (!driver->run_dir || !driver->wake || !driver->view || !driver->retry || !driver->pay) {
        (void)err_set(err, -ENOMEM, "no memory for the controller");
    } else if (driver_begin(driver, err) == 0) {
        return driver;
    }
    driver_free(driver);
    return NULL;
}

/* One turn's outputs: stored, then done. Launches that failed at once are an input of their own. */
static void flush(struct driver *driver)
{
    struct ledger_doer doer = driver_doer;
    struct err err = {0};

    doer.data = driver;
    if (ledger_flush(&driver->ledger, &doer, &err) == 0) {
        driver->stalled = false;
    } else if (!driver_stall(driver, &err)) {
        ledger_give_up(&driver->ledger, &doer);
        driver->stalled = false;
    }
    for (size_t i = 0; i < driver->launch_failed.count; i++)
        control_agent_failed(driver->control, driver->launch_failed.items[i],
                             driver->launch_sentence, clock_now_ns());
    driver->launch_failed.count = 0;
}

static bool output_left(const struct driver *driver)
{
    return driver->ledger.deeds.count || driver->ledger.events.count;
}

static bool any_link(const struct driver *driver)
{
    for (uint32_t i = 0; i < driver->saved.node_count; i++)
        if (driver->links[i])
            return true;
    return false;
}

/* All that one turn of the loop has brought, and what follows from it. */
static void carry_out(struct driver *driver)
{
    do {
        flush(driver);
        if (!driver->stalled)
            driver_tell_front(driver);
    } while (output_left(driver) && !driver->stalled && !driver->ended);
}

/* LEAVE is on its way; an agent that has cleaned up closes its link. */
static void await_leave(struct driver *driver)
{
    int64_t until = clock_now_ns() + LEAVE_MS * 1000000LL;

    while (any_link(driver) && clock_now_ns() < until) {
        driver_set_timer(driver->view, until - clock_now_ns());
        (void)event_base_loop(driver->base, EVLOOP_ONCE);
    }
}

int driver_run(struct driver *driver)
{
    carry_out(driver);
    while (!driver->ended) {
        (void)event_base_loop(driver->base, EVLOOP_ONCE);
        carry_out(driver);
        if (driver->view_due)
            show_view(driver);
    }
    await_leave(driver);
    launch_finish(&driver->launch);
    show_view(driver);
    (void)event_base_loop(driver->base, EVLOOP_NONBLOCK); /* the last word goes to who follows */
    return driver->exit_code;
}

static void free_timer(struct event *timer)
{
    if (timer)
        event_free(timer);
}

void driver_free(struct driver *driver)
{
    if (!driver)
        return;
    for (uint32_t i = 0; driver->links && i < driver->saved.node_count; i++)
        driver_forget_asks(driver, i);
    control_socket_free(driver->socket);
    link_server_free(driver->server);
    free_timer(driver->wake);
    free_timer(driver->view);
    free_timer(driver->retry);
    free_timer(driver->pay);
    launch_close(&driver->launch);
    for (uint32_t i = 0; driver->links && i < driver->saved.node_count; i++)
        driver_drop_link(driver, i);
    control_free(driver->control);
    ledger_done(&driver->ledger);
    vec_done(&driver->log_asks);
    vec_done(&driver->launch_failed);
    vec_done(&driver->told);
    buf_done(&driver->told_bytes);
    free(driver->links);
    free(driver->owed);
    if (driver->lock_fd >= 0)
        (void)close(driver->lock_fd);
    if (driver->base)
        event_base_free(driver->base);
    arena_free(driver->arena);
    free(driver);
}
