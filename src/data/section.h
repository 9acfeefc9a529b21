/* data/section - where a text is cut into pieces that are encoded one by one.
 *
 * A section is CUT_AFTER bytes and what follows up to the first blank (U+0020) that stands behind
 * neither white space nor U+2581, which SentencePiece writes for a blank. No token spans such a
 * place: words are split there before anything is merged (SentencePiece's split_by_whitespace; the
 * patterns of tiktoken), so the sections' tokens together are those of the whole text. A tokenizer
 * that puts a blank in front of each text puts back the one that section_body takes off.
 *
 * Where CUT_AT_LAST bytes have no such blank (Chinese, base64), the cut is between two characters
 * at CUT_AT_LAST, and the tokens round it may differ from those of the whole. */
#ifndef DATA_SECTION_H
#define DATA_SECTION_H

#include "base/str.h"

#define SECTION_CUT_AFTER   ((size_t)16 << 10)
#define SECTION_CUT_AT_LAST ((size_t)1 << 20)

/* Bytes of the section that `text` begins with; `whole`: nothing follows what is there. 0: more of
 * the text is needed to say. */
size_t section_bytes(struct str text, bool whole);

/* What to encode of a section; `first`: of its text. */
struct str section_body(struct str section, bool first, bool adds_blank);

/* Is piece `ordinal` of a file (a line, a section) held out? Of every 1 / part neighbours one is,
 * which one depends on the file's name. */
bool section_is_held_out(const char *name, uint64_t ordinal, double part);

#endif
