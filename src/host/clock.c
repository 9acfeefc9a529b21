#include "host/clock.h"

#include "host/denied.h"
#include "host/gather.h"
#include "host/scan.h"
#include "host/treefile.h"

/* "0.000012345 seconds slow of NTP time": negative when the clock is behind. */
static bool offset_us(struct str value, int64_t *us)
{
    struct str number, unit, direction;
    double seconds;

    if (!str_word(&value, &number) || str_to_double(number, &seconds) < 0 ||
        !str_word(&value, &unit) || !str_is(unit, "seconds") || !str_word(&value, &direction) ||
        !(seconds >= 0 && seconds < 1e12))
        return false;
    *us = (int64_t)(seconds * 1e6 + 0.5);
    if (str_is(direction, "slow"))
        *us = -*us;
    return true;
}

int chronyc_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str key, value;
    int64_t us;

    if (scan_has(text, "506 Cannot talk to daemon")) {
        node_add_unseen(node, GATHER_HOST, source, "clock", "how far the clock is off",
                        "chronyd does not run there");
        return 0;
    }
    if (denied_note(node, source, text, "how far the clock is off", "clock"))
        return 0;
    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        if (!scan_pair(scan.line, &key, &value))
            continue;
        if (str_is(key, "System time") && offset_us(value, &us))
            gather_number(&gather, GATHER_HOST, FACT_STATE, scan.number, STR("clock.offset_us"), us,
                          STR(""));
        else if (str_is(key, "Leap status"))
            gather_flag(&gather, GATHER_HOST, FACT_STATE, scan.number, STR("clock.synchronized"),
                        !str_starts(value, "Not sync"));
        else if (str_is(key, "Stratum") && str_to_i64(value, 10, &us) == 0)
            gather_number(&gather, GATHER_HOST, FACT_STATE, scan.number, STR("clock.stratum"), us,
                          STR(""));
    }
    return gather_done(&gather, err);
}

bool chronyc_looks_like(struct str text)
{
    return str_starts(text, "Reference ID    :");
}

int timedatectl_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str key, value;

    if (denied_note(node, source, text, "whether the clock is synchronized", "clock"))
        return 0;
    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        struct str line = str_trim(scan.line);

        /* `show` prints Key=value, the summary "Key: value"; its times hold colons too. */
        if (line.len && memchr(line.p, '=', line.len) && !scan_has(line, ": ")) {
            if (!str_cut(&line, '=', &key))
                continue;
            value = line;
        } else if (!scan_pair(line, &key, &value)) {
            continue;
        }
        if (str_is(key, "NTPSynchronized") || str_is(key, "System clock synchronized") ||
            str_is(key, "NTP synchronized"))
            gather_flag(&gather, GATHER_HOST, FACT_STATE, scan.number, STR("clock.synchronized"),
                        str_is(value, "yes"));
        else if (str_is(key, "NTP") || str_is(key, "NTP service") || str_is(key, "NTP enabled"))
            gather_flag(&gather, GATHER_HOST, FACT_CONFIG, scan.number, STR("clock.ntp"),
                        str_is(value, "yes") || str_is(value, "active"));
        else if (str_is(key, "Timezone") || str_is(key, "Time zone")) {
            struct str zone;

            if (str_word(&value, &zone))
                gather_text(&gather, GATHER_HOST, FACT_CONFIG, scan.number, STR("clock.timezone"),
                            zone);
        }
    }
    return gather_done(&gather, err);
}

bool timedatectl_looks_like(struct str text)
{
    return text.len < 4096 && (str_starts(text, "Timezone=") || scan_has(text, "Local time: "));
}

int clock_tree_parse(struct node *node, const struct tree *tree, struct err *err)
{
    const struct tree_entry *entry =
        tree_find(tree, "sys/devices/system/clocksource/clocksource0/current_clocksource");
    struct gather gather;

    if (!entry || !treefile_value(entry).len)
        return 0;
    gather_init(&gather, node, 0);
    treefile_source(&gather, tree, entry, "clock");
    gather_text(&gather, GATHER_HOST, FACT_CONFIG, 1, STR("clock.source"), treefile_value(entry));
    return gather_done(&gather, err);
}
