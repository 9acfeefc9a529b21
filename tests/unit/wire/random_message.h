/* Messages of seeded random contents, filled by the table of fields. */
#ifndef TESTS_WIRE_RANDOM_MESSAGE_H
#define TESTS_WIRE_RANDOM_MESSAGE_H

#include "base/rng.h"
#include "wire/fields.h"

#include <stdlib.h>

#define MESSAGE_IDS 256

static inline struct str random_text(struct arena *arena, struct rng *rng)
{
    size_t len = rng_below(rng, 4) ? rng_below(rng, 40) : 0;
    char *text = arena_alloc(arena, len + 1);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)rng_next(rng);
    return (struct str){text, len};
}

static inline void random_field(struct arena *arena, struct rng *rng, enum field_kind kind,
                                void *at)
{
    struct i64_list words = {0};
    struct str *texts;

    switch (kind) {
    case FIELD_BOOL:
        *(bool *)at = rng_below(rng, 2);
        break;
    case FIELD_U32:
        *(uint32_t *)at = (uint32_t)rng_next(rng);
        break;
    case FIELD_U64:
    case FIELD_I64:
        *(uint64_t *)at = rng_next(rng);
        break;
    case FIELD_TEXT:
    case FIELD_BYTES:
        *(struct str *)at = random_text(arena, rng);
        break;
    case FIELD_TEXTS:
        words.count = (uint32_t)rng_below(rng, 5);
        texts = arena_alloc(arena, words.count * sizeof(*texts) + 1);
        for (uint32_t i = 0; i < words.count; i++)
            texts[i] = random_text(arena, rng);
        *(struct text_list *)at = (struct text_list){texts, words.count};
        break;
    case FIELD_I64S:
    case FIELD_F64S: /* any bits: a NaN's payload is kept too */
        words.count = (uint32_t)rng_below(rng, 10);
        words.items = arena_alloc(arena, words.count * sizeof(int64_t) + 1);
        for (uint32_t i = 0; i < words.count; i++)
            ((int64_t *)words.items)[i] = (int64_t)rng_next(rng);
        *(struct i64_list *)at = words;
        break;
    }
}

/* False when no message has this id. */
static inline bool random_message(struct arena *arena, struct rng *rng, unsigned id,
                                  struct message *out)
{
    const struct message_shape *shape = message_shape(id);

    memset(out, 0, sizeof(*out));
    out->id = (enum message_id)id;
    for (size_t i = 0; shape && i < shape->count; i++)
        random_field(arena, rng, shape->fields[i].kind, (char *)out + shape->fields[i].offset);
    return shape;
}

#endif
