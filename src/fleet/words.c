#include "fleet/words.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

struct words {
    pthread_mutex_t lock;
    struct arena *arena;
    struct map map;
};

static bool text_equal(const void *value, const void *key)
{
    return str_is(*(const struct str *)key, value);
}

struct words *words_new(void)
{
    struct words *words = calloc(1, sizeof(*words));

    if (!words)
        return NULL;
    words->arena = arena_new(0);
    if (!words->arena) {
        free(words);
        return NULL;
    }
    words->map.equal = text_equal;
    (void)pthread_mutex_init(&words->lock, NULL);
    return words;
}

void words_free(struct words *words)
{
    if (!words)
        return;
    (void)pthread_mutex_destroy(&words->lock);
    map_done(&words->map);
    arena_free(words->arena);
    free(words);
}

const char *words_keep(struct words *words, struct str text)
{
    const char *nul = text.len ? memchr(text.p, '\0', text.len) : NULL;
    uint64_t hash;
    char *kept;

    if (nul) /* a text with a NUL inside would never be found again */
        text.len = (size_t)(nul - text.p);
    if (text.len > WORDS_TEXT_MAX)
        text.len = WORDS_TEXT_MAX;
    hash = hash64(text.p, text.len);
    (void)pthread_mutex_lock(&words->lock);
    kept = map_get(&words->map, hash, &text);
    if (!kept) {
        kept = arena_copy(words->arena, text.p, text.len);
        if (kept && map_add(&words->map, hash, kept) < 0)
            kept = NULL;
    }
    (void)pthread_mutex_unlock(&words->lock);
    return kept;
}
