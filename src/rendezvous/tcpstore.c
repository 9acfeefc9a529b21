#include "rendezvous/tcpstore.h"

#include <errno.h>

#define MAGIC     0x3C85F7CEu
#define VALIDATE  255 /* in the table of codes: not a verb of ours */
#define CODES_MAX 20

/* The verb of each code. */
static const uint8_t codes[][CODES_MAX] = {
    [KV_DIALECT_113] = {KV_SET, KV_COMPARE_SET, KV_GET, KV_ADD, KV_CHECK, KV_WAIT, KV_GETNUMKEYS,
                        KV_WATCH_KEY, KV_DELETE_KEY, KV_APPEND, KV_MULTI_GET, KV_MULTI_SET,
                        KV_CANCEL_WAIT},
    [KV_DIALECT_21] = {KV_SET, KV_COMPARE_SET, KV_GET, KV_ADD, KV_CHECK, KV_WAIT, KV_GETNUMKEYS,
                       KV_DELETE_KEY, KV_APPEND, KV_MULTI_GET, KV_MULTI_SET, KV_CANCEL_WAIT},
    [KV_DIALECT_22] = {VALIDATE, KV_SET, KV_COMPARE_SET, KV_GET, KV_ADD, KV_CHECK, KV_WAIT,
                       KV_GETNUMKEYS, KV_DELETE_KEY, KV_APPEND, KV_MULTI_GET, KV_MULTI_SET,
                       KV_CANCEL_WAIT, KV_PING, KV_QUEUE_PUSH, KV_QUEUE_POP, KV_QUEUE_LEN,
                       KV_LIST_KEYS, KV_BARRIER},
};

/* What follows a code: k a key, v a value, a an i64, u an u32, K a count and keys, P a count and
 * pairs of key and value. */
static const struct {
    const char *name, *body;
} verbs[] = {
    [KV_SET] = {"SET", "kv"},
    [KV_COMPARE_SET] = {"COMPARE_SET", "kvv"},
    [KV_GET] = {"GET", "k"},
    [KV_ADD] = {"ADD", "ka"},
    [KV_CHECK] = {"CHECK", "K"},
    [KV_WAIT] = {"WAIT", "K"},
    [KV_GETNUMKEYS] = {"GETNUMKEYS", ""},
    [KV_WATCH_KEY] = {"WATCH_KEY", "k"},
    [KV_DELETE_KEY] = {"DELETE_KEY", "k"},
    [KV_APPEND] = {"APPEND", "kv"},
    [KV_MULTI_GET] = {"MULTI_GET", "K"},
    [KV_MULTI_SET] = {"MULTI_SET", "P"},
    [KV_CANCEL_WAIT] = {"CANCEL_WAIT", ""},
    [KV_PING] = {"PING", "u"},
    [KV_QUEUE_PUSH] = {"QUEUE_PUSH", "kv"},
    [KV_QUEUE_POP] = {"QUEUE_POP", "k"},
    [KV_QUEUE_LEN] = {"QUEUE_LEN", "k"},
    [KV_LIST_KEYS] = {"LIST_KEYS", ""},
    [KV_BARRIER] = {"BARRIER", "ka"},
};

const char *tcpstore_verb_name(enum kv_verb verb)
{
    return (unsigned)verb < ARRAY_LEN(verbs) && verbs[verb].name ? verbs[verb].name : "?";
}

void tcpstore_done(struct tcpstore *conn)
{
    buf_done(&conn->in);
    vec_done(&conn->keys);
    vec_done(&conn->values);
}

int tcpstore_feed(struct tcpstore *conn, struct str bytes)
{
    if (conn->at == conn->in.len) {
        buf_clear(&conn->in);
        conn->need = 0;
        conn->at = 0;
    } else if (conn->at > conn->in.len / 2) {
        memmove(conn->in.p, conn->in.p + conn->at, conn->in.len - conn->at);
        conn->in.len -= conn->at;
        conn->need = conn->need > conn->at ? conn->need - conn->at : 0;
        conn->at = 0;
    }
    buf_add(&conn->in, bytes.p, bytes.len);
    return conn->in.failed ? -ENOMEM : 0;
}

