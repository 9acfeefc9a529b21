/* Any bytes as a user's step pattern (first line) and as log lines (the rest), for both. */
#include "progress/pattern.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void find(const char *pattern, struct str line)
{
    struct pattern_found found = {-7, -7, -7, 0};

    if (!pattern_find(pattern, line, &found)) {
        if (found.step != -7)
            abort();
        return;
    }
    /* Something is there, and no count is below "not in the line". */
    if (found.step < -1 || found.total < -1 || found.tokens < -1)
        abort();
    if (found.step < 0 && found.loss != found.loss)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size}, first = {0}, line;
    char pattern[PATTERN_BYTES_MAX + 2];
    struct err err = {0};
    bool sound;

    (void)str_line(&rest, &first);
    if (first.len > sizeof(pattern) - 1)
        first.len = sizeof(pattern) - 1;
    if (first.len > 0)
        memcpy(pattern, first.p, first.len);
    pattern[first.len] = '\0';
    sound = pattern_check(pattern, &err) == 0;
    if (!sound && !err.text[0])
        abort();
    find(NULL, first);
    while (str_cut(&rest, '\n', &line)) {
        find(NULL, line);
        if (sound)
            find(pattern, line);
    }
    return 0;
}
