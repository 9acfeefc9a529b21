/* Any bytes as a .gguf file: keys and tensors that lie in it, constants that go together, or one
 * sentence. */
#include "exchange/constants.h"
#include "exchange/vocabulary.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every value in every way, so that ASan sees what lies outside. */
static void touch(const struct gguf *gguf, uint64_t file_bytes)
{
    for (size_t i = 0; i < gguf->values.count; i++) {
        const struct gguf_value *value = &gguf->values.items[i];
        struct str text;
        double number;

        for (uint64_t k = 0; k < value->count && k < 100; k++)
            (void)gguf_number(value, k, &number);
        if (value->count > 0)
            (void)gguf_number(value, value->count - 1, &number);
        if (gguf_text(value, &text) && text.len > 0 && text.p[text.len - 1] == 1)
            (void)gguf_find(gguf, "general.name");
    }
    for (size_t i = 0; i < gguf->tensors.list.count; i++) {
        const struct tensor *tensor = &gguf->tensors.list.items[i];

        if (tensor->at > file_bytes || tensor->bytes > file_bytes - tensor->at)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = malloc(size + (size == 0)), *tokenizer;
    struct model_config config;
    struct err err = {0};
    struct gguf gguf;
    float *bias;
    size_t len;

    if (!exact)
        abort();
    if (size > 0)
        memcpy(exact, data, size);
    if (gguf_parse(exact, size, size, &gguf, &err) == 0) {
        touch(&gguf, size);
        if (constants_from_gguf(&gguf, &config, &bias, &err) == 0) {
            if (model_config_check(&config, NULL) < 0)
                abort();
            free(bias);
        } else if (!err.text[0] || bias) {
            abort();
        }
        if (vocabulary_from_gguf(&gguf, &tokenizer, &len, &err) == 0)
            free(tokenizer);
        gguf_done(&gguf);
    } else if (!err.text[0]) {
        abort();
    }
    free(exact);
    return 0;
}
