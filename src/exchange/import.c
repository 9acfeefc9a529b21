/* Models in: first what is there is held against what a model of these constants needs, then memory
 * is taken and the weights are read. */
#include "base/file.h"
#include "exchange/constants.h"
#include "exchange/exchange.h"
#include "exchange/gguf.h"
#include "exchange/safetensors.h"
#include "exchange/vocabulary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES      ((size_t)4 << 20)
#define FILES_MAX        100000
#define CONFIG_BYTES_MAX ((size_t)64 << 20)
#define TOKENIZER_MAX    ((size_t)256 << 20)

struct source {
    const char *path, *constants; /* where the constants came from, for sentences */
    enum exchange_format format;
    VEC(int) files;
    struct tensors tensors;
    struct err *err;
};

/* Open for reading as the next file; *bytes: its size. */
static int open_file(struct source *source, const char *path, uint64_t *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    int *slot;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        !(slot = vec_push(&source->files))) {
        int r = fd < 0 ? -errno : -EINVAL;

        if (fd >= 0)
            (void)close(fd);
        return err_set(source->err, r, "%s: %s", path,
                       r == -EINVAL ? "it is no file" : strerror(-r));
    }
    *bytes = (uint64_t)st.st_size;
    *slot = fd;
    return 0;
}

static int add_safetensors(struct source *source, const char *path)
{
    size_t number = source->files.count;
    uint64_t bytes, len = 0;
    char *json = NULL;
    int r = open_file(source, path, &bytes);

    if (r < 0)
        return r;
    if (bytes >= 8)
        r = file_read_at(source->files.items[number], &len, sizeof(len), 0);
    if (r == 0 && (bytes < 8 || len > SAFETENSORS_HEADER_MAX || len > bytes - 8))
        return err_set(source->err, -EINVAL,
                       "%s: it is no safetensors file, or it is cut off in its header", path);
    json = malloc((size_t)len + 1);
    if (!json)
        return err_set(source->err, -ENOMEM, "%s: no memory for its header", path);
    if (r == 0)
        r = file_read_at(source->files.items[number], json, (size_t)len, 8);
    if (r < 0)
        err_set(source->err, r, "%s: %s", path, strerror(-r));
    else if ((r = safetensors_parse(json, (size_t)len, bytes, number, &source->tensors,
                                    source->err)) < 0)
        err_wrap(source->err, r, "%s", path);
    free(json);
    return r;
}

static int add_folder(struct source *source, struct arena *arena)
{
    const char *const *names;
    long count = file_list(arena, source->path, FILES_MAX, &names, source->err);
    int r = count < 0 ? (int)count : 0;

    for (long i = 0; i < count && r == 0; i++) {
        const char *path;

        if (!str_ends(str_of(names[i]), ".safetensors"))
            continue;
        path = arena_printf(arena, "%s/%s", source->path, names[i]);
        r = path ? add_safetensors(source, path)
                 : err_set(source->err, -ENOMEM, "%s: no memory to list it", source->path);
    }
    if (r == 0 && source->files.count == 0)
        r = err_set(source->err, -ENOENT, "%s: there are no .safetensors files", source->path);
    return r;
}

static int read_config(struct source *source, struct arena *arena, struct exchange_model *out)
{
    const char *path = arena_printf(arena, "%s/config.json", source->path);
    char *text;
    size_t len;
    int r;

    if (!path)
        return err_set(source->err, -ENOMEM, "no memory for a path");
    source->constants = "config.json";
    r = file_read(path, CONFIG_BYTES_MAX, &text, &len, source->err);
    if (r == -ENOENT)
        return err_set(source->err, r,
                       "%s has no config.json: name a folder of safetensors, or a GGUF file",
                       source->path);
    if (r < 0)
        return r;
    r = constants_from_json(text, len, &out->config, &out->router_bias, source->err);
    free(text);
    return r < 0 ? err_wrap(source->err, r, "%s", path) : 0;
}

static int read_tokenizer(struct source *source, struct arena *arena, struct exchange_model *out)
{
    const char *path = arena_printf(arena, "%s/tokenizer.model", source->path);

    if (!path)
        return err_set(source->err, -ENOMEM, "no memory for a path");
    if (access(path, F_OK) < 0)
        return 0; /* none came with it */
    return file_read(path, TOKENIZER_MAX, &out->tokenizer, &out->tokenizer_len, source->err);
}

