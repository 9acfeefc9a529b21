#include "node/inputs.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "snap/snap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FOLDER_DEPTH_MAX 6

/* Words by which people name a node's outputs: "lspci.txt", "n001.dmesg.log", "n001-lspci-vvv".
 * What stands before the word is the node's name. */
static const char *const kind_words[] = {
    "lspci",       "dmesg",         "kmsg",          "dmidecode", "cmdline",   "lscpu",
    "cpuinfo",     "meminfo",       "numactl",       "numa",      "nvidia",    "nvlink",
    "ibstat",      "ibv_devinfo",   "ibnetdiscover", "ethtool",   "mlxconfig", "mlxfwmanager",
    "systemctl",   "os-release",    "packages",      "dpkg",      "rpm",       "ofed",
    "sysctl",      "limits",        "ulimit",        "modules",   "lsmod",     "syslog",
    "journal",     "fabricmanager", "uname",         "mount",     "df",        "chronyc",
    "timedatectl", "ipmitool",      "lshw",          "topo",      "hostname",  "uptime",
};

/* Folders that are a part of one node, not nodes. */
static const char *const part_folders[] = {"sys",        "proc",  "cmd", "etc",    "dev",
                                           "infiniband", "class", "bus", "devices"};

struct found {
    VEC(struct input) inputs;
    struct troubles troubles;
    struct arena *arena;
    struct map names; /* hash of a name that is taken */
};

/* A file of a folder: which node it belongs to. */
struct member {
    const char *file, *node; /* node "" : the folder's own */
};

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "no memory for the list of nodes");
}

static bool is_separator(char c)
{
    return c == '.' || c == '-' || c == '_';
}

/* Where the kind word starts in a file name, -1 when there is none. A word counts at the start or
 * after a separator. */
static ptrdiff_t kind_word_at(const char *name)
{
    ptrdiff_t best = -1;

    for (size_t i = 0; i < ARRAY_LEN(kind_words); i++)
        for (const char *at = strcasestr(name, kind_words[i]); at;
             at = strcasestr(at + 1, kind_words[i])) {
            char after = at[strlen(kind_words[i])];

            if ((at == name || is_separator(at[-1])) && (!after || is_separator(after)) &&
                (best < 0 || at - name < best)) {
                best = at - name;
                break;
            }
        }
    return best;
}

/* The file name without the endings that only say how it is kept. */
static const char *stem(struct arena *arena, const char *name)
{
    static const char *const endings[] = {".snap", ".txt", ".log", ".out", ".lspci"};
    struct str s = str_of(name);
    bool cut = true;

    while (cut) {
        cut = false;
        for (size_t i = 0; i < ARRAY_LEN(endings); i++)
            if (str_ends(s, endings[i]) && s.len > strlen(endings[i])) {
                s.len -= strlen(endings[i]);
                cut = true;
            }
    }
    return arena_copy(arena, s.p, s.len);
}

static const char *base_name(struct arena *arena, const char *path)
{
    struct str s = str_of(path);
    const char *slash;

    while (s.len > 1 && s.p[s.len - 1] == '/')
        s.len--;
    slash = memrchr(s.p, '/', s.len);
    if (slash && s.len > 1)
        s = str_range(slash + 1, s.p + s.len);
    return arena_copy(arena, s.p, s.len);
}

/* A name that no other node has: the second "n1" becomes "n1#2". */
static const char *unique_name(struct found *found, const char *name)
{
    const char *tried = name;

    for (unsigned i = 2; tried; i++) {
        uint64_t hash = hash64(tried, strlen(tried)) | 1;

        if (!map_get(&found->names, hash, NULL))
            return map_add(&found->names, hash, found) < 0 ? NULL : tried;
        tried = arena_printf(found->arena, "%s#%u", name, i);
    }
    return NULL;
}

