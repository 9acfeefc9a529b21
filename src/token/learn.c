/* token/learn - see learn.h. */
#include "token/learn.h"

#include "base/arena.h"
#include "token/names.h"

#include <errno.h>

#define SLOTS_FIRST 4096

struct word_symbols {
    size_t begin; /* in learn->symbols */
    uint32_t count;
    uint64_t times;
};

struct pair {
    int32_t left, right;
    uint64_t count;
    uint32_t *words; /* where it is or was; a word may be there twice */
    uint32_t word_count, word_space;
    uint32_t touched; /* in which merge it was last made more often */
};

/* Pairs are looked at again when they come up: counts only fell since. */
struct queued {
    uint64_t count;
    uint32_t pair;
};

struct learn {
    struct arena *texts;
    uint32_t chars_max, round;
    VEC(struct learn_symbol) symbols;
    struct names names;
    VEC(int32_t) places; /* the symbols of all words */
    VEC(struct word_symbols) words;
    VEC(struct pair) pairs;
    uint32_t *slots; /* index + 1 of a pair; 0 is free */
    size_t mask;
    VEC(struct queued) heap;
    VEC(uint32_t) grown; /* pairs of this round */
};

struct learn *learn_new(uint32_t chars_max)
{
    struct learn *learn = calloc(1, sizeof(*learn));

    if (!learn)
        return NULL;
    learn->chars_max = chars_max;
    learn->texts = arena_new(0);
    learn->slots = calloc(SLOTS_FIRST, sizeof(*learn->slots));
    learn->mask = SLOTS_FIRST - 1;
    if (!learn->texts || !learn->slots || names_init(&learn->names, SLOTS_FIRST) < 0) {
        learn_free(learn);
        return NULL;
    }
    return learn;
}

void learn_free(struct learn *learn)
{
    if (!learn)
        return;
    for (size_t i = 0; i < learn->pairs.count; i++)
        free(learn->pairs.items[i].words);
    arena_free(learn->texts);
    vec_done(&learn->symbols);
    names_done(&learn->names);
    vec_done(&learn->places);
    vec_done(&learn->words);
    vec_done(&learn->pairs);
    free(learn->slots);
    vec_done(&learn->heap);
    vec_done(&learn->grown);
    free(learn);
}

/* The names' table has a fixed size: make it anew, twice as large. */
static int more_names(struct learn *learn)
{
    struct names more;

    if (learn->names.count * 2 <= learn->names.mask)
        return 0;
    if (names_init(&more, learn->names.mask + 1) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < learn->symbols.count; i++)
        (void)names_add(&more, learn->symbols.items[i].text, (int32_t)i);
    names_done(&learn->names);
    learn->names = more;
    return 0;
}

static int32_t add_symbol(struct learn *learn, struct learn_symbol symbol)
{
    struct learn_symbol *added = more_names(learn) < 0 ? NULL : vec_push(&learn->symbols);
    int32_t id = (int32_t)learn->symbols.count - 1;

    if (!added)
        return -ENOMEM;
    *added = symbol;
    (void)names_add(&learn->names, symbol.text, id);
    return id;
}

int32_t learn_add_symbol(struct learn *learn, struct str text, bool blank)
{
    char *copy = arena_copy(learn->texts, text.p, text.len);

    if (!copy)
        return -ENOMEM;
    return add_symbol(learn, (struct learn_symbol){{copy, text.len}, 1, blank, blank});
}

/* A blank stands at the begin of a piece, or all of it is blanks. */
static bool may_merge(const struct learn *learn, int32_t left, int32_t right)
{
    const struct learn_symbol *a = &learn->symbols.items[left], *b = &learn->symbols.items[right];

    if (a->chars + b->chars > learn->chars_max)
        return false;
    if (b->begins)
        return a->blanks && b->blanks;
    return !a->blanks || a->chars == 1;
}

static uint32_t *slot_of(const struct learn *learn, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;

    for (size_t at = (size_t)((key * 0x9e3779b97f4a7c15u ^ key >> 29) * 0xd6e8feb86659fd93u >> 24);;
         at++) {
        uint32_t *slot = &learn->slots[at & learn->mask];
        const struct pair *pair = *slot ? &learn->pairs.items[*slot - 1] : NULL;

        if (!pair || (pair->left == left && pair->right == right))
            return slot;
    }
}

