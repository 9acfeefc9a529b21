/* Any bytes as the file of a fabric test's result. What is read prints as text that reads back and
 * prints the same; as CSV it has a row for each measure. */
#include "fabric/file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lines(const struct buf *text)
{
    size_t count = 0;

    for (size_t i = 0; i < text->len; i++)
        count += text->p[i] == '\n';
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fabric_result *result, *again;
    struct buf text = {0}, back = {0}, table = {0};
    struct err err = {0};

    if (result_read_json((struct str){(const char *)data, size}, "f.json", &result, &err) < 0) {
        if (!err.text[0])
            abort();
        return 0;
    }
    result_print_json(result, &text);
    if (text.failed || result_read_json((struct str){text.p, text.len}, "g.json", &again, &err) < 0)
        abort();
    result_print_json(again, &back);
    if (!str_eq((struct str){text.p, text.len}, (struct str){back.p, back.len}))
        abort();
    result_print_csv(result, &table);
    if (lines(&table) < result->measures.count + 1)
        abort();
    buf_done(&text);
    buf_done(&back);
    buf_done(&table);
    result_free(result);
    result_free(again);
    return 0;
}
