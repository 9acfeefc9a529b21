/* Any bytes as a checkpoint's meta.json. What is read prints as text that reads back and prints the
 * same. */
#include "train/meta.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct meta meta, again;
    struct err err = {0};
    char *text, *back;

    if (meta_parse("ckpt", (const char *)data, size, &meta, &err) < 0) {
        if (!err.text[0])
            abort();
        return 0;
    }
    text = meta_print(&meta);
    if (!text || meta_parse("ckpt", text, strlen(text), &again, &err) < 0)
        abort();
    back = meta_print(&again);
    if (!back || strcmp(text, back) != 0)
        abort();
    free(text);
    free(back);
    meta_done(&meta);
    meta_done(&again);
    return 0;
}
