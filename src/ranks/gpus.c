#include "ranks/gpus.h"

#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMES_MAX 4096

static bool is_address(const char *name)
{
    return strlen(name) == 12 && name[4] == ':' && name[7] == ':' && name[10] == '.';
}

/* NVIDIA's driver has a folder for each. */
static int of_driver(struct arena *arena, const char *root, struct gpus *gpus)
{
    const char *path = arena_printf(arena, "%s/proc/driver/nvidia/gpus", root);
    const char *const *names;
    long count = path ? file_list(arena, path, NAMES_MAX, &names, NULL) : -ENOMEM;

    for (long i = 0; i < count && gpus->count < GPUS_MAX; i++)
        if (is_address(names[i]))
            gpus->addresses[gpus->count++] = names[i];
    return count == -ENOMEM ? -ENOMEM : 0;
}

/* A display controller (class 03) or accelerator (12) of NVIDIA or AMD; boards' own VGA chips are
 * neither's. */
static bool is_gpu(struct arena *arena, const char *root, const char *address)
{
    static const char *const makers[] = {"0x10de", "0x1002"};
    const char *files[] = {"vendor", "class"};
    char *text[2] = {NULL, NULL};
    size_t len;
    bool is = false;

    for (size_t i = 0; i < 2; i++) {
        const char *path =
            arena_printf(arena, "%s/sys/bus/pci/devices/%s/%s", root, address, files[i]);

        if (!path || file_read(path, 4096, &text[i], &len, NULL) < 0)
            text[i] = NULL;
    }
    for (size_t i = 0; text[0] && text[1] && i < ARRAY_LEN(makers); i++)
        is |= str_starts(str_of(text[0]), makers[i]) &&
              (str_starts(str_of(text[1]), "0x03") || str_starts(str_of(text[1]), "0x12"));
    free(text[0]);
    free(text[1]);
    return is;
}

static int of_bus(struct arena *arena, const char *root, struct gpus *gpus)
{
    const char *path = arena_printf(arena, "%s/sys/bus/pci/devices", root);
    const char *const *names;
    long count = path ? file_list(arena, path, NAMES_MAX, &names, NULL) : -ENOMEM;

    for (long i = 0; i < count && gpus->count < GPUS_MAX; i++)
        if (is_address(names[i]) && is_gpu(arena, root, names[i]))
            gpus->addresses[gpus->count++] = names[i];
    return count == -ENOMEM ? -ENOMEM : 0;
}

static int by_address(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Only these. A number is an index; a word (a UUID) has no address that we know. */
static int choose(struct arena *arena, struct str visible, struct gpus *gpus)
{
    struct gpus all = *gpus;
    struct str word;

    gpus->count = 0;
    gpus->addresses = arena_alloc(arena, GPUS_MAX * sizeof(char *));
    if (!gpus->addresses)
        return -ENOMEM;
    while (str_cut(&visible, ',', &word) && gpus->count < GPUS_MAX) {
        int64_t index = -1;

        word = str_trim(word);
        if (!word.len || str_is(word, "-1"))
            break; /* CUDA reads no further either */
        (void)str_to_i64(word, 10, &index);
        gpus->addresses[gpus->count] =
            index >= 0 && (size_t)index < all.count ? all.addresses[index] : NULL;
        gpus->names[gpus->count] = arena_copy(arena, word.p, word.len);
        if (!gpus->names[gpus->count++])
            return -ENOMEM;
    }
    return 0;
}

int gpus_find(struct arena *arena, const char *root, const char *visible, struct gpus *gpus)
{
    int r;

    *gpus = (struct gpus){.addresses = arena_alloc(arena, GPUS_MAX * sizeof(char *)),
                          .names = arena_alloc(arena, GPUS_MAX * sizeof(char *))};
    if (!gpus->addresses || !gpus->names)
        return -ENOMEM;
    r = of_driver(arena, root, gpus);
    if (r == 0 && !gpus->count)
        r = of_bus(arena, root, gpus);
    if (r < 0)
        return r;
    if (gpus->count)
        qsort(gpus->addresses, gpus->count, sizeof(*gpus->addresses), by_address);
    for (size_t i = 0; i < gpus->count; i++)
        if (!(gpus->names[i] = arena_printf(arena, "%zu", i)))
            return -ENOMEM;
    return visible ? choose(arena, str_of(visible), gpus) : 0;
}

void gpus_of_rank(const struct gpus *gpus, uint32_t local, uint32_t nproc, size_t *first,
                  size_t *count)
{
    size_t end;

    *first = gpus->count * local / nproc;
    end = gpus->count * (local + 1) / nproc;
    *count = !gpus->count ? 0 : end > *first ? end - *first : 1;
}

const char *gpus_words(struct arena *arena, const struct gpus *gpus, size_t first, size_t count)
{
    struct buf words = {0};
    const char *copy;

    for (size_t i = first; i < first + count; i++)
        buf_printf(&words, "%s%s", i > first ? "," : "", gpus->names[i]);
    copy = words.failed ? NULL : arena_copy(arena, words.p ? words.p : "", words.len);
    buf_done(&words);
    return copy;
}
