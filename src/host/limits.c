#include "host/limits.h"

#include "host/gather.h"
#include "host/scan.h"

#include <stdint.h>

static const struct {
    const char *proc, *shell; /* how the kernel and how bash's ulimit call it */
    const char *path;
    bool bytes; /* the kernel counts bytes, ulimit KiB */
} limits[] = {
    {"Max locked memory", "max locked memory", "limit.memlock_kb", true},
    {"Max open files", "open files", "limit.nofile", false},
    {"Max processes", "max user processes", "limit.nproc", false},
    {"Max stack size", "stack size", "limit.stack_kb", true},
    {"Max core file size", NULL, "limit.core_kb", true}, /* ulimit counts blocks */
};

static bool to_limit(struct str word, int64_t *out)
{
    if (str_is(word, "unlimited")) {
        *out = -1;
        return true;
    }
    return str_to_i64(word, 10, out) == 0 && *out >= 0;
}

/* "max locked memory           (kbytes, -l) 65536": the number is the last word. */
static bool last_word(struct str line, struct str *word)
{
    bool any = false;

    while (str_word(&line, word))
        any = true;
    return any;
}

int limits_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;

    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        struct str line = str_trim(scan.line), rest, word;
        int64_t value;

        for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
            if (str_starts(line, limits[i].proc)) {
                rest = str_skip(line, strlen(limits[i].proc));
                if (!str_word(&rest, &word) || !to_limit(word, &value))
                    continue;
                if (limits[i].bytes && value > 0)
                    value /= 1024;
            } else if (limits[i].shell && str_starts(line, limits[i].shell)) {
                if (!last_word(line, &word) || !to_limit(word, &value))
                    continue;
            } else {
                continue;
            }
            gather_number(&gather, GATHER_HOST, FACT_CONFIG, scan.number, str_of(limits[i].path),
                          value, STR(""));
        }
    }
    return gather_done(&gather, err);
}

bool limits_looks_like(struct str text)
{
    struct str head = {text.p, text.len < 400 ? text.len : 400};

    return str_starts(text, "Limit                     Soft Limit") ||
           scan_has(head, "core file size  ");
}
