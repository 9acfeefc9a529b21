#include "trainer/config_file.h"

#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

#define DEPTH_MAX 8
#define KEY_MAX   128

struct walk {
    const char *name;
    yaml_document_t document;
    int (*value)(void *arg, const char *key, const char *text, struct err *err);
    void *arg;
    struct err *err;
};

static int wrong(const struct walk *walk, const yaml_node_t *node, const char *what)
{
    return err_set(walk->err, -EINVAL, "%s: line %zu: %s", walk->name, node->start_mark.line + 1,
                   what);
}

static int walk_node(struct walk *walk, int index, const char *key, int depth);

static int walk_pair(struct walk *walk, const yaml_node_pair_t *pair, const char *key, int depth)
{
    const yaml_node_t *name = yaml_document_get_node(&walk->document, pair->key);
    char longer[KEY_MAX];

    if (name->type != YAML_SCALAR_NODE)
        return wrong(walk, name, "a key is no plain word");
    if (snprintf(longer, sizeof(longer), "%s%s%s", key, *key ? "." : "",
                 (const char *)name->data.scalar.value) >= (int)sizeof(longer))
        return wrong(walk, name, "a key is longer than any setting's");
    return walk_node(walk, pair->value, longer, depth + 1);
}

static int walk_node(struct walk *walk, int index, const char *key, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(&walk->document, index);
    int r = 0;

    if (depth > DEPTH_MAX)
        return wrong(walk, node, "settings are nested too deep");
    switch (node->type) {
    case YAML_SCALAR_NODE:
        if (!*key)
            return wrong(walk, node, "a value without a key; write KEY: VALUE");
        r = walk->value(walk->arg, key, (const char *)node->data.scalar.value, walk->err);
        return r < 0 ? err_wrap(walk->err, r, "%s: line %zu", walk->name, node->start_mark.line + 1)
                     : 0;
    case YAML_SEQUENCE_NODE:
        if (!*key)
            return wrong(walk, node, "a list without a key; write KEY: VALUE");
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
             r == 0 && item < node->data.sequence.items.top; item++)
            r = walk_node(walk, *item, key, depth + 1);
        return r;
    case YAML_MAPPING_NODE:
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             r == 0 && pair < node->data.mapping.pairs.top; pair++)
            r = walk_pair(walk, pair, key, depth);
        return r;
    case YAML_NO_NODE:
        break;
    }
    return 0;
}

int config_text_walk(const char *name, const char *text, size_t len,
                     int (*value)(void *arg, const char *key, const char *text, struct err *err),
                     void *arg, struct err *err)
{
    struct walk walk = {.name = name, .value = value, .arg = arg, .err = err};
    yaml_parser_t parser;
    int r = 0;

    if (!yaml_parser_initialize(&parser))
        return err_set(err, -ENOMEM, "%s: no memory to read it", name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (!yaml_parser_load(&parser, &walk.document)) {
        r = err_set(err, -EINVAL, "%s: line %zu: %s", name, parser.problem_mark.line + 1,
                    parser.problem ? parser.problem : "no YAML");
        goto out;
    }
    if (yaml_document_get_root_node(&walk.document))
        r = walk_node(&walk, 1, "", 0); /* the root is node 1 */
    yaml_document_delete(&walk.document);
out:
    yaml_parser_delete(&parser);
    return r;
}

int config_file_walk(const char *path,
                     int (*value)(void *arg, const char *key, const char *text, struct err *err),
                     void *arg, struct err *err)
{
    char *text;
    size_t len;
    int r = file_read(path, CONFIG_FILE_BYTES_MAX, &text, &len, err);

    if (r < 0)
        return r;
    r = config_text_walk(path, text, len, value, arg, err);
    free(text);
    return r;
}
