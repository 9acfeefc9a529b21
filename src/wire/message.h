/* wire/message - what controller and agent say to each other, as plain structs and one table.
 *
 * The table drives encoding, decoding and printing, so that a message has one list of fields. On
 * the wire: u8 id, then the fields in the table's order, little-endian; text, bytes and lists have
 * a u32 length or count in front. Frames and secrecy are the link's business (wire/link.h). */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define WIRE_VERSION           1
#define WIRE_MESSAGE_BYTES_MAX (24u << 20) /* a store value may have 8 MiB */
#define WIRE_LIST_MAX          (1u << 20)

enum message_id {
    /* controller to agent */
    MSG_WELCOME = 1,
    MSG_START,
    MSG_STOP,
    MSG_SIGNAL,
    MSG_PING,
    MSG_ACK,
    MSG_STORE_DOWN,
    MSG_FIND_CHECKPOINT,
    MSG_LOG_READ,
    MSG_LOG_CREDIT,
    MSG_LEAVE,
    /* agent to controller */
    MSG_HELLO = 32,
    MSG_EVENT,
    MSG_PONG,
    MSG_STATUS,
    MSG_STORE_UP,
    MSG_CHECKPOINT,
    MSG_LOG,
    MSG_LOG_DATA,
};

struct text_list {
    const struct str *items;
    uint32_t count;
};

struct i64_list {
    const int64_t *items;
    uint32_t count;
};

struct f64_list {
    const double *items;
    uint32_t count;
};

/* The first message of the agent. What lives there already is told, so that a controller that was
 * started again adopts it. */
struct msg_hello {
    uint32_t node;        /* the index that the back end gave it */
    uint64_t incarnation; /* random, new with each agent process */
    struct str host;      /* uname's node name */
    struct str version;
    struct str boot_id;
    int64_t pid;
    uint32_t cpus; /* that it may use */
    uint32_t gpus;
    uint64_t generation; /* of the last controller it obeyed; 0: none yet */
    uint32_t attempt;    /* at hand; 0: none */
    bool empty;          /* nothing of that attempt is alive */
    struct i64_list ranks_alive;
    uint64_t events_from;  /* number of the oldest event that was not acknowledged; it is resent */
    struct str data_addr;  /* the address of ours that reaches the controller: for MASTER_ADDR */
    struct i64_list ports; /* kept free for stores that ranks host, by attempt in turn */
};

/* The controller's answer. An agent obeys no controller of a generation below the one it knows. */
struct msg_welcome {
    uint64_t generation;
    uint32_t node;
    struct str node_name;
    struct str run;         /* its id */
    uint32_t heartbeat_ms;  /* a PING comes at least so often; three silent ones are a lost link */
    uint32_t hold_ms;       /* so long ranks live on without a controller */
    uint64_t log_bytes_max; /* of one rank in one attempt */
};

/* Start an attempt's ranks on this node. Anything of an older attempt is ended first. */
struct msg_start {
    uint32_t attempt; /* from 1 */
    uint32_t node_rank, nnodes;
    uint32_t first_rank, nproc, world;
    struct str job;         /* struct job as JSON (job/job.h): command, environment, limits */
    struct str run;         /* its id */
    struct str resume;      /* FIRSTLIGHT_RESUME; empty: from the beginning */
    int64_t resume_step;    /* -1: none */
    struct str master_addr; /* of node rank 0, for programs that host their own store */
    uint32_t master_port;   /* 0: the agent's own store serves, on loopback */
    struct text_list hosts; /* names of all nodes in rank order, for SLURM_JOB_NODELIST and the
                               like; empty above 1024 nodes */
};

enum stop_how {
    STOP_ABORT,  /* something died: SIGTERM, then soon SIGKILL */
    STOP_POLITE, /* save now and leave; SIGTERM after the program had its chance */
    STOP_KILL,   /* SIGKILL at once */
    STOP_SAVE,   /* save now and go on (the page's should_stop 2): nothing is ended */
};

struct msg_stop {
    uint32_t attempt;
    uint32_t how;      /* enum stop_how */
    uint32_t grace_ms; /* until SIGKILL; extended while a checkpoint is being written */
    struct str why;
};

struct msg_signal {
    uint32_t attempt;
    int64_t rank; /* -1: all of the node */
    uint32_t signo;
};

/* Clock offset and heartbeat in one. Times are CLOCK_MONOTONIC nanoseconds of who wrote them. */
struct msg_ping {
    int64_t sent_ns;
};

struct msg_pong {
    int64_t sent_ns;  /* the ping's */
    int64_t agent_ns; /* when it was answered */
};

/* The controller has stored all events up to this number. */
struct msg_ack {
    uint64_t event;
};

/* Requests and answers of the rendezvous store; rendezvous/kv.h knows the bytes. */
struct msg_store {
    uint32_t attempt;
    struct str bytes;
};

