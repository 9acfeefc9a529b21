#include "base/hostlist.h"

#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS_MAX 15 /* longer runs of digits are text: no machine counts that far */

struct expansion {
    struct arena *arena;
    struct err *err;
    VEC(const char *) names;
    const char *twice;
    struct map seen;
};

static bool name_equal(const void *value, const void *key)
{
    return strcmp(value, key) == 0;
}

static bool is_separator(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int add_name(struct expansion *x, const char *name, size_t len)
{
    uint64_t hash = hash64(name, len);
    const char **slot, *again;
    char *copy;

    if (len == 0)
        return 0;
    if (!isalnum((unsigned char)name[0]))
        return err_set(x->err, -EINVAL, "host name '%.*s' must begin with a letter or a digit",
                       (int)(len > 64 ? 64 : len), name);
    again = map_get(&x->seen, hash, name);
    if (again && !x->twice)
        x->twice = again;
    if (again)
        return 0;
    if (x->names.count == HOSTLIST_HOSTS_MAX)
        return err_set(x->err, -E2BIG, "more than %d hosts", HOSTLIST_HOSTS_MAX);
    copy = arena_copy(x->arena, name, len);
    if (!copy || map_add(&x->seen, hash, copy) < 0)
        return err_set(x->err, -ENOMEM, "no memory for the host names");
    slot = vec_push(&x->names);
    if (!slot)
        return err_set(x->err, -ENOMEM, "no memory for the host names");
    *slot = copy;
    return 0;
}

static int expand_item(struct expansion *x, struct str item, char *name, size_t len, int brackets);

/* One "007" or "001-003" of a bracket: put each number behind name[0..len) and go on with `rest`.
 */
static int expand_range(struct expansion *x, struct str range, struct str rest, char *name,
                        size_t len, int brackets)
{
    struct str low = range, high;
    uint64_t from, to;

    if (str_find(range, "-") >= 0) {
        high = range;
        str_cut(&high, '-', &low);
    } else {
        high = low;
    }
    if (low.len == 0 || low.len > DIGITS_MAX || high.len == 0 || high.len > DIGITS_MAX ||
        !isdigit((unsigned char)low.p[0]) || !isdigit((unsigned char)high.p[0]) ||
        str_to_u64(low, 10, &from) < 0 || str_to_u64(high, 10, &to) < 0)
        return err_set(x->err, -EINVAL, "'%.*s' in a host list is no number and no range",
                       (int)(range.len > 64 ? 64 : range.len), range.p);
    if (from > to)
        return err_set(x->err, -EINVAL, "the host range %.*s runs backwards", STR_ARG(range));
    if (to - from >= HOSTLIST_HOSTS_MAX)
        return err_set(x->err, -E2BIG, "the host range %.*s has more than %d hosts", STR_ARG(range),
                       HOSTLIST_HOSTS_MAX);
    for (uint64_t i = from; i <= to; i++) {
        int n = snprintf(name + len, HOSTLIST_NAME_MAX + 1 - len, "%0*" PRIu64, (int)low.len, i);
        int r;

        if ((size_t)n > HOSTLIST_NAME_MAX - len)
            return err_set(x->err, -EINVAL, "a host name longer than %d bytes", HOSTLIST_NAME_MAX);
        r = expand_item(x, rest, name, len + (size_t)n, brackets + 1);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Expand `item` behind the name[0..len) that is settled. */
static int expand_item(struct expansion *x, struct str item, char *name, size_t len, int brackets)
{
    struct str inside, range;
    ptrdiff_t close;

    for (; item.len && item.p[0] != '['; item = str_skip(item, 1)) {
        char c = item.p[0];

        if (!isalnum((unsigned char)c) && !(c && strchr("._-:@%", c)))
            return err_set(x->err, -EINVAL, "a host name can't hold the character '%c' (0x%02x)",
                           isprint((unsigned char)c) ? c : '?', (unsigned char)c);
        if (len == HOSTLIST_NAME_MAX)
            return err_set(x->err, -EINVAL, "a host name longer than %d bytes", HOSTLIST_NAME_MAX);
        name[len++] = c;
    }
    if (item.len == 0)
        return add_name(x, name, (name[len] = 0, len));
    if (brackets == HOSTLIST_BRACKET_MAX)
        return err_set(x->err, -EINVAL, "more than %d brackets in one host name",
                       HOSTLIST_BRACKET_MAX);
    close = str_find(item, "]");
    if (close < 0)
        return err_set(x->err, -EINVAL, "a '[' without its ']' in the host list");
    inside = (struct str){item.p + 1, (size_t)close - 1};
    item = str_skip(item, (size_t)close + 1);
    if (str_trim(inside).len == 0)
        return err_set(x->err, -EINVAL, "an empty [] in the host list");
    while (str_cut(&inside, ',', &range)) {
        int r = expand_range(x, str_trim(range), item, name, len, brackets);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Cut the next item off *rest; separators inside brackets belong to it. */
static bool next_item(struct str *rest, struct str *item)
{
    size_t end = 0;
    bool inside = false;

    while (rest->len && is_separator(rest->p[0]))
        *rest = str_skip(*rest, 1);
    for (; end < rest->len && (inside || !is_separator(rest->p[end])); end++) {
        if (rest->p[end] == '[')
            inside = true;
        else if (rest->p[end] == ']')
            inside = false;
    }
    *item = (struct str){rest->p, end};
    *rest = str_skip(*rest, end);
    return end > 0;
}

int hostlist_expand(struct arena *arena, struct str text, struct hostlist *out, struct err *err)
{
    struct expansion x = {.arena = arena, .err = err, .seen = {.equal = name_equal}};
    char name[HOSTLIST_NAME_MAX + 1];
    struct str item;
    int r = 0;

    while (r == 0 && next_item(&text, &item))
        r = expand_item(&x, item, name, 0, 0);
    if (r == 0 && x.names.count == 0)
        r = err_set(err, -EINVAL, "the host list names no host");
    if (r == 0) {
        const char **names = arena_alloc(arena, x.names.count * sizeof(*names));

        if (!names) {
            r = err_set(err, -ENOMEM, "no memory for the host names");
        } else {
            memcpy(names, x.names.items, x.names.count * sizeof(*names));
            *out = (struct hostlist){names, x.names.count, x.twice};
        }
    }
    vec_done(&x.names);
    map_done(&x.seen);
    return r;
}

/* One pattern while folding: text[0..at) number text[at+digits..). */
struct piece {
    char *text;
    size_t at, digits; /* the run of digits this pass folds; digits 0: it has none */
    uint64_t number;
    size_t order; /* keeps the sort stable and groups where their first name was */
};

/* Find the `nth` run of digits from the end that is outside brackets. */
static void find_digits(struct piece *piece, int nth)
{
    const char *s = piece->text;
    size_t end = strlen(s);
    bool inside = false;

    piece->digits = 0;
    while (end > 0) {
        size_t begin = end;

        if (s[end - 1] == ']')
            inside = true;
        else if (s[end - 1] == '[')
            inside = false;
        if (inside || !isdigit((unsigned char)s[end - 1])) {
            end--;
            continue;
        }
        while (begin > 0 && isdigit((unsigned char)s[begin - 1]))
            begin--;
        if (nth-- == 0) {
            if (end - begin <= DIGITS_MAX) {
                piece->at = begin;
                piece->digits = end - begin;
                piece->number = strtoull(s + begin, NULL, 10);
            }
            return;
        }
        end = begin;
    }
}

static int text_order(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    int order = strverscmp(*x, *y);

    return order ? order : strcmp(*x, *y);
}

/* Pieces that differ only in the number come together, in the order of their numbers. */
static int piece_order(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    int order;

    if (!x->digits != !y->digits)
        return x->digits ? 1 : -1;
    if (x->digits) {
        if (x->at != y->at)
            return x->at < y->at ? -1 : 1;
        order = memcmp(x->text, y->text, x->at);
        if (order)
            return order;
        order = strcmp(x->text + x->at + x->digits, y->text + y->at + y->digits);
        if (order)
            return order;
        if (x->number != y->number)
            return x->number < y->number ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static int first_order(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;

    return x->order < y->order ? -1 : x->order > y->order;
}

static bool same_group(const struct piece *x, const struct piece *y)
{
    return x->digits && y->digits && x->at == y->at && memcmp(x->text, y->text, x->at) == 0 &&
           strcmp(x->text + x->at + x->digits, y->text + y->at + y->digits) == 0;
}

/* Write pieces [0, count) of one group as "prefix[1-3,7]suffix" into the first of them. */
static bool fold_group(struct arena *arena, struct piece *group, size_t count)
{
    struct piece *first = &group[0];
    struct buf text = {0};
    bool ok;

    for (size_t i = 1; i < count; i++)
        if (group[i].order < first->order)
            first->order = group[i].order;
    buf_add(&text, first->text, first->at);
    buf_puts(&text, "[");
    for (size_t i = 0, end; i < count; i = end) {
        char next[DIGITS_MAX + 8];

        for (end = i + 1; end < count; end++) {
            snprintf(next, sizeof(next), "%0*" PRIu64, (int)group[i].digits,
                     group[end - 1].number + 1);
            if (strlen(next) != group[end].digits ||
                memcmp(next, group[end].text + group[end].at, group[end].digits) != 0)
                break;
        }
        buf_printf(&text, "%s%.*s", i ? "," : "", (int)group[i].digits, group[i].text + first->at);
        if (end - i > 1)
            buf_printf(&text, "-%.*s", (int)group[end - 1].digits, group[end - 1].text + first->at);
    }
    buf_puts(&text, "]");
    buf_puts(&text, first->text + first->at + first->digits);
    ok = !text.failed && (first->text = arena_copy(arena, text.p, text.len)) != NULL;
    buf_done(&text);
    return ok;
}

/* Fold on the nth run of digits from the end. Returns the pieces left, or 0 on no memory. */
static size_t fold_pass(struct arena *arena, struct piece *pieces, size_t count, int nth)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        find_digits(&pieces[i], nth);
        pieces[i].order = i;
    }
    qsort(pieces, count, sizeof(*pieces), piece_order);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && same_group(&pieces[i], &pieces[end]); end++)
            ;
        if (end - i > 1 && !fold_group(arena, &pieces[i], end - i))
            return 0;
        pieces[left++] = pieces[i];
    }
    qsort(pieces, left, sizeof(*pieces), first_order);
    return left;
}

char *hostlist_fold(struct arena *arena, const char *const *names, size_t count)
{
    struct piece *pieces = arena_alloc(arena, (count + 1) * sizeof(*pieces));
    const char **sorted = arena_alloc(arena, (count + 1) * sizeof(*sorted));
    struct buf text = {0};
    size_t left = 0;
    char *out;

    if (!pieces || !sorted)
        return NULL;
    if (count)
        memcpy(sorted, names, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), text_order);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
            pieces[left++].text = arena_copy(arena, sorted[i], strlen(sorted[i]));
    for (size_t i = 0; i < left; i++)
        if (!pieces[i].text)
            return NULL;
    /* A run of digits that was folded is inside a bracket in the next pass and no longer counts, so
     * the same nth then finds the run before it. Unfolded ones need the higher nth. */
    for (int nth = 0; nth < 3 && left > 1; nth++) {
        left = fold_pass(arena, pieces, left, nth);
        if (left > 1)
            left = fold_pass(arena, pieces, left, nth);
        if (left == 0)
            return NULL;
    }
    for (size_t i = 0; i < left; i++)
        buf_printf(&text, "%s%s", i ? "," : "", pieces[i].text);
    out = text.failed ? NULL : arena_copy(arena, text.p ? text.p : "", text.len);
    buf_done(&text);
    return out;
}
