#include "host/module.h"

#include "host/denied.h"
#include "host/gather.h"
#include "host/scan.h"
#include "host/treefile.h"

#include <stdio.h>

#define MODULE_ROOT "sys/module/"

/* The content of sys/module/<name>/version, or empty. */
static struct str version_of(const struct tree *tree, struct str name)
{
    char path[160];
    const struct tree_entry *entry;

    if (!tree || name.len > 100)
        return (struct str){"", 0};
    (void)snprintf(path, sizeof(path), MODULE_ROOT "%.*s/version", STR_ARG(name));
    entry = tree_find(tree, path);
    return entry ? treefile_value(entry) : (struct str){"", 0};
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return name.len > 0 && name.len < 64;
}

/* Both /proc/modules ("nvidia 56762368 52 nvidia_uvm, Live 0x...") and lsmod begin a line so. */
static void read_list(struct gather *g, const struct tree *tree, struct str text)
{
    struct scan scan = {.rest = text};
    unsigned count = 0;

    while (scan_next(&scan) && count < MODULES_MAX) {
        struct str rest = scan.line, name, size;
        struct gather_path path;
        uint64_t bytes;

        if (!str_word(&rest, &name) || !is_name(name) || !str_word(&rest, &size) ||
            str_to_u64(size, 10, &bytes) < 0)
            continue;
        gather_text(g, GATHER_HOST, FACT_CONFIG, scan.number, gather_join(&path, "module", name),
                    version_of(tree, name));
        count++;
    }
}

int modules_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct gather gather;

    if (denied_note(node, source, text, "which kernel modules are loaded", "module"))
        return 0;
    gather_init(&gather, node, source);
    read_list(&gather, NULL, text);
    return gather_done(&gather, err);
}

bool modules_looks_like(struct str text)
{
    struct str line;

    if (!str_line(&text, &line))
        return false;
    return (str_starts(line, "Module ") && scan_has(line, "Used by")) ||
           (scan_has(line, " Live 0x") && !scan_has(line, ":"));
}

/* Parameters that tell a time, a place or a random choice. */
static bool is_volatile(struct str module, struct str param)
{
    return str_is(param, "debug_mask") || str_ends(param, "_timestamp") ||
           (str_is(module, "ib_srpt") && str_is(param, "srpt_service_guid"));
}

int module_tree_parse(struct node *node, const struct tree *tree, struct err *err)
{
    const struct tree_entry *list = tree_find(tree, "proc/modules");
    struct gather gather;
    size_t count;
    const struct tree_entry *entries = tree_under(tree, MODULE_ROOT, &count);

    if (!entries)
        return 0; /* then proc/modules is read as a text */
    gather_init(&gather, node, 0);
    if (list && !list->link) {
        treefile_source(&gather, tree, list, "modules");
        read_list(&gather, tree, list->bytes);
    }
    for (size_t i = 0; i < count; i++) {
        struct str rest = str_skip(str_of(entries[i].path), sizeof(MODULE_ROOT) - 1), module;
        struct str value = treefile_value(&entries[i]);
        struct gather_path path;
        char name[160];

        if (!str_cut(&rest, '/', &module) || !is_name(module))
            continue;
        if (str_is(rest, "version") && !list) {
            treefile_source(&gather, tree, &entries[i], "module");
            gather_text(&gather, GATHER_HOST, FACT_CONFIG, 1, gather_join(&path, "module", module),
                        value);
        } else if (str_starts(rest, "parameters/")) {
            rest = str_skip(rest, 11);
            if (rest.len > 80 || memchr(rest.p, '/', rest.len))
                continue;
            (void)snprintf(name, sizeof(name), "%.*s.%.*s", STR_ARG(module), STR_ARG(rest));
            treefile_source(&gather, tree, &entries[i], "module");
            gather_text(&gather, GATHER_HOST,
                        is_volatile(module, rest) ? FACT_VOLATILE : FACT_CONFIG, 1,
                        gather_join(&path, "modparam", str_of(name)), value);
        }
    }
    return gather_done(&gather, err);
}
