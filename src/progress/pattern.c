#include "progress/pattern.h"

#include "progress/known_lines.h"
#include "progress/numbers.h"

#include <errno.h>
#include <math.h>

#define SEGMENTS_MAX 8    /* looked at in a line that carriage returns cut, from its end */
#define CLEAN_MAX    4096 /* bytes of a segment */

static const char *const hole_names[] = {"step", "total", "tokens", "loss"};
enum { HOLE_STEP, HOLE_TOTAL, HOLE_TOKENS, HOLE_LOSS, HOLES };

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

/* The text between braces when *at begins a hole; a '{' before anything but a letter is itself. */
static bool cut_hole(struct str *at, struct str *name)
{
    struct str rest = str_skip(*at, 1);
    size_t n = 0;

    if (at->len == 0 || at->p[0] != '{')
        return false;
    while (n < rest.len && is_lower(rest.p[n]))
        n++;
    if (n == 0 || n == rest.len || rest.p[n] != '}')
        return false;
    *name = (struct str){rest.p, n};
    *at = str_skip(rest, n + 1);
    return true;
}

static int hole_of(struct str name)
{
    for (int i = 0; i < HOLES; i++)
        if (str_is(name, hole_names[i]))
            return i;
    return -1;
}

int pattern_check(const char *pattern, struct err *err)
{
    struct str rest = str_of(pattern), name;
    bool seen[HOLES] = {false}, text = false, after_hole = false;

    if (rest.len > PATTERN_BYTES_MAX)
        return err_set(err, -EINVAL, "the step pattern has more than %d bytes", PATTERN_BYTES_MAX);
    while (rest.len > 0) {
        if (!cut_hole(&rest, &name)) {
            text |= rest.p[0] != ' ' && rest.p[0] != '*';
            rest = str_skip(rest, 1);
            after_hole = false;
            continue;
        }
        if (hole_of(name) < 0)
            return err_set(
                err, -EINVAL,
                "{%.*s} in the step pattern is none of {step}, {total}, {loss}, {tokens}",
                STR_ARG(name));
        if (seen[hole_of(name)])
            return err_set(err, -EINVAL, "the step pattern has {%.*s} twice", STR_ARG(name));
        if (after_hole)
            return err_set(err, -EINVAL, "nothing parts {%.*s} from the hole before it",
                           STR_ARG(name));
        seen[hole_of(name)] = after_hole = true;
    }
    if (!seen[HOLE_STEP])
        return err_set(err, -EINVAL, "the step pattern '%s' has no {step}", pattern);
    if (!text)
        return err_set(err, -EINVAL, "the step pattern '%s' has no text beside its holes", pattern);
    return 0;
}

static bool fill_hole(int hole, struct str *line, struct pattern_found *found)
{
    int64_t *const counts[] = {&found->step, &found->total, &found->tokens};

    (void)number_cut_blanks(line);
    if (hole == HOLE_LOSS)
        return number_cut_real(line, &found->loss);
    return number_cut_count(line, counts[hole]);
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Match up to the next '*' at the very beginning of `line`; a blank is a run of blanks. */
static bool match_piece(struct str piece, struct str *line, struct pattern_found *found)
{
    struct str rest = *line, name;

    while (piece.len > 0) {
        if (cut_hole(&piece, &name)) {
            int hole = hole_of(name);

            if (hole < 0 || !fill_hole(hole, &rest, found))
                return false;
            continue;
        }
        if (piece.p[0] == ' ') {
            if (number_cut_blanks(&rest) == 0)
                return false;
            (void)number_cut_blanks(&piece);
            continue;
        }
        if (rest.len == 0 || rest.p[0] != lower(piece.p[0]))
            return false;
        rest = str_skip(rest, 1);
        piece = str_skip(piece, 1);
    }
    *line = rest;
    return true;
}

/* Each piece at the first place where it fits: how much a piece takes follows from where it
 * begins, so an earlier place never spoils a later piece, and time is pattern x line. */
static bool match_pattern(const char *pattern, struct str line, struct pattern_found *out)
{
    struct pattern_found found = {-1, -1, -1, NAN};
    struct str rest = str_of(pattern), piece;

    while (str_cut(&rest, '*', &piece)) {
        while (!match_piece(piece, &line, &found)) {
            if (line.len == 0)
                return false;
            line = str_skip(line, 1);
        }
    }
    *out = found;
    return found.step >= 0;
}

/* The byte after an escape sequence that begins at `at`: "ESC [ 31m", "ESC ] 0;title BEL". */
static size_t skip_escape(struct str line, size_t at)
{
    size_t i = at + 1;

    if (i < line.len && line.p[i] == '[') {
        for (i++; i < line.len && (line.p[i] < '@' || line.p[i] > '~'); i++)
            ;
        return i < line.len ? i + 1 : i;
    }
    if (i < line.len && line.p[i] == ']') {
        while (i < line.len && line.p[i] != '\a')
            i++;
    }
    return i < line.len ? i + 1 : i;
}

static struct str clean(struct str line, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < line.len && len < CLEAN_MAX;) {
        if (line.p[i] == '\033')
            i = skip_escape(line, i);
        else
            out[len++] = lower(line.p[i++]);
    }
    return (struct str){out, len};
}

/* A later part of a line lies on top of an earlier one; what it does not say the other still may:
 * HF's dict with the loss comes after the bar with the step. */
static void add_older(struct pattern_found *found, const struct pattern_found *older)
{
    if (found->step < 0) {
        found->step = older->step;
        found->total = older->total;
    }
    if (found->tokens < 0)
        found->tokens = older->tokens;
    if (isnan(found->loss))
        found->loss = older->loss;
}

bool pattern_find(const char *pattern, struct str line, struct pattern_found *out)
{
    struct pattern_found found = {-1, -1, -1, NAN}, part;
    char text[CLEAN_MAX];
    bool any = false;

    if (!pattern && !known_line_possible(line))
        return false;
    for (int i = 0; i < SEGMENTS_MAX && line.len > 0; i++) {
        const char *cr = memrchr(line.p, '\r', line.len);
        struct str segment = cr ? str_range(cr + 1, line.p + line.len) : line;

        line.len = cr ? (size_t)(cr - line.p) : 0;
        segment = clean(segment, text);
        if (pattern ? match_pattern(pattern, segment, &part) : known_line_find(segment, &part)) {
            add_older(&found, &part);
            any = true;
            if (pattern || (found.step >= 0 && !isnan(found.loss)))
                break;
        }
    }
    if (any)
        *out = found;
    return any;
}
