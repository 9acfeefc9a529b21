#include "data/check.h"

#include "base/crc32c.h"
#include "base/file.h"
#include "data/mapped.h"
#include "data/recipe.h"

#include <errno.h>
#include <stdio.h>

struct checking {
    const char *folder;
    const struct data_index *index;
    int (*one)(const struct checking *c, const char *path, struct str text, struct err *err);
};

static int check_tokenizer(const struct checking *c, const char *path, struct str text,
                           struct err *err)
{
    if (text.len != c->index->tokenizer_bytes ||
        crc32c(0, text.p, text.len) != c->index->tokenizer_crc)
        return err_set(err, -EBADMSG, "%s: not the tokenizer that the shards were made with", path);
    return 0;
}

static int check_recipe(const struct checking *c, const char *path, struct str text,
                        struct err *err)
{
    (void)c;
    return recipe_is_whole(text) ? 0 : err_set(err, -EBADMSG, "%s: damaged", path);
}

static int check_file(const struct checking *c, const char *name, size_t bytes_max, struct err *err)
{
    char *path = NULL, *text = NULL;
    size_t len;
    int r;

    if (asprintf(&path, "%s/%s", c->folder, name) < 0)
        return err_set(err, -ENOMEM, "%s: no memory to check it", c->folder);
    r = file_read(path, bytes_max, &text, &len, err);
    if (r == 0)
        r = c->one(c, path, (struct str){text, len}, err);
    free(text);
    free(path);
    return r;
}

static int check_shard(const struct checking *c, enum data_split split, size_t shard,
                       struct err *err)
{
    struct mapped mapped = {0};
    int r = mapped_open(c->folder, c->index, split, shard, &mapped, err);

    mapped_done(&mapped);
    return r;
}

int data_check(const char *folder, void (*wrong)(void *arg, const char *sentence), void *arg,
               uint64_t *files, struct err *err)
{
    struct data_index index;
    struct checking c = {.folder = folder, .index = &index};
    struct err one = {0};
    int bad = 0, r = data_index_read(folder, DATA_INDEX, &index, &one);

    if (r == -EBADMSG) { /* without it nothing is known of the others */
        wrong(arg, one.text);
        *files = 1;
        return 1;
    }
    if (r < 0)
        return err_set(err, r, "%s", one.text);
    c.one = check_tokenizer;
    if (check_file(&c, DATA_TOKENIZER, TOKENIZER_BYTES_MAX, &one) < 0 && ++bad)
        wrong(arg, one.text);
    c.one = check_recipe;
    if (check_file(&c, DATA_CORPUS, RECIPE_BYTES_MAX, &one) < 0 && ++bad)
        wrong(arg, one.text);
    *files = 3;
    for (size_t i = 0; i < DATA_SPLITS; i++)
        for (size_t k = 0; k < index.splits[i].shards.count; k++) {
            *files += 2;
            if (check_shard(&c, (enum data_split)i, k, &one) < 0 && ++bad)
                wrong(arg, one.text);
        }
    data_index_done(&index);
    return bad;
}
