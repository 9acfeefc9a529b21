#include "trainer/data_show.h"

#include "data/dataset.h"
#include "token/tokenizer.h"
#include "trainer/request.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct windows {
    const struct data_show *show;
    struct dataset_source sources[DATASET_SOURCES_MAX];
    size_t source_count;
    struct dataset *data;
    struct tokenizer *tokenizer;
    int32_t *tokens, *targets, *first_key; /* (time) each */
};

static int open_windows(struct windows *windows, char *const *sources, size_t count,
                        struct err *err)
{
    const struct data_show *show = windows->show;
    struct dataset_options options = {.time = show->time, .seed = show->seed};
    int r = 0;

    if (!show->time || show->time > DATA_SHOW_TIME_MAX)
        return err_set(err, -EINVAL, "--time takes 1 to %zu tokens", DATA_SHOW_TIME_MAX);
    if (count > DATASET_SOURCES_MAX)
        return err_set(err, -EINVAL, "more than %d sources of data", DATASET_SOURCES_MAX);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = request_source(sources[i], &windows->sources[i], err);
        windows->source_count += r == 0;
    }
    if (r == 0)
        r = dataset_open(windows->sources, count, &options, &windows->data, err);
    if (r == 0)
        r = tokenizer_load(dataset_tokenizer_path(windows->data), &windows->tokenizer, err);
    if (r < 0)
        return r;
    windows->tokens = calloc(3 * show->time, sizeof(*windows->tokens));
    if (!windows->tokens)
        return err_set(err, -ENOMEM, "no memory for a window of %zu tokens", show->time);
    windows->targets = windows->tokens + show->time;
    windows->first_key = windows->targets + show->time;
    return 0;
}

static void close_windows(struct windows *windows)
{
    free(windows->tokens);
    tokenizer_free(windows->tokenizer);
    dataset_free(windows->data);
    for (size_t i = 0; i < windows->source_count; i++)
        free((char *)windows->sources[i].path);
}

static json_t *ids(const int32_t *items, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_integer(items[i]));
    return array;
}

static void print_json(const struct windows *windows, uint64_t number)
{
    size_t time = windows->show->time;
    json_t *line = json_pack("{s:I, s:o, s:o, s:o}", "window", (json_int_t)number, "tokens",
                             ids(windows->tokens, time), "targets", ids(windows->targets, time),
                             "document_begins", ids(windows->first_key, time));

    (void)json_dumpf(line, stdout, JSON_COMPACT);
    (void)puts("");
    json_decref(line);
}

static int print_text(const struct windows *windows, uint64_t number, struct err *err)
{
    struct buf text = {0};
    size_t bad;
    int r = tokenizer_decode(windows->tokenizer, windows->tokens, windows->show->time, &text, &bad);

    if (r < 0)
        err_set(err, r, "window %" PRIu64 ": its tokens have no text", number);
    else
        (void)printf("--- window %" PRIu64 "\n%s\n", number, text.p ? text.p : "");
    buf_done(&text);
    return r;
}

int data_show(const struct data_show *show, char *const *sources, size_t count, struct err *err)
{
    struct windows windows = {.show = show};
    int r = open_windows(&windows, sources, count, err);

    for (uint64_t i = 0; r == 0 && i < show->count; i++) {
        uint64_t number = show->first + i;

        r = dataset_window(windows.data, number, windows.tokens, windows.targets, windows.first_key,
                           err);
        if (r == 0 && show->json)
            print_json(&windows, number);
        else if (r == 0)
            r = print_text(&windows, number, err);
    }
    close_windows(&windows);
    return r;
}
