#include "base/memory_limit.h"

#include "base/file.h"
#include "base/str.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 65536

/* What the two versions call the same. */
struct version {
    const char *controller; /* in /proc/self/cgroup; "": the only hierarchy */
    const char *mount, *limit, *used;
};

static const struct version versions[] = {
    {"", "sys/fs/cgroup", "memory.max", "memory.current"},
    {"memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"},
};

static struct str read_text(char **text, const char *folder, const char *name)
{
    char path[PATH_MAX];
    size_t len;

    *text = NULL;
    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path) ||
        file_read(path, TEXT_MAX, text, &len, NULL) < 0)
        return STR("");
    return str_trim((struct str){*text, len});
}

/* "max" and what is not there are no number. */
static bool read_number(const char *folder, const char *name, uint64_t *out)
{
    char *text;
    int r = str_to_u64(read_text(&text, folder, name), 10, out);

    free(text);
    return r == 0;
}

/* Pages of files in that group, which make room for other memory. */
static uint64_t file_bytes(const char *folder)
{
    static const char *const keys[] = {"active_file", "inactive_file"};
    struct str line, key, value;
    uint64_t sum = 0, bytes;
    char *text;
    struct str rest = read_text(&text, folder, "memory.stat");

    while (str_line(&rest, &line))
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            struct str words = line;

            if (str_word(&words, &key) && str_is(key, keys[i]) && str_word(&words, &value) &&
                str_to_u64(value, 10, &bytes) == 0 && bytes < UINT64_MAX / 4)
                sum += bytes;
        }
    free(text);
    return sum;
}

static uint64_t left_in(const char *folder, const struct version *version)
{
    uint64_t limit, used, files;

    if (!read_number(folder, version->limit, &limit) || !read_number(folder, version->used, &used))
        return UINT64_MAX;
    files = file_bytes(folder);
    used -= files < used ? files : used;
    return limit > used ? limit - used : 0;
}

/* The group and all it is in: each may have a limit. */
static uint64_t left_above(const char *root, const struct version *version, struct str group)
{
    char folder[PATH_MAX];
    uint64_t least = UINT64_MAX;

    for (;;) {
        while (group.len > 0 && group.p[group.len - 1] == '/')
            group.len--;
        if (snprintf(folder, sizeof(folder), "%s/%s%.*s", root, version->mount, STR_ARG(group)) <
            (int)sizeof(folder)) {
            uint64_t left = left_in(folder, version);

            least = left < least ? left : least;
        }
        if (group.len == 0)
            return least;
        while (group.len > 0 && group.p[group.len - 1] != '/')
            group.len--;
    }
}

static bool has_word(struct str list, const char *word)
{
    struct str item;

    while (str_cut(&list, ',', &item))
        if (str_is(item, word))
            return true;
    return false;
}

uint64_t memory_limit_left(const char *root)
{
    uint64_t least = UINT64_MAX;
    struct str line, number, controllers;
    char *text;
    struct str rest = read_text(&text, root, "proc/self/cgroup");

    while (str_line(&rest, &line)) /* "0::/user.slice", "9:memory:/slurm/job_7" */
        for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
            const struct version *version = &versions[i];
            struct str words = line;

            if (str_cut(&words, ':', &number) && str_cut(&words, ':', &controllers) &&
                (version->controller[0] ? has_word(controllers, version->controller)
                                        : str_is(number, "0") && controllers.len == 0)) {
                uint64_t left = left_above(root, version, words);

                least = left < least ? left : least;
            }
        }
    free(text);
    return least;
}
