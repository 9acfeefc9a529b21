/* control/driver - the controller as a process: the machine, its links, its store, its agents.
 *
 * One thread round one event loop. In each turn of the loop the machine's outputs are gathered
 * (control/ledger.h); then its events and journal are written, and only then its actions are
 * carried out. While the store can't be written (a full disk) actions wait, and `trouble` says so.
 */
#ifndef CONTROL_DRIVER_H
#define CONTROL_DRIVER_H

#include "base/err.h"
#include "control/control.h"
#include "control/saved.h"
#include "store/store.h"

#include <event2/event.h>

struct driver;

/* Whoever shows the run. Called from the loop; all optional. */
struct driver_front {
    void *data;
    void (*event)(void *data, const struct run_event *event, const char *node_name);
    /* Live output. NULL: nobody wants any. */
    void (*output)(void *data, const struct msg_log *log, const char *node_name);
    /* Whoever reads live output is slow: nothing more may come for now. NULL: never. */
    bool (*behind)(void *data);
    void (*view)(void *data, const struct control_view *view); /* each second, and on events */
    void (*trouble)(void *data, const char *sentence);
    /* An attempt begins, or was at hand when this controller took over: its nodes by node rank.
     * Nodes that never came are not among them. */
    void (*begun)(void *data, uint32_t attempt, const uint32_t *nodes, uint32_t count);
    /* A rank of the attempt at hand has set this key; once for each SET, when it is on the disk.
     * Not told again of what was set before this controller began. May call driver_store_*. */
    void (*stored)(void *data, struct str key, struct str value);
};

struct driver_config {
    struct store *store;
    const char *dir;   /* state folder */
    const char *run;   /* its id; the run exists in the store */
    int64_t ends_at_s; /* of Slurm's allocation, Unix time; 0: not known */
    bool resumed;      /* fold the run's events and adopt what lives; else it begins */
    struct driver_front front;
};

/* Take the run's lock, listen, and begin. *saved is the run's (without key and port when it
 * begins); all must outlive the driver. NULL with a sentence when it can't. */
struct driver *driver_new(const struct driver_config *config, const struct saved *saved,
                          struct err *err);

/* Until the run has ended; the exit code. */
int driver_run(struct driver *driver);

struct event_base *driver_base(struct driver *driver);
void driver_wish(struct driver *driver, enum control_wish wish, const char *why);
/* The scheduler says that time is nearly over: a polite stop whose cause is the time limit. */
void driver_time_is_over(struct driver *driver);
void driver_view(struct driver *driver, struct control_view *view);

/* A key of the store of the attempt at hand is set, or deleted, as by a rank: stored, and whoever
 * waits for it is answered. From the loop, also from inside front.event. Returns 0, -EAGAIN (no
 * attempt is spawning or running), -ENOSPC, -EMSGSIZE (see kv_set) or -ENOMEM. */
int driver_store_set(struct driver *driver, struct str key, struct str value);
int driver_store_delete(struct driver *driver, struct str key);

/* Ask for a part of a rank's log; `answer` is called once, also when the agent is gone. */
void driver_log_read(struct driver *driver, const struct msg_log_read *ask, uint32_t node,
                     void (*answer)(void *data, const struct msg_log_data *log), void *data);
struct control *driver_control(struct driver *driver);
const struct saved *driver_saved(const struct driver *driver);
const char *driver_run_dir(const struct driver *driver);

void driver_free(struct driver *driver);

#endif
