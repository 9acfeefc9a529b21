/* data/build_tokenizer - a build with the tokenizer of a file; see build.h. */
#include "data/build.h"
#include "data/encoder.h"

#define SAVE_BYTES ((uint64_t)128 << 20) /* a few seconds of work: two waits for the disk */

int data_build(const struct data_build *build, const char *const *paths, size_t count,
               struct data_built *out, struct err *err)
{
    struct tokenizer *tokenizer = NULL;
    struct encoder encoder;
    int r = tokenizer_load(build->tokenizer, &tokenizer, err);

    if (r < 0)
        return r;
    r = encoder_of_tokenizer(tokenizer, &encoder);
    if (r < 0)
        err_set(err, r, "%s: no memory to encode with it", build->tokenizer);
    else
        r = data_build_with(build, &encoder, SAVE_BYTES, paths, count, out, err);
    tokenizer_free(tokenizer);
    return r;
}