/* A place in the bytes; `need` grows to what was missed. */
struct cursor {
    const char *p;
    size_t at, len, need;
};

static const char *take(struct cursor *c, size_t bytes)
{
    const char *p = c->p + c->at;

    if (bytes > c->len - c->at) {
        c->need = c->at + bytes;
        return NULL;
    }
    c->at += bytes;
    return p;
}

/* Little-endian machines only, as PyTorch itself on its wire. */
static bool take_number(struct cursor *c, void *out, size_t bytes)
{
    const char *p = take(c, bytes);

    if (p)
        memcpy(out, p, bytes);
    return p != NULL;
}

/* 1, 0 (more bytes are needed) or -EPROTO. */
static int take_text(struct cursor *c, uint64_t max, const char *what, struct str *out,
                     struct err *err)
{
    uint64_t len;

    if (!take_number(c, &len, sizeof(len)))
        return 0;
    if (len > max)
        return err_set(err, -EPROTO, "store: a %s of %llu bytes, at most %llu are taken", what,
                       (unsigned long long)len, (unsigned long long)max);
    out->len = len;
    out->p = take(c, len);
    return out->p != NULL;
}

static int take_key(struct tcpstore *conn, struct cursor *c, struct err *err)
{
    struct str *key = vec_push(&conn->keys);

    return key ? take_text(c, KV_KEY_BYTES_MAX, "key", key, err) : -ENOMEM;
}

static int take_value(struct tcpstore *conn, struct cursor *c, struct err *err)
{
    struct str *value = vec_push(&conn->values);

    return value ? take_text(c, KV_VALUE_BYTES_MAX, "value", value, err) : -ENOMEM;
}

static int take_many(struct tcpstore *conn, struct cursor *c, bool pairs, struct err *err)
{
    uint64_t count;
    int r = 1;

    if (!take_number(c, &count, sizeof(count)))
        return 0;
    if (count > KV_KEYS_MAX)
        return err_set(err, -EPROTO, "store: a request with %llu keys, at most %u are taken",
                       (unsigned long long)count, KV_KEYS_MAX);
    for (uint64_t i = 0; i < count && r > 0; i++) {
        r = take_key(conn, c, err);
        if (r > 0 && pairs)
            r = take_value(conn, c, err);
    }
    return r;
}

static int take_body(struct tcpstore *conn, struct cursor *c, struct kv_request *out,
                     struct err *err)
{
    uint32_t nonce;
    int r = 1;

    out->amount = 0;
    for (const char *part = verbs[out->verb].body; *part && r > 0; part++) {
        if (*part == 'k') {
            r = take_key(conn, c, err);
        } else if (*part == 'v') {
            r = take_value(conn, c, err);
        } else if (*part == 'a') {
            r = take_number(c, &out->amount, sizeof(out->amount));
        } else if (*part == 'u') {
            r = take_number(c, &nonce, sizeof(nonce));
            out->amount = r ? nonce : 0;
        } else {
            r = take_many(conn, c, *part == 'P', err);
        }
    }
    return r;
}

/* 1.13 begins with a code; SET there is 0, as VALIDATE is in 2.2, but then comes a key's length,
 * whose low half can't be the magic. */
static int find_dialect(struct tcpstore *conn, struct cursor *c, struct err *err)
{
    unsigned char first = (unsigned char)c->p[c->at];
    uint32_t word;

    if (first != 0 && first != (MAGIC & 0xff)) {
        conn->dialect = KV_DIALECT_113;
        return 1;
    }
    if (c->len - c->at < 5) {
        c->need = c->at + 5;
        return 0;
    }
    memcpy(&word, c->p + c->at + (first == 0), sizeof(word));
    if (first == 0 && word == MAGIC)
        conn->dialect = KV_DIALECT_22, c->at += 5;
    else if (first == 0)
        conn->dialect = KV_DIALECT_113;
    else if (word == MAGIC)
        conn->dialect = KV_DIALECT_21;
    else
        return err_set(err, -EPROTO, "store: the connection does not begin as a TCPStore client's");
    return 1;
}

