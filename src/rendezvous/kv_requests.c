/* What each request does. Semantics are those of torch's server, quirks included: programs rely on
 * them. */
#include "rendezvous/kv_parts.h"

#include <stdio.h>

static void answer_number(struct kv *kv, uint32_t node, uint64_t number, int64_t amount)
{
    session_put(kv, node, &(struct item){.kind = DOWN_NUMBER, .number = number, .amount = amount});
}

static void answer_bytes(struct kv *kv, uint32_t node, uint64_t number, struct str value)
{
    session_put(kv, node, &(struct item){.kind = DOWN_BYTES, .number = number, .value = value});
}

static void answer_error(struct kv *kv, uint32_t node, uint64_t number, const char *text)
{
    session_put(kv, node,
                &(struct item){.kind = DOWN_ERROR, .number = number, .value = str_of(text)});
}

static void answer_full(struct kv *kv, uint32_t node, uint64_t number)
{
    char text[128];

    (void)snprintf(text, sizeof(text), "the store is full: it may have %zu MiB of keys and values",
                   kv->bytes_max >> 20);
    answer_error(kv, node, number, text);
}

/* As std::stoll reads it: blanks, a sign, digits; what follows is not looked at. */
static bool counter_of(const struct kv_key *key, int64_t *out)
{
    struct str text = {key->value, key->len}, digits;
    bool minus;

    while (text.len && (text.p[0] == ' ' || (text.p[0] >= '\t' && text.p[0] <= '\r')))
        text = str_skip(text, 1);
    minus = str_starts(text, "-");
    if (minus || str_starts(text, "+"))
        text = str_skip(text, 1);
    digits = str_digits(&text, 10);
    if (minus)
        digits = (struct str){digits.p - 1, digits.len + 1};
    return digits.len > minus && str_to_i64(digits, 10, out) == 0;
}

/* False: answered with an error. */
static bool add(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key, int64_t amount,
                int64_t *sum)
{
    char text[24];
    int len;

    *sum = 0;
    if (key->exists && !counter_of(key, sum)) {
        answer_error(kv, node, number, "ADD to a key whose value is not a number");
        return false;
    }
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)amount); /* wraps round */
    len = snprintf(text, sizeof(text), "%lld", (long long)*sum);
    if (key_put(kv, key, (struct str){text, (size_t)len}))
        return true;
    answer_full(kv, node, number);
    return false;
}

static void do_add(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                   const struct item *item)
{
    int64_t sum;

    if (add(kv, node, number, key, item->amount, &sum))
        answer_number(kv, node, number, sum);
}

static void do_poll(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                    const struct item *item)
{
    int64_t sum;

    (void)item;
    if (add(kv, node, number, key, 0, &sum))
        key_poll(kv, key, node); /* its value goes at the head of the message */
}

static void do_read(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                    const struct item *item)
{
    struct item state = {.kind = DOWN_ABSENT, .key = key->named.name};

    (void)number;
    if (!key->exists && key->queued) {
        state.kind = DOWN_EXISTS;
        state.amount = KEEP_QUEUE;
    } else if (!key->exists) {
        key_hold(kv, key, node, (uint32_t)(item->amount >> 1));
    } else {
        bool whole = item->amount & READ_WHOLE || key->len <= KV_COPY_BYTES_MAX;

        state.kind = whole ? DOWN_VALUE : DOWN_EXISTS;
        state.value = (struct str){key->value, key->len};
        state.amount = key->changed ? 0 : KEEP_COPY;
        if (!key->changed)
            key_hold(kv, key, node, 0);
    }
    session_put(kv, node, &state);
}

static void do_set(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                   const struct item *item)
{
    if (!key_put(kv, key, item->value))
        answer_full(kv, node, number);
    else if (kv->out && kv->out->stored)
        kv->out->stored(kv->out->data, node, item->key, item->value);
}

/* A key that is not there takes the new value when nothing was expected, and else pretends to have
 * had the expected one. */
