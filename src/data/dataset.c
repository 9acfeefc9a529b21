#include "data/dataset.h"

#include "base/hash.h"
#include "data/mapped.h"
#include "data/order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One folder's split: its tokens are one row, of which the shards are pieces of equal length. */
struct source {
    char *folder;
    struct data_index index;
    const struct data_split_index *split; /* of the index */
    struct mapped *shards;                /* mapped when first used */
    uint64_t windows;
};

struct dataset {
    struct source sources[DATASET_SOURCES_MAX];
    size_t count;
    struct order_share shares[DATASET_SOURCES_MAX];
    bool by_weight; /* else all sources together are one */
    size_t time;
    uint64_t seed, windows, tokens, text_bytes, hash;
    enum data_split split;
    char *tokenizer_path;
    int32_t pad;
};

static int map_shard(struct dataset *dataset, struct source *source, size_t shard, struct err *err)
{
    if (source->shards[shard].tokens)
        return 0;
    return mapped_open(source->folder, &source->index, dataset->split, shard,
                       &source->shards[shard], err);
}

/* Of a row of tokens: for training whole windows, held out all. */
static uint64_t count_windows(const struct dataset *dataset, uint64_t tokens)
{
    if (tokens < 2)
        return 0;
    if (dataset->split == DATA_HELD_OUT)
        return (tokens - 1 + dataset->time - 1) / dataset->time;
    return tokens - 1 < dataset->time ? 1 : (tokens - 1) / dataset->time;
}

static int open_source(struct dataset *dataset, const char *path, bool check, struct err *err)
{
    struct source *source = &dataset->sources[dataset->count];
    int r = data_index_read(path, DATA_INDEX, &source->index, err);

    if (r == -ENOENT)
        return err_set(err, r, "%s: no finished `data build` (it has no " DATA_INDEX ")", path);
    if (r == -ENOTDIR)
        return err_set(err, r, "%s is a file; 'data build' makes a folder of tokens of it", path);
    if (r < 0)
        return r;
    dataset->count++; /* it is freed with the others from here on */
    source->split = &source->index.splits[dataset->split];
    source->folder = strdup(path);
    source->shards = calloc(source->split->shards.count + 1, sizeof(*source->shards));
    if (!source->folder || !source->shards)
        return err_set(err, -ENOMEM, "%s: no memory for it", path);
    if (source->index.tokenizer_hash != dataset->sources[0].index.tokenizer_hash ||
        source->index.vocab != dataset->sources[0].index.vocab)
        return err_set(err, -EINVAL, "%s and %s were made with different tokenizers",
                       dataset->sources[0].folder, path);
    source->windows = count_windows(dataset, source->split->tokens);
    if (!source->windows && dataset->split == DATA_TRAIN)
        return err_set(err, -ENODATA, "%s: no tokens to train on", path);
    dataset->windows += source->windows;
    dataset->tokens += source->split->tokens;
    dataset->text_bytes += source->split->text_bytes;
    for (size_t i = 0; check && i < source->split->shards.count && r == 0; i++)
        r = map_shard(dataset, source, i, err);
    return r;
}

/* All weights or none. */
static int take_weights(struct dataset *dataset, const struct dataset_source *sources,
                        struct err *err)
{
    double weights[DATASET_SOURCES_MAX];
    size_t weighted = 0;

    for (size_t i = 0; i < dataset->count; i++) {
        weights[i] = sources[i].weight;
        if (!(weights[i] >= 0 && weights[i] < 1e100) || (weights[i] > 0 && weights[i] < 1e-100))
            return err_set(err, -EINVAL, "%s: its weight is to be 0 or more, not %g",
                           sources[i].path, weights[i]);
        weighted += weights[i] > 0;
    }
    if (weighted && weighted < dataset->count)
        return err_set(err, -EINVAL, "some sources of data have a weight and some have none");
    dataset->by_weight = weighted && dataset->split == DATA_TRAIN;
    if (dataset->by_weight)
        order_shares(weights, dataset->count, dataset->shares);
    return 0;
}

