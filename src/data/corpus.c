#include "data/corpus.h"

#include "base/tree.h"
#include "base/vec.h"
#include "data/reader.h"

#include <errno.h>
#include <stdio.h>

struct listing {
    struct arena *arena;
    VEC(struct corpus_file) files;
    const char *folder;
    uint32_t source;
    struct err *err;
};

static bool is_jsonl(const char *name)
{
    struct str stem = str_of(name);

    (void)reader_is_packed(name, &stem.len);
    return str_ends(stem, ".jsonl") || str_ends(stem, ".ndjson");
}

static int add_file(struct listing *listing, const char *path, const char *name,
                    const struct stat *st)
{
    struct corpus_file *file;

    if (listing->files.count == CORPUS_FILES_MAX)
        return err_set(listing->err, -EFBIG, "%s: more than %d files in one corpus", path,
                       CORPUS_FILES_MAX);
    if (strpbrk(name, "\n\r"))
        return err_set(listing->err, -EINVAL, "a file name with a line break in it, below %s",
                       listing->folder);
    file = vec_push(&listing->files);
    if (!file)
        return -ENOMEM;
    *file = (struct corpus_file){
        .path = arena_copy(listing->arena, path, strlen(path)),
        .name = arena_copy(listing->arena, name, strlen(name)),
        .bytes = (uint64_t)st->st_size,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .source = listing->source,
        .jsonl = is_jsonl(name),
    };
    return file->path && file->name ? 0 : -ENOMEM;
}

static int visit(void *data, const char *name, const struct stat *st)
{
    struct listing *listing = data;
    struct stat target;
    char *path = NULL;
    int r = 0;

    if (name[0] == '.' || strstr(name, "/."))
        return 0;
    if (asprintf(&path, "%s/%s", listing->folder, name) < 0)
        return -ENOMEM;
    if (S_ISLNK(st->st_mode) && stat(path, &target) == 0)
        st = &target;
    if (S_ISREG(st->st_mode))
        r = add_file(listing, path, name, st);
    free(path);
    return r;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct corpus_file *)a)->name, ((const struct corpus_file *)b)->name);
}

static int list_folder(struct listing *listing, const char *path)
{
    size_t first = listing->files.count;
    char *real = realpath(path, NULL); /* the folder itself may be a link */
    int r = real ? 0 : -errno;

    listing->folder = path;
    if (r == 0)
        r = tree_walk(real, visit, listing);
    free(real);
    if (r == 0 && listing->files.count == first)
        return err_set(listing->err, -ENOENT, "%s: no files in this folder", path);
    if (r == 0)
        qsort(listing->files.items + first, listing->files.count - first,
              sizeof(*listing->files.items), by_name);
    return r;
}

static int list_path(struct listing *listing, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct stat st;

    if (stat(path, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return list_folder(listing, path);
    if (!S_ISREG(st.st_mode))
        return err_set(listing->err, -EINVAL, "%s: neither a file nor a folder", path);
    return add_file(listing, path, slash ? slash + 1 : path, &st);
}

int corpus_list(const char *const *paths, size_t count, struct corpus *out, struct err *err)
{
    struct listing listing = {.arena = arena_new(0), .err = err};
    int r = listing.arena ? 0 : -ENOMEM;
    struct err unset = {0};

    if (!listing.err)
        listing.err = &unset;
    listing.err->code = 0;
    *out = (struct corpus){.arena = listing.arena};
    for (size_t i = 0; i < count && r == 0; i++) {
        listing.source = (uint32_t)i;
        r = list_path(&listing, paths[i]);
        if (r < 0 && !listing.err->code)
            err_set(err, r, "%s: %s", paths[i], strerror(-r));
    }
    out->files = listing.files.items;
    out->count = listing.files.count;
    for (size_t i = 0; i < out->count; i++)
        out->bytes += out->files[i].bytes;
    if (r < 0)
        corpus_done(out);
    return r;
}

void corpus_done(struct corpus *corpus)
{
    free(corpus->files);
    arena_free(corpus->arena);
    *corpus = (struct corpus){0};
}
