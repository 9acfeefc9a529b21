#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NEAREST_MAX  3
#define NAME_CMP_MAX 64

/* How many letters must change, at most NAME_CMP_MAX of each are looked at. */
static unsigned distance(const char *a, const char *b)
{
    size_t a_len = strnlen(a, NAME_CMP_MAX), b_len = strnlen(b, NAME_CMP_MAX);
    unsigned row[NAME_CMP_MAX + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned before = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned above = row[j], best = before + (a[i - 1] != b[j - 1]);

            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            before = above;
            row[j] = best;
        }
    }
    return row[b_len];
}

static int not_found(const char *name, const struct store_run *runs, size_t count, struct err *err)
{
    const char *nearest[NEAREST_MAX];
    unsigned far[NEAREST_MAX];
    size_t found = 0;
    struct buf list = {0};

    if (!count)
        return err_set(err, -ENOENT, "there is no run '%s': nothing was run yet", name);
    for (size_t i = 0; i < count; i++) {
        unsigned by_id = distance(name, runs[i].id), by_name = distance(name, runs[i].name);
        unsigned d = by_id < by_name ? by_id : by_name;
        size_t at = found < NEAREST_MAX ? found++ : NEAREST_MAX;

        for (; at > 0 && d < far[at - 1]; at--)
            if (at < NEAREST_MAX) {
                far[at] = far[at - 1];
                nearest[at] = nearest[at - 1];
            }
        if (at < NEAREST_MAX) {
            far[at] = d;
            nearest[at] = runs[i].id;
        }
    }
    for (size_t i = 0; i < found; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", nearest[i]);
    (void)err_set(err, -ENOENT, "there is no run '%s'; the nearest: %s", name,
                  list.p && !list.failed ? list.p : "");
    buf_done(&list);
    return -ENOENT;
}

static int ambiguous(const char *name, const struct store_run *runs, size_t count, size_t matches,
                     struct err *err)
{
    struct buf list = {0};
    size_t shown = 0;

    for (size_t i = 0; i < count && shown < NEAREST_MAX; i++)
        if (str_starts(str_of(runs[i].id), name))
            buf_printf(&list, "%s%s", shown++ ? ", " : "", runs[i].id);
    (void)err_set(err, -EINVAL, "'%s' is the beginning of %zu runs: %s%s", name, matches,
                  list.p && !list.failed ? list.p : "", matches > shown ? ", ..." : "");
    buf_done(&list);
    return -EINVAL;
}

/* `runs` begin with the newest. */
static int choose(const char *name, const struct store_run *runs, size_t count,
                  const struct store_run **out, struct err *err)
{
    size_t matches = 0;

    *out = NULL;
    for (size_t i = 0; i < count && !*out; i++)
        if (!strcmp(runs[i].id, name))
            *out = &runs[i];
    if (!*out && count && !strcmp(name, "last"))
        *out = &runs[0];
    for (size_t i = 0; i < count && !*out; i++)
        if (!strcmp(runs[i].name, name))
            *out = &runs[i];
    if (*out)
        return 0;
    for (size_t i = 0; *name && i < count; i++)
        if (str_starts(str_of(runs[i].id), name) && matches++ == 0)
            *out = &runs[i];
    if (matches > 1)
        return ambiguous(name, runs, count, matches, err);
    return matches ? 0 : not_found(name, runs, count, err);
}

int store_run_find(struct store *store, struct arena *arena, const char *name,
                   struct store_run *out, struct err *err)
{
    const struct store_run *run;
    struct store_run *runs;
    size_t count;
    int r = store_run_list(store, arena, &runs, &count, err);

    if (r == 0)
        r = choose(name, runs, count, &run, err);
    if (r == 0)
        *out = *run;
    return r;
}
