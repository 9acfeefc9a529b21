/* data/unit_encode - the tokens of a unit; see unit.h. */
#include "data/section.h"
#include "data/unit.h"

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

/* A run of sections of one split is a document. */
static int encode_text(struct encoding *e)
{
    struct unit *unit = e->unit;
    struct str rest = {unit->bytes, unit->len};

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

static int encode_lines(struct encoding *e, struct buf *text)
{
    struct unit_lines lines = {0};
    int r;

    while ((r = unit_next_text(&e->options->rules, e->unit, &lines, text)) > 0) {
        if (!text->len)
            e->unit->empty_documents++;
        r = encode_document(e, is_held_out(e, lines.next - 1) ? DATA_HELD_OUT : DATA_TRAIN,
                            (struct str){text->p, text->len});
        if (r < 0)
            break;
    }
    e->unit->broken_lines = lines.broken;
    return r;
}

int unit_encode(const struct unit_options *options, void *scratch, struct buf *text,
                struct unit *unit)
{
    struct encoding e = {.options = options, .scratch = scratch, .unit = unit};

    for (size_t i = 0; i < DATA_SPLITS; i++) {
        unit->splits[i].tokens.count = unit->splits[i].ends.count = 0;
        unit->splits[i].text_bytes = 0;
    }
    unit->documents = unit->empty_documents = unit->broken_lines = 0;
    unit->r = unit_check(&options->rules, unit);
    if (unit->r == 0)
        unit->r = unit->file->jsonl ? encode_lines(&e, text) : encode_text(&e);
    return unit->r;
}