static int more_slots(struct learn *learn)
{
    uint32_t *more;

    if (learn->pairs.count * 2 <= learn->mask)
        return 0;
    more = calloc((learn->mask + 1) * 2, sizeof(*more));
    if (!more)
        return -ENOMEM;
    free(learn->slots);
    learn->slots = more;
    learn->mask = learn->mask * 2 + 1;
    for (size_t i = 0; i < learn->pairs.count; i++)
        *slot_of(learn, learn->pairs.items[i].left, learn->pairs.items[i].right) = (uint32_t)i + 1;
    return 0;
}

static struct pair *pair_of(struct learn *learn, int32_t left, int32_t right)
{
    uint32_t *slot;
    struct pair *pair;

    if (more_slots(learn) < 0)
        return NULL;
    slot = slot_of(learn, left, right);
    if (*slot)
        return &learn->pairs.items[*slot - 1];
    pair = vec_push(&learn->pairs);
    if (!pair)
        return NULL;
    pair->left = left;
    pair->right = right;
    *slot = (uint32_t)learn->pairs.count;
    return pair;
}

static int note_word(struct pair *pair, uint32_t word)
{
    if (pair->word_count && pair->words[pair->word_count - 1] == word)
        return 0;
    if (pair->word_count == pair->word_space) {
        uint32_t space = pair->word_space ? pair->word_space * 2 : 2;
        uint32_t *more = realloc(pair->words, space * sizeof(*more));

        if (!more)
            return -ENOMEM;
        pair->words = more;
        pair->word_space = space;
    }
    pair->words[pair->word_count++] = word;
    return 0;
}

static int add_pair(struct learn *learn, uint32_t word, int32_t left, int32_t right)
{
    struct pair *pair;
    uint32_t *grown;

    if (!may_merge(learn, left, right))
        return 0;
    pair = pair_of(learn, left, right);
    if (!pair || note_word(pair, word) < 0)
        return -ENOMEM;
    pair->count += learn->words.items[word].times;
    if (pair->touched == learn->round)
        return 0;
    pair->touched = learn->round;
    grown = vec_push(&learn->grown);
    if (!grown)
        return -ENOMEM;
    *grown = (uint32_t)(pair - learn->pairs.items);
    return 0;
}

int learn_add_word(struct learn *learn, const int32_t *symbols, size_t count, uint64_t times)
{
    uint32_t index = (uint32_t)learn->words.count;
    struct word_symbols *word = vec_push(&learn->words);
    int r = word ? 0 : -ENOMEM;

    if (r < 0)
        return r;
    if (!learn->round)
        learn->round = 1;
    *word = (struct word_symbols){learn->places.count, (uint32_t)count, times};
    for (size_t i = 0; i < count && r == 0; i++) {
        int32_t *place = vec_push(&learn->places);

        if (!place)
            return -ENOMEM;
        *place = symbols[i];
        if (i)
            r = add_pair(learn, index, symbols[i - 1], symbols[i]);
    }
    return r;
}

static bool goes_before(const struct learn *learn, const struct queued *a, const struct queued *b)
{
    const struct pair *x = &learn->pairs.items[a->pair], *y = &learn->pairs.items[b->pair];

    if (a->count != b->count)
        return a->count > b->count;
    return x->left != y->left ? x->left < y->left : x->right < y->right;
}

