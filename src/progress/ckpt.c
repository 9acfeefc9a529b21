#include "progress/ckpt.h"

#include "base/file.h"
#include "base/str.h"
#include "base/tree.h"
#include "base/vec.h"
#include "progress/ckpt_check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUARANTINE       "quarantine"
#define QUARANTINE_MAX   10000 /* of one name */
#define LATEST_BYTES_MAX 4096
#define BYTES_FILES_MAX  20000
#define STEP_DIGITS_MAX  18

struct candidate {
    const char *name, *path;
    int64_t step, changed_ns;
};

struct search {
    struct arena *arena;
    const struct ckpt_rule *rule;
    const char *folder; /* absolute */
    struct str glob;
    VEC(struct candidate) candidates;
    VEC(struct ckpt_moved) torn; /* newest first; to: NULL while it is to be moved */
};

/* The part of the pattern after its last '/'. */
static struct str glob_of(const char *pattern)
{
    const char *slash = strrchr(pattern, '/');

    return str_of(slash ? slash + 1 : pattern);
}

int ckpt_rule_check(const struct ckpt_rule *rule, struct err *err)
{
    struct str glob;
    size_t folder;

    if (!rule->pattern)
        return rule->complete_when ? err_set(err, -EINVAL,
                                             "when a checkpoint is complete is said, "
                                             "but not where checkpoints are")
                                   : 0;
    glob = glob_of(rule->pattern);
    folder = strlen(rule->pattern) - glob.len;
    if (glob.len == 0 || str_is(glob, ".") || str_is(glob, ".."))
        return err_set(err, -EINVAL, "the checkpoint pattern '%s' ends without a name",
                       rule->pattern);
    if (memchr(rule->pattern, '*', folder) || memchr(rule->pattern, '?', folder))
        return err_set(err, -EINVAL,
                       "the checkpoint pattern '%s' has a wildcard before its last '/'",
                       rule->pattern);
    if (strlen(rule->pattern) >= PATH_MAX / 2)
        return err_set(err, -EINVAL, "the checkpoint pattern is too long");
    return rule->complete_when ? ckpt_rule_words(rule->complete_when, err) : 0;
}

/* The last run of digits as a number; -1: none. */
static int64_t last_number(struct str text)
{
    struct str digits;

    while (text.len > 0 && !char_is_digit(text.p[text.len - 1]))
        text.len--;
    digits = (struct str){text.p + text.len, 0};
    while (digits.len < text.len && char_is_digit(digits.p[-1])) {
        digits.p--;
        digits.len++;
    }
    if (digits.len == 0 || digits.len > STEP_DIGITS_MAX)
        return -1;
    text.len = 0;
    for (size_t i = 0; i < digits.len; i++)
        text.len = text.len * 10 + (size_t)(digits.p[i] - '0');
    return (int64_t)text.len;
}

/* The step that DeepSpeed ("global_step40") or Megatron ("40") say is their latest; -1: they don't.
 * Both write it when all ranks have saved. */
static int64_t latest_said(const struct search *search)
{
    static const char *const names[] = {"latest", "latest_checkpointed_iteration.txt"};
    int64_t step = -1;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *path = arena_printf(search->arena, "%s/%s", search->folder, names[i]), *text;
        struct stat st;
        size_t len;

        if (!path || lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
            file_read(path, LATEST_BYTES_MAX, &text, &len, NULL) < 0)
            continue;
        if (last_number(str_trim((struct str){text, len})) > step)
            step = last_number(str_trim((struct str){text, len}));
        free(text);
    }
    return step;
}

/* What a link in the folder points to, when that is in the folder too; else NULL. */
static const char *link_target(struct search *search, const char *path)
{
    char target[PATH_MAX], folder[PATH_MAX];
    const char *slash;

    if (!realpath(path, target) || !realpath(search->folder, folder))
        return NULL;
    slash = strrchr(target, '/');
    if ((size_t)(slash - target) != strlen(folder) || memcmp(target, folder, strlen(folder)) != 0)
        return NULL;
    return arena_copy(search->arena, slash + 1, strlen(slash + 1));
}

static bool is_candidate_name(const struct search *search, struct str name)
{
    return str_glob(search->glob.p, name) && !str_is(name, QUARANTINE) && !str_ends(name, ".tmp") &&
           !str_ends(name, ".partial") && !str_is(name, "latest") &&
           !str_is(name, "latest_checkpointed_iteration.txt") &&
           (name.p[0] != '.' || search->glob.p[0] == '.');
}

