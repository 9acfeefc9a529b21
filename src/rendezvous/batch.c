#include "rendezvous/batch.h"

#include "rendezvous/tcpstore.h"

#include <errno.h>

#define VERSION 1

/* The parts of each kind: n number, k key, v value, w other, a amount. */
static const char *const kinds[BATCH_KINDS] = {
    [UP_READ] = "ka",     [UP_POLL] = "k",          [UP_UNPOLL] = "k",   [UP_UNWAIT] = "ka",
    [UP_SET] = "kv",      [UP_COMPARE_SET] = "kvw", [UP_ADD] = "ka",     [UP_DELETE] = "k",
    [UP_APPEND] = "kv",   [UP_PUSH] = "kv",         [UP_POP] = "k",      [UP_LEN] = "k",
    [UP_COUNT] = "",      [UP_LIST] = "",           [DOWN_ABSENT] = "k", [DOWN_VALUE] = "kva",
    [DOWN_EXISTS] = "ka", [DOWN_DROP] = "k",        [DOWN_WAKE] = "k",   [DOWN_NUMBER] = "na",
    [DOWN_BYTES] = "nv",  [DOWN_POPPED] = "nav",    [DOWN_KEYS] = "nav", [DOWN_ERROR] = "nv",
};

void batch_put_number(struct buf *out, uint64_t number)
{
    char bytes[10];
    size_t len = 0;

    while (number >= 0x80) {
        bytes[len++] = (char)(number | 0x80);
        number >>= 7;
    }
    bytes[len++] = (char)number;
    buf_add(out, bytes, len);
}

bool batch_take_number(struct str *rest, uint64_t *number)
{
    uint64_t value = 0;

    for (size_t i = 0; i < rest->len && i < 10; i++) {
        unsigned char byte = (unsigned char)rest->p[i];

        if (i == 9 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        if (byte == 0 && i)
            return false; /* one number has one spelling */
        *number = value;
        *rest = str_skip(*rest, i + 1);
        return true;
    }
    return false;
}

void batch_put_text(struct buf *out, struct str text)
{
    batch_put_number(out, text.len);
    buf_add(out, text.p, text.len);
}

bool batch_take_text(struct str *rest, size_t max, struct str *text)
{
    uint64_t len;

    if (!batch_take_number(rest, &len) || len > max || len > rest->len)
        return false;
    *text = (struct str){rest->p, len};
    *rest = str_skip(*rest, len);
    return true;
}

static void put_amount(struct buf *out, int64_t amount)
{
    batch_put_number(out, (uint64_t)amount << 1 ^ (uint64_t)(amount >> 63));
}

static bool take_amount(struct str *rest, int64_t *amount)
{
    uint64_t number;

    if (!batch_take_number(rest, &number))
        return false;
    *amount = (int64_t)(number >> 1 ^ -(number & 1));
    return true;
}

void batch_put_up(struct buf *out, const struct up_head *head)
{
    buf_add(out, &(char){VERSION}, 1);
    batch_put_number(out, head->ack);
    batch_put_number(out, head->first);
}

void batch_put_down(struct buf *out, const struct down_head *head)
{
    buf_add(out, &(char){VERSION}, 1);
    batch_put_number(out, head->incarnation);
    batch_put_number(out, head->number);
    batch_put_number(out, head->processed);
}

static bool take_version(struct str *rest)
{
    bool ours = rest->len && rest->p[0] == VERSION;

    *rest = str_skip(*rest, 1);
    return ours;
}

int batch_take_up(struct str *rest, struct up_head *head)
{
    return take_version(rest) && batch_take_number(rest, &head->ack) &&
                   batch_take_number(rest, &head->first)
               ? 0
               : -EPROTO;
}

int batch_take_down(struct str *rest, struct down_head *head)
{
    return take_version(rest) && batch_take_number(rest, &head->incarnation) &&
                   batch_take_number(rest, &head->number) &&
                   batch_take_number(rest, &head->processed)
               ? 0
               : -EPROTO;
}

void batch_put(struct buf *out, const struct item *item)
{
    buf_add(out, &(char){(char)item->kind}, 1);
    for (const char *part = kinds[item->kind]; *part; part++) {
        if (*part == 'n')
            batch_put_number(out, item->number);
        else if (*part == 'a')
            put_amount(out, item->amount);
        else
            batch_put_text(out, *part == 'k'   ? item->key
                                : *part == 'v' ? item->value
                                               : item->other);
    }
}

int batch_take(struct str *rest, bool up, struct item *item)
{
    bool good = true;

    if (!rest->len)
        return 0;
    *item = (struct item){.kind = (enum batch_kind)(unsigned char)rest->p[0]};
    if (!item->kind || item->kind >= BATCH_KINDS || (item->kind <= UP_LIST) != up)
        return -EPROTO;
    *rest = str_skip(*rest, 1);
    for (const char *part = kinds[item->kind]; *part && good; part++) {
        if (*part == 'n')
            good = batch_take_number(rest, &item->number);
        else if (*part == 'a')
            good = take_amount(rest, &item->amount);
        else if (*part == 'k')
            good = batch_take_text(rest, KV_KEY_BYTES_MAX, &item->key);
        else
            good = batch_take_text(rest, KV_VALUE_BYTES_MAX,
                                   *part == 'v' ? &item->value : &item->other);
    }
    return good ? 1 : -EPROTO;
}
