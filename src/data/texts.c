#include "data/texts.h"

#include "data/unit.h"

#include <errno.h>
#include <stdlib.h>

struct texts {
    struct unit_rules rules;
    struct corpus corpus;
    struct unit_source *source;
    struct unit unit;
    struct buf line;
    double share; /* of each file that is taken */
};

int texts_open(const char *const *paths, size_t count, const struct texts_options *options,
               struct texts **out, struct err *err)
{
    const struct data_place from = {0};
    struct texts *texts = calloc(1, sizeof(*texts));
    int r;

    if (!texts)
        return err_set(err, -ENOMEM, "no memory to read the corpus");
    texts->rules =
        (struct unit_rules){options->text_key, options->allow_invalid, options->skip_broken};
    r = corpus_list(paths, count, &texts->corpus, err);
    if (r == 0)
        r = unit_source_new(&texts->corpus, &from, &texts->source, err);
    texts->share = 1;
    if (options->bytes_max && options->bytes_max < texts->corpus.bytes)
        texts->share = (double)options->bytes_max / (double)texts->corpus.bytes;
    *out = r == 0 ? texts : NULL;
    if (r < 0)
        texts_free(texts);
    return r;
}

void texts_free(struct texts *texts)
{
    if (!texts)
        return;
    unit_source_free(texts->source);
    unit_done(&texts->unit);
    corpus_done(&texts->corpus);
    buf_done(&texts->line);
    free(texts);
}

/* Of the unit, what lies in its file's share; the rest of the file is passed over. */
static void cut_to_share(struct texts *texts)
{
    struct unit *unit = &texts->unit;
    uint64_t end = (uint64_t)((double)unit->file->bytes * texts->share), begin = unit->begin.offset;
    const char *newline;

    if (texts->share >= 1 || begin + unit->len <= end)
        return;
    unit->len = begin < end ? (size_t)(end - begin) : 0;
    if (unit->file->jsonl) {
        newline = memrchr(unit->bytes, '\n', unit->len);
        unit->len = newline ? (size_t)(newline - unit->bytes) : 0;
    }
    if (!unit->file_ends)
        unit_source_next_file(texts->source);
    unit->file_ends = true;
}

/* A text that ends without a newline gets one, so that no word spans two. */
static void add_text(struct buf *piece, const char *p, size_t len, bool ends)
{
    buf_add(piece, p, len);
    if (ends && len && p[len - 1] != '\n')
        buf_puts(piece, "\n");
}

static int add_lines(struct texts *texts, struct buf *piece)
{
    struct unit_lines lines = {0};
    int r;

    while ((r = unit_next_text(&texts->rules, &texts->unit, &lines, &texts->line)) > 0)
        add_text(piece, texts->line.p, texts->line.len, true);
    return r;
}

int texts_next(struct texts *texts, struct buf *piece, struct err *err)
{
    struct unit *unit = &texts->unit;
    int r = unit_read(texts->source, unit);

    if (r == 0 && !unit->file)
        return 0;
    if (r == 0)
        r = unit_check(&texts->rules, unit);
    if (r == 0)
        cut_to_share(texts);
    if (r == 0 && unit->file->jsonl)
        r = add_lines(texts, piece);
    else if (r == 0)
        add_text(piece, unit->bytes, unit->len, unit->file_ends);
    if (r < 0)
        return err_set(err, r, "%s", unit->err.text);
    return piece->failed ? err_set(err, -ENOMEM, "no memory for the text") : 1;
}

double texts_done(const struct texts *texts)
{
    return texts->corpus.bytes ? (double)texts->unit.packed_bytes / (double)texts->corpus.bytes : 1;
}
