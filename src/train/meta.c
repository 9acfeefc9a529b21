#include "train/meta.h"

#include "base/file.h"
#include "ckpt/folder.h"

#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define META_FORMAT      1
#define META_EXPERTS_MAX ((int64_t)1 << 22) /* layers * experts */
#define META_BYTES_MAX   ((size_t)256 << 20)

static json_t *doubles(const double *values, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_real(values[i]));
    return array;
}

static json_t *floats(const float *values, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_real((double)values[i]));
    return array;
}

static json_t *integers(const int64_t *values, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_integer(values[i]));
    return array;
}

static size_t watch_kept(const struct watch *watch)
{
    return watch->count < watch->window ? watch->count : watch->window;
}

static json_t *watch_to_json(const struct watch *watch)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "window", (json_int_t)watch->window, "count",
                     (json_int_t)watch->count, "skipped", (json_int_t)watch->skipped,
                     "skipped_in_a_row", (json_int_t)watch->skipped_in_a_row, "loss",
                     doubles(watch->loss, watch_kept(watch)), "norm",
                     doubles(watch->norm, watch_kept(watch)));
}

char *meta_print(const struct meta *meta)
{
    size_t count;
    const struct setting *settings = train_settings(&count);
    char data_hash[17]; /* as text: JSON has no integers of 64 bits without a sign */
    json_t *json;
    char *text;

    (void)snprintf(data_hash, sizeof(data_hash), "%016llx", (unsigned long long)meta->data_hash);
    json = json_pack(
        "{s:i, s:s, s:I, s:I, s:I, s:f, s:s, s:s, s:o, s:o, s:o, s:o}", "format", META_FORMAT,
        "program", "firstlight-train " FIRSTLIGHT_VERSION, "step", (json_int_t)meta->step,
        "updates", (json_int_t)meta->updates, "tokens", (json_int_t)meta->tokens, "smooth_loss",
        meta->smooth_loss, "kernels", meta->kernels, "data_hash", data_hash, "config",
        setting_to_json(settings, count, &meta->config), "watch", watch_to_json(&meta->watch),
        "router_bias", floats(meta->router_bias, meta->experts), "dying",
        integers(meta->dying, meta->experts));
    text = json ? json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(json);
    return text;
}

int meta_init(struct meta *meta, struct err *err)
{
    meta->experts = (size_t)(meta->config.model.layers * meta->config.model.experts);
    meta->router_bias = calloc(meta->experts + 1, sizeof(*meta->router_bias));
    meta->dying = calloc(meta->experts + 1, sizeof(*meta->dying));
    if (meta->router_bias && meta->dying)
        return 0;
    meta_done(meta);
    return err_set(err, -ENOMEM, "no memory for a checkpoint's meta.json");
}

void meta_done(struct meta *meta)
{
    free(meta->router_bias);
    free(meta->dying);
    meta->router_bias = NULL;
    meta->dying = NULL;
}

static int bad(const char *path, const char *what, struct err *err)
{
    return err_set(err, -EBADMSG, "%s/" META_FILE ": %s", path, what);
}

static bool get_doubles(const json_t *array, double *values, size_t count)
{
    if (json_array_size(array) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!json_is_number(json_array_get(array, i)))
            return false;
        values[i] = json_number_value(json_array_get(array, i));
    }
    return true;
}

static bool watch_from_json(const json_t *json, struct watch *watch)
{
    json_int_t window, count, skipped, in_a_row;
    json_t *loss, *norm;

    if (json_unpack((json_t *)json, "{s:I, s:I, s:I, s:I, s:o, s:o}", "window", &window, "count",
                    &count, "skipped", &skipped, "skipped_in_a_row", &in_a_row, "loss", &loss,
                    "norm", &norm) < 0 ||
        window < 1 || window > WATCH_WINDOW_MAX || count < 0 || skipped < 0 || in_a_row < 0)
        return false;
    watch->window = (size_t)window;
    watch->count = (size_t)count;
    watch->skipped = (uint64_t)skipped;
    watch->skipped_in_a_row = (uint64_t)in_a_row;
    return get_doubles(loss, watch->loss, watch_kept(watch)) &&
           get_doubles(norm, watch->norm, watch_kept(watch));
}

/* The arrays, one value for each expert of the config. */
static int take_experts(const char *path, const json_t *bias, const json_t *dying,
                        struct meta *meta, struct err *err)
{
    const struct model_config *model = &meta->config.model;
    int r;

