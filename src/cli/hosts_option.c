#include "cli/hosts_option.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/hostlist.h"
#include "base/map.h"
#include "base/vec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (16u << 20)
#define SLOTS_MAX      100000

struct host {
    const char *name;
    unsigned line;
};

struct reading {
    struct arena *arena;
    const char *file;
    struct err *err;
    struct map seen; /* of struct host */
    VEC(const char *) names;
    int64_t slots; /* -1: nobody said anything yet */
    unsigned line;
};

static bool is_host(const void *value, const void *key)
{
    return !strcmp(((const struct host *)value)->name, key);
}

static int add_host(struct reading *r, const char *name)
{
    uint64_t hash = hash64(name, strlen(name));
    const struct host *other = map_get(&r->seen, hash, name);
    struct host *host = arena_alloc(r->arena, sizeof(*host));
    const char **slot;

    if (other)
        return err_set(r->err, -EINVAL, "%s: line %u: %s stands in line %u already", r->file,
                       r->line, name, other->line);
    if (r->names.count == HOSTLIST_HOSTS_MAX)
        return err_set(r->err, -E2BIG, "%s: line %u: more than %d hosts", r->file, r->line,
                       HOSTLIST_HOSTS_MAX);
    slot = vec_push(&r->names);
    if (!host || !slot || map_add(&r->seen, hash, host) < 0)
        return err_set(r->err, -ENOMEM, "%s: no memory for the hosts", r->file);
    *host = (struct host){name, r->line};
    *slot = name;
    return 0;
}

static int add_slots(struct reading *r, int64_t slots)
{
    if (r->slots >= 0 && r->slots != slots)
        return err_set(r->err, -EINVAL,
                       "%s: line %u: %" PRId64 " slots where the lines before have %" PRId64
                       ": each node runs as many ranks",
                       r->file, r->line, slots, r->slots);
    r->slots = slots;
    return 0;
}

static int bad_line(struct reading *r, struct str line)
{
    return err_set(r->err, -EINVAL, "%s: line %u: a line is a host, perhaps with slots=N: '%.*s'",
                   r->file, r->line, (int)(line.len < 60 ? line.len : 60), line.p);
}

/* "slots=8"; what else Open MPI knows (max_slots=8) says nothing to us. */
static int add_setting(struct reading *r, struct str word, struct str line, int64_t *slots)
{
    if (str_starts(word, "max_slots=") || str_starts(word, "max-slots="))
        return 0;
    if (!str_starts(word, "slots=") ||
        str_to_i64(str_skip(word, strlen("slots=")), 10, slots) < 0 || *slots < 1 ||
        *slots > SLOTS_MAX)
        return bad_line(r, line);
    return 0;
}

static int add_line(struct reading *r, struct str line)
{
    struct str rest = line, item, word, tail;
    struct hostlist hosts;
    int64_t slots = 0;
    ptrdiff_t colon;
    int code;

    if (!str_word(&rest, &item) || item.p[0] == '#')
        return 0;
    while (str_word(&rest, &word) && word.p[0] != '#') {
        code = add_setting(r, word, line, &slots);
        if (code < 0)
            return code;
    }
    colon = str_find(item, ":");
    if (colon >= 0 && !slots) {
        tail = str_skip(item, (size_t)colon + 1);
        if (str_to_i64(tail, 10, &slots) < 0 || slots < 1 || slots > SLOTS_MAX)
            return bad_line(r, line);
        item.len = (size_t)colon;
    }
    code = hostlist_expand(r->arena, item, &hosts, r->err);
    if (code < 0)
        return err_wrap(r->err, code, "%s: line %u", r->file, r->line);
    for (size_t i = 0; i < hosts.count && code == 0; i++)
        code = add_host(r, hosts.names[i]);
    return code < 0 ? code : add_slots(r, slots);
}

int hosts_read(struct arena *arena, struct str text, const char *file, const char **hosts,
               int64_t *slots, struct err *err)
{
    struct reading r = {
        .arena = arena, .file = file, .err = err, .seen = {.equal = is_host}, .slots = -1};
    struct str line;
    int code = 0;

    while (code == 0 && str_line(&text, &line)) {
        r.line++;
        code = add_line(&r, str_trim(line));
    }
    if (code == 0 && !r.names.count)
        code = err_set(err, -EINVAL, "%s: it names no host", file);
    if (code == 0) {
        *hosts = hostlist_fold(arena, r.names.items, r.names.count);
        *slots = r.slots;
        if (!*hosts)
            code = err_set(err, -ENOMEM, "%s: no memory for the hosts", file);
    }
    vec_done(&r.names);
    map_done(&r.seen);
    return code;
}

int hosts_option(struct arena *arena, const char *given, const char **hosts, int64_t *slots,
                 struct err *err)
{
    char *text;
    size_t len;
    int r;

    *hosts = given;
    *slots = 0;
    if (given[0] != '@' && given[0] != '^')
        return 0;
    r = file_read(given + 1, FILE_BYTES_MAX, &text, &len, err);
    if (r < 0)
        return r;
    r = hosts_read(arena, (struct str){text, len}, given + 1, hosts, slots, err);
    free(text);
    return r;
}
