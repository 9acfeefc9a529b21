#include "data/recipe.h"

#include "base/crc32c.h"
#include "base/file.h"
#include "data/index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LAST_LINE  "crc32c %08" PRIx32 "\n"
#define LAST_BYTES (sizeof("crc32c 01234567\n") - 1)

int recipe_write(const struct data_build *build, const struct encoder *encoder,
                 const struct corpus *corpus, struct buf *out)
{
    buf_printf(out, "firstlight corpus 1\ntokenizer %016" PRIx64 " %zu\n", encoder->hash,
               encoder->bytes.len);
    buf_printf(out, "held_out %.17g\nshard_tokens %" PRIu64 "\ntext_key %s\nallow_invalid %d\n",
               build->held_out, build->shard_tokens, build->text_key, build->allow_invalid);
    if (build->skip_broken)
        buf_puts(out, "skip_broken\n");
    for (size_t i = 0; i < corpus->count; i++) {
        const struct corpus_file *file = &corpus->files[i];

        buf_printf(out, "file %" PRIu64 " %" PRId64 " ", file->bytes, file->mtime_ns);
        buf_puts(out, file->name);
        buf_puts(out, "\n");
    }
    if (!out->failed)
        buf_printf(out, LAST_LINE, crc32c(0, out->p, out->len));
    return out->failed ? -ENOMEM : 0;
}

bool recipe_is_whole(struct str text)
{
    char want[LAST_BYTES + 1];

    if (text.len < LAST_BYTES)
        return false;
    (void)snprintf(want, sizeof(want), LAST_LINE, crc32c(0, text.p, text.len - LAST_BYTES));
    return memcmp(want, text.p + text.len - LAST_BYTES, LAST_BYTES) == 0;
}

static int first_difference(const char *folder, struct str then, struct str now, struct err *err)
{
    struct str line_then = {0}, line_now = {0};

    do {
        if (!str_line(&then, &line_then))
            line_then = STR("nothing more");
        if (!str_line(&now, &line_now))
            line_now = STR("nothing more");
    } while (str_eq(line_then, line_now) && (then.len || now.len));
    return err_set(err, -ESTALE,
                   "%s: its shards are of something else (was '%.*s', is '%.*s'); another folder, "
                   "or remove this one",
                   folder, line_then.len < 120 ? (int)line_then.len : 120, line_then.p,
                   line_now.len < 120 ? (int)line_now.len : 120, line_now.p);
}

int recipe_compare(const char *folder, const struct buf *recipe, struct err *err)
{
    struct str now = {recipe->p, recipe->len}, then;
    char *path = NULL, *text = NULL;
    size_t len;
    int r;

    if (asprintf(&path, "%s/" DATA_CORPUS, folder) < 0)
        return err_set(err, -ENOMEM, "%s: no memory to read it", folder);
    r = file_read(path, RECIPE_BYTES_MAX, &text, &len, err);
    if (r == 0) {
        then = (struct str){text, len};
        if (!recipe_is_whole(then))
            r = err_set(err, -EBADMSG, "%s: damaged", path);
        else if (!str_eq(then, now))
            r = first_difference(folder, then, now, err);
    }
    free(text);
    free(path);
    return r;
}
