#include "data/build.h"

#include "base/crc32c.h"
#include "base/file.h"
#include "data/crew.h"
#include "data/recipe.h"
#include "data/section.h"
#include "data/shards.h"
#include "data/valid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A hundredth, but of a small corpus two or three sections of a text, and at most a tenth. */
#define HELD_OUT_PART     0.01
#define HELD_OUT_PART_MAX 0.1
#define HELD_OUT_BYTES    (SECTION_CUT_AFTER * 5 / 2)

#define FOLDER_NAMES_MAX (4 * (size_t)DATA_SHARDS_MAX + 64)

struct building {
    const struct data_build *options;
    const struct encoder *encoder;
    struct corpus corpus;
    struct data_index index;
    struct shards *shards;
    uint64_t save_bytes, unsaved; /* of text */
};

static int check_options(const struct data_build *build, struct err *err)
{
    if (!(build->held_out >= 0 && build->held_out <= 0.5))
        return err_set(err, -EINVAL, "the held-out part is 0 to 0.5, not %g", build->held_out);
    if (build->shard_tokens < 1 || build->shard_tokens > DATA_SHARD_TOKENS_MAX)
        return err_set(err, -EINVAL, "a shard has 1 to %llu tokens, not %llu",
                       (unsigned long long)DATA_SHARD_TOKENS_MAX,
                       (unsigned long long)build->shard_tokens);
    if (!build->text_key[0] || strpbrk(build->text_key, "\n\r"))
        return err_set(err, -EINVAL, "the key of a line's text is one line, and not empty");
    return 0;
}

static double held_out_of(uint64_t bytes)
{
    double part = bytes ? (double)HELD_OUT_BYTES / (double)bytes : 0;

    part = part < HELD_OUT_PART_MAX ? part : HELD_OUT_PART_MAX;
    return part > HELD_OUT_PART ? part : HELD_OUT_PART;
}

/* One build a folder. The lock goes with the process. */
static int lock_folder(const char *folder, struct err *err)
{
    int fd;

    if (mkdir(folder, 0777) < 0 && errno != EEXIST)
        return err_set(err, -errno, "%s: %s", folder, strerror(errno));
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "%s: %s", folder, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        (void)close(fd);
        return err_set(err, -EBUSY, "%s: another build writes there", folder);
    }
    return fd;
}

static int has_file(const char *folder, const char *name)
{
    char *path = NULL;
    int there;

    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return -ENOMEM;
    there = access(path, F_OK) == 0;
    free(path);
    return there;
}

/* A build that had saved nothing yet is no reason to refuse another. */
static bool holds_nothing(const char *folder)
{
    return !has_file(folder, DATA_INDEX) && !has_file(folder, DATA_BUILDING);
}

/* What a killed build left half written, or a finished one had not removed yet. */
static int tidy(const char *folder, struct err *err)
{
    struct arena *arena = arena_new(0);
    const char *const *names;
    long count = arena ? file_list(arena, folder, FOLDER_NAMES_MAX, &names, err)
                       : err_set(err, -ENOMEM, "%s: no memory to list it", folder);
    bool finished = has_file(folder, DATA_INDEX) > 0;

    for (long i = 0; i < count; i++) {
        char *path = NULL;

        if (!str_ends(str_of(names[i]), ".part") && !(finished && !strcmp(names[i], DATA_BUILDING)))
            continue;
        if (asprintf(&path, "%s/%s", folder, names[i]) >= 0)
            (void)unlink(path);
        free(path);
    }
    arena_free(arena);
    return count < 0 ? (int)count : 0;
}

static int write_beside(const char *folder, const char *name, struct str bytes, struct err *err)
{
    char *path = NULL;
    int r;

    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return err_set(err, -ENOMEM, "%s: no memory to write it", name);
    r = file_write(path, bytes.p, bytes.len, err);
    free(path);
    return r;
}

