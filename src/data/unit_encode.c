/* data/unit_encode - the tokens of a unit; see unit.h. */
#include "data/jsonl.h"
#include "data/section.h"
#include "data/unit.h"
#include "data/valid.h"

#include <errno.h>

struct encoding {
    const struct unit_options *options;
    void *scratch;
    struct unit *unit;
};

static int no_memory(struct unit *unit)
{
    return err_set(&unit->err, -ENOMEM, "%s: no memory for its tokens", unit->file->path);
}

/* bos or eos, where the tokenizer has it. */
static int put_special(struct unit_tokens *out, int32_t id)
{
    int32_t *slot = id < 0 ? NULL : vec_push(&out->tokens);

    if (slot)
        *slot = id;
    return id < 0 || slot ? 0 : -ENOMEM;
}

static int end_document(const struct encoding *e, struct unit_tokens *out)
{
    size_t *end;

    if (put_special(out, e->options->encoder->eos) < 0)
        return -ENOMEM;
    if (out->tokens.count == (out->ends.count ? out->ends.items[out->ends.count - 1] : 0))
        return 0; /* of blanks that the tokenizer drops */
    end = vec_push(&out->ends);
    if (!end)
        return -ENOMEM;
    *end = out->tokens.count;
    e->unit->documents++;
    return 0;
}

/* One section; a document begins before it, or ends behind it. */
static int encode_section(struct encoding *e, enum data_split split, struct str section, bool first,
                          bool begins, bool ends)
{
    const struct encoder *encoder = e->options->encoder;
    struct unit_tokens *out = &e->unit->splits[split];
    int r = begins ? put_special(out, encoder->bos) : 0;

    if (r == 0)
        r = encoder->encode(encoder->arg, e->scratch,
                            section_body(section, first, encoder->adds_blank), &out->tokens);
    if (r == 0 && ends)
        r = end_document(e, out);
    out->text_bytes += section.len;
    return r < 0 ? no_memory(e->unit) : 0;
}

static bool is_held_out(const struct encoding *e, uint64_t ordinal)
{
    return section_is_held_out(e->unit->file->name, ordinal, e->options->held_out);
}

static int bad_byte(struct unit *unit, uint64_t offset)
{
    return err_set(&unit->err, -EILSEQ,
                   "%s: byte %llu is not UTF-8 (--allow-invalid takes the bytes as they are)",
                   unit->file->path, (unsigned long long)offset);
}

/* A run of sections of one split is a document. */
static int encode_text(struct encoding *e)
{
    struct unit *unit = e->unit;
    struct str rest = {unit->bytes, unit->len};
    size_t bad = e->options->allow_invalid ? unit->len : valid_prefix(rest);

    if (bad < unit->len)
        return bad_byte(unit, unit->begin.offset + bad);
    if (unit->file_ends && unit->begin.offset == 0 && unit->len == 0)
        unit->empty_documents++;
    for (uint64_t i = unit->begin.ordinal; rest.len; i++) {
        bool held = is_held_out(e, i), first = i == 0;
        /* the unit was cut at a section's end */
        struct str section = {rest.p, section_bytes(rest, true)};
        bool last = section.len == rest.len && unit->file_ends;
        int r = encode_section(e, held ? DATA_HELD_OUT : DATA_TRAIN, section, first,
                               first || is_held_out(e, i - 1) != held,
                               last || is_held_out(e, i + 1) != held);

        if (r < 0)
            return r;
        rest = str_skip(rest, section.len);
    }
    return 0;
}

static int encode_document(struct encoding *e, enum data_split split, struct str text)
{
    bool first = true;

    while (text.len) {
        struct str section = {text.p, section_bytes(text, true)};
        int r = encode_section(e, split, section, first, first, section.len == text.len);

        if (r < 0)
            return r;
        text = str_skip(text, section.len);
        first = false;
    }
    return 0;
}

static int encode_line(struct encoding *e, struct str line, uint64_t ordinal, struct buf *text)
{
    int r = jsonl_text(line, e->options->text_key, text, &e->unit->err);

    if (r < 0)
        return err_wrap(&e->unit->err, r, "%s: line %llu", e->unit->file->path,
                        (unsigned long long)ordinal + 1);
    if (!text->len)
        e->unit->empty_documents++;
    return encode_document(e, is_held_out(e, ordinal) ? DATA_HELD_OUT : DATA_TRAIN,
                           (struct str){text->p, text->len});
}

static int encode_lines(struct encoding *e, struct buf *text)
{
    struct unit *unit = e->unit;
    struct str rest = {unit->bytes, unit->len}, line;
    size_t bad = e->options->allow_invalid ? unit->len : valid_prefix(rest);

    if (bad < unit->len)
        return bad_byte(unit, unit->begin.offset + bad);
    for (uint64_t i = unit->begin.ordinal; str_line(&rest, &line); i++) {
        int r = str_trim(line).len ? encode_line(e, line, i, text) : 0;

        if (r < 0)
            return r;
    }
    return 0;
}

int unit_encode(const struct unit_options *options, void *scratch, struct buf *text,
                struct unit *unit)
{
    struct encoding e = {.options = options, .scratch = scratch, .unit = unit};

    for (size_t i = 0; i < DATA_SPLITS; i++) {
        unit->splits[i].tokens.count = unit->splits[i].ends.count = 0;
        unit->splits[i].text_bytes = 0;
    }
    unit->documents = unit->empty_documents = 0;
    unit->r = unit->file->jsonl ? encode_lines(&e, text) : encode_text(&e);
    return unit->r;
}