/* Which checkpoint is the newest complete one? Asked of the agent of node rank 0. */
struct msg_find_checkpoint {
    uint32_t attempt; /* the one that will start from it */
    struct str job;   /* as in START: its checkpoint rule, working directory, environment */
};

struct msg_checkpoint {
    uint32_t attempt;
    struct str path;              /* empty: none */
    int64_t step;                 /* -1: unknown */
    struct text_list quarantined; /* "old path -> new path (why)" */
    struct str complaint;         /* why it could not look; empty */
};

/* A part of a rank's log, by offset from its first byte; negative: from its end. */
struct msg_log_read {
    uint64_t id;
    uint32_t attempt;
    uint32_t rank;
    int64_t offset;
    uint32_t bytes_max;
};

struct msg_log_data {
    uint64_t id;
    int64_t offset;   /* of the first byte here */
    int64_t log_size; /* bytes the rank has written so far */
    struct str bytes;
    struct str complaint; /* empty: all well */
};

/* How many more bytes of live output the controller will take from this node. */
struct msg_log_credit {
    uint64_t bytes;
};

/* Live output of a rank: whole lines, where lines are below 64 KiB. */
struct msg_log {
    uint32_t attempt;
    uint32_t rank;
    uint32_t stream;  /* 1 stdout, 2 stderr */
    uint64_t skipped; /* lines before this that the credit did not allow */
    struct str bytes;
};

/* What happened on the node, kept by the agent until it is acknowledged. */
enum agent_event {
    AGENT_RANKS_STARTED = 1, /* all of the node; a: how many */
    AGENT_SPAWN_FAILED,      /* a: errno; text: one sentence */
    AGENT_RANK_EXITED,       /* rank; a: wait status; b: 1 when we had signalled it before,
                                2 when the kernel's OOM killer did; text: its last words */
    AGENT_NODE_EMPTY,        /* nothing of the attempt is alive here; a: stragglers killed */
    AGENT_CHECKPOINT_SAVED,  /* rank; a: step; text: path */
    AGENT_PHASE,             /* rank 0 of the job alone; a: enum page_phase (progress/page.h) */
    AGENT_HONOURED,          /* rank; it left by itself after should_stop or SIGTERM, b: 1 saved */
    AGENT_NOTE,              /* text: anything worth a line in the log of events */
};

struct msg_event {
    uint64_t number; /* from 1 for each incarnation, without holes */
    uint32_t kind;   /* enum agent_event */
    uint32_t attempt;
    int64_t rank;  /* -1: none */
    int64_t at_ns; /* CLOCK_MONOTONIC of the node, as near to the event as can be read */
    int64_t a, b;
    struct str text;
};

/* At most once a second and only on change: where this node's ranks are. The lists have nproc
 * items, by local rank. Lost ones don't matter: the next has it all. */
struct msg_status {
    uint32_t attempt;
    struct i64_list step, total; /* -1: not told */
    struct i64_list tokens;      /* since the attempt began; -1: not told */
    struct f64_list loss;        /* NaN: not told */
    struct i64_list phase;       /* enum page_phase */
    struct i64_list connected;   /* 1: it has spoken to the store */
    struct text_list waits;      /* what it waits for in the store: a key; empty: nothing */
    struct i64_list log_size;    /* bytes written */
};

struct msg_leave {
    struct str why;
};

struct message {
    enum message_id id;
    union {
        struct msg_hello hello;
        struct msg_welcome welcome;
        struct msg_start start;
        struct msg_stop stop;
        struct msg_signal signal;
        struct msg_ping ping;
        struct msg_pong pong;
        struct msg_ack ack;
        struct msg_store store; /* STORE_UP and STORE_DOWN */
        struct msg_find_checkpoint find_checkpoint;
        struct msg_checkpoint checkpoint;
        struct msg_log_read log_read;
        struct msg_log_data log_data;
        struct msg_log_credit log_credit;
        struct msg_log log;
        struct msg_event event;
        struct msg_status status;
        struct msg_leave leave;
    };
};

/* Append its bytes to `out` (out->failed when there is no memory). What is longer than the bounds
 * is our own mistake. */
void message_encode(const struct message *message, struct buf *out);

/* Whole of `bytes` as one message. Texts and bytes point into `bytes`, lists live in `arena`.
 * Returns 0, -EPROTO with a sentence ("event: 3 bytes are missing in at_ns"), or -ENOMEM. */
int message_decode(struct arena *arena, struct str bytes, struct message *out, struct err *err);

/* One line for logs and tests: `event number=3 kind=3 attempt=1 rank=17 ...`; long texts are cut.
 * Never the job's environment. */
void message_print(const struct message *message, struct buf *out);

const char *message_name(enum message_id id); /* "event"; "?" */

#endif
