#include "agent/collect.h"

#include "agent/catalogue.h"
#include "agent/commands.h"
#include "agent/take.h"
#include "base/clock.h"
#include "snap/manifest.h"
#include "snap/snap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX   (SNAP_BYTES_MAX / 2) /* leaves room for tar's padding */
#define ENTRIES_MAX (SNAP_ENTRIES_MAX / 2)

struct collection {
    const struct collect_options *options;
    struct arena *arena;
    struct taken taken;
    VEC(struct manifest_entry) entries;
    struct commands commands;
    uint64_t commands_kept;
    const char *full; /* which bound was reached, or NULL */
};

static int add_entry(struct collection *c, struct manifest_entry entry)
{
    struct manifest_entry *slot = entry.path ? vec_push(&c->entries) : NULL;

    if (!slot)
        return -ENOMEM;
    *slot = entry;
    return 0;
}

/* Reaching a bound ends the taking, but what is there is kept. */
static int bound(struct collection *c, int r)
{
    if (r != -EFBIG)
        return r;
    c->full = "more files than a snapshot holds";
    return 0;
}

static int take_all_files(struct collection *c)
{
    int r = 0;

    for (size_t i = 0; r == 0 && !c->full && i < catalogue_files_count; i++)
        r = bound(c, take_files(&c->taken, &catalogue_files[i]));
    return r;
}

static int note_files(struct collection *c)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < c->taken.notes.count; i++) {
        const struct take_note *n = &c->taken.notes.items[i];
        struct manifest_entry entry = {
            .path = n->count == 1 ? n->first : arena_printf(c->arena, "%s/%s", n->dir, n->name),
            .kind = n->link ? MANIFEST_LINK : MANIFEST_FILE,
            .status = n->status,
            .bytes = n->bytes};
        const char *why = n->error                       ? strerror(n->error)
                          : n->status == MANIFEST_DENIED ? "only the first 64 bytes without root"
                                                         : "larger than what is kept of one file";

        entry.error = n->count == 1 ? arena_copy(c->arena, why, strlen(why))
                                    : arena_printf(c->arena, "%s (%zu files, the first is %s)", why,
                                                   n->count, n->first);
        r = entry.error ? add_entry(c, entry) : -ENOMEM;
    }
    return r;
}

static const char *join_words(struct arena *arena, const char *const *words)
{
    struct buf text = {0};
    const char *out;

    for (size_t i = 0; words[i]; i++)
        buf_printf(&text, "%s%s", i ? " " : "", words[i]);
    out = text.failed ? NULL : arena_copy(arena, text.p, text.len);
    buf_done(&text);
    return out;
}

static int keep_outputs(struct collection *c)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < c->commands.programs.count; i++) {
        struct program *program = &c->commands.programs.items[i];
        const char *path = c->commands.paths.items[i];

        if (program->output.len) {
            r = bound(c, take_bytes(&c->taken, path, program->output, false));
            c->commands_kept++;
        }
        if (r == 0)
            r = add_entry(c,
                          (struct manifest_entry){.path = path,
                                                  .kind = MANIFEST_COMMAND,
                                                  .status = program->status,
                                                  .bytes = program->output.len,
                                                  .error = program->error,
                                                  .command = join_words(c->arena, program->words),
                                                  .exit_status = program->exit_status,
                                                  .ms = program->ms});
    }
    return r;
}

