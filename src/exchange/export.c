/* Models out. A tensor at a time, through a buffer: a model is never in memory twice. */
#include "base/file.h"
#include "base/output.h"
#include "exchange/constants.h"
#include "exchange/exchange.h"
#include "exchange/gguf.h"
#include "exchange/safetensors.h"
#include "exchange/vocabulary.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)4 << 20)

struct job {
    const struct exchange_model *model;
    struct pieces pieces;
    enum stored type;
    char *block;
    size_t block_bytes;
    struct err *err;
};

static uint64_t piece_bytes(const struct piece *piece, enum stored type)
{
    return piece->matrices * piece->rows * piece->columns * stored_bytes(type);
}

static int grow_block(struct job *job, size_t bytes)
{
    char *block;

    if (bytes <= job->block_bytes)
        return 0;
    block = realloc(job->block, bytes);
    if (!block)
        return err_set(job->err, -ENOMEM, "no memory for a row of %zu bytes", bytes);
    job->block = block;
    job->block_bytes = bytes;
    return 0;
}

static int put_matrix(struct job *job, struct output *output, const struct piece *piece,
                      size_t number, enum stored type)
{
    struct matrix matrix = {job->model->weights + piece->offset +
                                number * piece->rows * piece->columns,
                            piece->rows, piece->columns, piece->turned};
    size_t row_bytes = piece->columns * stored_bytes(type), at_once = BLOCK_BYTES / row_bytes + 1;
    size_t bad_row, bad_column;
    int r = grow_block(job, (at_once < piece->rows ? at_once : piece->rows) * row_bytes);
    float bad;

    for (size_t row = 0, count; row < piece->rows && r == 0; row += count) {
        count = piece->rows - row < at_once ? piece->rows - row : at_once;
        r = matrix_store(&matrix, row, count, type, job->block, &bad, &bad_row, &bad_column);
        if (r < 0)
            return err_set(
                job->err, r, "%s (%s) holds %g at (%zu, %zu)%s: such weights are not exported",
                piece->param->name, piece->names[0], (double)bad,
                piece->turned ? bad_column : bad_row, piece->turned ? bad_row : bad_column,
                bad - bad == 0 ? ", too large for bf16" : "");
        r = output_put(output, job->block, count * row_bytes, job->err);
    }
    return r;
}

static int put_zeros(struct output *output, uint64_t bytes, struct err *err)
{
    static const char zeros[4096];
    int r = 0;

    for (uint64_t len; bytes > 0 && r == 0; bytes -= len) {
        len = bytes < sizeof(zeros) ? bytes : sizeof(zeros);
        r = output_put(output, zeros, (size_t)len, err);
    }
    return r;
}

static int put_piece(struct job *job, struct output *output, const struct piece *piece,
                     enum stored type)
{
    int r = 0;

    if (piece->zeros)
        return put_zeros(output, piece_bytes(piece, type), job->err);
    for (size_t i = 0; i < piece->matrices && r == 0; i++)
        r = put_matrix(job, output, piece, i, type);
    return r;
}

/* Pieces [begin, end) as a safetensors file. */
static int put_safetensors(struct job *job, struct output *output, size_t begin, size_t end)
{
    struct buf header = {0};
    int r = safetensors_header(&job->pieces, begin, end, job->type, &header);

    if (r < 0)
        err_set(job->err, r, "%s: its header: %s", output->path, strerror(-r));
    else
        r = output_put(output, header.p, header.len, job->err);
    buf_done(&header);
    for (size_t i = begin; i < end && r == 0; i++)
        r = put_piece(job, output, &job->pieces.list.items[i], job->type);
    return r;
}

static int put_gguf(struct job *job, struct output *output)
{
    struct gguf_writer writer = {0};
    struct buf header = {0};
    int r = constants_to_gguf(job->model, &writer, job->err);

    if (r == 0)
        r = vocabulary_to_gguf(job->model, &writer, job->err);
    if (r == 0 && (r = gguf_header(&writer, &job->pieces, job->type, &header)) < 0)
        err_set(job->err, r, "no memory for the file's header");
    if (r == 0)
        r = output_put(output, header.p, header.len, job->err);
    buf_done(&header);
    buf_done(&writer.keys);
    for (size_t i = 0; i < job->pieces.list.count && r == 0; i++) {
        const struct piece *piece = &job->pieces.list.items[i];
        enum stored type = gguf_stored(piece, job->type);
        uint64_t bytes = piece_bytes(piece, type);

        r = put_piece(job, output, piece, type);
        if (r == 0)
            r = put_zeros(output, gguf_aligned(bytes) - bytes, job->err);
    }
    return r;
}

/* A file of pieces [begin, end), or GGUF's when `format` says so. */
static int write_file(struct job *job, enum exchange_format format, const char *path, size_t begin,
                      size_t end)
{
    struct output output;
    int r = output_open(&output, path, false, job->err);

    if (r < 0)
        return r;
    r = format == EXCHANGE_GGUF ? put_gguf(job, &output)
                                : put_safetensors(job, &output, begin, end);
    if (r < 0)
        output_drop(&output);
    else
        r = output_end(&output, NULL, job->err);
    return r;
}

struct shards {
    VEC(size_t) ends; /* behind the last piece of each */
};

