#include "host/sysdir.h"

#include "host/ib_facts.h"

#include <stdio.h>

void sysdir_clear(struct sysdir *sysdir)
{
    buf_clear(&sysdir->text);
    sysdir->lines = 0;
}

void sysdir_done(struct sysdir *sysdir)
{
    buf_done(&sysdir->text);
}

static bool path_join(char path[SYSDIR_PATH_MAX], struct str dir, const char *name)
{
    int len = snprintf(path, SYSDIR_PATH_MAX, "%.*s%s", STR_ARG(dir), name);

    return len >= 0 && len < SYSDIR_PATH_MAX;
}

const struct tree_entry *sysdir_find(const struct sysdir *sysdir, struct str dir, const char *name)
{
    char path[SYSDIR_PATH_MAX];

    return path_join(path, dir, name) ? tree_find(sysdir->tree, path) : NULL;
}

const struct tree_entry *sysdir_under(const struct sysdir *sysdir, struct str dir, const char *name,
                                      size_t *count)
{
    char path[SYSDIR_PATH_MAX];

    *count = 0;
    return path_join(path, dir, name) ? tree_under(sysdir->tree, path, count) : NULL;
}

struct str sysdir_value(const struct tree_entry *entry)
{
    struct str rest = entry->bytes, line = {0};

    (void)str_line(&rest, &line);
    line = str_trim(line);
    return line.len > SYSDIR_VALUE_MAX ? (struct str){line.p, SYSDIR_VALUE_MAX} : line;
}

uint32_t sysdir_note(struct sysdir *sysdir, const char *name, struct str value)
{
    buf_printf(&sysdir->text, "%s: %.*s\n", name, STR_ARG(value));
    return sysdir->lines++;
}

bool sysdir_pci(const struct sysdir *sysdir, struct str dir, uint64_t *bdf)
{
    struct str own = {dir.p, dir.len ? dir.len - 1 : 0};
    const struct tree_entry *entry = sysdir_find(sysdir, dir, "device");
    struct str rest, line;

    if (entry && entry->link && ib_path_bdf(entry->bytes, bdf))
        return true;
    entry = sysdir_find(sysdir, own, "");
    if (entry && entry->link && ib_path_bdf(entry->bytes, bdf))
        return true;
    entry = sysdir_find(sysdir, dir, "device/uevent");
    rest = entry ? entry->bytes : (struct str){0};
    while (str_line(&rest, &line))
        if (str_starts(line, "PCI_SLOT_NAME=") && bdf_parse(str_skip(line, 14), bdf) == 0)
            return true;
    return ib_path_bdf(own, bdf);
}

uint16_t sysdir_source(struct sysdir *sysdir, struct node *node, struct str dir, const char *kind)
{
    struct tree_entry entry = {
        .path = arena_copy(node->arena, dir.p, dir.len ? dir.len - 1 : 0),
        .bytes = {arena_copy(node->arena, sysdir->text.p ? sysdir->text.p : "", sysdir->text.len),
                  sysdir->text.len},
    };

    if (!entry.path || !entry.bytes.p || sysdir->text.failed) {
        node->failed = true;
        return 0;
    }
    return node_tree_source(node, sysdir->tree, &entry, kind);
}

bool sysdir_seen(const struct node *node, uint32_t subject, uint32_t first_source)
{
    const struct subject *s = &node->subjects[subject];

    for (uint32_t i = 0; i < s->count; i++)
        if (s->refs[i].source >= first_source)
            return true;
    return false;
}
