/* token/wordcount - see wordcount.h. */
#include "token/wordcount.h"

#include "base/hash.h"
#include "token/utf8.h"

#define SLOTS_FIRST  4096
#define WORD_BYTES   (WORDCOUNT_CHARS_MAX * 4)
#define BLANK_CODE   0x2581
#define COUNTS_TRIED 64

void wordcount_done(struct wordcount *count)
{
    vec_done(&count->words);
    buf_done(&count->texts);
    free(count->slots);
    *count = (struct wordcount){0};
}

enum word_class word_class_of(uint32_t code, bool digits_apart)
{
    uint32_t lower = code | 0x20;

    if (code == ' ' || code == BLANK_CODE)
        return WORD_BLANK;
    if (code < 0x20 || code == 0x7f)
        return WORD_APART;
    if (code >= '0' && code <= '9')
        return digits_apart ? WORD_APART : WORD_LETTER;
    return code >= 0x80 || (lower >= 'a' && lower <= 'z') ? WORD_LETTER : WORD_PUNCTUATION;
}

static uint32_t *slot_of(struct wordcount *count, uint64_t hash, struct str text)
{
    for (size_t at = (size_t)hash;; at++) {
        uint32_t *slot = &count->slots[at & count->mask];
        const struct counted *word = *slot ? &count->words.items[*slot - 1] : NULL;

        if (!word || (word->hash == hash && str_eq(counted_text(count, word), text)))
            return slot;
    }
}

static void make_slots(struct wordcount *count, size_t slots)
{
    free(count->slots);
    count->slots = calloc(slots, sizeof(*count->slots));
    count->mask = slots - 1;
    if (!count->slots) {
        count->failed = true;
        return;
    }
    for (size_t i = 0; i < count->words.count; i++) {
        const struct counted *word = &count->words.items[i];

        *slot_of(count, word->hash, counted_text(count, word)) = (uint32_t)i + 1;
    }
}

static void add_word(struct wordcount *count, uint64_t hash, struct str text, uint64_t times)
{
    struct counted *word;
    uint32_t *slot;

    if (!count->failed && (!count->slots || count->words.count * 2 > count->mask))
        make_slots(count, count->slots ? (count->mask + 1) * 2 : SLOTS_FIRST);
    if (count->failed)
        return;
    slot = slot_of(count, hash, text);
    if (*slot) {
        count->words.items[*slot - 1].count += times;
        return;
    }
    word = vec_push(&count->words);
    if (word) {
        *word = (struct counted){hash, times, count->texts.len, (uint32_t)text.len};
        buf_add(&count->texts, text.p, text.len);
        *slot = (uint32_t)count->words.count;
    }
    count->failed = !word || count->texts.failed;
}

/* One word under way. */
struct open_word {
    char text[WORD_BYTES];
    size_t len, chars;
    enum word_class last;
};

static void close_word(struct wordcount *count, struct open_word *word)
{
    if (word->len)
        add_word(count, hash64(word->text, word->len), (struct str){word->text, word->len}, 1);
    word->len = word->chars = 0;
}

void wordcount_add(struct wordcount *count, struct str text)
{
    struct open_word word = {.len = 0};
    size_t used;

    for (; text.len && !count->failed; text = str_skip(text, used)) {
        enum word_class class = WORD_APART;
        uint32_t code;

        used = utf8_decode(text.p, text.len, &code);
        if (used)
            class = word_class_of(code, count->digits_apart);
        if (class == WORD_APART || (word.len && class != word.last && word.last != WORD_BLANK) ||
            word.chars == WORDCOUNT_CHARS_MAX)
            close_word(count, &word);
        if (class != WORD_APART) {
            word.len += utf8_encode(class == WORD_BLANK ? BLANK_CODE : code, word.text + word.len);
            word.chars++;
            word.last = class;
        }
        used += !used;
    }
    close_word(count, &word);
}

/* Forgets the words that are there least often, until half of the room is free. */
static void forget_rare(struct wordcount *count)
{
    struct wordcount kept = {.digits_apart = count->digits_apart};
    size_t with[COUNTS_TRIED + 1] = {0}, left = count->words.count;
    uint64_t least = 1;

    for (size_t i = 0; i < count->words.count; i++)
        if (count->words.items[i].count <= COUNTS_TRIED)
            with[count->words.items[i].count]++;
    for (; least <= COUNTS_TRIED && left > WORDCOUNT_WORDS_MAX / 2; least++)
        left -= with[least];
    for (size_t i = 0; i < count->words.count; i++) {
        const struct counted *word = &count->words.items[i];

        if (word->count >= least)
            add_word(&kept, word->hash, counted_text(count, word), word->count);
    }
    kept.failed |= count->failed;
    wordcount_done(count);
    *count = kept;
}

void wordcount_merge(struct wordcount *count, const struct wordcount *more)
{
    for (size_t i = 0; i < more->words.count; i++) {
        const struct counted *word = &more->words.items[i];

        add_word(count, word->hash, counted_text(more, word), word->count);
    }
    count->failed |= more->failed;
    if (count->words.count > WORDCOUNT_WORDS_MAX)
        forget_rare(count);
}

static int by_text(const void *a, const void *b, void *arg)
{
    const struct wordcount *count = arg;
    struct str x = counted_text(count, a), y = counted_text(count, b);
    int order = memcmp(x.p, y.p, x.len < y.len ? x.len : y.len);

    return order ? order : (x.len > y.len) - (x.len < y.len);
}

void wordcount_sort(struct wordcount *count)
{
    free(count->slots);
    count->slots = NULL;
    if (count->words.count)
        qsort_r(count->words.items, count->words.count, sizeof(*count->words.items), by_text,
                count);
}