static uint64_t hash_of(const struct dataset *dataset, const struct dataset_source *sources)
{
    uint64_t hash = dataset->sources[0].index.tokenizer_hash;

    for (size_t i = 0; i < dataset->count; i++) {
        const struct source *source = &dataset->sources[i];
        uint64_t weight;

        memcpy(&weight, &sources[i].weight, sizeof(weight));
        hash = hash_mix(hash, weight);
        for (size_t j = 0; j < source->split->shards.count; j++) {
            hash = hash_mix(hash, source->split->shards.items[j].tokens);
            hash = hash_mix(hash, source->split->shards.items[j].crc);
        }
    }
    return hash;
}

int dataset_open(const struct dataset_source *sources, size_t count,
                 const struct dataset_options *options, struct dataset **out, struct err *err)
{
    struct dataset *dataset;
    int r = 0;

    if (count < 1 || count > DATASET_SOURCES_MAX)
        return err_set(err, -EINVAL, "1 to %d sources of data, not %zu", DATASET_SOURCES_MAX,
                       count);
    if (options->time < 1 || options->time > INT32_MAX)
        return err_set(err, -EINVAL, "a window of %zu tokens", options->time);
    dataset = calloc(1, sizeof(*dataset));
    if (!dataset)
        return err_set(err, -ENOMEM, "no memory for the data");
    dataset->time = options->time;
    dataset->seed = options->seed;
    dataset->split = options->held_out ? DATA_HELD_OUT : DATA_TRAIN;
    for (size_t i = 0; i < count && r == 0; i++)
        r = open_source(dataset, sources[i].path, options->check, err);
    if (r == 0)
        r = take_weights(dataset, sources, err);
    if (r == 0 && asprintf(&dataset->tokenizer_path, "%s/" DATA_TOKENIZER, sources[0].path) < 0) {
        dataset->tokenizer_path = NULL;
        r = err_set(err, -ENOMEM, "no memory for the data");
    }
    if (r < 0) {
        dataset_free(dataset);
        return r;
    }
    dataset->hash = hash_of(dataset, sources);
    dataset->pad = dataset->sources[0].index.pad;
    if (dataset->pad < 0)
        dataset->pad = dataset->sources[0].index.eos < 0 ? 0 : dataset->sources[0].index.eos;
    *out = dataset;
    return 0;
}

void dataset_free(struct dataset *dataset)
{
    if (!dataset)
        return;
    for (size_t i = 0; i < dataset->count; i++) {
        struct source *source = &dataset->sources[i];

        for (size_t k = 0; source->shards && k < source->split->shards.count; k++)
            mapped_done(&source->shards[k]);
        free(source->shards);
        free(source->folder);
        data_index_done(&source->index);
    }
    free(dataset->tokenizer_path);
    free(dataset);
}

size_t dataset_vocab(const struct dataset *dataset)
{
    return (size_t)dataset->sources[0].index.vocab;
}

uint64_t dataset_tokenizer_hash(const struct dataset *dataset)
{
    return dataset->sources[0].index.tokenizer_hash;
}

uint64_t dataset_hash(const struct dataset *dataset)
{
    return dataset->hash;
}

const char *dataset_tokenizer_path(const struct dataset *dataset)
{
    return dataset->tokenizer_path;
}

uint64_t dataset_windows(const struct dataset *dataset)
{
    return dataset->windows;
}

uint64_t dataset_tokens(const struct dataset *dataset)
{
    return dataset->tokens;
}

uint64_t dataset_text_bytes(const struct dataset *dataset)
{
    return dataset->text_bytes;
}

/* The source of a window by its place in all sources laid end to end. */
static size_t source_at(const struct dataset *dataset, uint64_t *window)
{
    size_t i = 0;

    while (*window >= dataset->sources[i].windows)
        *window -= dataset->sources[i++].windows;
    return i;
}

/* Where window `number` begins in the row of which source. */
static struct source *find_window(struct dataset *dataset, uint64_t number, uint64_t *first)
{
    struct source *source;
    uint64_t pass, window, rest;
    size_t i = 0;

