#include "pci/hex.h"

#include <errno.h>

int hex_row(struct str line, uint32_t *offset, uint8_t bytes[HEX_ROW_BYTES])
{
    size_t i = 0;
    int count = 0;

    *offset = 0;
    while (i < line.len && i < 4 && char_hex(line.p[i]) >= 0)
        *offset = *offset << 4 | (uint32_t)char_hex(line.p[i++]);
    if (i < 2 || i > 3 || i >= line.len || line.p[i] != ':')
        return -EINVAL;
    i++;
    while (i < line.len && count < HEX_ROW_BYTES) {
        int high, low;

        if (line.p[i] != ' ')
            break;
        if (i + 2 >= line.len)
            break;
        high = char_hex(line.p[i + 1]);
        low = char_hex(line.p[i + 2]);
        if (high < 0 || low < 0 || (i + 3 < line.len && char_hex(line.p[i + 3]) >= 0))
            return -EINVAL;
        bytes[count++] = (uint8_t)(high << 4 | low);
        i += 3;
    }
    return count ? count : -EINVAL;
}

bool hex_is_row(struct str line)
{
    uint8_t bytes[HEX_ROW_BYTES];
    uint32_t offset;

    return hex_row(line, &offset, bytes) > 0;
}

size_t hex_rows(struct str text, uint8_t bytes[HEX_BYTES_MAX])
{
    uint8_t row[HEX_ROW_BYTES];
    uint32_t offset;
    struct str line;
    size_t len = 0;

    while (len < HEX_BYTES_MAX && str_line(&text, &line)) {
        int count = hex_row(line, &offset, row);

        if (count < 0 || offset != len || len + (size_t)count > HEX_BYTES_MAX)
            break;
        memcpy(bytes + len, row, (size_t)count);
        len += (size_t)count;
        if (count < HEX_ROW_BYTES)
            break;
    }
    return len;
}