static int add_candidate(struct search *search, const char *name)
{
    const char *path = arena_printf(search->arena, "%s/%s", search->folder, name);
    struct candidate *candidate;
    struct stat st;

    if (!path)
        return -ENOMEM;
    if (lstat(path, &st) < 0)
        return 0; /* gone */
    if (S_ISLNK(st.st_mode)) {
        name = link_target(search, path);
        if (!name || str_is(str_of(name), QUARANTINE))
            return 0;
        path = arena_printf(search->arena, "%s/%s", search->folder, name);
        if (!path || lstat(path, &st) < 0)
            return path ? 0 : -ENOMEM;
    }
    candidate = vec_push(&search->candidates);
    if (!candidate)
        return -ENOMEM;
    *candidate = (struct candidate){name, path, last_number(str_of(name)),
                                    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec};
    return 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->step != y->step)
        return x->step < y->step ? 1 : -1;
    if (x->changed_ns != y->changed_ns)
        return x->changed_ns < y->changed_ns ? 1 : -1;
    return strverscmp(y->name, x->name);
}

/* A checkpoint file's marker ("step_40.pt.done") is not itself a checkpoint. */
static bool is_marker(const struct search *search, struct str name)
{
    struct str rest, verb;

    if (!search->rule->complete_when)
        return false;
    rest = str_of(search->rule->complete_when);
    (void)str_word(&rest, &verb);
    rest = str_trim(rest);
    return str_is(verb, "file") && name.len > rest.len &&
           str_eq(str_skip(name, name.len - rest.len), rest);
}

static int list_candidates(struct search *search, struct err *err)
{
    const char *const *names;
    long count = file_list(search->arena, search->folder, CKPT_CANDIDATES_MAX, &names, err);

    if (count == -ENOENT)
        return 0; /* nothing was saved yet */
    if (count < 0)
        return (int)count;
    for (long i = 0; i < count; i++) {
        struct str name = str_of(names[i]);

        if (!is_candidate_name(search, name) || is_marker(search, name))
            continue;
        if (add_candidate(search, names[i]) < 0)
            return err_set(err, -ENOMEM, "no memory for the checkpoints of %s", search->folder);
    }
    if (search->candidates.count > 0)
        qsort(search->candidates.items, search->candidates.count, sizeof(*search->candidates.items),
              newest_first);
    return 0;
}

static int note_torn(struct search *search, const struct candidate *candidate, bool move,
                     const struct err *why)
{
    struct ckpt_moved *torn = vec_push(&search->torn);

    if (!torn)
        return -ENOMEM;
    torn->from = candidate->path;
    torn->to = move ? NULL : "";
    torn->why = arena_copy(search->arena, why->text, strlen(why->text));
    return torn->why ? 0 : -ENOMEM;
}

/* The first complete one goes to *out; those before it are noted. */
static int choose(struct search *search, const struct candidate **out, struct err *err)
{
    int64_t newest = latest_said(search);
    int r = 0;

    for (size_t i = 0; i < search->candidates.count && r >= 0; i++) {
        const struct candidate *candidate = &search->candidates.items[i];
        struct err why = {0};

        if (i > 0 && strcmp(candidate->path, candidate[-1].path) == 0)
            continue; /* a link to it was there too */
        r = ckpt_check(search->rule, candidate->path, candidate->step, newest, &why);
        if (r < 0)
            return err_set(err, r, "%s: %s", candidate->path, why.text);
        if (r == CKPT_COMPLETE) {
            *out = candidate;
            return 0;
        }
        if (r != CKPT_GONE)
            r = note_torn(search, candidate, r == CKPT_TORN && search->rule->quarantine, &why);
    }
    return r < 0 ? err_set(err, r, "no memory for the torn checkpoints") : 0;
}

