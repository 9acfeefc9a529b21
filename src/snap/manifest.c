#include "snap/manifest.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

static const char *const kinds[MANIFEST_KINDS] = {"file", "link", "command"};
static const char *const statuses[MANIFEST_STATUSES] = {"ok",      "failed",  "denied",
                                                        "missing", "timeout", "cut"};

/* JSON holds UTF-8 only; a name with other bytes loses them. */
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    char *ascii;

    if (json)
        return json;
    ascii = strdup(text);
    if (!ascii)
        return NULL;
    for (char *p = ascii; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    json = json_string(ascii);
    free(ascii);
    return json;
}

/* Each returns -1 when there was no memory. */
static int put_text(json_t *object, const char *key, const char *text)
{
    return text ? json_object_set_new(object, key, text_json(text)) : 0;
}

static int put_number(json_t *object, const char *key, int64_t number)
{
    return json_object_set_new(object, key, json_integer(number));
}

static json_t *entry_json(const struct manifest_entry *entry)
{
    json_t *json = json_object();
    int r = 0;

    if (!json)
        return NULL;
    r |= put_text(json, "path", entry->path);
    r |= put_text(json, "kind", kinds[entry->kind]);
    r |= put_text(json, "status", statuses[entry->status]);
    r |= put_number(json, "bytes", (int64_t)entry->bytes);
    r |= put_text(json, "error", entry->error);
    if (entry->kind == MANIFEST_COMMAND) {
        r |= put_text(json, "command", entry->command);
        r |= put_number(json, "exit", entry->exit_status);
        r |= put_number(json, "ms", entry->ms);
    }
    if (r == 0)
        return json;
    json_decref(json);
    return NULL;
}

static int add_bytes(const char *bytes, size_t len, void *data)
{
    struct buf *out = data;

    buf_add(out, bytes, len);
    return out->failed ? -1 : 0;
}

int manifest_write(const struct manifest *manifest, struct buf *out, struct err *err)
{
    json_t *json = json_object(), *entries = json_array();
    int r = json && entries ? 0 : -1;

    r |= put_number(json, "format", MANIFEST_FORMAT);
    r |= put_text(json, "version", manifest->version);
    r |= put_text(json, "time", manifest->time);
    r |= put_text(json, "hostname", manifest->hostname);
    r |= put_text(json, "kernel", manifest->kernel);
    r |= put_number(json, "uid", manifest->uid);
    r |= put_number(json, "euid", manifest->euid);
    r |= json_object_set_new(json, "root", json_boolean(manifest->root));
    r |= put_number(json, "files", (int64_t)manifest->files);
    r |= put_number(json, "links", (int64_t)manifest->links);
    r |= put_number(json, "commands", (int64_t)manifest->commands);
    r |= put_number(json, "bytes", (int64_t)manifest->bytes);
    r |= put_number(json, "ms", manifest->ms);
    for (size_t i = 0; i < manifest->count; i++)
        r |= json_array_append_new(entries, entry_json(&manifest->entries[i]));
    r |= json_object_set(json, "entries", entries);
    if (r == 0)
        r = json_dump_callback(json, add_bytes, out, JSON_INDENT(1));
    buf_puts(out, "\n");
    json_decref(entries);
    json_decref(json);
    if (r != 0 || out->failed)
        return err_set(err, -ENOMEM, "no memory for the manifest");
    return 0;
}

/* A copy of a text field; NULL when it is absent. Sets *failed on no memory. */
static const char *get_text(struct arena *arena, const json_t *object, const char *key,
                            bool *failed)
{
    const json_t *json = json_object_get(object, key);
    const char *copy;

    if (!json_is_string(json))
        return NULL;
    copy = arena_copy(arena, json_string_value(json), json_string_length(json));
    if (!copy)
        *failed = true;
    return copy;
}

static int64_t get_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static int find_name(const char *const *names, int count, const char *name)
{
    for (int i = 0; name && i < count; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

static void get_entry(struct arena *arena, const json_t *json, struct manifest_entry *entry,
                      bool *failed)
{
    int kind = find_name(kinds, MANIFEST_KINDS, json_string_value(json_object_get(json, "kind")));
    int status =
        find_name(statuses, MANIFEST_STATUSES, json_string_value(json_object_get(json, "status")));

    entry->path = get_text(arena, json, "path", failed);
    entry->kind = kind < 0 ? MANIFEST_FILE : (enum manifest_kind)kind;
    /* A status of a later version is not known to be good. */
    entry->status = status < 0 ? MANIFEST_FAILED : (enum manifest_status)status;
    entry->bytes = (uint64_t)get_number(json, "bytes");
    entry->error = get_text(arena, json, "error", failed);
    entry->command = get_text(arena, json, "command", failed);
    entry->exit_status = (int)get_number(json, "exit");
    entry->ms = get_number(json, "ms");
    if (!entry->path)
        entry->path = "";
}

int manifest_parse(struct arena *arena, struct str text, struct manifest *out, struct err *err)
{
    struct manifest manifest = {0};
    json_error_t where;
    json_t *json = json_loadb(text.p, text.len, JSON_REJECT_DUPLICATES, &where);
    const json_t *entries;
    bool failed = false;
    int r = 0;

    if (!json_is_object(json)) {
        r = err_set(err, -EINVAL, MANIFEST_PATH ": line %d: %s", json ? 1 : where.line,
                    json ? "not an object" : where.text);
        goto out;
    }
    if (get_number(json, "format") != MANIFEST_FORMAT) {
        r = err_set(err, -EINVAL, MANIFEST_PATH ": format %lld, this firstlight reads format %d",
                    (long long)get_number(json, "format"), MANIFEST_FORMAT);
        goto out;
    }
    entries = json_object_get(json, "entries");
    manifest.version = get_text(arena, json, "version", &failed);
    manifest.time = get_text(arena, json, "time", &failed);
    manifest.hostname = get_text(arena, json, "hostname", &failed);
    manifest.kernel = get_text(arena, json, "kernel", &failed);
    manifest.uid = get_number(json, "uid");
    manifest.euid = get_number(json, "euid");
    manifest.root = json_is_true(json_object_get(json, "root"));
    manifest.files = (uint64_t)get_number(json, "files");
    manifest.links = (uint64_t)get_number(json, "links");
    manifest.commands = (uint64_t)get_number(json, "commands");
    manifest.bytes = (uint64_t)get_number(json, "bytes");
    manifest.ms = get_number(json, "ms");
    manifest.count = json_array_size(entries);
    manifest.entries = arena_alloc(arena, (manifest.count + 1) * sizeof(*manifest.entries));
    for (size_t i = 0; manifest.entries && i < manifest.count; i++)
        get_entry(arena, json_array_get(entries, i), &manifest.entries[i], &failed);
    if (failed || !manifest.entries)
        r = err_set(err, -ENOMEM, "no memory for the manifest");
    else
        *out = manifest;
out:
    json_decref(json);
    return r;
}
