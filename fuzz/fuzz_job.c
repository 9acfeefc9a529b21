/* Any bytes as a job file. What is read prints as YAML and as JSON that read back to the same job,
 * and what passes the check passes it again. */
#include "job/keys.h"
#include "job/place.h"
#include "job/words.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_back(struct arena *arena, const struct job *job,
                      void (*print)(const struct job *job, struct buf *out))
{
    struct buf text = {0};
    struct job again;

    print(job, &text);
    job_init(&again);
    if (text.failed ||
        (text.len && job_read(arena, (struct str){text.p, text.len}, "again", &again, NULL) < 0))
        abort();
    for (size_t i = 0; i < job_key_count; i++)
        if (!job_key_same(&job_keys[i], job, &again))
            abort();
    buf_done(&text);
}

/* Words that were split print as a line that splits into the same. */
static void split(struct arena *arena, struct str text)
{
    struct job_words words = {0}, again = {0};
    struct buf line = {0};

    if (words_split(arena, text, &words, NULL) < 0 || !words.count)
        return;
    words_print(&words, &line);
    if (words_split(arena, (struct str){line.p, line.len}, &again, NULL) < 0 ||
        again.count != words.count)
        abort();
    for (size_t i = 0; i < words.count; i++)
        if (strcmp(words.items[i], again.items[i]) != 0)
            abort();
    buf_done(&line);
}

static void topology(struct arena *arena, struct str text)
{
    static const char *const names[] = {"n1", "n2", "n10", "a", "n1"};
    const char *groups[ARRAY_LEN(names)];
    uint32_t order[ARRAY_LEN(names)], seen = 0;

    if (place_topology(arena, text, "racks", names, ARRAY_LEN(names), groups, NULL) < 0)
        return;
    if (place_order(names, groups, ARRAY_LEN(names), order) < 0)
        abort();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        seen |= 1u << order[i];
    if (seen != (1u << ARRAY_LEN(names)) - 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena *arena = arena_new((size_t)256 << 20);
    struct job job;
    struct err err = {0};
    int r;

    if (!arena)
        abort();
    job_init(&job);
    r = job_read(arena, text, "job.yaml", &job, &err);
    if (r < 0 && !err.text[0])
        abort();
    if (r == 0) {
        read_back(arena, &job, job_print_yaml);
        read_back(arena, &job, job_print_json);
        if (job_check(arena, &job, NULL) == 0 && job_check(arena, &job, NULL) < 0)
            abort();
    }
    if (!memchr(text.p, '\0', text.len))
        split(arena, text);
    topology(arena, text);
    arena_free(arena);
    return 0;
}
