/* Runs a fuzz target over every file of the folders and files it is given, without a fuzzer. */
#include "base/arena.h"
#include "base/file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    struct err err = {0};
    uint8_t *exact;
    char *text;
    size_t len;

    if (file_read(path, (size_t)1 << 30, &text, &len, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    /* A heap block of exactly the size, so that ASan sees one byte past. */
    exact = malloc(len ? len : 1);
    if (!exact)
        abort();
    for (size_t i = 0; i < len; i++)
        exact[i] = (uint8_t)text[i];
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    free(text);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0, count = 0;

    for (int i = 1; i < argc; i++) {
        struct arena *arena = arena_new(0);
        const char *const *names;
        long n = arena ? file_list(arena, argv[i], 100000, &names, NULL) : -1;

        for (long k = 0; k < n; k++, count++)
            failed += replay(arena_printf(arena, "%s/%s", argv[i], names[k]));
        if (n < 0) {
            failed += replay(argv[i]);
            count++;
        }
        arena_free(arena);
    }
    (void)printf("%d inputs replayed, %d unreadable\n", count, failed);
    return failed || !count;
}