static int add_input(struct found *found, struct input input, struct err *err)
{
    struct input *slot;

    if (found->inputs.count == INPUT_NODES_MAX)
        return err_set(err, -EFBIG, "%s: more than %d nodes in one request", input.path,
                       INPUT_NODES_MAX);
    input.name = input.name ? unique_name(found, input.name) : NULL;
    slot = input.name && input.path ? vec_push(&found->inputs) : NULL;
    if (!slot)
        return no_memory(err);
    *slot = input;
    return 0;
}

int troubles_add(struct troubles *troubles, struct arena *arena, const char *path, const char *text)
{
    struct trouble *slot = vec_push(troubles);
    size_t len = strlen(path);

    if (!slot)
        return -ENOMEM;
    if (!strncmp(text, path, len) && str_starts(str_of(text + len), ": "))
        text += len + 2; /* it is said once */
    slot->path = arena_copy(arena, path, len);
    slot->text = arena_copy(arena, text, strlen(text));
    return slot->path && slot->text ? 0 : -ENOMEM;
}

static int add_trouble(struct found *found, const char *path, const char *text, struct err *err)
{
    return troubles_add(&found->troubles, found->arena, path, text) < 0 ? no_memory(err) : 0;
}

/* A file whose name says nothing is a node of its own when it looks like text we know: lspci. */
static bool smells_of_lspci(const char *path)
{
    static const char *const words[] = {"Control: I/O", "Capabilities: [", " Kernel driver in use",
                                        "Host bridge", "PCI bridge"};
    char head[8192];
    struct str text = {head, 0};
    FILE *file = fopen(path, "re");

    if (!file)
        return false;
    text.len = fread(head, 1, sizeof(head), file);
    (void)fclose(file);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_find(text, words[i]) >= 0)
            return true;
    return false;
}

static bool is_part_folder(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(part_folders); i++)
        if (!strcmp(name, part_folders[i]))
            return true;
    return strstr(name, "sys-class-infiniband") != NULL;
}

static int add_folder(struct found *found, const char *path, unsigned depth, struct err *err);

/* What one folder holds, sorted out. */
struct folder {
    VEC(struct member) members; /* files that belong to a node, by the node's name */
    VEC(const char *) loners;   /* files that are a node each */
    VEC(const char *) folders;
    bool own_files, own_parts; /* "lspci.txt", "sys/": the folder is a node */
};

static int sort_entry(struct found *found, struct folder *folder, const char *path,
                      const char *name, struct err *err)
{
    char *full = arena_printf(found->arena, "%s/%s", path, name);
    struct stat st;
    ptrdiff_t word;

    if (!full)
        return no_memory(err);
    if (name[0] == '.')
        return 0;
    if (stat(full, &st) < 0)
        return add_trouble(found, full, strerror(errno), err);
    if (S_ISDIR(st.st_mode)) {
        const char **slot;

        if (is_part_folder(name)) {
            folder->own_parts = true;
            return 0;
        }
        slot = vec_push(&folder->folders);
        if (!slot)
            return no_memory(err);
        *slot = full;
        return 0;
    }
    if (!S_ISREG(st.st_mode))
        return 0;
    word = kind_word_at(name);
    if (str_ends(str_of(name), ".snap") || (word < 0 && smells_of_lspci(full))) {
        const char **slot = vec_push(&folder->loners);

        if (!slot)
            return no_memory(err);
        *slot = full;
    } else if (word >= 0) {
        struct member *slot = vec_push(&folder->members);

        if (!slot)
            return no_memory(err);
        *slot = (struct member){full, arena_copy(found->arena, name, word ? (size_t)word - 1 : 0)};
        if (!slot->node)
            return no_memory(err);
        folder->own_files = folder->own_files || !word;
    } else if (!strcmp(name, "manifest.json")) {
        folder->own_parts = true;
    }
    return 0;
}

static int by_node(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int order = strverscmp(x->node, y->node);

    return order ? order : strcmp(x->file, y->file);
}

