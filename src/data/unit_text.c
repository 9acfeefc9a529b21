/* data/unit_text - is a unit UTF-8, and what do its lines say; see unit.h. */
#include "data/jsonl.h"
#include "data/unit.h"
#include "data/valid.h"

#include <errno.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* some editors put it before a file of UTF-8 */

int unit_check(const struct unit_rules *rules, struct unit *unit)
{
    bool any = rules->allow_invalid || (rules->skip_broken && unit->file->jsonl);
    size_t bad = any ? unit->len : valid_prefix((struct str){unit->bytes, unit->len});

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

static int line_text(const struct unit_rules *rules, struct str line, struct buf *text,
                     struct err *why)
{
    if (rules->skip_broken && !rules->allow_invalid && valid_prefix(line) < line.len)
        return -EILSEQ;
    return jsonl_text(line, rules->text_key, text, why);
}

int unit_next_text(const struct unit_rules *rules, struct unit *unit, struct unit_lines *lines,
                   struct buf *text)
{
    struct str line;

    if (!lines->begun)
        begin(unit, lines);
    while (str_line(&lines->rest, &line)) {
        struct err why = {0};
        int r;

        lines->next++;
        if (!str_trim(line).len)
            continue;
        r = line_text(rules, line, text, &why);
        if (r == 0)
            return 1;
        if (!rules->skip_broken || r == -ENOMEM)
            return err_set(&unit->err, r,
                           "%s: line %llu: %s (--skip-broken passes over such lines)",
                           unit->file->path, (unsigned long long)lines->next, why.text);
        lines->broken++;
    }
    return 0;
}
