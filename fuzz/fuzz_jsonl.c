/* Any bytes as a line of jsonl: either it has a text, or one sentence says why not; and jansson,
 * which builds the whole tree, says the same. */
#include "data/jsonl.h"
#include "data/valid.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str line = {(const char *)data, size};
    struct buf text = {0};
    struct err err = {0};
    json_error_t why = {0};
    int r = jsonl_text(line, "text", &text, &err);

    if (r < 0 && !err.text[0])
        abort();
    /* Wrong UTF-8 jansson refuses at once; and it loses a NUL that it reads behind a word. */
    if (size && !memchr(data, '\0', size) && valid_prefix(line) == size) {
        json_t *json = json_loadb(line.p, size, JSON_ALLOW_NUL, &why), *value;
        enum json_error_code code = json ? json_error_unknown : json_error_code(&why);

        value = json_object_get(json, "text");
        if ((r == 0) != json_is_string(value) && code != json_error_numeric_overflow &&
            code != json_error_null_byte_in_key)
            abort();
        if (json_is_string(value) &&
            !str_eq((struct str){text.p, text.len},
                    (struct str){json_string_value(value), json_string_length(value)}))
            abort();
        json_decref(json);
    }
    buf_done(&text);
    return 0;
}