static const char *format_time(struct arena *arena, int64_t now_s)
{
    time_t t = (time_t)now_s;
    char text[32];
    struct tm tm;

    if (!gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
        return "";
    return arena_copy(arena, text, strlen(text));
}

/* One line of a file that was taken, or NULL. */
static const char *taken_line(struct collection *c, const char *path)
{
    for (size_t i = 0; i < c->taken.entries.count; i++) {
        const struct tree_entry *entry = &c->taken.entries.items[i];
        struct str line = str_trim(entry->bytes);

        if (!strcmp(entry->path, path))
            return line.len ? arena_copy(c->arena, line.p, line.len) : NULL;
    }
    return NULL;
}

static int add_manifest(struct collection *c, int64_t ms, struct buf *text, struct err *err)
{
    int64_t now_s = c->options->now_s ? c->options->now_s : (int64_t)time(NULL);
    struct manifest manifest = {
        .version = FIRSTLIGHT_VERSION,
        .time = format_time(c->arena, now_s),
        .hostname = taken_line(c, "proc/sys/kernel/hostname"),
        .kernel = taken_line(c, "proc/sys/kernel/osrelease"),
        .uid = getuid(),
        .euid = geteuid(),
        .root = geteuid() == 0,
        .files = c->taken.files,
        .links = c->taken.links,
        .commands = c->commands_kept,
        .bytes = c->taken.bytes,
        .ms = ms,
        .entries = c->entries.items,
        .count = c->entries.count,
    };
    struct utsname names;
    size_t begin = text->len;
    const char *copy;
    int r;

    if (!c->options->root && uname(&names) == 0) {
        manifest.hostname = arena_copy(c->arena, names.nodename, strlen(names.nodename));
        manifest.kernel = arena_copy(c->arena, names.release, strlen(names.release));
    }
    r = manifest_write(&manifest, text, err);
    if (r < 0)
        return r;
    copy = arena_copy(c->arena, text->p + begin, text->len - begin);
    c->taken.bytes_max = c->taken.entries_max = SIZE_MAX; /* it is always there */
    if (!copy ||
        take_bytes(&c->taken, MANIFEST_PATH, (struct str){copy, text->len - begin}, false) < 0)
        return err_set(err, -ENOMEM, "no memory for the manifest");
    return 0;
}

static int collect(struct collection *c, struct buf *manifest, struct err *err)
{
    int64_t start_ms = clock_now_ms();
    int r = take_all_files(c);

    if (r == 0)
        r = note_files(c);
    if (r < 0)
        return err_set(err, r, "no memory for the host's files");
    if (!c->options->root && !c->options->no_commands) {
        r = commands_run(&c->commands, &c->taken,
                         c->options->timeout_ms ? c->options->timeout_ms : COLLECT_TIMEOUT_MS,
                         c->options->total_ms, err);
        if (r < 0)
            return r;
        r = keep_outputs(c);
        if (r < 0)
            return err_set(err, r, "no memory for the commands' outputs");
    }
    if (c->full)
        r = add_entry(
            c, (struct manifest_entry){.path = "/", .status = MANIFEST_CUT, .error = c->full});
    if (r < 0)
        return err_set(err, r, "no memory for the manifest");
    return add_manifest(c, clock_now_ms() - start_ms, manifest, err);
}

int collect_tree(struct arena *arena, const struct collect_options *options, struct tree *out,
                 struct buf *manifest, struct err *err)
{
    struct collection c = {.options = options, .arena = arena, .commands.arena = arena};
    const char *root = options->root ? options->root : "/";
    struct buf own = {0};
    struct stat st;
    int r;

    if (stat(root, &st) < 0)
        return err_set(err, -errno, "%s: %s", root, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(err, -ENOTDIR, "%s: not a folder", root);
    r = take_init(&c.taken, arena, options->root ? options->root : "", BYTES_MAX, ENTRIES_MAX);
    if (r < 0)
        err_set(err, r, "no memory for the host's files");
    else
        r = collect(&c, manifest ? manifest : &own, err);
    if (r == 0) {
        out->name = options->root ? options->root : "live";
        out->count = c.taken.entries.count;
        out->entries = arena_alloc(arena, out->count * sizeof(*out->entries));
        if (out->entries)
            memcpy(out->entries, c.taken.entries.items, out->count * sizeof(*out->entries));
        else
            r = err_set(err, -ENOMEM, "no memory for the host's files");
    }
    if (r == 0)
        tree_sort(out);
    take_done(&c.taken);
    vec_done(&c.entries);
    commands_done(&c.commands);
    buf_done(&own);
    return r;
}

int collect_snapshot(const struct collect_options *options, struct buf *out, struct err *err)
{
    struct arena *arena = arena_new(0);
    struct tree tree;
    int r;

    if (!arena)
        return err_set(err, -ENOMEM, "no memory to collect");
    r = collect_tree(arena, options, &tree, NULL, err);
    if (r == 0)
        r = snap_pack(&tree, options->now_s ? options->now_s : (int64_t)time(NULL), out, err);
    arena_free(arena);
    return r;
}
