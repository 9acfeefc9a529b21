/* Telling dumps from other texts, and from each other. */
#include "base/map.h"
#include "pci/hex.h"
#include "pci/lspci.h"
#include "pci/lspci_index.h"

/* How far lspci_looks_like reads. */
#define SNIFF_BYTES 65536
#define SNIFF_LINES 400

/* Spreads addresses over the places of a hash table; odd, so no two fall together. */
#define HASH_ODD 0x9e3779b97f4a7c15u

bool lspci_has_loose_registers(struct str text)
{
    static const char *const labels[] = {"ACSCtl:", "LnkSta:", "LnkCap:", "DevCtl:", "UESta:"};
    struct str line;

    if (text.len > SNIFF_BYTES)
        text.len = SNIFF_BYTES;
    for (unsigned i = 0; i < SNIFF_LINES && str_line(&text, &line); i++) {
        line = str_trim(line);
        for (size_t k = 0; k < ARRAY_LEN(labels); k++)
            if (str_starts(line, labels[k]))
                return true;
    }
    return false;
}

bool lspci_looks_like(struct str text)
{
    struct str rest = text, line;
    uint64_t bdf;

    if (rest.len > SNIFF_BYTES)
        rest.len = SNIFF_BYTES;
    for (unsigned i = 0; i < SNIFF_LINES && str_line(&rest, &line); i++) {
        struct str bare = line;
        size_t len;

        while (bare.len && (bare.p[0] == '>' || bare.p[0] == ' ' || bare.p[0] == '\t'))
            bare = str_skip(bare, 1);
        len = lspci_address(bare, &bdf);
        bare = str_skip(bare, len);
        if (len && str_find(bare, ": ") > 0)
            return true;
        if (len && str_line(&rest, &line) && hex_is_row(str_trim(line))) /* without names */
            return true;
    }
    return lspci_has_loose_registers(text);
}

/* A dump ends where the addresses start again: at a device that was there and that is not above the
 * first. A device that is shown twice further down (with and without -x, before and after) is the
 * same machine's, and so is a first one that nothing followed yet. */
size_t lspci_split(struct str text, struct str *parts, size_t max)
{
    struct str rest = text, line;
    const char *start = text.p;
    struct map seen = {0};
    uint64_t bdf, first = 0;
    size_t count = 0;

    while (rest.len && count + 1 < max && seen.count < LSPCI_DEVICES_MAX) {
        const char *at = rest.p;
        struct str bare;

        (void)str_line(&rest, &line);
        bare = line;
        while (bare.len && (bare.p[0] == '>' || bare.p[0] == ' '))
            bare = str_skip(bare, 1);
        if (!bare.len || !lspci_address(bare, &bdf))
            continue;
        bdf++; /* so that 0000:00:00.0 is no empty key */
        if (map_get(&seen, bdf * HASH_ODD, NULL)) {
            if (bdf > first || seen.count == 1)
                continue;
            parts[count++] = str_range(start, at);
            start = at;
            map_clear(&seen);
        }
        if (!seen.count)
            first = bdf;
        if (map_add(&seen, bdf * HASH_ODD, &seen) < 0)
            break;
    }
    map_done(&seen);
    if (max)
        parts[count++] = str_range(start, text.p + text.len);
    return count;
}
