/* exchange/gguf - the beginning of a .gguf file (versions 2 and 3): keys with values, and where the
 * tensors lie. */
#ifndef EXCHANGE_GGUF_H
#define EXCHANGE_GGUF_H

#include "base/str.h"
#include "exchange/names.h"

#define GGUF_MAGIC      "GGUF"
#define GGUF_VERSION    3
#define GGUF_HEADER_MAX ((size_t)256 << 20)
#define GGUF_KEYS_MAX   65536
#define GGUF_ALIGN      32

enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPES
};

struct gguf_value {
    struct str key;
    enum gguf_type type; /* of an array: of its items */
    bool array;
    uint64_t count;   /* 1 when it is no array */
    struct str bytes; /* of all items as they lie in the file */
};

/* All slices point into the bytes that were parsed. */
struct gguf {
    VEC(struct gguf_value) values;
    struct tensors tensors; /* not sorted */
};

/* `bytes`: the file's first `len` of file_bytes. Returns 0, -EINVAL with a sentence, or -ENOMEM. */
int gguf_parse(const char *bytes, size_t len, uint64_t file_bytes, struct gguf *out,
               struct err *err);
void gguf_done(struct gguf *gguf);

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key);

/* Item `index` of a value. False: it is of another kind, or there is none. */
bool gguf_number(const struct gguf_value *value, uint64_t index, double *out);
bool gguf_integer(const struct gguf_value *value, uint64_t index, int64_t *out);
/* Of a value that is a string alone. */
bool gguf_text(const struct gguf_value *value, struct str *out);

/* To write: keys in any order, then the tensors. */
struct gguf_writer {
    struct buf keys;
    uint64_t count;
};

void gguf_put_u32(struct gguf_writer *writer, const char *key, uint32_t value);
void gguf_put_f32(struct gguf_writer *writer, const char *key, float value);
void gguf_put_bool(struct gguf_writer *writer, const char *key, bool value);
void gguf_put_text(struct gguf_writer *writer, const char *key, struct str value);
/* The items follow by buf_add to `keys`, strings by gguf_add_text. */
void gguf_put_array(struct gguf_writer *writer, const char *key, enum gguf_type type,
                    uint64_t count);
void gguf_add_text(struct gguf_writer *writer, struct str value);

/* The whole beginning of a file, up to where the first piece's bytes lie. Each begins at a multiple
 * of GGUF_ALIGN. */
int gguf_header(const struct gguf_writer *writer, const struct pieces *pieces, enum stored type,
                struct buf *out);

/* ggml's number of what tensors are stored as. */
uint32_t gguf_tensor_type(enum stored type);

/* As which a piece is written: vectors and routers stay fp32. */
enum stored gguf_stored(const struct piece *piece, enum stored type);

static inline uint64_t gguf_aligned(uint64_t bytes)
{
    return (bytes + GGUF_ALIGN - 1) / GGUF_ALIGN * GGUF_ALIGN;
}

#endif
