/* control/driver_inside - what the driver's files share, lowest first.
 *
 *   driver_asked.c  what others ask: the view, wishes, keys, parts of logs
 *   driver_links.c  agents come, speak and go
 *   driver_world.c  what the machine asks for (control_world), and how it is done
 *   driver_begin.c  the lock, the port, the back end; an older controller's events
 *   driver_stall.c  the store can't be written: links are kept, and in the end it is given up
 *   driver.c        the loop: a turn's outputs are stored, then done; timers; the end */
#ifndef CONTROL_DRIVER_INSIDE_H
#define CONTROL_DRIVER_INSIDE_H

#include "base/clock.h"
#include "control/driver.h"
#include "control/ledger.h"
#include "control/socket.h"
#include "sched/launch.h"
#include "wire/link.h"

/* A link's data. */
struct peer {
    struct driver *driver;
    struct link *link;
    int64_t node; /* -1: no HELLO yet */
};

/* Somebody waits for a part of a log. */
struct log_ask {
    uint64_t id;
    uint32_t node;
    void (*answer)(void *data, const struct msg_log_data *log);
    void *data;
};

/* A key that a rank has set, not yet told to the front: two texts in `told_bytes`. */
struct told {
    size_t at, key_len, value_len;
};

struct driver {
    struct driver_config config;
    struct saved saved;
    const char *run_dir;
    struct arena *arena;
    struct event_base *base;
    struct event *wake, *view, *retry, *pay;
    struct link_server *server;
    struct control *control;
    struct control_socket *socket;
    struct launch launch;
    struct ledger ledger;
    struct link **links; /* by node; NULL: none */
    uint64_t *owed;      /* by node: bytes of live output that were taken and not yet paid back */
    VEC(struct log_ask) log_asks;
    VEC(struct told) told;
    struct buf told_bytes;
    VEC(uint32_t) launch_failed; /* nodes whose launch failed in this turn */
    char launch_sentence[ERR_TEXT_MAX];
    uint64_t log_id;
    int64_t wake_ns, created_ns, stalled_ns, pinged_ns;
    int lock_fd, exit_code;
    bool over, ended, view_due, begun_due, in_arrears;
    bool stalled, kill_asked, given_up; /* the store can't be written; see driver_stall.c */
};

static inline void driver_set_timer(struct event *timer, int64_t ns)
{
    struct timeval t = {ns / 1000000000, ns % 1000000000 / 1000};

    (void)event_add(timer, &t);
}

const char *driver_node_name(const struct driver *driver, int64_t node); /* "" for none */
/* A part of a log is here, for whoever asked for it; none will come from that node any more. */
void driver_log_came(struct driver *driver, uint32_t node, const struct msg_log_data *log);
void driver_forget_asks(struct driver *driver, uint32_t node);

extern const struct link_watch driver_link_watch;
void *driver_accept(void *data, struct link *link);
void driver_drop_link(struct driver *driver, uint32_t node);
/* More live output may come from a node. */
void driver_give_credit(struct driver *driver, uint32_t node, uint64_t bytes);

extern const struct control_world driver_world; /* its data is the driver */
extern const struct ledger_doer driver_doer;    /* likewise */
/* What ranks have set, and which attempt has begun, for the front: outside the machine. */
void driver_tell_front(struct driver *driver);
void driver_launch_failed(void *data, uint32_t node, const char *sentence);
/* All live output that is owed may come, unless whoever reads is still behind. */
void driver_pay(struct driver *driver);

/* This turn's outputs could not be stored. True: they wait, and will be tried again. False: the run
 * ends without its end being stored. */
bool driver_stall(struct driver *driver, struct err *err);

/* Returns 0 or a negative errno with a sentence. */
int driver_begin(struct driver *driver, struct err *err);

#endif