static int open_folder(struct source *source, struct exchange_model *out)
{
    struct arena *arena = arena_new(0);
    int r;

    if (!arena)
        return err_set(source->err, -ENOMEM, "no memory to list %s", source->path);
    r = read_config(source, arena, out);
    if (r == 0)
        r = add_folder(source, arena);
    if (r == 0)
        r = read_tokenizer(source, arena, out);
    arena_free(arena);
    return r;
}

static int parse_gguf(struct source *source, const char *bytes, size_t len, uint64_t file_bytes,
                      struct exchange_model *out)
{
    struct gguf gguf;
    int r = gguf_parse(bytes, len, file_bytes, &gguf, source->err);

    if (r < 0)
        return r;
    r = constants_from_gguf(&gguf, &out->config, &out->router_bias, source->err);
    if (r == 0)
        r = vocabulary_from_gguf(&gguf, &out->tokenizer, &out->tokenizer_len, source->err);
    source->tensors = gguf.tensors; /* handed over */
    gguf.tensors = (struct tensors){0};
    gguf_done(&gguf);
    return r;
}

static int open_gguf(struct source *source, struct exchange_model *out)
{
    uint64_t bytes;
    size_t len;
    char *text;
    int r = open_file(source, source->path, &bytes);

    if (r < 0)
        return r;
    source->constants = "its keys";
    len = bytes < GGUF_HEADER_MAX ? (size_t)bytes : GGUF_HEADER_MAX;
    text = malloc(len + 1);
    if (!text)
        return err_set(source->err, -ENOMEM, "%s: no memory for its header", source->path);
    r = file_read_at(source->files.items[0], text, len, 0);
    if (r < 0)
        err_set(source->err, r, "%s", strerror(-r));
    else
        r = parse_gguf(source, text, len, bytes, out);
    free(text);
    return r < 0 ? err_wrap(source->err, r, "%s", source->path) : 0;
}

static struct tensor *find_piece(struct source *source, const struct piece *piece)
{
    struct tensor *tensor = NULL;

    for (size_t i = 0; i < PIECE_NAMES_MAX && piece->names[i][0] && !tensor; i++)
        tensor = tensors_find(&source->tensors, piece->names[i]);
    return tensor;
}

static int check_piece(struct source *source, const struct piece *piece)
{
    struct tensor *tensor = find_piece(source, piece);
    char is[100], wanted[100];

    if (!tensor && piece->zeros)
        return 0;
    if (!tensor)
        return err_set(source->err, -EINVAL, "%s: it lacks the tensor %s", source->path,
                       piece->names[0]);
    tensor->used = true;
    if (tensor->dims == piece->dims &&
        memcmp(tensor->shape, piece->shape, sizeof(tensor->shape)) == 0)
        return 0;
    tensor_shape_text(tensor->shape, tensor->dims, is, sizeof(is));
    tensor_shape_text(piece->shape, piece->dims, wanted, sizeof(wanted));
    return err_set(source->err, -EINVAL, "%s: %s has the shape %s, by %s it is %s", source->path,
                   tensor->name, is, source->constants, wanted);
}

/* All are there in their shapes, and nothing that changes what the model computes is left over. */
static int check_pieces(struct source *source, const struct pieces *pieces,
                        const struct model_config *config)
{
    int r = tensors_sort(&source->tensors, source->err);

    if (r < 0)
        return err_wrap(source->err, r, "%s", source->path);
    for (size_t i = 0; i < pieces->list.count && r == 0; i++)
        r = check_piece(source, &pieces->list.items[i]);
    for (size_t i = 0; i < source->tensors.list.count && r == 0; i++) {
        const struct tensor *tensor = &source->tensors.list.items[i];

        if (!tensor->used && !name_ignored(tensor->name, config))
            r = err_set(source->err, -EINVAL,
                        "%s: it has the tensor %s, which a Grok of its constants has not",
                        source->path, tensor->name);
    }
    return r;
}

