/* Any bytes as a message: what is accepted encodes to the same bytes again. */
#include "wire/message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new((size_t)16 << 20);
    struct buf bytes = {0}, line = {0};
    struct message message;
    struct err err = {0};

    if (!arena)
        abort();
    if (message_decode(arena, (struct str){(const char *)data, size}, &message, &err) == 0) {
        message_encode(&message, &bytes);
        if (bytes.len != size || memcmp(bytes.p, data, size) != 0)
            abort();
        message_print(&message, &line);
    } else if (!err.text[0]) {
        abort();
    }
    buf_done(&bytes);
    buf_done(&line);
    arena_free(arena);
    return 0;
}