static void do_compare_set(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                           const struct item *item)
{
    struct str expected = item->value;
    bool same = key->exists ? str_eq(expected, (struct str){key->value, key->len}) : !expected.len;

    if (same && !key_put(kv, key, item->other))
        answer_full(kv, node, number);
    else if (key->exists)
        answer_bytes(kv, node, number, (struct str){key->value, key->len});
    else
        answer_bytes(kv, node, number, expected);
}

static void do_append(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                      const struct item *item)
{
    struct buf whole = {0};

    if (key->len + item->value.len > KV_VALUE_BYTES_MAX) {
        answer_error(kv, node, number, "APPEND makes a value of more than 8 MiB");
        return;
    }
    buf_add(&whole, key->value, key->len);
    buf_add(&whole, item->value.p, item->value.len);
    if (whole.failed)
        kv->failed = true;
    else if (!key_put(kv, key, (struct str){whole.p, whole.len}))
        answer_full(kv, node, number);
    buf_done(&whole);
}

static void do_push(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                    const struct item *item)
{
    if (!key_push(kv, key, item->value))
        answer_full(kv, node, number);
}

static void do_pop(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                   const struct item *item)
{
    (void)item;
    key_pop(kv, key, node, number);
}

static void do_length(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                      const struct item *item)
{
    (void)item;
    answer_number(kv, node, number, (int64_t)key->queued);
}

static void do_delete(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                      const struct item *item)
{
    (void)item;
    answer_number(kv, node, number, key_delete(kv, key));
}

static void do_unpoll(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                      const struct item *item)
{
    (void)number, (void)item;
    session_unpoll(kv, node, key);
}

static void do_unwait(struct kv *kv, uint32_t node, uint64_t number, struct kv_key *key,
                      const struct item *item)
{
    (void)number;
    key_unwait(kv, key, node, (uint32_t)item->amount);
}

static void do_list(struct kv *kv, uint32_t node, uint64_t number)
{
    struct buf list = {0};

    for (size_t slot = 0; slot < kv->keys.space && list.len <= KV_VALUE_BYTES_MAX; slot++) {
        const struct kv_key *key = (const struct kv_key *)kv->keys.slots[slot];

        if (key && key->exists)
            batch_put_text(&list, key->named.name);
    }
    if (list.failed)
        kv->failed = true;
    else if (list.len > KV_VALUE_BYTES_MAX)
        answer_error(kv, node, number, "the names of all keys are more than 8 MiB");
    else
        session_put(kv, node,
                    &(struct item){.kind = DOWN_KEYS,
                                   .number = number,
                                   .amount = (int64_t)kv->key_count,
                                   .value = {list.p, list.len}});
    buf_done(&list);
}

void request_do(struct kv *kv, uint32_t node, uint64_t number, const struct item *item)
{
    static void (*const doers[])(struct kv *, uint32_t, uint64_t, struct kv_key *,
                                 const struct item *) = {
        [UP_READ] = do_read,     [UP_POLL] = do_poll,     [UP_UNPOLL] = do_unpoll,
        [UP_UNWAIT] = do_unwait, [UP_SET] = do_set,       [UP_COMPARE_SET] = do_compare_set,
        [UP_ADD] = do_add,       [UP_DELETE] = do_delete, [UP_APPEND] = do_append,
        [UP_PUSH] = do_push,     [UP_POP] = do_pop,       [UP_LEN] = do_length,
    };
    struct kv_key *key;

    if (item->kind == UP_COUNT) {
        answer_number(kv, node, number, (int64_t)kv->key_count);
        return;
    }
    if (item->kind == UP_LIST) {
        do_list(kv, node, number);
        return;
    }
    key = key_need(kv, item->key);
    if (!key) {
        answer_full(kv, node, number);
        return;
    }
    doers[item->kind](kv, node, number, key, item);
    key_tidy(kv, key);
}
