/* exchange/gguf_write - how it is written; see gguf.h. */
#include "exchange/gguf.h"

#include <errno.h>

static void add_u32(struct buf *out, uint32_t value)
{
    buf_add(out, (const char *)&value, sizeof(value));
}

static void add_u64(struct buf *out, uint64_t value)
{
    buf_add(out, (const char *)&value, sizeof(value));
}

static void add_text(struct buf *out, struct str value)
{
    add_u64(out, value.len);
    buf_add(out, value.p, value.len);
}

static void put_key(struct gguf_writer *writer, const char *key, enum gguf_type type)
{
    add_text(&writer->keys, str_of(key));
    add_u32(&writer->keys, type);
    writer->count++;
}

void gguf_put_u32(struct gguf_writer *writer, const char *key, uint32_t value)
{
    put_key(writer, key, GGUF_U32);
    add_u32(&writer->keys, value);
}

void gguf_put_f32(struct gguf_writer *writer, const char *key, float value)
{
    put_key(writer, key, GGUF_F32);
    buf_add(&writer->keys, (const char *)&value, sizeof(value));
}

void gguf_put_bool(struct gguf_writer *writer, const char *key, bool value)
{
    char byte = value;

    put_key(writer, key, GGUF_BOOL);
    buf_add(&writer->keys, &byte, 1);
}

void gguf_put_text(struct gguf_writer *writer, const char *key, struct str value)
{
    put_key(writer, key, GGUF_STRING);
    add_text(&writer->keys, value);
}

void gguf_put_array(struct gguf_writer *writer, const char *key, enum gguf_type type,
                    uint64_t count)
{
    put_key(writer, key, GGUF_ARRAY);
    add_u32(&writer->keys, type);
    add_u64(&writer->keys, count);
}

void gguf_add_text(struct gguf_writer *writer, struct str value)
{
    add_text(&writer->keys, value);
}

enum stored gguf_stored(const struct piece *piece, enum stored type)
{
    return piece->narrow ? STORED_F32 : type;
}

int gguf_header(const struct gguf_writer *writer, const struct pieces *pieces, enum stored type,
                struct buf *out)
{
    uint64_t at = 0;

    buf_puts(out, GGUF_MAGIC);
    add_u32(out, GGUF_VERSION);
    add_u64(out, pieces->list.count);
    add_u64(out, writer->count);
    buf_add(out, writer->keys.p, writer->keys.len);
    for (size_t i = 0; i < pieces->list.count; i++) {
        const struct piece *piece = &pieces->list.items[i];
        enum stored stored = gguf_stored(piece, type);

        add_text(out, str_of(piece->names[0]));
        add_u32(out, (uint32_t)piece->dims);
        for (size_t k = piece->dims; k-- > 0;)
            add_u64(out, piece->shape[k]);
        add_u32(out, gguf_tensor_type(stored));
        add_u64(out, at);
        at += gguf_aligned(piece->matrices * piece->rows * piece->columns * stored_bytes(stored));
    }
    while (out->len % GGUF_ALIGN != 0)
        buf_add(out, "", 1);
    return out->failed || writer->keys.failed ? -ENOMEM : 0;
}