/* The verb of the request at the cursor: 1, 0 or -EPROTO. */
static int take_verb(enum kv_dialect dialect, struct cursor *c, enum kv_verb *verb, struct err *err)
{
    uint32_t magic;
    uint8_t code;

    if (dialect == KV_DIALECT_21) {
        if (!take_number(c, &magic, sizeof(magic)))
            return 0;
        if (magic != MAGIC)
            return err_set(err, -EPROTO, "store: a request without its magic number");
    }
    if (!take_number(c, &code, sizeof(code)))
        return 0;
    *verb = code < CODES_MAX ? (enum kv_verb)codes[dialect][code] : 0;
    if (!*verb || *verb == (enum kv_verb)VALIDATE)
        return err_set(err, -EPROTO, "store: request code %u is not known in this dialect", code);
    return 1;
}

int tcpstore_next(struct tcpstore *conn, struct kv_request *out, struct err *err)
{
    struct cursor c = {conn->in.p, conn->at, conn->in.len, 0};
    int r = 1;

    if (c.at >= c.len || c.len < conn->need)
        return 0;
    conn->keys.count = conn->values.count = 0;
    if (conn->dialect == KV_DIALECT_NONE) {
        r = find_dialect(conn, &c, err);
        if (r > 0)
            conn->at = c.at;
    }
    if (r > 0)
        r = take_verb(conn->dialect, &c, &out->verb, err);
    if (r > 0)
        r = take_body(conn, &c, out, err);
    if (r == 0 && c.need - conn->at > KV_REQUEST_MAX)
        r = err_set(err, -EPROTO, "store: a request of more than %u bytes", KV_REQUEST_MAX);
    conn->need = r ? 0 : c.need;
    if (r <= 0)
        return r;
    conn->at = c.at;
    out->key_count = (uint32_t)conn->keys.count;
    out->keys = conn->keys.items;
    out->values = conn->values.items;
    return 1;
}

enum kv_verb tcpstore_peek(const struct tcpstore *conn)
{
    struct cursor c = {conn->in.p, conn->at, conn->in.len, 0};
    enum kv_verb verb = 0;

    if (conn->dialect == KV_DIALECT_NONE || c.at >= c.len)
        return 0;
    return take_verb(conn->dialect, &c, &verb, NULL) > 0 ? verb : 0;
}

static void put(struct buf *out, const void *number, size_t bytes)
{
    buf_add(out, number, bytes);
}

void tcpstore_answer_value(struct buf *out, struct str value)
{
    uint64_t len = value.len;

    put(out, &len, sizeof(len));
    buf_add(out, value.p, value.len);
}

void tcpstore_answer_number(struct buf *out, int64_t number)
{
    put(out, &number, sizeof(number));
}

void tcpstore_answer_check(struct buf *out, bool ready)
{
    put(out, &(uint8_t){!ready}, 1);
}

void tcpstore_answer_wait(struct buf *out)
{
    put(out, &(uint8_t){0}, 1);
}

void tcpstore_answer_cancelled(struct buf *out)
{
    put(out, &(uint8_t){1}, 1);
}

void tcpstore_answer_watch(struct buf *out)
{
    put(out, &(uint8_t){3}, 1);
}

void tcpstore_answer_ping(struct buf *out, uint32_t nonce)
{
    put(out, &nonce, sizeof(nonce));
}

void tcpstore_answer_pop(struct buf *out, int64_t count, struct str value)
{
    tcpstore_answer_number(out, count);
    if (count)
        tcpstore_answer_value(out, value);
}

void tcpstore_answer_key_count(struct buf *out, int64_t count)
{
    tcpstore_answer_number(out, count);
}
