/* snap/tar - see tar.h. The header's fields are those of POSIX.1-1988 (ustar). */
#include "snap/tar.h"

#include <errno.h>
#include <stdio.h>

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], time[12], sum[8];
    char type;
    char target[100], magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155];
    char pad[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a tar header is one block");

static const char zeros[TAR_BLOCK];

static unsigned checksum(const struct header *h)
{
    const unsigned char *p = (const unsigned char *)h;
    unsigned sum = sizeof(h->sum) * ' '; /* the field itself counts as blanks */

    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += p[i];
    for (size_t i = 0; i < sizeof(h->sum); i++)
        sum -= (unsigned char)h->sum[i];
    return sum;
}

static void put_octal(char *field, size_t len, uint64_t value)
{
    field[len - 1] = '\0';
    for (size_t i = len - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

static void put_text(char *field, size_t space, struct str text)
{
    memcpy(field, text.p, text.len < space ? text.len : space);
}

static void add_header(struct buf *out, struct header *h, char type, size_t bytes, int64_t time_s)
{
    put_octal(h->mode, sizeof(h->mode), type == '2' ? 0777 : 0644);
    put_octal(h->uid, sizeof(h->uid), 0);
    put_octal(h->gid, sizeof(h->gid), 0);
    put_octal(h->size, sizeof(h->size), bytes);
    put_octal(h->time, sizeof(h->time), time_s > 0 ? (uint64_t)time_s : 0);
    h->type = type;
    memcpy(h->magic, "ustar", 6);
    memcpy(h->version, "00", 2);
    memcpy(h->user, "root", 4);
    memcpy(h->group, "root", 4);
    put_octal(h->sum, 7, checksum(h)); /* six digits and a NUL, then a blank */
    h->sum[7] = ' ';
    buf_add(out, (const char *)h, sizeof(*h));
}

static void add_bytes(struct buf *out, struct str bytes)
{
    buf_add(out, bytes.p, bytes.len);
    if (bytes.len % TAR_BLOCK)
        buf_add(out, zeros, TAR_BLOCK - bytes.len % TAR_BLOCK);
}

/* GNU's way of saying a name (type 'L') or a link's target ('K') that the next header can't hold.
 */
static void add_long(struct buf *out, char type, struct str text)
{
    struct header h = {0};

    put_text(h.name, sizeof(h.name), STR("././@LongLink"));
    add_header(out, &h, type, text.len + 1, 0);
    buf_add(out, text.p, text.len);
    buf_add(out, zeros, TAR_BLOCK - text.len % TAR_BLOCK); /* at least the NUL */
}

/* Where to cut a path for prefix and name; 0 when it can't be cut. */
static size_t prefix_len(struct str path)
{
    size_t room = sizeof(((struct header *)0)->prefix), name = sizeof(((struct header *)0)->name);

    for (size_t i = path.len > name ? path.len - name - 1 : 0; i <= room && i + 1 < path.len; i++)
        if (path.p[i] == '/' && i > 0)
            return i;
    return 0;
}

void tar_add(struct buf *out, const struct tar_item *item, int64_t time_s)
{
    struct header h = {0};
    size_t cut = 0;

    if (item->path.len > sizeof(h.name)) {
        cut = prefix_len(item->path);
        if (!cut)
            add_long(out, 'L', item->path);
    }
    if (item->link && item->bytes.len > sizeof(h.target))
        add_long(out, 'K', item->bytes);
    if (cut) {
        put_text(h.prefix, sizeof(h.prefix), (struct str){item->path.p, cut});
        put_text(h.name, sizeof(h.name), str_skip(item->path, cut + 1));
    } else {
        put_text(h.name, sizeof(h.name), item->path);
    }
    if (item->link)
        put_text(h.target, sizeof(h.target), item->bytes);
    add_header(out, &h, item->link ? '2' : '0', item->link ? 0 : item->bytes.len, time_s);
    if (!item->link)
        add_bytes(out, item->bytes);
}

void tar_end(struct buf *out)
{
    buf_add(out, zeros, TAR_BLOCK);
    buf_add(out, zeros, TAR_BLOCK);
}

static int get_octal(const char *field, size_t len, uint64_t *out)
{
    size_t i = 0;

    *out = 0;
    while (i < len && field[i] == ' ')
        i++;
    if (i == len || field[i] < '0' || field[i] > '7')
        return -EBADMSG; /* also GNU's base 256, which only sizes above 8 GiB need */
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        *out = *out << 3 | (uint64_t)(field[i] - '0');
    return 0;
}

static struct str field_text(const char *field, size_t space)
{
    return (struct str){field, strnlen(field, space)};
}

/* "27 path=some/long/name\n..." */
static int read_pax(struct tar_reader *reader, struct str text)
{
    while (text.len) {
        struct str rest = text, number, record, key;
        uint64_t len;

        if (!str_cut(&rest, ' ', &number) || str_to_u64(number, 10, &len) < 0 || len > text.len ||
            len < number.len + 3 || text.p[len - 1] != '\n')
            return -EBADMSG;
        record = str_range(text.p + number.len + 1, text.p + len - 1);
        text = str_skip(text, len);
        str_cut(&record, '=', &key);
        if (str_is(key, "path"))
            reader->long_path = record;
        else if (str_is(key, "linkpath"))
            reader->long_target = record;
    }
    return 0;
}

/* The header's own path; prefix and name lie apart in it and are joined in the reader. */
static struct str header_path(struct tar_reader *reader, const struct header *h)
{
    struct str name = field_text(h->name, sizeof(h->name)), prefix;

    if (memcmp(h->magic, "ustar", 6) != 0 || !h->prefix[0])
        return name;
    prefix = field_text(h->prefix, sizeof(h->prefix));
    memcpy(reader->joined, prefix.p, prefix.len);
    reader->joined[prefix.len] = '/';
    memcpy(reader->joined + prefix.len + 1, name.p, name.len);
    return (struct str){reader->joined, prefix.len + 1 + name.len};
}

static struct str until_nul(struct str text)
{
    return (struct str){text.p, strnlen(text.p, text.len)};
}

/* Does this header carry an item? Else remember what it says about the next one. */
static int take(struct tar_reader *reader, const struct header *h, struct str bytes,
                struct tar_item *item)
{
    int r = 0;

    switch (h->type) {
    case 'L':
        reader->long_path = until_nul(bytes);
        return 0;
    case 'K':
        reader->long_target = until_nul(bytes);
        return 0;
    case 'x':
        return read_pax(reader, bytes);
    case 'g':
        return 0;
    case '0':
    case '7':
    case '\0':
    case '2':
        item->link = h->type == '2';
        item->path = reader->long_path.len ? reader->long_path : header_path(reader, h);
        item->bytes = !item->link               ? bytes
                      : reader->long_target.len ? reader->long_target
                                                : field_text(h->target, sizeof(h->target));
        while (str_starts(item->path, "./"))
            item->path = str_skip(item->path, 2);
        /* Archives before POSIX end a folder's name with '/' and give it type 0. */
        r = item->path.len && !str_ends(item->path, "/");
        break;
    default:
        break;
    }
    reader->long_path = reader->long_target = (struct str){0};
    return r;
}

int tar_next(struct tar_reader *reader, struct tar_item *item, struct err *err)
{
    for (;;) {
        const struct header *h = (const struct header *)reader->rest.p;
        uint64_t size, sum;
        int r;

        if (reader->rest.len < TAR_BLOCK)
            return err_set(err, -ENODATA, "the tar archive has no end");
        if (!memcmp(h, zeros, TAR_BLOCK))
            return 0;
        if (get_octal(h->sum, sizeof(h->sum), &sum) < 0 || sum != checksum(h))
            return err_set(err, -EBADMSG, "no tar header where one should be");
        /* Links and folders have no bytes, whatever some writers put into their size. */
        if (h->type >= '1' && h->type <= '6')
            size = 0;
        else if (get_octal(h->size, sizeof(h->size), &size) < 0)
            return err_set(err, -EBADMSG, "a tar header without a size");
        reader->rest = str_skip(reader->rest, TAR_BLOCK);
        if (size > reader->rest.len)
            return err_set(err, -ENODATA, "the tar archive is cut off inside a file");
        r = take(reader, h, (struct str){reader->rest.p, size}, item);
        reader->rest = str_skip(reader->rest, (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK);
        if (r < 0)
            return err_set(err, r, "a pax header that can't be read");
        if (r > 0)
            return 1;
    }
}