/* As few files as go with shard_bytes of tensors each; 0: one. */
static int cut_shards(const struct job *job, uint64_t shard_bytes, struct shards *out)
{
    uint64_t used = 0;
    size_t *end;

    for (size_t i = 0; i < job->pieces.list.count; i++) {
        uint64_t bytes = piece_bytes(&job->pieces.list.items[i], job->type);

        if (shard_bytes > 0 && used > 0 && used + bytes > shard_bytes) {
            end = vec_push(&out->ends);
            if (!end)
                return -ENOMEM;
            *end = i;
            used = 0;
        }
        used += bytes;
    }
    end = vec_push(&out->ends);
    if (!end)
        return -ENOMEM;
    *end = job->pieces.list.count;
    return 0;
}

static void shard_name(const struct shards *shards, size_t i, char *out, size_t space)
{
    if (shards->ends.count == 1)
        (void)snprintf(out, space, "model.safetensors");
    else
        (void)snprintf(out, space, "model-%05zu-of-%05zu.safetensors", i + 1, shards->ends.count);
}

/* Which file has which tensor. */
static int write_index(struct job *job, const struct shards *shards, const char *folder)
{
    struct buf text = {0}, path = {0};
    uint64_t total = 0;
    char name[64];
    int r;

    for (size_t i = 0; i < job->pieces.list.count; i++)
        total += piece_bytes(&job->pieces.list.items[i], job->type);
    buf_printf(&text, "{\n  \"metadata\": {\"total_size\": %" PRIu64 "},\n  \"weight_map\": {",
               total);
    for (size_t s = 0, i = 0; s < shards->ends.count; s++) {
        shard_name(shards, s, name, sizeof(name));
        for (; i < shards->ends.items[s]; i++)
            buf_printf(&text, "%s\n    \"%s\": \"%s\"", i ? "," : "",
                       job->pieces.list.items[i].names[0], name);
    }
    buf_puts(&text, "\n  }\n}\n");
    buf_printf(&path, "%s/model.safetensors.index.json", folder);
    r = text.failed || path.failed ? err_set(job->err, -ENOMEM, "no memory for the index")
                                   : file_write(path.p, text.p, text.len, job->err);
    buf_done(&path);
    buf_done(&text);
    return r;
}

static int write_beside(struct job *job, const char *folder, const char *name, const char *bytes,
                        size_t len)
{
    struct buf path = {0};
    int r;

    buf_printf(&path, "%s/%s", folder, name);
    r = path.failed ? err_set(job->err, -ENOMEM, "no memory for a path")
                    : file_write(path.p, bytes, len, job->err);
    buf_done(&path);
    return r;
}

static int write_config(struct job *job, const char *folder, enum dtype type)
{
    char *text = constants_to_json(job->model, type);
    int r;

    if (!text)
        return err_set(job->err, -ENOMEM, "no memory for config.json");
    r = write_beside(job, folder, "config.json", text, strlen(text));
    free(text);
    return r;
}

static int fill_folder(struct job *job, const char *folder, uint64_t shard_bytes, enum dtype type)
{
    struct shards shards = {0};
    struct buf path = {0};
    char name[64];
    int r = cut_shards(job, shard_bytes, &shards);

    if (r < 0)
        err_set(job->err, r, "no memory for a list of files");
    for (size_t i = 0; i < shards.ends.count && r == 0; i++) {
        shard_name(&shards, i, name, sizeof(name));
        buf_clear(&path);
        buf_printf(&path, "%s/%s", folder, name);
        r = path.failed ? err_set(job->err, -ENOMEM, "no memory for a path")
                        : write_file(job, EXCHANGE_SAFETENSORS, path.p,
                                     i ? shards.ends.items[i - 1] : 0, shards.ends.items[i]);
    }
    if (r == 0 && shards.ends.count > 1)
        r = write_index(job, &shards, folder);
    if (r == 0)
        r = write_config(job, folder, type);
    if (r == 0 && job->model->tokenizer)
        r = write_beside(job, folder, "tokenizer.model", job->model->tokenizer,
                         job->model->tokenizer_len);
    buf_done(&path);
    vec_done(&shards.ends);
    return r;
}

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        (void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." don't go */
    if (dir)
        (void)closedir(dir);
    (void)rmdir(path);
}

static int export_folder(struct job *job, const char *out, uint64_t shard_bytes, enum dtype type)
{
    char *temp;
    int r;

    /* An empty folder may be there, as a rename takes it. */
    if (rmdir(out) < 0 && errno != ENOENT)
        return err_set(job->err, -errno, "%s: %s", out, strerror(errno));
    if (asprintf(&temp, "%s.tmp-XXXXXX", out) < 0)
        return err_set(job->err, -ENOMEM, "no memory for a path");
    if (!mkdtemp(temp) || chmod(temp, 0755) < 0) {
        r = err_set(job->err, -errno, "%s: %s", out, strerror(errno));
    } else {
        r = fill_folder(job, temp, shard_bytes, type);
        if (r == 0 && rename(temp, out) < 0)
            r = err_set(job->err, -errno, "%s: %s", out, strerror(errno));
        if (r < 0)
            remove_folder(temp);
    }
    free(temp);
    return r;
}

int exchange_export(const struct exchange_model *model, enum exchange_format format,
                    enum dtype type, uint64_t shard_bytes, const char *out, struct err *err)
{
    struct job job = {
        .model = model, .type = type == DTYPE_F32 ? STORED_F32 : STORED_BF16, .err = err};
    int r = pieces_init(&job.pieces, &model->config, &model->params, format);

    if (r < 0)
        return err_set(err, r, "no memory for the list of tensors");
    if (format == EXCHANGE_GGUF)
        r = write_file(&job, format, out, 0, 0);
    else
        r = export_folder(&job, out, shard_bytes, type);
    pieces_done(&job.pieces);
    free(job.block);
    return r;
}
