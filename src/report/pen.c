#include "report/pen.h"

#include <stdio.h>

/* What fits a tired person's screen; --verbose prints everything. */
#define PROOFS_SHOWN      4
#define NODES_BYTES_SHOWN 240
#define BLOCK_LEAST       20 /* columns of a block's text */

const char *pen_colour(const struct pen *pen, enum colour colour)
{
    static const char *const codes[] = {
        [PLAIN] = "\033[0m",   [BOLD] = "\033[1m",   [DIM] = "\033[2m",   [RED] = "\033[1;31m",
        [YELLOW] = "\033[33m", [GREEN] = "\033[32m", [CYAN] = "\033[36m",
    };

    return pen->style->colour ? codes[colour] : "";
}

enum colour pen_severity(enum severity severity)
{
    static const enum colour colours[] = {[SEVERITY_INFO] = DIM,
                                          [SEVERITY_RELIABILITY] = YELLOW,
                                          [SEVERITY_LATENCY] = YELLOW,
                                          [SEVERITY_BANDWIDTH] = YELLOW,
                                          [SEVERITY_FATAL] = RED};

    return colours[severity];
}

void pen_put(const struct pen *pen, enum colour colour, const char *text)
{
    buf_printf(pen->out, "%s%s%s", pen_colour(pen, colour), text, pen_colour(pen, PLAIN));
}

/* Text from a node must not move the cursor of whoever reads about it. */
const char *pen_clean(const struct pen *pen, const char *text)
{
    char *copy = text ? arena_copy(pen->arena, text, strlen(text)) : NULL;

    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    return copy ? copy : "";
}

/* How much of `rest` goes on a line: whole words, and one at least. */
static size_t fit_line(struct str rest, size_t width)
{
    size_t take = rest.len;

    if (take <= width)
        return take;
    take = width;
    while (take > 1 && rest.p[take] != ' ')
        take--;
    if (take <= 1) /* one long word: a path, a command */
        for (take = width; take < rest.len && rest.p[take] != ' '; take++)
            ;
    return take;
}

void pen_text(const struct pen *pen, enum colour colour, const char *text)
{
    struct str rest = str_trim(str_of(pen_clean(pen, text)));

    do {
        size_t take = fit_line(rest, (size_t)pen->style->columns);

        buf_printf(pen->out, "%s%.*s%s\n", pen_colour(pen, colour), (int)take, rest.p,
                   pen_colour(pen, PLAIN));
        rest = str_trim(str_skip(rest, take));
    } while (rest.len);
}

/* "   label  text", wrapped, with later lines under the text. */
void pen_block(const struct pen *pen, const char *label, enum colour colour, const char *text)
{
    size_t indent = 3 + 7 + 1, width = (size_t)pen->style->columns;
    struct str rest = str_trim(str_of(pen_clean(pen, text)));
    bool first = true;

    width = width > indent + BLOCK_LEAST ? width - indent : BLOCK_LEAST;
    do {
        size_t take = fit_line(rest, width);

        buf_printf(pen->out, "   %s%-7s%s ", pen_colour(pen, DIM), first ? label : "",
                   pen_colour(pen, PLAIN));
        buf_printf(pen->out, "%s%.*s%s\n", pen_colour(pen, colour), (int)take, rest.p,
                   pen_colour(pen, PLAIN));
        rest = str_trim(str_skip(rest, take));
        first = false;
    } while (rest.len);
}

const char *pen_nodes(const struct pen *pen, const uint32_t *nodes, uint32_t count)
{
    const char *text = report_nodes(pen->arena, pen->report->fleet, nodes, count), *comma;

    if (!text)
        return "";
    if (pen->style->verbose || strlen(text) <= NODES_BYTES_SHOWN)
        return text;
    /* Hundreds of nodes that do not fold: the first ones; JSON and --verbose have all. */
    comma = memrchr(text, ',', NODES_BYTES_SHOWN);
    text =
        arena_printf(pen->arena, "%.*s ...", comma ? (int)(comma - text) : NODES_BYTES_SHOWN, text);
    return text ? text : "";
}

/* "n[001-003], 3 of 512" */
const char *pen_nodes_share(const struct pen *pen, const uint32_t *nodes, uint32_t count)
{
    uint32_t all = (uint32_t)fleet_node_count(pen->report->fleet);
    const char *text = pen_nodes(pen, nodes, count);
    const char *full;

    if (all == 1 || (count == all && count > 1))
        return text;
    full = arena_printf(pen->arena, "%s (%u of %u)", text, count, all);
    return full ? full : text;
}

static void put_proof(const struct pen *pen, const char *label, const struct proof *proof)
{
    const char *where = proof->where ? proof->where : "", *text = proof->text ? proof->text : "";
    char place[32];

    if (!*proof->source) { /* what no line says */
        pen_block(pen, label, PLAIN, arena_printf(pen->arena, "%s: %s", where, text));
        return;
    }
    (void)snprintf(place, sizeof(place), proof->binary ? "+0x%x" : ":%u", proof->line);
    buf_printf(pen->out, "   %s%-7s%s %s%s%s%s\n", pen_colour(pen, DIM), label,
               pen_colour(pen, PLAIN), pen_colour(pen, CYAN), pen_clean(pen, proof->source),
               proof->line || proof->binary ? place : "", pen_colour(pen, PLAIN));
    if (*where || *text)
        buf_printf(pen->out, "           %s%s%s\n", *where ? pen_clean(pen, where) : "",
                   *where && *text ? ": " : "", pen_clean(pen, text));
}

void pen_proofs(const struct pen *pen, const struct proof *proofs, uint32_t count, uint32_t places)
{
    uint32_t shown = 0, repeated = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (report_proof_repeats(proofs, i)) {
            repeated++;
        } else if (pen->style->verbose || shown < PROOFS_SHOWN) {
            put_proof(pen, shown ? "" : "lines", &proofs[i]);
            shown++;
        }
    }
    if (places > shown + repeated)
        buf_printf(pen->out, "           %s... and %u more%s\n", pen_colour(pen, DIM),
                   places - shown - repeated, pen_colour(pen, PLAIN));
}

void pen_harm_and_fix(const struct pen *pen, const struct rule *rule)
{
    const char *harm = rule->source && *rule->source
                           ? arena_printf(pen->arena, "%s [%s]", rule->harm, rule->source)
                           : rule->harm;

    if (harm)
        pen_block(pen, "harm", PLAIN, harm);
    for (size_t i = 0; i < RULE_FIXES_MAX && rule->fixes[i].what; i++) {
        const char *fix =
            arena_printf(pen->arena, "%s: %s", rule->fixes[i].where, rule->fixes[i].what);

        if (fix)
            pen_block(pen, i ? "" : "fix", i ? PLAIN : GREEN, fix);
    }
    if (rule->basis == BASIS_KNOWN)
        pen_block(pen, "note", DIM,
                  "unconfirmed: this rule rests on general engineering knowledge; no published "
                  "measurement or real dump has confirmed it here");
}

void pen_title(const struct pen *pen, const char *number, const char *word, enum colour colour,
               const char *title, const char *id)
{
    buf_printf(pen->out, "\n%s%s%s %s%s%s  %s%s%s", pen_colour(pen, BOLD), number,
               pen_colour(pen, PLAIN), pen_colour(pen, colour), word, pen_colour(pen, PLAIN),
               pen_colour(pen, BOLD), pen_clean(pen, title), pen_colour(pen, PLAIN));
    if (id)
        buf_printf(pen->out, "  %s%s%s", pen_colour(pen, DIM), id, pen_colour(pen, PLAIN));
    buf_puts(pen->out, "\n");
}