static int load_matrix(struct source *source, const struct tensor *tensor,
                       const struct piece *piece, size_t number, float *weights, char *block,
                       size_t at_once)
{
    size_t row_bytes = piece->columns * stored_bytes(tensor->type);
    struct matrix matrix = {weights + piece->offset + number * piece->rows * piece->columns,
                            piece->rows, piece->columns, piece->turned};
    uint64_t at = tensor->at + number * piece->rows * row_bytes;
    size_t bad_row, bad_column;
    float bad;
    int r = 0;

    for (size_t row = 0, count; row < piece->rows && r == 0; row += count) {
        count = piece->rows - row < at_once ? piece->rows - row : at_once;
        r = file_read_at(source->files.items[tensor->file], block, count * row_bytes,
                         at + row * row_bytes);
        if (r < 0)
            return err_set(source->err, r, "%s: %s: %s", source->path, tensor->name, strerror(-r));
        r = matrix_load(&matrix, row, count, tensor->type, block, &bad, &bad_row, &bad_column);
        if (r < 0)
            return err_set(source->err, r, "%s: %s holds %g at (%zu, %zu)", source->path,
                           tensor->name, (double)bad, bad_row, bad_column);
    }
    return r;
}

static int load_piece(struct source *source, const struct piece *piece, float *weights)
{
    const struct tensor *tensor = find_piece(source, piece);
    size_t row_bytes, at_once;
    char *block;
    int r = 0;

    if (piece->zeros)
        return 0;
    row_bytes = piece->columns * stored_bytes(tensor->type);
    at_once = BLOCK_BYTES / row_bytes + 1;
    if (at_once > piece->rows)
        at_once = piece->rows;
    block = malloc(at_once * row_bytes);
    if (!block)
        return err_set(source->err, -ENOMEM, "no memory for a row of %zu bytes", row_bytes);
    for (size_t i = 0; i < piece->matrices && r == 0; i++)
        r = load_matrix(source, tensor, piece, i, weights, block, at_once);
    free(block);
    return r;
}

/* Constants alone must not make us take memory for a list that the files can't fill. */
static int check_count(const struct source *source, const struct model_config *config)
{
    uint64_t experts = source->format == EXCHANGE_GGUF ? 1 : (uint64_t)config->experts;

    if (source->tensors.list.count >= (uint64_t)config->layers * experts)
        return 0;
    return err_set(source->err, -EINVAL,
                   "%s: it has %zu tensors, too few for the %lld layers of %lld experts of %s",
                   source->path, source->tensors.list.count, (long long)config->layers,
                   (long long)config->experts, source->constants);
}

static int load_model(struct source *source, struct exchange_model *out)
{
    struct pieces pieces = {0};
    int r = check_count(source, &out->config);

    if (r == 0)
        r = params_init(&out->params, &out->config, source->err);
    if (r < 0)
        return r;
    r = pieces_init(&pieces, &out->config, &out->params, source->format);
    if (r < 0)
        err_set(source->err, r, "no memory for the list of tensors");
    else
        r = check_pieces(source, &pieces, &out->config);
    if (r == 0) {
        /* The files have as many numbers as this: they were held against each other. */
        out->weights = calloc(out->params.total, sizeof(float));
        if (!out->router_bias)
            out->router_bias =
                calloc((size_t)(out->config.layers * out->config.experts), sizeof(float));
        if (!out->weights || !out->router_bias)
            r = err_set(source->err, -ENOMEM, "no memory for %zu weights", out->params.total);
    }
    for (size_t i = 0; i < pieces.list.count && r == 0; i++)
        r = load_piece(source, &pieces.list.items[i], out->weights);
    pieces_done(&pieces);
    return r;
}

static int import(struct source *source, struct exchange_model *out)
{
    struct stat st;
    int r;

    if (stat(source->path, &st) < 0)
        return err_set(source->err, -errno, "%s: %s", source->path, strerror(errno));
    source->format = S_ISDIR(st.st_mode) ? EXCHANGE_SAFETENSORS : EXCHANGE_GGUF;
    if (str_ends(str_of(source->path), ".safetensors") && !S_ISDIR(st.st_mode))
        return err_set(source->err, -EINVAL,
                       "%s: name the folder that it is in, with its config.json", source->path);
    r = S_ISDIR(st.st_mode) ? open_folder(source, out) : open_gguf(source, out);
    return r < 0 ? r : load_model(source, out);
}

int exchange_import(const char *path, struct exchange_model *out, struct err *err)
{
    struct source source = {.path = path, .err = err};
    int r;

    *out = (struct exchange_model){0};
    r = import(&source, out);
    if (r < 0)
        exchange_done(out);
    for (size_t i = 0; i < source.files.count; i++)
        (void)close(source.files.items[i]);
    vec_done(&source.files);
    vec_done(&source.tensors.list);
    return r;
}

void exchange_done(struct exchange_model *model)
{
    params_done(&model->params);
    free(model->weights);
    free(model->router_bias);
    free(model->tokenizer);
    *model = (struct exchange_model){0};
}
