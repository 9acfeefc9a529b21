/* token/normalize - see normalize.h. */
#include "token/normalize.h"

#include "token/utf8.h"

#include <errno.h>

#define UNIT_BYTES            4
#define REPLACEMENT_BYTES_MAX 1024 /* the longest of NFKC has 33: U+FDFA */

static uint32_t unit_at(const struct normalizer *normalizer, size_t index)
{
    const unsigned char *p = (const unsigned char *)normalizer->units + index * UNIT_BYTES;

    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int normalizer_set_charsmap(struct normalizer *normalizer, struct str charsmap, struct err *err)
{
    const unsigned char *p = (const unsigned char *)charsmap.p;
    size_t bytes;

    if (!charsmap.len)
        return 0;
    if (charsmap.len < UNIT_BYTES)
        return err_set(err, -EINVAL, "the normaliser's table is cut off");
    bytes = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    if (bytes % UNIT_BYTES || !bytes || bytes >= charsmap.len - UNIT_BYTES)
        return err_set(err, -EINVAL, "the normaliser's table says that it has %zu bytes of %zu",
                       bytes, charsmap.len - UNIT_BYTES);
    normalizer->units = charsmap.p + UNIT_BYTES;
    normalizer->unit_count = bytes / UNIT_BYTES;
    normalizer->replacements = str_skip(charsmap, UNIT_BYTES + bytes);
    if (normalizer->replacements.p[normalizer->replacements.len - 1])
        return err_set(err, -EINVAL, "the normaliser's last replacement is cut off");
    for (size_t i = 0, begin = 0; i < normalizer->replacements.len; i++)
        if (!normalizer->replacements.p[i])
            begin = i + 1;
        else if (i - begin == REPLACEMENT_BYTES_MAX)
            return err_set(err, -EINVAL, "the normaliser has a replacement of more than %d bytes",
                           REPLACEMENT_BYTES_MAX);
    return 0;
}

static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 1 << 9) >> 6);
}

/* Length of the longest entry at the begin of `text`, 0: none; *value: where its replacement is. */
static size_t longest_entry(const struct normalizer *normalizer, struct str text, size_t *value)
{
    size_t longest = 0, at = 0;
    uint32_t unit;

    if (!normalizer->units)
        return 0;
    at ^= offset_of(unit_at(normalizer, at));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.p[i];

        at ^= byte;
        if (at >= normalizer->unit_count)
            break;
        unit = unit_at(normalizer, at);
        if ((unit & (1u << 31 | 0xff)) != byte)
            break;
        at ^= offset_of(unit);
        if (at >= normalizer->unit_count)
            break;
        if (unit >> 8 & 1) {
            longest = i + 1;
            *value = unit_at(normalizer, at) & ~(1u << 31);
        }
    }
    return longest;
}

/* What the begin of `text` becomes; *used: how much of it. */
static struct str next_part(const struct normalizer *normalizer, struct str text, size_t *used)
{
    size_t value = 0;
    uint32_t code;
    int32_t id;

    *used = normalizer->kept ? matcher_find(normalizer->kept, text, &id) : 0;
    if (*used)
        return (struct str){text.p, *used};
    *used = longest_entry(normalizer, text, &value);
    if (*used)
        return value < normalizer->replacements.len ? str_of(normalizer->replacements.p + value)
                                                    : STR("");
    *used = utf8_decode(text.p, text.len, &code);
    if (*used)
        return (struct str){text.p, *used};
    *used = 1;
    return STR(UTF8_REPLACEMENT);
}

static struct str blank_of(const struct normalizer *normalizer)
{
    return normalizer->escape_blanks ? STR(UTF8_BLANK) : STR(" ");
}

static void add_blank(const struct normalizer *normalizer, struct buf *out)
{
    struct str blank = blank_of(normalizer);

    buf_add(out, blank.p, blank.len);
}

/* Without a table and with all blanks kept a text is copied in runs. */
static void copy_text(const struct normalizer *normalizer, struct str text, struct buf *out)
{
    size_t begin = 0, at = 0, used;
    uint32_t code;

    while (at < text.len) {
        while (at < text.len && (unsigned char)text.p[at] < 0x80 && text.p[at] != ' ')
            at++;
        if (at == text.len)
            break;
        used = text.p[at] == ' ' ? 0 : utf8_decode(text.p + at, text.len - at, &code);
        if (!used) {
            buf_add(out, text.p + begin, at - begin);
            if (text.p[at] == ' ')
                add_blank(normalizer, out);
            else
                buf_puts(out, UTF8_REPLACEMENT);
            begin = at + 1;
        }
        at += used ? used : 1;
    }
    buf_add(out, text.p + begin, at - begin);
}

static void add_part(const struct normalizer *normalizer, struct str part, struct buf *out)
{
    for (size_t i = 0; i < part.len; i++)
        if (part.p[i] == ' ')
            add_blank(normalizer, out);
        else
            buf_add(out, part.p + i, 1);
}

static void replace_text(const struct normalizer *normalizer, struct str text, struct buf *out)
{
    bool after_blank = normalizer->remove_extra_blanks;
    size_t used;

    for (; text.len; text = str_skip(text, used)) {
        struct str part = next_part(normalizer, text, &used);

        while (after_blank && part.len && part.p[0] == ' ')
            part = str_skip(part, 1);
        add_part(normalizer, part, out);
        if (part.len)
            after_blank = part.p[part.len - 1] == ' ';
        after_blank &= normalizer->remove_extra_blanks;
    }
}

static struct str without_leading_blanks(const struct normalizer *normalizer, struct str text)
{
    size_t used;

    while (text.len && str_eq(next_part(normalizer, text, &used), STR(" ")))
        text = str_skip(text, used);
    return text;
}

static void drop_trailing_blanks(const struct normalizer *normalizer, struct buf *out, size_t begin)
{
    struct str blank = blank_of(normalizer);

    while (out->len - begin >= blank.len &&
           memcmp(out->p + out->len - blank.len, blank.p, blank.len) == 0)
        out->len -= blank.len;
}

void normalize(const struct normalizer *normalizer, struct str text, struct buf *out)
{
    size_t begin = out->len;

    if (normalizer->remove_extra_blanks)
        text = without_leading_blanks(normalizer, text);
    if (!text.len)
        return;
    if (normalizer->dummy_prefix && !normalizer->blank_is_suffix)
        add_blank(normalizer, out);
    if (normalizer->units || normalizer->remove_extra_blanks)
        replace_text(normalizer, text, out);
    else
        copy_text(normalizer, text, out);
    if (normalizer->remove_extra_blanks && !out->failed)
        drop_trailing_blanks(normalizer, out, begin);
    if (normalizer->dummy_prefix && normalizer->blank_is_suffix)
        add_blank(normalizer, out);
}