static int begin_paths(struct building *b, const char *const *paths, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct data_path *path;

        if (valid_prefix(str_of(paths[i])) < strlen(paths[i]))
            return err_set(err, -EILSEQ, "path number %zu is not UTF-8", i + 1);
        path = vec_push(&b->index.paths);
        if (!path || !(path->path = strdup(paths[i])))
            return err_set(err, -ENOMEM, "no memory for the paths");
    }
    for (size_t i = 0; i < b->corpus.count; i++)
        b->index.paths.items[b->corpus.files[i].source].files++;
    return 0;
}

/* A folder in which nothing is counted yet. */
static int begin_index(struct building *b, const char *const *paths, size_t count, struct err *err)
{
    const struct encoder *encoder = b->encoder;

    b->index = (struct data_index){
        .tokenizer_hash = encoder->hash,
        .tokenizer_bytes = encoder->bytes.len,
        .tokenizer_crc = crc32c(0, encoder->bytes.p, encoder->bytes.len),
        .vocab = encoder->vocab,
        .bos = encoder->bos,
        .eos = encoder->eos,
        .pad = encoder->pad,
        .shard_tokens = b->options->shard_tokens,
        .held_out = b->options->held_out,
    };
    return begin_paths(b, paths, count, err);
}

static int begin_folder(struct building *b, const struct buf *recipe, struct err *err)
{
    const char *folder = b->options->out;
    int r = has_file(folder, DATA_INDEX);

    if (r > 0)
        r = err_set(err, -EEXIST, "%s: holds token shards whose " DATA_CORPUS " is missing",
                    folder);
    if (r == 0)
        r = write_beside(folder, DATA_TOKENIZER, b->encoder->bytes, err);
    if (r == 0) /* last: by it the next call knows what the folder is of */
        r = write_beside(folder, DATA_CORPUS, (struct str){recipe->p, recipe->len}, err);
    return r;
}

/* What an earlier call left: 1 when it is all there, 0 to go on (perhaps from the beginning). */
static int take_up(struct building *b, const char *const *paths, size_t count, struct err *err)
{
    static const char *const names[] = {DATA_INDEX, DATA_BUILDING};
    const char *folder = b->options->out;
    struct buf recipe = {0};
    int r = recipe_write(b->options, b->encoder, &b->corpus, &recipe);

    if (r < 0)
        err_set(err, r, "no memory for the list of the corpus");
    if (r == 0)
        r = recipe_compare(folder, &recipe, err);
    if (r == -ENOENT || (r < 0 && holds_nothing(folder)))
        r = begin_folder(b, &recipe, err);
    buf_done(&recipe);
    for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++) {
        r = has_file(folder, names[i]);
        if (r > 0) {
            r = data_index_read(folder, names[i], &b->index, err);
            return r < 0 ? r : i == 0;
        }
    }
    return r == 0 ? begin_index(b, paths, count, err) : r;
}

static int save(struct building *b, struct err *err)
{
    int r = shards_sync(b->shards, err);

    b->unsaved = 0;
    return r == 0 ? data_index_write(b->options->out, DATA_BUILDING, &b->index, err) : r;
}

static void count_unit(struct building *b, const struct unit *unit)
{
    struct data_path *path = &b->index.paths.items[unit->file->source];

    for (size_t i = 0; i < DATA_SPLITS; i++) {
        b->index.splits[i].text_bytes += unit->splits[i].text_bytes;
        path->text_bytes += unit->splits[i].text_bytes;
        path->tokens += unit->splits[i].tokens.count;
    }
    path->documents += unit->documents;
    b->index.empty_documents += unit->empty_documents;
    b->index.broken_lines += unit->broken_lines;
    b->index.place = unit->next;
    b->unsaved += unit->len;
}

