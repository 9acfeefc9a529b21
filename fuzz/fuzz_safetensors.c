/* Any bytes as a .safetensors file, and the header's text as a config.json: tensors that lie in the
 * file, constants that go together, or one sentence. */
#include "exchange/constants.h"
#include "exchange/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tensors(const struct tensors *tensors, uint64_t file_bytes)
{
    for (size_t i = 0; i < tensors->list.count; i++) {
        const struct tensor *tensor = &tensors->list.items[i];

        if (!tensor->name[0] || tensor->at > file_bytes || tensor->bytes > file_bytes - tensor->at)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensors tensors = {0};
    struct model_config config;
    struct err err = {0};
    uint64_t len;
    float *bias;
    char *json;

    if (size < 8)
        return 0;
    memcpy(&len, data, 8);
    if (len > size - 8)
        len = size - 8; /* what reads the file refuses that */
    json = malloc(len + 1);
    if (!json)
        abort();
    memcpy(json, data + 8, len);
    if (safetensors_parse(json, len, size, 0, &tensors, &err) == 0)
        check_tensors(&tensors, size);
    else if (!err.text[0] || tensors.list.count != 0)
        abort();
    err = (struct err){0};
    if (constants_from_json(json, len, &config, &bias, &err) == 0) {
        if (model_config_check(&config, NULL) < 0)
            abort();
        free(bias);
    } else if (!err.text[0] || bias) {
        abort();
    }
    free(json);
    vec_done(&tensors.list);
    return 0;
}
