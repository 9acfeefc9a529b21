/* data/unit - a corpus as units of work: a megabyte or so of lines or sections of one file. */
#ifndef DATA_UNIT_H
#define DATA_UNIT_H

#include "base/vec.h"
#include "data/corpus.h"
#include "data/encoder.h"
#include "data/index.h"

#define UNIT_BYTES    ((size_t)1 << 20)
#define UNIT_LINE_MAX ((size_t)1 << 30) /* of jsonl */

/* What a unit adds to one split. */
struct unit_tokens {
    struct tokens tokens;
    VEC(size_t) ends;
    uint64_t text_bytes;
};

struct unit {
    const struct corpus_file *file; /* NULL: the corpus ends here */
    struct data_place begin, next;
    bool file_ends;
    char *bytes; /* `space` of them, of which `len` are the unit's */
    size_t len, space;
    uint64_t packed_bytes; /* of the corpus's files, before this unit ends, about */

    struct unit_tokens splits[DATA_SPLITS]; /* by unit_encode */
    uint64_t documents, empty_documents, broken_lines;
    int r; /* what went wrong with it, and the sentence */
    struct err err;
};

void unit_done(struct unit *unit);

/* What counts as text. */
struct unit_rules {
    const char *text_key;
    bool allow_invalid; /* also what is not UTF-8 */
    bool skip_broken;   /* lines of jsonl without a text are passed over and counted */
};

struct unit_options {
    const struct encoder *encoder;
    double held_out;
    struct unit_rules rules;
};

/* The corpus from some place on. */
struct unit_source;
int unit_source_new(const struct corpus *corpus, const struct data_place *from,
                    struct unit_source **out, struct err *err);
void unit_source_free(struct unit_source *source);

/* Pass over what is left of the file that is open. */
void unit_source_next_file(struct unit_source *source);

/* The next one into *unit, whose memory is used again. Returns 0 or a negative errno; either way
 * unit->r is it and unit->err says why. */
int unit_read(struct unit_source *source, struct unit *unit);

/* Is it UTF-8, where it must be? Returns as unit_read, -EILSEQ with the place of the first byte
 * that is not. Of lines that may be broken unit_next_text asks. */
int unit_check(const struct unit_rules *rules, struct unit *unit);

/* The lines of a unit of jsonl. */
struct unit_lines {
    struct str rest;
    uint64_t next;   /* ordinal of the line at `rest` */
    uint64_t broken; /* that were passed over */
    bool begun;
};

/* The next line's text into *text (cleared before); lines of blanks are passed over, and so is a
 * byte order mark before the first. `lines` begins as zeros. Returns 1, 0 when there is none, or
 * as unit_read. */
int unit_next_text(const struct unit_rules *rules, struct unit *unit, struct unit_lines *lines,
                   struct buf *text);

/* Its tokens. `scratch` is the encoder's, `text` for use meanwhile. Returns as unit_read. */
int unit_encode(const struct unit_options *options, void *scratch, struct buf *text,
                struct unit *unit);

#endif