static int take_unit(void *arg, const struct unit *unit, struct err *err)
{
    struct building *b = arg;

    for (size_t i = 0; i < DATA_SPLITS; i++) {
        const struct unit_tokens *split = &unit->splits[i];
        const struct shard_text text = {split->tokens.items, split->tokens.count, split->ends.items,
                                        split->ends.count};
        int r = shards_add(b->shards, (enum data_split)i, &text, err);

        if (r < 0)
            return r;
    }
    count_unit(b, unit);
    if (b->options->progress)
        b->options->progress(b->options->arg, unit->packed_bytes, b->corpus.bytes,
                             b->index.splits[DATA_TRAIN].tokens +
                                 b->index.splits[DATA_HELD_OUT].tokens);
    return b->unsaved >= b->save_bytes ? save(b, err) : 0;
}

static int finish(struct building *b, struct err *err)
{
    int r = shards_sync(b->shards, err);

    if (r == 0 && !b->index.splits[DATA_TRAIN].tokens)
        r = err_set(err, -ENODATA, "there is no text to train on in the corpus");
    b->index.place = (struct data_place){0};
    if (r == 0)
        r = data_index_write(b->options->out, DATA_INDEX, &b->index, err);
    return r == 0 ? tidy(b->options->out, err) : r;
}

static int encode_all(struct building *b, struct err *err)
{
    const struct unit_options unit = {
        .encoder = b->encoder,
        .held_out = b->options->held_out,
        .rules = {b->options->text_key, b->options->allow_invalid, b->options->skip_broken},
    };
    int r = shards_open(b->options->out, &b->index, &b->shards, err);

    if (r == 0)
        r = crew_run(&b->corpus, &b->index.place, &unit, b->options->threads, take_unit, b, err);
    if (r == 0)
        return finish(b, err);
    if (r == -ENOSPC)
        err_wrap(err, r, "what is written so far is kept and the same command goes on");
    return r;
}

static void report_reuse(const struct data_index *index, struct data_built *out)
{
    for (size_t i = 0; i < DATA_SPLITS; i++) {
        const struct data_split_index *split = &index->splits[i];

        out->reused_tokens += split->tokens;
        for (size_t k = 0; k < split->shards.count; k++)
            out->reused_shards += split->shards.items[k].tokens == index->shard_tokens;
    }
}

static void report(const struct data_index *index, struct data_built *out)
{
    const struct data_split_index *train = &index->splits[DATA_TRAIN],
                                  *held = &index->splits[DATA_HELD_OUT];

    out->documents = train->documents + held->documents;
    out->tokens = train->tokens + held->tokens;
    out->bytes = train->text_bytes + held->text_bytes;
    out->shards = train->shards.count + held->shards.count;
    out->held_documents = held->documents;
    out->held_tokens = held->tokens;
    out->empty = index->empty_documents;
    out->broken = index->broken_lines;
}

int data_build_with(const struct data_build *build, const struct encoder *encoder,
                    uint64_t save_bytes, const char *const *paths, size_t count,
                    struct data_built *out, struct err *err)
{
    struct data_build options = *build;
    struct building b = {.options = &options, .encoder = encoder, .save_bytes = save_bytes};
    int lock = -1, r = check_options(build, err);

    *out = (struct data_built){0};
    if (r == 0)
        r = corpus_list(paths, count, &b.corpus, err);
    if (build->held_out_by_size)
        options.held_out = held_out_of(b.corpus.bytes);
    if (r == 0) {
        lock = lock_folder(build->out, err);
        r = lock < 0 ? lock : tidy(build->out, err);
    }
    if (r == 0)
        r = take_up(&b, paths, count, err);
    if (r >= 0)
        report_reuse(&b.index, out);
    if (r == 0)
        r = encode_all(&b, err);
    if (r >= 0)
        report(&b.index, out);
    if (r == 1) /* the last shards are not full, but whole */
        out->reused_shards = out->shards;
    shards_free(b.shards);
    data_index_done(&b.index);
    corpus_done(&b.corpus);
    if (lock >= 0)
        (void)close(lock);
    return r < 0 ? r : 0;
}