/* Files "n1.lspci.txt" and "n1.dmesg.txt" make node n1. */
static int add_members(struct found *found, const char *path, struct folder *folder,
                       struct err *err)
{
    struct member *members = folder->members.items;
    size_t count = folder->members.count;

    if (count)
        qsort(members, count, sizeof(*members), by_node);
    for (size_t i = 0, end; i < count; i = end) {
        const char **files;
        int r;

        for (end = i + 1; end < count && !strcmp(members[end].node, members[i].node); end++)
            ;
        files = arena_alloc(found->arena, (end - i) * sizeof(*files));
        if (!files)
            return no_memory(err);
        for (size_t k = i; k < end; k++)
            files[k - i] = members[k].file;
        r = add_input(found,
                      (struct input){.kind = INPUT_FOLDER,
                                     .name = members[i].node[0] ? members[i].node
                                                                : base_name(found->arena, path),
                                     .path = path,
                                     .files = files,
                                     .file_count = end - i},
                      err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_sorted(struct found *found, const char *path, struct folder *folder, unsigned depth,
                      struct err *err)
{
    int r = 0;

    /* One node: files without a node's name, or parts such as sys/, and nothing of other nodes. */
    if (folder->own_parts || folder->own_files) {
        bool others = folder->loners.count > 0;

        for (size_t i = 0; i < folder->members.count; i++)
            others = others || folder->members.items[i].node[0];
        if (!others || folder->own_parts)
            return add_input(found,
                             (struct input){.kind = INPUT_FOLDER,
                                            .name = base_name(found->arena, path),
                                            .path = path},
                             err);
    }
    r = add_members(found, path, folder, err);
    for (size_t i = 0; i < folder->loners.count && r == 0; i++) {
        const char *file = folder->loners.items[i];

        r = add_input(
            found,
            (struct input){.kind = str_ends(str_of(file), ".snap") ? INPUT_SNAPSHOT : INPUT_FILE,
                           .name = stem(found->arena, base_name(found->arena, file)),
                           .path = file},
            err);
    }
    for (size_t i = 0; i < folder->folders.count && r == 0; i++)
        r = add_folder(found, folder->folders.items[i], depth + 1, err);
    return r;
}

static int add_folder(struct found *found, const char *path, unsigned depth, struct err *err)
{
    struct err inner = {0};
    struct folder folder = {0};
    const char *const *names;
    long count;
    int r = 0;

    if (depth > FOLDER_DEPTH_MAX)
        return 0;
    count = file_list(found->arena, path, INPUT_NAMES_MAX, &names, &inner);
    if (count < 0 && depth == 0)
        return err_set(err, (int)count, "%s", inner.text);
    if (count < 0)
        return add_trouble(found, path, inner.text, err);
    if (!count && depth)
        return add_trouble(found, path, "the folder is empty", err);
    for (long i = 0; i < count && r == 0; i++)
        r = sort_entry(found, &folder, path, names[i], err);
    if (r == 0)
        r = add_sorted(found, path, &folder, depth, err);
    vec_done(&folder.members);
    vec_done(&folder.loners);
    vec_done(&folder.folders);
    return r;
}

static bool has_zstd_magic(const char *path)
{
    char head[4] = {0};
    FILE *file = fopen(path, "re");
    size_t got;

    if (!file)
        return false;
    got = fread(head, 1, sizeof(head), file);
    (void)fclose(file);
    return snap_looks_like((struct str){head, got});
}

static int add_path(struct found *found, const char *path, struct err *err)
{
    size_t before = found->inputs.count, troubles = found->troubles.count;
    struct stat st;
    int r;

    if (!strcmp(path, "-"))
        return add_input(
            found, (struct input){.kind = INPUT_STREAM, .name = "stdin", .path = "standard input"},
            err);
    if (stat(path, &st) < 0)
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) {
        bool snap = str_ends(str_of(path), ".snap") || has_zstd_magic(path);

        return add_input(found,
                         (struct input){.kind = snap ? INPUT_SNAPSHOT : INPUT_FILE,
                                        .name = stem(found->arena, base_name(found->arena, path)),
                                        .path = path},
                         err);
    }
    r = add_folder(found, path, 0, err);
    if (r == 0 && found->inputs.count == before && found->troubles.count == troubles)
        return err_set(err, -ENOENT,
                       "%s: no node in this folder: expected snapshots (*.snap), lspci texts or "
                       "folders of a node's outputs",
                       path);
    return r;
}

/* Where a path's folder ends: "a/b.txt" has 2 bytes of it, "b.txt" none. */
static size_t folder_len(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Does `path` belong to the node whose files begin with `prefix`, folder and name, `len` bytes:
 * "box.dmesg.txt" to "box.", as "box.lspci.txt" does? */
static bool same_node(const char *prefix, size_t len, const char *path)
{
    size_t folder = folder_len(path);

    return !strncmp(prefix, path, len) && folder <= len &&
           kind_word_at(path + folder) == (ptrdiff_t)(len - folder);
}

/* The user's paths from `first` on that make a node together with it: an input of its own when
 * there are at least two, else the path by itself. What is used is marked. */
static int add_named(struct found *found, const char *const *paths, size_t count, size_t first,
                     bool *used, struct err *err)
{
    const char **files = arena_alloc(found->arena, (count - first) * sizeof(*files));
    size_t folder = folder_len(paths[first]), n = 0;
    ptrdiff_t word = kind_word_at(paths[first] + folder);
    struct stat st;

    if (!files)
        return no_memory(err);
    files[n++] = paths[first];
    for (size_t i = first + 1; i < count && word >= 0; i++)
        if (!used[i] && same_node(paths[first], folder + (size_t)word, paths[i]) &&
            stat(paths[i], &st) == 0 && S_ISREG(st.st_mode)) {
            used[i] = true;
            files[n++] = paths[i];
        }
    if (n < 2 || stat(paths[first], &st) < 0 || !S_ISREG(st.st_mode))
        return add_path(found, paths[first], err);
    return add_input(
        found,
        (struct input){.kind = INPUT_FOLDER,
                       .name =
                           word ? arena_copy(found->arena, paths[first] + folder, (size_t)word - 1)
                                : base_name(found->arena,
                                            folder ? arena_copy(found->arena, paths[first], folder)
                                                   : "this folder"),
                       .path = folder ? arena_copy(found->arena, paths[first], folder - 1) : ".",
                       .files = files,
                       .file_count = n},
        err);
}

int inputs_find(struct arena *arena, const char *const *paths, size_t count, struct inputs *out,
                struct err *err)
{
    struct found found = {.arena = arena};
    bool *used;
    int r = 0;

    if (!count)
        r = add_input(&found,
                      (struct input){.kind = INPUT_LIVE, .name = "localhost", .path = "this host"},
                      err);
    used = arena_alloc(arena, count + 1);
    if (!used)
        r = no_memory(err);
    for (size_t i = 0; i < count && r == 0; i++)
        if (!used[i])
            r = add_named(&found, paths, count, i, used, err);
    if (r == 0) {
        size_t inputs_bytes = found.inputs.count * sizeof(*out->items);
        size_t troubles_bytes = found.troubles.count * sizeof(*out->troubles);

        out->items = arena_alloc(arena, inputs_bytes + 1);
        out->troubles = arena_alloc(arena, troubles_bytes + 1);
        if (out->items && out->troubles) {
            if (inputs_bytes)
                memcpy(out->items, found.inputs.items, inputs_bytes);
            if (troubles_bytes)
                memcpy(out->troubles, found.troubles.items, troubles_bytes);
            out->count = found.inputs.count;
            out->trouble_count = found.troubles.count;
        } else {
            r = no_memory(err);
        }
    }
    vec_done(&found.inputs);
    vec_done(&found.troubles);
    map_done(&found.names);
    return r;
}
