#include "host/osinfo.h"

#include "host/gather.h"
#include "host/scan.h"

static struct str unquote(struct str s)
{
    if (s.len >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.len - 1] == s.p[0])
        return (struct str){s.p + 1, s.len - 2};
    return s;
}

int os_release_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    static const struct {
        const char *key, *path;
    } keys[] = {{"PRETTY_NAME", "os.name"}, {"VERSION_ID", "os.version"}, {"ID", "os.id"}};
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str key;

    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        struct str line = str_trim(scan.line);

        if (!line.len || !memchr(line.p, '=', line.len) || !str_cut(&line, '=', &key))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            if (str_is(key, keys[i].key))
                gather_text(&gather, GATHER_HOST, FACT_CONFIG, scan.number, str_of(keys[i].path),
                            unquote(line));
    }
    return gather_done(&gather, err);
}

bool os_release_looks_like(struct str text)
{
    return text.len < 8192 && scan_has(text, "PRETTY_NAME=") && scan_has(text, "ID=");
}

/* "Linux version 6.8.0-41-generic (buildd@...) ... #41-Ubuntu SMP ..." */
int version_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str rest, word;

    gather_init(&gather, node, source);
    if (scan_next(&scan) && str_starts(scan.line, "Linux version ")) {
        rest = str_skip(scan.line, 14);
        if (str_word(&rest, &word))
            gather_text(&gather, GATHER_HOST, FACT_CONFIG, 1, STR("os.kernel"), word);
    }
    return gather_done(&gather, err);
}

bool version_looks_like(struct str text)
{
    const char *end = text.len ? memchr(text.p, '\n', text.len) : NULL;

    /* Further lines would make it the start of a kernel log. */
    return str_starts(text, "Linux version ") && (!end || end + 1 == text.p + text.len);
}

/* `uname -a`: "Linux n001 6.8.0-41-generic #41-Ubuntu SMP ... x86_64 GNU/Linux", or `uname -r`
 * alone. */
int uname_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str rest, word = {"", 0}, host;

    gather_init(&gather, node, source);
    if (scan_next(&scan)) {
        rest = scan.line;
        if (str_word(&rest, &word) && str_is(word, "Linux") && str_word(&rest, &host) &&
            str_word(&rest, &word)) {
            gather_text(&gather, GATHER_HOST, FACT_IDENTITY, 1, STR("os.hostname"), host);
            gather_text(&gather, GATHER_HOST, FACT_CONFIG, 1, STR("os.kernel"), word);
        } else if (word.len && word.p[0] >= '2' && word.p[0] <= '9' && !str_trim(rest).len) {
            gather_text(&gather, GATHER_HOST, FACT_CONFIG, 1, STR("os.kernel"), word);
        }
    }
    return gather_done(&gather, err);
}

bool uname_looks_like(struct str text)
{
    struct str line;

    return str_starts(text, "Linux ") && !str_starts(text, "Linux version ") &&
           str_line(&text, &line) && scan_has(line, " #") && scan_has(line, "GNU/Linux");
}

int hostname_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct gather gather;
    struct str name = str_trim(text);

    gather_init(&gather, node, source);
    if (name.len && name.len <= 253 && !memchr(name.p, ' ', name.len) &&
        !memchr(name.p, '\n', name.len))
        gather_text(&gather, GATHER_HOST, FACT_IDENTITY, 1, STR("os.hostname"), name);
    return gather_done(&gather, err);
}

/* " 19:53:02 up 3 days,  4:12,  1 user,  load average: ..." -> seconds, -1 when it is none. */
static int64_t up_seconds(struct str line)
{
    ptrdiff_t at = str_find(line, " up ");
    int64_t total = 0, number;
    struct str part;
    bool any = false;

    if (at < 0)
        return -1;
    line = str_skip(line, (size_t)at + 4);
    while (str_cut(&line, ',', &part)) {
        struct str digits;
        int64_t unit;

        part = str_trim(part);
        digits = str_digits(&part, 10);
        if (digits.len > 9 || str_to_i64(digits, 10, &number) < 0)
            break;
        if (str_starts(part, ":")) {
            struct str minutes = str_skip(part, 1);
            int64_t more;

            minutes = str_digits(&minutes, 10);
            if (minutes.len > 2 || str_to_i64(minutes, 10, &more) < 0)
                break;
            total += number * 3600 + more * 60;
            any = true;
            break; /* hours and minutes come last */
        }
        part = str_trim(part);
        unit = str_starts(part, "day")    ? 86400
               : str_starts(part, "week") ? 604800
               : str_starts(part, "hour") ? 3600
               : str_starts(part, "min")  ? 60
                                          : 0;
        if (!unit)
            break;
        total += number * unit;
        any = true;
    }
    return any ? total : -1;
}

int uptime_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str rest, word, idle;
    double seconds, other;
    int64_t up = -1;

    gather_init(&gather, node, source);
    if (scan_next(&scan)) {
        rest = scan.line;
        if (str_word(&rest, &word) && str_word(&rest, &idle) &&
            str_to_double(word, &seconds) == 0 && str_to_double(idle, &other) == 0) {
            if (seconds >= 0 && seconds < 1e12)
                up = (int64_t)seconds;
        } else {
            up = up_seconds(scan.line);
        }
        if (up >= 0)
            gather_number(&gather, GATHER_HOST, FACT_VOLATILE, 1, STR("uptime.seconds"), up,
                          STR(""));
    }
    return gather_done(&gather, err);
}
