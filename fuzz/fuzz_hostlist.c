/* Any bytes as a list of hosts; what it expands to folds, and expands to the same names again. */
#include "base/hostlist.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool same_names(struct hostlist *a, struct hostlist *b)
{
    if (a->count != b->count)
        return false;
    qsort(a->names, a->count, sizeof(*a->names), by_name);
    qsort(b->names, b->count, sizeof(*b->names), by_name);
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->names[i], b->names[i]) != 0)
            return false;
    return true;
}

/* Lines as names of any bytes: hostlist_fold takes them as they are. */
static void fold_lines(struct arena *arena, struct str text)
{
    const char *names[256];
    size_t count = 0;
    struct str line;

    while (count < ARRAY_LEN(names) && str_line(&text, &line)) {
        names[count] = arena_copy(arena, line.p, line.len);
        if (!names[count++])
            abort();
    }
    if (!hostlist_fold(arena, names, count))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena *arena = arena_new((size_t)256 << 20);
    struct hostlist list, again;
    struct err err = {0};
    int r;

    if (!arena)
        abort();
    r = hostlist_expand(arena, text, &list, &err);
    if (r < 0 && !err.text[0])
        abort();
    /* Large lists take the fuzzer's time and show nothing that small ones do not. */
    if (r == 0 && list.count <= 512) {
        char *folded = hostlist_fold(arena, list.names, list.count);

        if (!folded || hostlist_expand(arena, str_of(folded), &again, NULL) < 0 ||
            !same_names(&list, &again))
            abort();
    }
    fold_lines(arena, text);
    arena_free(arena);
    return 0;
}
