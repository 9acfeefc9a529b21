/* data/unit_read - a corpus cut into units; see unit.h. */
#include "data/reader.h"
#include "data/section.h"
#include "data/unit.h"

#include <errno.h>
#include <stdlib.h>

struct unit_source {
    const struct corpus *corpus;
    struct data_place place;
    uint64_t packed_before; /* bytes on disk of the files before this one */
    struct reader *reader;  /* of the file at `place`; NULL: not open yet */
    char *ahead;            /* read already, but of the next unit */
    size_t have, space;
    bool ended; /* nothing of the file is left to read */
};

int unit_source_new(const struct corpus *corpus, const struct data_place *from,
                    struct unit_source **out, struct err *err)
{
    struct unit_source *source = calloc(1, sizeof(*source));

    if (!source)
        return err_set(err, -ENOMEM, "no memory to read the corpus");
    source->corpus = corpus;
    source->place = *from;
    for (size_t i = 0; i < from->file && i < corpus->count; i++)
        source->packed_before += corpus->files[i].bytes;
    *out = source;
    return 0;
}

void unit_source_free(struct unit_source *source)
{
    if (!source)
        return;
    reader_free(source->reader);
    free(source->ahead);
    free(source);
}

void unit_source_next_file(struct unit_source *source)
{
    reader_free(source->reader);
    source->reader = NULL;
    source->packed_before += source->corpus->files[source->place.file].bytes;
    source->place = (struct data_place){.file = source->place.file + 1};
}

void unit_done(struct unit *unit)
{
    free(unit->bytes);
    for (size_t i = 0; i < DATA_SPLITS; i++) {
        vec_done(&unit->splits[i].tokens);
        vec_done(&unit->splits[i].ends);
    }
}

/* The file must be what the list says, when it is opened and when all of it has been read. */
static int check_stamp(const struct unit_source *source, const struct corpus_file *file,
                       struct err *err)
{
    uint64_t bytes;
    int64_t mtime_ns;
    int r = reader_stamp(source->reader, &bytes, &mtime_ns, err);

    if (r == 0 && (bytes != file->bytes || mtime_ns != file->mtime_ns))
        return err_set(err, -ESTALE, "%s: changed while it was read", file->path);
    return r;
}

static int open_file(struct unit_source *source, const struct corpus_file *file, struct err *err)
{
    int r = reader_open(file->path, &source->reader, err);

    if (r == 0)
        r = check_stamp(source, file, err);
    if (r == 0)
        r = reader_skip_to(source->reader, source->place.offset, err);
    source->have = 0;
    source->ended = false;
    return r;
}

static int reserve(char **p, size_t *space, size_t want)
{
    size_t more = *space ? *space : UNIT_BYTES + SECTION_CUT_AT_LAST;
    char *bigger;

    while (more < want)
        more *= 2;
    if (more == *space)
        return 0;
    bigger = realloc(*p, more);
    if (!bigger)
        return -ENOMEM;
    *p = bigger;
    *space = more;
    return 0;
}

/* Read on until `want` bytes are ahead or the file ends. */
static int read_ahead(struct unit_source *source, const struct corpus_file *file, size_t want,
                      struct err *err)
{
    long got;

    if (source->ended || source->have >= want)
        return 0;
    if (reserve(&source->ahead, &source->space, want) < 0)
        return err_set(err, -ENOMEM, "%s: no memory for %zu bytes of it", file->path, want);
    got = reader_read(source->reader, source->ahead + source->have, want - source->have, err);
    if (got < 0)
        return (int)got;
    source->have += (size_t)got;
    source->ended = source->have < want;
    return source->ended ? check_stamp(source, file, err) : 0;
}

/* Bytes of as many sections as a unit takes. */
static int cut_sections(struct unit_source *source, const struct corpus_file *file, size_t *len,
                        uint64_t *count, struct err *err)
{
    *len = *count = 0;
    while (*len < UNIT_BYTES) {
        size_t bytes;
        int r = read_ahead(source, file, *len + SECTION_CUT_AT_LAST + 1, err);

        if (r < 0)
            return r;
        if (*len == source->have)
            return 0;
        bytes =
            section_bytes((struct str){source->ahead + *len, source->have - *len}, source->ended);
        *len += bytes;
        *count += 1;
    }
    return 0;
}

/* Bytes of as many whole lines as a unit takes. */
static int cut_lines(struct unit_source *source, const struct corpus_file *file, size_t *len,
                     uint64_t *count, struct err *err)
{
    for (size_t want = UNIT_BYTES;; want *= 2) {
        int r = read_ahead(source, file, want, err);
        const char *newline;

        if (r < 0)
            return r;
        if (source->ended) {
            *len = source->have;
            break;
        }
        newline = memrchr(source->ahead, '\n', source->have);
        if (newline) {
            *len = (size_t)(newline - source->ahead) + 1;
            break;
        }
        if (want >= UNIT_LINE_MAX)
            return err_set(err, -EFBIG, "%s: line %llu: longer than %zu bytes", file->path,
                           (unsigned long long)source->place.ordinal + 1, UNIT_LINE_MAX);
    }
    *count = str_lines((struct str){source->ahead, *len});
    return 0;
}

/* Hand the first `len` bytes ahead to the unit; the few that are left move to the front. */
static int hand_over(struct unit_source *source, struct unit *unit, size_t len)
{
    if (reserve(&unit->bytes, &unit->space, len ? len : 1) < 0)
        return err_set(&unit->err, -ENOMEM, "%s: no memory for %zu bytes of it", unit->file->path,
                       len);
    if (len) {
        memcpy(unit->bytes, source->ahead, len);
        memmove(source->ahead, source->ahead + len, source->have - len);
    }
    source->have -= len;
    unit->len = len;
    return 0;
}

static int read_unit(struct unit_source *source, struct unit *unit)
{
    const struct corpus_file *file = unit->file;
    size_t len = 0;
    uint64_t count = 0;
    int r = source->reader ? 0 : open_file(source, file, &unit->err);

    if (r == 0)
        r = (file->jsonl ? cut_lines : cut_sections)(source, file, &len, &count, &unit->err);
    if (r == 0)
        r = hand_over(source, unit, len);
    if (r < 0)
        return r;
    source->place.offset += len;
    source->place.ordinal += count;
    unit->file_ends = source->ended && source->have == 0;
    unit->packed_bytes = source->packed_before +
                         (source->place.offset < file->bytes ? source->place.offset : file->bytes);
    if (unit->file_ends)
        unit_source_next_file(source);
    unit->next = source->place;
    return 0;
}

int unit_read(struct unit_source *source, struct unit *unit)
{
    bool ended = source->place.file >= source->corpus->count;

    unit->file = ended ? NULL : &source->corpus->files[source->place.file];
    unit->begin = unit->next = source->place;
    unit->len = 0;
    unit->err = (struct err){0};
    unit->r = ended ? 0 : read_unit(source, unit);
    return unit->r;
}
