/* Any bytes as an index of token shards, with the sum at its end made right, without which little
 * would never be reached: it is taken, or one sentence says why not. */
#include "base/crc32c.h"
#include "data/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_BYTES (sizeof(",\n \"crc32c\": \"01234567\"\n}\n") - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + TAIL_BYTES + 1);
    struct data_index index;
    struct err err = {0};
    size_t len = size;

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    len += (size_t)snprintf(text + size, TAIL_BYTES + 1, ",\n \"crc32c\": \"%08x\"\n}\n",
                            crc32c(0, data, size));
    if (data_index_parse("index", text, len, &index, &err) == 0) {
        uint64_t tokens = 0;

        for (size_t i = 0; i < DATA_SPLITS; i++)
            for (size_t k = 0; k < index.splits[i].shards.count; k++)
                tokens += index.splits[i].shards.items[k].tokens;
        if (tokens != index.splits[DATA_TRAIN].tokens + index.splits[DATA_HELD_OUT].tokens)
            abort();
        data_index_done(&index);
    } else if (!err.text[0])
        abort();
    free(text);
    return 0;
}
