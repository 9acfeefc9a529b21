#include "pci/lspci_index.h"

#include "pci/hex.h"

#include <errno.h>

/* Hex digits at p[*i]; their value, and *i behind them. Returns how many there are. */
static size_t hex_run(struct str line, size_t *i, uint64_t *value)
{
    size_t start = *i;

    *value = 0;
    while (*i < line.len && *i - start < 9 && char_hex(line.p[*i]) >= 0)
        *value = *value << 4 | (uint64_t)char_hex(line.p[(*i)++]);
    return *i - start;
}

size_t lspci_address(struct str line, uint64_t *bdf)
{
    uint64_t domain = 0, first, second, function;
    size_t i = 0, digits = hex_run(line, &i, &first);

    if (digits < 2 || digits > 8 || i >= line.len || line.p[i] != ':')
        return 0;
    i++;
    if (digits > 2) {
        domain = first;
        if (hex_run(line, &i, &first) != 2 || i >= line.len || line.p[i] != ':')
            return 0;
        i++;
    }
    for (unsigned hops = 0;; hops++) { /* -PP: "00:01.0/01:00.0 Class" names the last one */
        if (hex_run(line, &i, &second) != 2 || i + 1 >= line.len || line.p[i] != '.' || second > 31)
            return 0;
        i++;
        if (hex_run(line, &i, &function) != 1 || function > 7 || i >= line.len)
            return 0;
        if (line.p[i] != '/' || hops == 256)
            break;
        i++;
        if (hex_run(line, &i, &first) != 2 || i >= line.len || line.p[i] != ':')
            return 0;
        i++;
    }
    if (line.p[i] != ' ' || i + 1 >= line.len || line.p[i + 1] == ' ')
        return 0;
    *bdf = domain << 16 | first << 8 | second << 3 | function;
    return i + 1;
}

/* No-break spaces, in UTF-8; their first byte hardly ever comes up. */
static bool has_nbsp(const char *p, const char *end)
{
    while ((p = memchr(p, 0xc2, (size_t)(end - p))) && p + 1 < end)
        if (*++p == '\xa0')
            return true;
    return false;
}

/* The device that lines belong to ends before `end`. */
static void close_body(struct lspci_device *device, const char *end)
{
    if (device && !device->hex.len && !device->body.len)
        device->body.len = (size_t)(end - device->body.p);
}

/* One more chunk of the device whose lines come now. Returns 0, or -ENOMEM. */
static int add_chunk(struct lspci_index *index, struct lspci_device *device, const char *p,
                     uint32_t line)
{
    struct lspci_chunk *chunk;

    if (!device || device->hex.len)
        return 0;
    chunk = vec_push(&index->chunks);
    if (!chunk)
        return -ENOMEM;
    *chunk = (struct lspci_chunk){p, line};
    device->chunk_count++;
    return 0;
}

int lspci_index_build(struct lspci_index *index, struct str text)
{
    const char *p = text.p, *end = text.p + text.len;
    struct lspci_device *device = NULL;
    uint32_t line = 0;
    int r = 0;

    *index = (struct lspci_index){0};
    if (!text.len)
        return 0;
    index->dirty = memchr(p, '\r', text.len) || memchr(p, 0x1b, text.len) || has_nbsp(p, end);
    for (; p < end && r == 0 && index->chunks.count < LSPCI_CHUNKS_MAX; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *stop = newline ? newline : end;
        struct str text_line = str_range(p, stop);
        const char *next = newline ? newline + 1 : end;
        uint64_t bdf;
        size_t len;

        if (p == stop) {
            if (device)
                close_body(device, p);
            device = NULL;
        } else if (*p == '\t') {
            if (!device || device->hex.len)
                index->dirty = true;
            if (end - p < 2 || p[1] != '\t')
                r = add_chunk(index, device, p, line);
        } else if ((len = lspci_address(text_line, &bdf)) > 0) {
            close_body(device, p);
            if (index->devices.count == LSPCI_DEVICES_MAX)
                break;
            device = vec_push(&index->devices);
            if (!device)
                return -ENOMEM;
            device->bdf = bdf;
            device->body.p = p + len;
            device->line = line;
            device->chunk = (uint32_t)index->chunks.count;
            r = add_chunk(index, device, device->body.p, line);
        } else if (device && hex_is_row(text_line)) {
            if (!device->hex.len) {
                close_body(device, p);
                device->hex.p = p;
                device->hex_line = line;
            }
            device->hex.len = (size_t)(next - device->hex.p);
        } else {
            index->dirty = true;
            r = add_chunk(index, device, p, line);
        }
        p = next;
    }
    close_body(device, p);
    return r;
}

void lspci_index_done(struct lspci_index *index)
{
    vec_done(&index->devices);
    vec_done(&index->chunks);
}