    if (dataset->split == DATA_HELD_OUT) {
        window = number;
        source = &dataset->sources[source_at(dataset, &window)];
        *first = window * dataset->time;
        return source;
    }
    if (dataset->by_weight) {
        i = order_source(dataset->shares, dataset->count, number, &window);
        source = &dataset->sources[i];
        pass = window / source->windows;
        window = order_permute(dataset->seed, pass, (uint32_t)i, source->windows,
                               window % source->windows);
    } else {
        pass = number / dataset->windows;
        window = order_permute(dataset->seed, pass, 0, dataset->windows, number % dataset->windows);
        i = source_at(dataset, &window);
        source = &dataset->sources[i];
    }
    /* each pass leaves out other tokens of those that make no whole window */
    rest = source->split->tokens - 1;
    rest = rest < dataset->time ? 0 : rest - source->windows * dataset->time;
    *first = window * dataset->time + order_draw(dataset->seed, pass, (uint32_t)i, rest + 1);
    return source;
}

static void copy_tokens(const struct mapped *shard, uint64_t from, size_t count, int32_t *to)
{
    if (shard->token_bytes == sizeof(*to))
        memcpy(to, (const int32_t *)shard->tokens + from, count * sizeof(*to));
    else
        for (size_t i = 0; i < count; i++)
            to[i] = ((const uint16_t *)shard->tokens)[from + i];
}

/* Index of the first end that is greater than `place`. */
static uint64_t next_end(const struct mapped *shard, uint64_t place)
{
    uint64_t low = 0, high = shard->end_count;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (shard->ends[middle] > place)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Documents that begin behind the window's first token, of which `shard` has those from `from` on:
 * first_key[i] becomes i where one begins. */
static void mark_documents(const struct mapped *shard, uint64_t from, size_t at, size_t count,
                           size_t time, int32_t *first_key)
{
    for (uint64_t k = next_end(shard, from); k < shard->end_count; k++) {
        uint64_t begin = at + (shard->ends[k] - from);

        if (shard->ends[k] - from > count || begin >= time)
            break;
        first_key[begin] = (int32_t)begin;
    }
}

/* The row's tokens from `first` on: *have of them into tokens, and the one behind the last into
 * *next (-1: there is none). */
static int read_row(struct dataset *dataset, struct source *source, uint64_t first, int32_t *tokens,
                    int32_t *first_key, size_t *have, int32_t *next, struct err *err)
{
    uint64_t shard_tokens = source->index.shard_tokens, left = source->split->tokens - first;
    size_t count = left < dataset->time ? (size_t)left : dataset->time;

    *have = count;
    *next = -1;
    for (size_t at = 0; at < count + (left > count);) {
        size_t number = (size_t)((first + at) / shard_tokens), n;
        uint64_t from = (first + at) % shard_tokens;
        const struct mapped *shard = &source->shards[number];
        int r = map_shard(dataset, source, number, err);

        if (r < 0)
            return r;
        if (at == count) {
            *next = mapped_token(shard, from);
            break;
        }
        n = shard->token_count - from < count - at ? (size_t)(shard->token_count - from)
                                                   : count - at;
        copy_tokens(shard, from, n, tokens + at);
        if (first_key)
            mark_documents(shard, from, at, n, dataset->time, first_key);
        at += n;
    }
    return 0;
}

int dataset_window(struct dataset *dataset, uint64_t number, int32_t *tokens, int32_t *targets,
                   int32_t *first_key, struct err *err)
{
    size_t time = dataset->time, have;
    struct source *source;
    uint64_t first;
    int32_t next;
    int r;

    if (dataset->split == DATA_HELD_OUT && number >= dataset->windows)
        return err_set(err, -EINVAL, "window %llu of %llu held-out ones",
                       (unsigned long long)number, (unsigned long long)dataset->windows);
    source = find_window(dataset, number, &first);
    if (first_key)
        memset(first_key, 0, time * sizeof(*first_key));
    r = read_row(dataset, source, first, tokens, first_key, &have, &next, err);
    if (r < 0)
        return r;
    for (size_t i = have; i < time; i++)
        tokens[i] = dataset->pad;
    for (size_t i = 0; i < time; i++)
        targets[i] = i + 1 < have ? tokens[i + 1] : i + 1 == have ? next : -1;
    for (size_t i = 1; first_key && i < time; i++) /* carried on to where the next one begins */
        if (!first_key[i])
            first_key[i] = first_key[i - 1];
    return 0;
}
