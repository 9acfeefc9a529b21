/* data/recipe - what a folder of shards is made of: the file corpus.list.
 *
 *   firstlight corpus 1
 *   tokenizer 9a3c... 2229219
 *   held_out 0.01
 *   ...
 *   file <bytes> <time of last change, ns> <name>
 *   crc32c 0badcafe        of all lines before
 *
 * A build that is called again goes on only when it would write the same list. */
#ifndef DATA_RECIPE_H
#define DATA_RECIPE_H

#include "data/build.h"
#include "data/corpus.h"
#include "data/encoder.h"

#define RECIPE_BYTES_MAX ((size_t)4 << 30)

/* Into *out; -ENOMEM when there is no memory. */
int recipe_write(const struct data_build *build, const struct encoder *encoder,
                 const struct corpus *corpus, struct buf *out);

/* Is the text that DIR/corpus.list holds this one? Returns 0, -ENOENT (there is none), -EBADMSG (it
 * is damaged) or -ESTALE with the first difference. */
int recipe_compare(const char *folder, const struct buf *recipe, struct err *err);

/* Does its last line fit? */
bool recipe_is_whole(struct str text);

#endif