static int queue_push(struct learn *learn, uint32_t pair)
{
    struct queued added = {learn->pairs.items[pair].count, pair}, *heap;
    size_t at = learn->heap.count;

    if (!vec_push(&learn->heap))
        return -ENOMEM;
    heap = learn->heap.items;
    for (; at > 0 && goes_before(learn, &added, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = added;
    return 0;
}

static struct queued queue_pop(struct learn *learn)
{
    struct queued *heap = learn->heap.items, top = heap[0], last = heap[--learn->heap.count];
    size_t at = 0, count = learn->heap.count;

    for (size_t child = 1; child < count; child = at * 2 + 1) {
        if (child + 1 < count && goes_before(learn, &heap[child + 1], &heap[child]))
            child++;
        if (!goes_before(learn, &heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}

static int queue_grown(struct learn *learn)
{
    int r = 0;

    for (size_t i = 0; i < learn->grown.count && r == 0; i++)
        r = queue_push(learn, learn->grown.items[i]);
    learn->grown.count = 0;
    learn->round++;
    return r;
}

/* The symbol that the pair becomes; one with that text may be there, of other halves. */
static int32_t merged_symbol(struct learn *learn, const struct pair *pair, bool *is_new)
{
    const struct learn_symbol a = learn->symbols.items[pair->left],
                              b = learn->symbols.items[pair->right];
    char *text = arena_alloc(learn->texts, a.text.len + b.text.len);
    struct learn_symbol merged = {
        {text, a.text.len + b.text.len}, a.chars + b.chars, a.blanks && b.blanks, a.begins};
    int32_t symbol;

    if (!text)
        return -ENOMEM;
    memcpy(text, a.text.p, a.text.len);
    memcpy(text + a.text.len, b.text.p, b.text.len);
    symbol = names_find(&learn->names, merged.text);
    *is_new = symbol < 0;
    return symbol >= 0 ? symbol : add_symbol(learn, merged);
}

static void forget_pairs(struct learn *learn, const struct word_symbols *word)
{
    const int32_t *symbols = learn->places.items + word->begin;

    for (uint32_t i = 0; i + 1 < word->count; i++) {
        uint32_t slot = *slot_of(learn, symbols[i], symbols[i + 1]);

        if (slot)
            learn->pairs.items[slot - 1].count -= word->times;
    }
}

/* Counts the word's pairs again: what has the new symbol in it is new there. */
static int count_pairs(struct learn *learn, uint32_t index, int32_t merged)
{
    const struct word_symbols *word = &learn->words.items[index];
    const int32_t *symbols = learn->places.items + word->begin;
    int r = 0;

    for (uint32_t i = 0; i + 1 < word->count && r == 0; i++) {
        uint32_t slot;

        if (symbols[i] == merged || symbols[i + 1] == merged) {
            r = add_pair(learn, index, symbols[i], symbols[i + 1]);
            continue;
        }
        slot = *slot_of(learn, symbols[i], symbols[i + 1]);
        if (slot)
            learn->pairs.items[slot - 1].count += word->times;
    }
    return r;
}

static bool has_pair(const struct learn *learn, const struct word_symbols *word, int32_t left,
                     int32_t right)
{
    const int32_t *symbols = learn->places.items + word->begin;

    for (uint32_t i = 0; i + 1 < word->count; i++)
        if (symbols[i] == left && symbols[i + 1] == right)
            return true;
    return false;
}

static int merge_in_word(struct learn *learn, uint32_t index, int32_t left, int32_t right,
                         int32_t merged)
{
    struct word_symbols *word = &learn->words.items[index];
    int32_t *symbols = learn->places.items + word->begin;
    uint32_t kept = 0;

    if (!has_pair(learn, word, left, right))
        return 0;
    forget_pairs(learn, word);
    for (uint32_t i = 0; i < word->count; i++) {
        bool both = i + 1 < word->count && symbols[i] == left && symbols[i + 1] == right;

        symbols[kept++] = both ? merged : symbols[i];
        i += both;
    }
    word->count = kept;
    return count_pairs(learn, index, merged);
}

/* Merges the pair everywhere. */
static int merge_pair(struct learn *learn, uint32_t index, int32_t merged)
{
    struct pair pair = learn->pairs.items[index];
    int r = 0;

    for (uint32_t i = 0; i < pair.word_count && r == 0; i++)
        r = merge_in_word(learn, pair.words[i], pair.left, pair.right, merged);
    free(pair.words);
    learn->pairs.items[index].words = NULL;
    learn->pairs.items[index].word_count = learn->pairs.items[index].word_space = 0;
    return r < 0 ? r : queue_grown(learn);
}

int learn_merge(struct learn *learn, struct str *text)
{
    int r = learn->grown.count ? queue_grown(learn) : 0;

    while (r == 0 && learn->heap.count) {
        struct queued best = queue_pop(learn);
        uint64_t count = learn->pairs.items[best.pair].count;
        bool is_new = false;
        int32_t merged;

        if (!count || count > best.count)
            continue; /* nowhere any more, or queued again */
        if (count < best.count) {
            r = queue_push(learn, best.pair);
            continue;
        }
        merged = merged_symbol(learn, &learn->pairs.items[best.pair], &is_new);
        r = merged < 0 ? merged : merge_pair(learn, best.pair, merged);
        if (r == 0 && is_new) {
            *text = learn->symbols.items[merged].text;
            return 0;
        }
    }
    return r < 0 ? r : LEARN_ENOUGH;
}