/* Rename without replacing, also where the file system can't promise that. */
static int rename_new(int folder, const char *from, int quarantine, const char *to)
{
    struct stat st;

    if (renameat2(folder, from, quarantine, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (fstatat(quarantine, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return renameat(folder, from, quarantine, to) < 0 ? -errno : 0;
}

/* Move one into the open folders; returns its number there or a negative errno. */
static int move_one(int folder, int quarantine, const char *name)
{
    char to[NAME_MAX + 1];

    for (int n = 1; n <= QUARANTINE_MAX; n++) {
        int r;

        if (snprintf(to, sizeof(to), "%s.%d", name, n) >= (int)sizeof(to))
            return -ENAMETOOLONG;
        r = rename_new(folder, name, quarantine, to);
        if (r != -EEXIST && r != -ENOTEMPTY)
            return r < 0 ? r : n;
    }
    return -EEXIST;
}

/* By descriptors, so that no link put in their place leads out of the pattern's folder. */
static int open_folders(const struct search *search, int *folder, int *quarantine)
{
    *quarantine = -1;
    *folder = open(search->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0)
        return -errno;
    if (mkdirat(*folder, QUARANTINE, 0755) < 0 && errno != EEXIST)
        return -errno;
    *quarantine = openat(*folder, QUARANTINE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *quarantine < 0 ? -errno : 0;
}

/* What can't be moved stays and is passed over: a run must not end for that. */
static int move_torn(struct search *search)
{
    int folder = -1, quarantine = -1, opened = 0, r = 0;
    bool asked = false;

    for (size_t i = 0; i < search->torn.count && r == 0; i++) {
        struct ckpt_moved *torn = &search->torn.items[i];
        const char *name = strrchr(torn->from, '/') + 1;
        int n;

        if (torn->to)
            continue;
        if (!asked)
            opened = open_folders(search, &folder, &quarantine);
        asked = true;
        n = opened < 0 ? opened : move_one(folder, quarantine, name);
        if (n > 0) {
            torn->to =
                arena_printf(search->arena, "%s/" QUARANTINE "/%s.%d", search->folder, name, n);
        } else {
            torn->to = "";
            torn->why = arena_printf(search->arena, "%s; it can't be moved to " QUARANTINE ": %s",
                                     torn->why, strerror(-n));
        }
        if (!torn->to || !torn->why)
            r = -ENOMEM;
    }
    if (quarantine >= 0)
        (void)close(quarantine);
    if (folder >= 0)
        (void)close(folder);
    return r;
}

static size_t count_torn(const struct search *search)
{
    size_t count = 0;

    for (size_t i = 0; i < search->torn.count; i++)
        count += search->torn.items[i].to == NULL;
    return count;
}

static int find(struct search *search, struct ckpt_found *out, struct err *err)
{
    const struct candidate *best = NULL;
    struct ckpt_moved *moved;
    int r = list_candidates(search, err);

    if (r == 0)
        r = choose(search, &best, err);
    if (r < 0)
        return r;
    if (!best && count_torn(search) > CKPT_TORN_MAX)
        return err_set(err, -EBADMSG,
                       "none of %zu checkpoints '%s' is complete (%s: %s); nothing was moved",
                       search->torn.count, search->rule->pattern, search->torn.items[0].from,
                       search->torn.items[0].why);
    moved = arena_alloc(search->arena, (search->torn.count + 1) * sizeof(*moved));
    if (!moved || move_torn(search) < 0)
        return err_set(err, -ENOMEM, "no memory for the torn checkpoints");
    for (size_t i = 0; i < search->torn.count; i++)
        moved[i] = search->torn.items[i];
    *out = (struct ckpt_found){best ? best->path : NULL, best ? best->step : -1, moved,
                               search->torn.count};
    return 0;
}

/* The pattern's folder as an absolute path, without the '/' at its end. */
static const char *folder_of(struct arena *arena, const struct ckpt_rule *rule)
{
    struct str folder = str_of(rule->pattern);
    char cwd[PATH_MAX] = "";

    folder.len -= glob_of(rule->pattern).len;
    while (folder.len > 1 && folder.p[folder.len - 1] == '/')
        folder.len--;
    if (folder.len > 0 && folder.p[0] == '/')
        return arena_copy(arena, folder.p, folder.len);
    if (!rule->cwd && !getcwd(cwd, sizeof(cwd)))
        return NULL;
    return arena_printf(arena, "%s%s%.*s", rule->cwd ? rule->cwd : cwd, folder.len ? "/" : "",
                        STR_ARG(folder));
}

int ckpt_find(struct arena *arena, const struct ckpt_rule *rule, struct ckpt_found *out,
              struct err *err)
{
    struct search search = {.arena = arena, .rule = rule};
    int r = ckpt_rule_check(rule, err);

    if (r < 0)
        return r;
    if (!rule->pattern) {
        *out = (struct ckpt_found){NULL, -1, NULL, 0};
        return 0;
    }
    search.glob = glob_of(rule->pattern);
    search.folder = folder_of(arena, rule);
    if (!search.folder)
        return err_set(err, -ENOMEM, "no memory for the checkpoint's folder");
    r = find(&search, out, err);
    vec_done(&search.candidates);
    vec_done(&search.torn);
    return r;
}

struct sum {
    int64_t bytes;
    unsigned files;
};

static int add_bytes(void *data, const char *name, const struct stat *st)
{
    struct sum *sum = data;

    (void)name;
    sum->bytes += st->st_size;
    return ++sum->files == BYTES_FILES_MAX;
}

int64_t ckpt_bytes(const char *path)
{
    struct sum sum = {0};
    struct stat st;

    if (lstat(path, &st) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode))
        return st.st_size;
    (void)tree_walk(path, add_bytes, &sum);
    return sum.bytes;
}
