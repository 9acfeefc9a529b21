/* data/unit_text - is a unit UTF-8, and what do its lines say; see unit.h. */
#include "data/jsonl.h"
#include "data/unit.h"
#include "data/valid.h"

#include <errno.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* some editors put it before a file of UTF-8 */

int unit_check(struct unit *unit)
{
    size_t bad = valid_prefix((struct str){unit->bytes, unit->len});

    if (bad == unit->len)
        return 0;
    return err_set(&unit->err, -EILSEQ,
                   "%s: byte %llu is not UTF-8 (--allow-invalid takes the bytes as they are)",
                   unit->file->path, (unsigned long long)(unit->begin.offset + bad));
}

static void begin(const struct unit *unit, struct unit_lines *lines)
{
    lines->begun = true;
    lines->rest = (struct str){unit->bytes, unit->len};
    lines->next = unit->begin.ordinal;
    if (unit->begin.offset == 0 && str_starts(lines->rest, BYTE_ORDER_MARK))
        lines->rest = str_skip(lines->rest, strlen(BYTE_ORDER_MARK));
}

int unit_next_text(struct unit *unit, struct unit_lines *lines, const char *text_key,
                   struct buf *text)
{
    struct str line;
    int r;

    if (!lines->begun)
        begin(unit, lines);
    do {
        if (!str_line(&lines->rest, &line))
            return 0;
        lines->next++;
    } while (!str_trim(line).len);
    r = jsonl_text(line, text_key, text, &unit->err);
    return r == 0 ? 1
                  : err_wrap(&unit->err, r, "%s: line %llu", unit->file->path,
                             (unsigned long long)lines->next);
}
