/* control/driver_world - what the machine asks for, and how it is done once it is stored. */
#include "control/driver_inside.h"
#include "control/keep.h"

#include <stdio.h>
#include <string.h>

#define PAY_AGAIN_NS 20000000 /* whether who reads live output has caught up */

/* What the machine asks for; see control_world. */

static void world_event(void *data, const struct run_event *event)
{
    struct driver *driver = data;

    ledger_event(&driver->ledger, event);
    driver->view_due = true;
    driver->begun_due = driver->begun_due || event->kind == EV_ATTEMPT_BEGUN;
    if (driver->config.front.event)
        driver->config.front.event(driver->config.front.data, event,
                                   driver_node_name(driver, event->node));
}

static void world_metric(void *data, const struct store_metric *metric)
{
    ledger_metric(&((struct driver *)data)->ledger, metric);
}

static void world_journal(void *data, uint32_t attempt, struct str bytes)
{
    ledger_journal(&((struct driver *)data)->ledger, attempt, bytes);
}

static void world_stored(void *data, struct str key, struct str value)
{
    struct driver *driver = data;
    struct told *told;

    if (!driver->config.front.stored)
        return;
    told = vec_push(&driver->told);
    if (told)
        *told = (struct told){driver->told_bytes.len, key.len, value.len};
    buf_add(&driver->told_bytes, key.p, key.len);
    buf_add(&driver->told_bytes, value.p, value.len);
    if (!told || driver->told_bytes.failed)
        driver->ledger.failed = true; /* what is on the disk would never be told */
}

static void tell_begun(struct driver *driver)
{
    uint32_t count;
    const uint32_t *nodes = control_nodes(driver->control, &count);

    driver->begun_due = false;
    if (nodes && driver->config.front.begun)
        driver->config.front.begun(driver->config.front.data, control_attempt(driver->control),
                                   nodes, count);
}

/* Whoever is told may ask for more, which is told in the next turn. */
void driver_tell_front(struct driver *driver)
{
    __typeof__(driver->told) told = driver->told;
    struct buf bytes = driver->told_bytes;

    if (driver->begun_due)
        tell_begun(driver);
    memset(&driver->told, 0, sizeof(driver->told));
    driver->told_bytes = (struct buf){0};
    for (size_t i = 0; i < told.count; i++) {
        const char *p = bytes.p + told.items[i].at;

        driver->config.front.stored(
            driver->config.front.data, (struct str){p, told.items[i].key_len},
            (struct str){p + told.items[i].key_len, told.items[i].value_len});
    }
    vec_done(&told);
    buf_done(&bytes);
}

static void world_send(void *data, uint32_t node, const struct message *message)
{
    ledger_send(&((struct driver *)data)->ledger, node, message);
}

static void world_launch(void *data, uint32_t node)
{
    ledger_deed(&((struct driver *)data)->ledger, DEED_LAUNCH, node, 0);
}

static void world_forget(void *data, uint32_t node)
{
    ledger_deed(&((struct driver *)data)->ledger, DEED_FORGET, node, 0);
}

static void world_wake(void *data, int64_t at_ns)
{
    struct driver *driver = data;
    int64_t in_ns = at_ns - clock_now_ns();

    if (driver->wake_ns && driver->wake_ns <= at_ns)
        return;
    driver->wake_ns = at_ns;
    driver_set_timer(driver->wake, in_ns > 0 ? in_ns : 0);
}

static void world_log_data(void *data, uint32_t node, const struct msg_log_data *log)
{
    driver_log_came(data, node, log);
}

static bool is_behind(const struct driver *driver)
{
    return driver->config.front.behind && driver->config.front.behind(driver->config.front.data);
}

static void pay_node(struct driver *driver, uint32_t node)
{
    driver_give_credit(driver, node, driver->owed[node]);
    driver->owed[node] = 0;
}

void driver_pay(struct driver *driver)
{
    driver->in_arrears = is_behind(driver);
    if (driver->in_arrears)
        driver_set_timer(driver->pay, PAY_AGAIN_NS);
    for (uint32_t i = 0; !driver->in_arrears && i < driver->saved.node_count; i++)
        pay_node(driver, i);
}

static void world_output(void *data, uint32_t node, const struct msg_log *log)
{
    struct driver *driver = data;

    if (driver->launch.backend->remote && log->bytes.len)
        keep_add(driver->run_dir, driver_node_name(driver, node), log->attempt, log->rank,
                 log->bytes);
    if (!driver->config.front.output)
        return;
    driver->config.front.output(driver->config.front.data, log, driver_node_name(driver, node));
    driver->owed[node] += log->bytes.len;
    if (!driver->in_arrears && !is_behind(driver))
        pay_node(driver, node);
    else if (!driver->in_arrears)
        driver_pay(driver);
}

static void world_ended(void *data, int exit_code)
{
    struct driver *driver = data;

    driver->over = true;
    ledger_deed(&driver->ledger, DEED_END, 0, exit_code);
}

/* What is done once it is stored. */

static void do_send(void *data, uint32_t node, struct str bytes)
{
    struct driver *driver = data;
    struct link *link = driver->links[node];
    int r = link ? link_send_encoded(link, bytes) : 0;

    /* A node that takes nothing for so long has stopped reading: it comes back or is lost. */
    if (r < 0) {
        driver_drop_link(driver, node);
        control_agent_down(driver->control, node, "it does not read what it is sent",
                           clock_now_ns());
    }
}

static void do_launch(void *data, const uint32_t *nodes, size_t count)
{
    struct driver *driver = data;
    struct err err = {0};

    if (launch_start(&driver->launch, nodes, count, &err) == 0)
        return;
    (void)snprintf(driver->launch_sentence, sizeof(driver->launch_sentence), "%s", err.text);
    for (size_t i = 0; i < count; i++) {
        uint32_t *node = vec_push(&driver->launch_failed);

        if (node)
            *node = nodes[i];
    }
}

static void do_forget(void *data, uint32_t node)
{
    struct driver *driver = data;

    driver_drop_link(driver, node);
    launch_end(&driver->launch, node);
}

static void do_end(void *data, int exit_code)
{
    struct driver *driver = data;

    driver->ended = true;
    driver->exit_code = driver->given_up ? run_exits[CAUSE_LOST_CONTROL].code : exit_code;
}

void driver_launch_failed(void *data, uint32_t node, const char *sentence)
{
    struct driver *driver = data;

    control_agent_failed(driver->control, node, sentence, clock_now_ns());
}

const struct control_world driver_world = {
    .event = world_event,
    .metric = world_metric,
    .journal = world_journal,
    .stored = world_stored,
    .send = world_send,
    .launch = world_launch,
    .forget = world_forget,
    .wake = world_wake,
    .log_data = world_log_data,
    .output = world_output,
    .ended = world_ended,
};

const struct ledger_doer driver_doer = {
    .send = do_send, .launch = do_launch, .forget = do_forget, .ended = do_end};
