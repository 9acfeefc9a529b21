#include "wire/fields.h"

#define F(kind, part, member)                                                                      \
    {                                                                                              \
#member, FIELD_##kind, offsetof(struct message, part.member)                               \
    }

static const struct field hello[] = {
    F(U32, hello, node),        F(U64, hello, incarnation), F(TEXT, hello, host),
    F(TEXT, hello, version),    F(TEXT, hello, boot_id),    F(I64, hello, pid),
    F(U32, hello, cpus),        F(U32, hello, gpus),        F(U64, hello, generation),
    F(U32, hello, attempt),     F(BOOL, hello, empty),      F(I64S, hello, ranks_alive),
    F(U64, hello, events_from), F(TEXT, hello, data_addr),  F(I64S, hello, ports),
};

static const struct field welcome[] = {
    F(U64, welcome, generation),    F(U32, welcome, node),         F(TEXT, welcome, node_name),
    F(TEXT, welcome, run),          F(U32, welcome, heartbeat_ms), F(U32, welcome, hold_ms),
    F(U64, welcome, log_bytes_max),
};

/* The job holds the user's environment: no log shows it. */
static const struct field start[] = {
    F(U32, start, attempt),     F(U32, start, node_rank),    F(U32, start, nnodes),
    F(U32, start, first_rank),  F(U32, start, nproc),        F(U32, start, world),
    F(BYTES, start, job),       F(TEXT, start, run),         F(TEXT, start, resume),
    F(I64, start, resume_step), F(TEXT, start, master_addr), F(U32, start, master_port),
    F(TEXTS, start, hosts),
};

static const struct field stop[] = {
    F(U32, stop, attempt),
    F(U32, stop, how),
    F(U32, stop, grace_ms),
    F(TEXT, stop, why),
};

static const struct field signal[] = {
    F(U32, signal, attempt),
    F(I64, signal, rank),
    F(U32, signal, signo),
};

static const struct field ping[] = {F(I64, ping, sent_ns)};
static const struct field pong[] = {F(I64, pong, sent_ns), F(I64, pong, agent_ns)};
static const struct field ack[] = {F(U64, ack, event)};
static const struct field store[] = {F(U32, store, attempt), F(BYTES, store, bytes)};
static const struct field log_credit[] = {F(U64, log_credit, bytes)};
static const struct field leave[] = {F(TEXT, leave, why)};

static const struct field find_checkpoint[] = {
    F(U32, find_checkpoint, attempt),
    F(BYTES, find_checkpoint, job),
};

static const struct field checkpoint[] = {
    F(U32, checkpoint, attempt),       F(TEXT, checkpoint, path),      F(I64, checkpoint, step),
    F(TEXTS, checkpoint, quarantined), F(TEXT, checkpoint, complaint),
};

static const struct field log_read[] = {
    F(U64, log_read, id),     F(U32, log_read, attempt),   F(U32, log_read, rank),
    F(I64, log_read, offset), F(U32, log_read, bytes_max),
};

static const struct field log_data[] = {
    F(U64, log_data, id),      F(I64, log_data, offset),     F(I64, log_data, log_size),
    F(BYTES, log_data, bytes), F(TEXT, log_data, complaint),
};

static const struct field log_lines[] = {
    F(U32, log, attempt), F(U32, log, rank),    F(U32, log, stream),
    F(U64, log, skipped), F(BYTES, log, bytes),
};

static const struct field event[] = {
    F(U64, event, number), F(U32, event, kind), F(U32, event, attempt), F(I64, event, rank),
    F(I64, event, at_ns),  F(I64, event, a),    F(I64, event, b),       F(TEXT, event, text),
};

static const struct field status[] = {
    F(U32, status, attempt),    F(I64S, status, step),   F(I64S, status, total),
    F(I64S, status, tokens),    F(F64S, status, loss),   F(I64S, status, phase),
    F(I64S, status, connected), F(TEXTS, status, waits), F(I64S, status, log_size),
};

#define M(id, name, fields) [id] = {name, fields, ARRAY_LEN(fields)}

static const struct message_shape shapes[] = {
    M(MSG_WELCOME, "welcome", welcome),
    M(MSG_START, "start", start),
    M(MSG_STOP, "stop", stop),
    M(MSG_SIGNAL, "signal", signal),
    M(MSG_PING, "ping", ping),
    M(MSG_ACK, "ack", ack),
    M(MSG_STORE_DOWN, "store_down", store),
    M(MSG_FIND_CHECKPOINT, "find_checkpoint", find_checkpoint),
    M(MSG_LOG_READ, "log_read", log_read),
    M(MSG_LOG_CREDIT, "log_credit", log_credit),
    M(MSG_LEAVE, "leave", leave),
    M(MSG_HELLO, "hello", hello),
    M(MSG_EVENT, "event", event),
    M(MSG_PONG, "pong", pong),
    M(MSG_STATUS, "status", status),
    M(MSG_STORE_UP, "store_up", store),
    M(MSG_CHECKPOINT, "checkpoint", checkpoint),
    M(MSG_LOG, "log", log_lines),
    M(MSG_LOG_DATA, "log_data", log_data),
};

const struct message_shape *message_shape(unsigned id)
{
    return id < ARRAY_LEN(shapes) && shapes[id].name ? &shapes[id] : NULL;
}
