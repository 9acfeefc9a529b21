#include "control/saved.h"

#include "base/file.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)64 << 20)

/* A run does not wait for the disk to begin: after a power cut in its first seconds there is
 * nothing to go on with. */
static int write_file(const char *run_dir, const char *name, const void *bytes, size_t len,
                      struct err *err)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", run_dir, name);
    return file_write_private_soon(path, bytes, len, err);
}

static json_t *texts(const char *const *items, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, items[i] ? json_string(items[i]) : json_null());
    return list;
}

static int write_json(const char *run_dir, const char *name, json_t *value, struct err *err)
{
    char *text = value ? json_dumps(value, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    int r = text ? write_file(run_dir, name, text, strlen(text), err)
                 : err_set(err, -ENOMEM, "no memory to write %s/%s", run_dir, name);

    free(text);
    json_decref(value);
    return r;
}

int saved_write(const char *run_dir, const struct saved *saved, struct err *err)
{
    struct buf job = {0};
    char key[45];
    json_t *value;
    int r;

    job_print_json(&saved->job, &job);
    r = job.failed ? err_set(err, -ENOMEM, "no memory to write the job")
                   : write_file(run_dir, "job.json", job.p, job.len, err);
    buf_done(&job);
    if (r < 0)
        return r;
    link_key_print(saved->key, key);
    r = write_file(run_dir, "key", key, strlen(key), err);
    if (r < 0)
        return r;
    value = json_pack("{s:o, s:o}", "names", texts(saved->names, saved->node_count), "groups",
                      saved->groups ? texts(saved->groups, saved->node_count) : json_null());
    r = write_json(run_dir, "nodes.json", value, err);
    if (r < 0)
        return r;
    value =
        json_pack("{s:s, s:s, s:i, s:o, s:i}", "agent", saved->agent, "listen", saved->listen,
                  "port", (int)saved->port, "ssh",
                  texts(saved->ssh_options, saved->ssh_option_count), "fanout", (int)saved->fanout);
    return write_json(run_dir, "controller.json", value, err);
}

static int read_text(struct arena *arena, const char *run_dir, const char *name, struct str *out,
                     struct err *err)
{
    char path[4096], *text, *copy;
    size_t len;
    int r;

    (void)snprintf(path, sizeof(path), "%s/%s", run_dir, name);
    r = file_read(path, FILE_BYTES_MAX, &text, &len, err);
    if (r < 0)
        return r;
    copy = arena_copy(arena, text, len);
    free(text);
    *out = (struct str){copy, len};
    return copy ? 0 : err_set(err, -ENOMEM, "no memory for %s", path);
}

static int read_json(struct arena *arena, const char *run_dir, const char *name, json_t **out,
                     struct err *err)
{
    struct str text;
    json_error_t error;
    int r = read_text(arena, run_dir, name, &text, err);

    if (r < 0)
        return r;
    *out = json_loadb(text.p, text.len, 0, &error);
    return *out
               ? 0
               : err_set(err, -EINVAL, "%s/%s: line %d: %s", run_dir, name, error.line, error.text);
}

/* A list of texts in `arena`; null stays NULL. */
static const char *const *read_texts(struct arena *arena, const json_t *list, size_t *count)
{
    size_t n = json_array_size(list);
    const char **items = arena_alloc(arena, (n + 1) * sizeof(*items));

    for (size_t i = 0; items && i < n; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        items[i] = text ? arena_copy(arena, text, strlen(text)) : NULL;
    }
    *count = n;
    return items;
}

static int take_nodes(struct arena *arena, const char *run_dir, struct saved *out, struct err *err)
{
    json_t *value = NULL, *groups;
    size_t count, group_count;
    int r = read_json(arena, run_dir, "nodes.json", &value, err);

    if (r < 0)
        return r;
    out->names = read_texts(arena, json_object_get(value, "names"), &count);
    out->node_count = (uint32_t)count;
    groups = json_object_get(value, "groups");
    if (json_is_array(groups))
        out->groups = read_texts(arena, groups, &group_count);
    if (!count || !out->names || (out->groups && group_count != count))
        r = err_set(err, -EINVAL, "%s/nodes.json: the names of the nodes are not there", run_dir);
    for (size_t i = 0; r == 0 && i < count; i++)
        if (!out->names[i])
            r = err_set(err, -EINVAL, "%s/nodes.json: node %zu has no name", run_dir, i);
    json_decref(value);
    return r;
}

static int take_controller(struct arena *arena, const char *run_dir, struct saved *out,
                           struct err *err)
{
    json_t *value = NULL, *ssh;
    const char *agent, *listen;
    int port, fanout = 0, r = read_json(arena, run_dir, "controller.json", &value, err);

    if (r < 0)
        return r;
    if (json_unpack(value, "{s:s, s:s, s:i, s:o, s?i}", "agent", &agent, "listen", &listen, "port",
                    &port, "ssh", &ssh, "fanout", &fanout) < 0 ||
        port < 1 || port > 65535) {
        r = err_set(err, -EINVAL, "%s/controller.json: agent, listen, port or ssh is not there",
                    run_dir);
    } else {
        out->agent = arena_copy(arena, agent, strlen(agent));
        out->listen = arena_copy(arena, listen, strlen(listen));
        out->port = (uint16_t)port;
        out->fanout = fanout > 0 ? (unsigned)fanout : 0;
        out->ssh_options = read_texts(arena, ssh, &out->ssh_option_count);
    }
    json_decref(value);
    return r;
}

int saved_read(struct arena *arena, const char *run_dir, struct saved *out, struct err *err)
{
    struct str text;
    int r = read_text(arena, run_dir, "job.json", &text, err);

    *out = (struct saved){0};
    if (r < 0)
        return r;
    job_init(&out->job);
    r = job_read(arena, text, "job.json", &out->job, err);
    if (r == 0)
        r = read_text(arena, run_dir, "key", &text, err);
    if (r == 0)
        r = link_key_parse(str_trim(text), out->key, err);
    if (r == 0)
        r = take_nodes(arena, run_dir, out, err);
    return r < 0 ? r : take_controller(arena, run_dir, out, err);
}
