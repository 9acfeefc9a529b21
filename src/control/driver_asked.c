/* control/driver_asked - what others ask of a controller that runs. */
#include "control/driver_inside.h"

#define LOG_ASKS_MAX 4096

const char *driver_node_name(const struct driver *driver, int64_t node)
{
    return node >= 0 && node < driver->saved.node_count ? driver->saved.names[node] : "";
}

struct event_base *driver_base(struct driver *driver)
{
    return driver->base;
}

void driver_wish(struct driver *driver, enum control_wish wish, const char *why)
{
    driver->kill_asked = driver->kill_asked || wish == WISH_KILL;
    control_wish(driver->control, wish, why, clock_now_ns());
}

void driver_time_is_over(struct driver *driver)
{
    control_time_limit(driver->control, clock_wall_ns());
}

void driver_view(struct driver *driver, struct control_view *view)
{
    control_view(driver->control, clock_now_ns(), view);
}

int driver_store_set(struct driver *driver, struct str key, struct str value)
{
    return control_store_set(driver->control, key, value, clock_now_ns());
}

int driver_store_delete(struct driver *driver, struct str key)
{
    return control_store_delete(driver->control, key, clock_now_ns());
}

struct control *driver_control(struct driver *driver)
{
    return driver->control;
}

const struct saved *driver_saved(const struct driver *driver)
{
    return &driver->saved;
}

const char *driver_run_dir(const struct driver *driver)
{
    return driver->run_dir;
}

void driver_log_read(struct driver *driver, const struct msg_log_read *ask, uint32_t node,
                     void (*answer)(void *data, const struct msg_log_data *log), void *data)
{
    struct message message = {.id = MSG_LOG_READ, .log_read = *ask};
    struct msg_log_data log = {.id = ask->id};
    struct log_ask *row = NULL;

    if (!driver->links[node])
        log.complaint = STR("the node is not connected");
    else if (driver->log_asks.count < LOG_ASKS_MAX)
        row = vec_push(&driver->log_asks);
    if (!row) {
        if (!log.complaint.len)
            log.complaint = STR("too many ask for logs");
        answer(data, &log);
        return;
    }
    message.log_read.id = ++driver->log_id;
    *row = (struct log_ask){driver->log_id, node, answer, data};
    ledger_send(&driver->ledger, node, &message);
}

void driver_log_came(struct driver *driver, uint32_t node, const struct msg_log_data *log)
{
    for (size_t i = 0; i < driver->log_asks.count; i++) {
        struct log_ask ask = driver->log_asks.items[i];

        if (ask.id != log->id || ask.node != node)
            continue;
        driver->log_asks.items[i] = driver->log_asks.items[--driver->log_asks.count];
        ask.answer(ask.data, log);
        return;
    }
}

void driver_forget_asks(struct driver *driver, uint32_t node)
{
    for (size_t i = driver->log_asks.count; i-- > 0;) {
        struct log_ask ask = driver->log_asks.items[i];
        struct msg_log_data log = {.id = ask.id, .complaint = STR("the node is not connected")};

        if (ask.node != node)
            continue;
        driver->log_asks.items[i] = driver->log_asks.items[--driver->log_asks.count];
        ask.answer(ask.data, &log);
    }
}
