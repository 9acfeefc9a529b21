/* Any bytes as a card, an order or an answer (by the first byte). What is read prints as text that
 * reads back and prints the same. */
#include "measure/order.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct buf *a, const struct buf *b)
{
    if (a->failed || b->failed || !str_eq((struct str){a->p, a->len}, (struct str){b->p, b->len}))
        abort();
}

static int a_card(struct arena *arena, struct str text, struct buf *out, struct err *err)
{
    static struct card card;
    int r = card_read(text, &card, err);

    (void)arena;
    if (r == 0)
        card_print(&card, out);
    return r;
}

static int an_order(struct arena *arena, struct str text, struct buf *out, struct err *err)
{
    static struct order order;
    int r = order_read(text, &order, err);

    (void)arena;
    if (r == 0)
        order_print(&order, out);
    return r;
}

static int an_answer(struct arena *arena, struct str text, struct buf *out, struct err *err)
{
    struct answer answer;
    int r = answer_read(arena, text, &answer, err);

    if (r == 0)
        answer_print(&answer, out);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int (*const kinds[])(struct arena *, struct str, struct buf *,
                                struct err *) = {a_card, an_order, an_answer};
    struct arena *arena = arena_new(16 << 20);
    struct buf once = {0}, twice = {0};
    struct err err = {0};
    size_t kind = size > 0 ? data[0] % 3 : 0;

    if (!arena)
        abort();
    if (size > 0 &&
        kinds[kind](arena, (struct str){(const char *)data + 1, size - 1}, &once, &err) == 0) {
        if (kinds[kind](arena, (struct str){once.p, once.len}, &twice, &err) < 0)
            abort();
        same(&once, &twice);
    } else if (size > 0 && !err.text[0]) {
        abort();
    }
    buf_done(&once);
    buf_done(&twice);
    arena_free(arena);
    return 0;
}
