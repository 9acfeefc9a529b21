#include "store/find.h"

#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define NEAREST_MAX 3

static int not_found(const struct find_words *words, const char *name,
                     const struct find_item *items, size_t count, struct err *err)
{
    const char *nearest[NEAREST_MAX];
    size_t far[NEAREST_MAX];
    size_t found = 0;
    struct buf list = {0};

    if (!count)
        return err_set(err, -ENOENT, "there is no %s '%s': %s", words->one, name, words->none);
    for (size_t i = 0; i < count; i++) {
        size_t d = str_distance(str_of(name), str_of(items[i].id));
        size_t at = found < NEAREST_MAX ? found++ : NEAREST_MAX;

        if (items[i].name && str_distance(str_of(name), str_of(items[i].name)) < d)
            d = str_distance(str_of(name), str_of(items[i].name));
        for (; at > 0 && d < far[at - 1]; at--)
            if (at < NEAREST_MAX) {
                far[at] = far[at - 1];
                nearest[at] = nearest[at - 1];
            }
        if (at < NEAREST_MAX) {
            far[at] = d;
            nearest[at] = items[i].id;
        }
    }
    for (size_t i = 0; i < found; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", nearest[i]);
    (void)err_set(err, -ENOENT, "there is no %s '%s'; the nearest: %s", words->one, name,
                  list.p && !list.failed ? list.p : "");
    buf_done(&list);
    return -ENOENT;
}

static int ambiguous(const struct find_words *words, const char *name,
                     const struct find_item *items, size_t count, size_t matches, struct err *err)
{
    struct buf list = {0};
    size_t shown = 0;

    for (size_t i = 0; i < count && shown < NEAREST_MAX; i++)
        if (str_starts(str_of(items[i].id), name))
            buf_printf(&list, "%s%s", shown++ ? ", " : "", items[i].id);
    (void)err_set(err, -EINVAL, "'%s' is the beginning of %zu %s: %s%s", name, matches, words->many,
                  list.p && !list.failed ? list.p : "", matches > shown ? ", ..." : "");
    buf_done(&list);
    return -EINVAL;
}

static bool find_named(const char *name, const struct find_item *items, size_t count, bool goes_on,
                       size_t *at)
{
    for (size_t i = 0; i < count; i++)
        if (items[i].name && !strcmp(items[i].name, name) && items[i].goes_on >= goes_on) {
            *at = i;
            return true;
        }
    return false;
}

int find_item(const struct find_words *words, const char *name, const struct find_item *items,
              size_t count, size_t *at, struct err *err)
{
    size_t matches = 0;

    for (size_t i = 0; i < count; i++)
        if (!strcmp(items[i].id, name)) {
            *at = i;
            return 0;
        }
    if (count && !strcasecmp(name, "last")) {
        *at = 0;
        return 0;
    }
    if (find_named(name, items, count, true, at) || find_named(name, items, count, false, at))
        return 0;
    for (size_t i = 0; *name && i < count; i++)
        if (str_starts(str_of(items[i].id), name) && matches++ == 0)
            *at = i;
    if (matches > 1)
        return ambiguous(words, name, items, count, matches, err);
    return matches ? 0 : not_found(words, name, items, count, err);
}

int store_run_find(struct store *store, struct arena *arena, const char *name,
                   struct store_run *out, struct err *err)
{
    static const struct find_words words = {"run", "runs", "nothing was run yet"};
    struct find_item *items;
    struct store_run *runs;
    size_t count, at;
    int r = store_run_list(store, arena, &runs, &count, err);

    if (r < 0)
        return r;
    items = arena_alloc(arena, (count + 1) * sizeof(*items));
    if (!items)
        return err_set(err, -ENOMEM, "no memory for the list of runs");
    for (size_t i = 0; i < count; i++)
        items[i] = (struct find_item){runs[i].id, runs[i].name, runs[i].alive};
    r = find_item(&words, name, items, count, &at, err);
    if (r == 0)
        *out = runs[at];
    return r;
}