    if (model->layers < 1 || model->experts < 1 || model->layers > META_EXPERTS_MAX ||
        model->experts > META_EXPERTS_MAX / model->layers ||
        json_array_size(bias) != (size_t)(model->layers * model->experts) ||
        json_array_size(dying) != json_array_size(bias))
        return bad(path, "its experts are not those of its model", err);
    r = meta_init(meta, err);
    for (size_t i = 0; r == 0 && i < meta->experts; i++) {
        const json_t *value = json_array_get(bias, i), *steps = json_array_get(dying, i);
        double number = json_number_value(value);

        if (!json_is_number(value) || !(number >= -FLT_MAX && number <= FLT_MAX) ||
            !json_is_integer(steps) || json_integer_value(steps) < 0)
            return bad(path, "has a value of an expert that can't be", err);
        meta->router_bias[i] = (float)number;
        meta->dying[i] = (int64_t)json_integer_value(steps);
    }
    return r;
}

static int take(const char *path, const json_t *json, struct meta *meta, struct err *err)
{
    json_int_t format, step, updates, tokens;
    json_t *config, *watch, *bias, *dying;
    const char *kernels, *data_hash;
    size_t count;
    const struct setting *settings = train_settings(&count);
    int r;

    if (json_unpack((json_t *)json, "{s:I}", "format", &format) < 0 || format != META_FORMAT)
        return bad(path, "is not of a format that this version reads", err);
    if (json_unpack((json_t *)json, "{s:I, s:I, s:I, s:F, s:s, s:s, s:o, s:o, s:o, s:o}", "step",
                    &step, "updates", &updates, "tokens", &tokens, "smooth_loss",
                    &meta->smooth_loss, "kernels", &kernels, "data_hash", &data_hash, "config",
                    &config, "watch", &watch, "router_bias", &bias, "dying", &dying) < 0)
        return bad(path, "lacks something that every checkpoint has", err);
    if (step < 0 || updates < 0 || tokens < 0 ||
        str_to_u64(str_of(data_hash), 16, &meta->data_hash) < 0 ||
        strlen(kernels) >= sizeof(meta->kernels) || !watch_from_json(watch, &meta->watch))
        return bad(path, "has a value that can't be", err);
    meta->step = step;
    meta->updates = updates;
    meta->tokens = (uint64_t)tokens;
    memcpy(meta->kernels, kernels, strlen(kernels) + 1);
    r = train_preset("grok-1", &meta->config, err); /* what an older version did not know of */
    if (r == 0)
        r = setting_from_json(settings, count, &meta->config, config, err);
    if (r < 0)
        return err_wrap(err, -EBADMSG, "%s/" META_FILE, path);
    return take_experts(path, bias, dying, meta, err);
}

int meta_parse(const char *path, const char *text, size_t len, struct meta *meta, struct err *err)
{
    json_error_t where;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
    int r;

    memset(meta, 0, sizeof(*meta));
    if (!json)
        return bad(path, where.text, err);
    r = take(path, json, meta, err);
    json_decref(json);
    if (r < 0)
        meta_done(meta);
    return r;
}

int meta_read(struct ckpt *ckpt, struct meta *meta, struct err *err)
{
    char *text;
    size_t len;
    int r = ckpt_read_file(ckpt, META_FILE, &text, &len, err);

    if (r < 0)
        return r;
    r = meta_parse(ckpt_path(ckpt), text, len, meta, err);
    free(text);
    return r;
}

static int config_of(const char *folder, const char *name, struct train_config *out)
{
    struct meta *meta = calloc(1, sizeof(*meta));
    char *path = NULL, *text = NULL;
    size_t len;
    int r = -ENOMEM;

    if (meta && asprintf(&path, "%s/%s/" META_FILE, folder, name) >= 0)
        r = file_read(path, META_BYTES_MAX, &text, &len, NULL);
    if (r == 0)
        r = meta_parse(folder, text, len, meta, NULL);
    if (r == 0) {
        *out = meta->config;
        meta_done(meta);
    }
    free(meta);
    free(path);
    free(text);
    return r;
}

int meta_newest_config(const char *folder, struct train_config *out)
{
    struct arena *arena = arena_new(0);
    const char *const *names;
    long count = arena ? file_list(arena, folder, FOLDER_NAMES_MAX, &names, NULL) : -ENOMEM;
    int r = config_of(folder, ".", out);

    for (long i = count; r < 0 && i-- > 0;) /* names are sorted by their numbers */
        if (folder_step(names[i], NULL) >= 0)
            r = config_of(folder, names[i], out);
    arena_free(arena);
    return r == 0 || r == -ENOMEM ? r : -ENOENT;
}
