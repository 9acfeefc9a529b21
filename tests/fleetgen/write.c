#include "write.h"

#include "base/hash.h"
#include "snap/snap.h"
#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Make the folders on the way to `path` (its last part is a file's name). */
static int make_folders(char *path, struct err *err)
{
    for (char *p = path + 1; *p; p++) {
        int r = 0;

        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0777) < 0 && errno != EEXIST)
            r = err_set(err, -errno, "%s: can't make this folder", path);
        *p = '/';
        if (r < 0)
            return r;
    }
    return 0;
}

static int put_file(const char *path, const char *bytes, size_t len, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int r = 0;

    if (fd < 0)
        return err_set(err, -errno, "%s: can't create", path);
    while (len > 0 && r == 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            r = err_set(err, -errno, "%s: can't write", path);
        } else {
            bytes += n;
            len -= (size_t)n;
        }
    }
    if (close(fd) < 0 && r == 0)
        r = err_set(err, -errno, "%s: can't write", path);
    return r;
}

/* A link that was there goes, whatever it led to. */
static int put_link(const char *path, const char *target, struct err *err)
{
    (void)unlink(path);
    return symlink(target, path) < 0 ? err_set(err, -errno, "%s: can't make this link", path) : 0;
}

static int put_tree(const struct tree *tree, const char *folder, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < tree->count && r == 0; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        char path[4096];

        snprintf(path, sizeof(path), "%s/%s/%s", folder, tree->name, entry->path);
        if (i == 0 || strchr(entry->path, '/'))
            r = make_folders(path, err);
        if (r == 0)
            r = entry->link ? put_link(path, entry->bytes.p, err)
                            : put_file(path, entry->bytes.p, entry->bytes.len, err);
    }
    return r;
}

static int put_sysfs(const struct gen_fleet *fleet, uint32_t index, const struct gen_node *node,
                     const char *folder, struct err *err)
{
    struct arena *arena = arena_new(0);
    struct tree tree;
    int r = arena ? gen_node_sysfs(fleet, index, node, arena, &tree) : -ENOMEM;

    r = r < 0 ? err_set(err, r, "no memory for a node's bytes") : put_tree(&tree, folder, err);
    arena_free(arena);
    return r;
}

static int put_hex(const struct gen_fleet *fleet, uint32_t index, const struct gen_node *node,
                   const char *folder, struct err *err)
{
    struct buf hex = {0};
    char path[4096];
    int r;

    render_hex(gen_variant(fleet, index), &node->noise.lspci, &hex);
    snprintf(path, sizeof(path), "%s/%s/lspci-hex.txt", folder, node->name);
    r = hex.failed ? err_set(err, -ENOMEM, "no memory for hex")
                   : put_file(path, hex.p, hex.len, err);
    buf_done(&hex);
    return r;
}

/* The same bytes from the same seed: the nodes of a fleet were all taken at this second. */
#define TAKEN_S 1700000000

static int put_snap(const struct gen_node *node, const char *folder, struct err *err)
{
    struct buf packed = {0};
    char path[4096];
    int r = snap_pack(&node->tree, TAKEN_S, &packed, err);

    snprintf(path, sizeof(path), "%s/%s.snap", folder, node->name);
    if (r == 0)
        r = make_folders(path, err);
    if (r == 0)
        r = put_file(path, packed.p, packed.len, err);
    buf_done(&packed);
    return r;
}

static int put_node(const struct gen_fleet *fleet, uint32_t index, struct gen_node *node,
                    const char *folder, const struct write_options *options, struct err *err)
{
    int r = gen_node(fleet, index, node);

    if (r < 0)
        return err_set(err, r, "no memory for a node's texts");
    if (options->snap)
        return put_snap(node, folder, err);
    r = options->bytes ? put_sysfs(fleet, index, node, folder, err)
                       : put_tree(&node->tree, folder, err);
    if (r == 0 && options->hex)
        r = put_hex(fleet, index, node, folder, err);
    return r;
}

static void write_pairs(const struct gen_fleet *fleet, uint32_t count, struct buf *out)
{
    const struct gen_spec *spec = gen_spec_of(fleet);
    struct rng rng = {hash_mix(spec->seed, 0x7061697273)};

    buf_puts(out, "node,node,value\n");
    for (uint32_t i = 0; i < count && spec->nodes > 1; i++) {
        uint32_t a = (uint32_t)rng_below(&rng, spec->nodes);
        uint32_t b = (uint32_t)rng_below(&rng, spec->nodes - 1);
        char name_a[16], name_b[16];

        b += b >= a;
        gen_name(fleet, a, name_a);
        gen_name(fleet, b, name_b);
        buf_printf(out, "%s,%s,%.1f\n", name_a, name_b, gen_pair_bandwidth(fleet, a, b));
    }
}

static void write_truth(const struct gen_fleet *fleet, struct buf *out)
{
    const struct gen_spec *spec = gen_spec_of(fleet);
    const struct mutation *mutation = gen_mutation(fleet);
    bool first = true;

    buf_printf(out, "{\n  \"model\": \"%s\",\n  \"seed\": %llu,\n  \"nodes\": %u,\n", spec->model,
               (unsigned long long)spec->seed, spec->nodes);
    if (mutation)
        buf_printf(out,
                   "  \"mutation\": \"%s\",\n  \"catalogue\": %d,\n  \"which\": %d,\n"
                   "  \"effect\": %g,\n",
                   mutation->id, mutation->catalogue, gen_which(fleet), mutation->effect);
    else
        buf_puts(out, "  \"mutation\": null,\n");
    buf_puts(out, "  \"bad\": [");
    for (uint32_t i = 0; i < spec->nodes; i++) {
        char name[16];

        if (!gen_is_bad(fleet, i))
            continue;
        gen_name(fleet, i, name);
        buf_printf(out, "%s\"%s\"", first ? "" : ", ", name);
        first = false;
    }
    buf_puts(out, "]\n}\n");
}

static int put_beside(const char *folder, const char *name, struct buf *text, struct err *err)
{
    char path[4096];
    int r;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    r = text->failed ? err_set(err, -ENOMEM, "no memory for %s", name)
                     : put_file(path, text->p ? text->p : "", text->len, err);
    buf_clear(text);
    return r;
}

int gen_write(const struct gen_fleet *fleet, const char *folder,
              const struct write_options *options, struct err *err)
{
    const struct gen_spec *spec = gen_spec_of(fleet);
    struct gen_node *node = calloc(1, sizeof(*node));
    struct buf bw = {0}, slow = {0}, other = {0};
    int r = 0;

    if (!node)
        return err_set(err, -ENOMEM, "no memory for a node");
    buf_puts(&bw, "node,value\n");
    for (uint32_t i = 0; i < spec->nodes && r == 0; i++) {
        r = put_node(fleet, i, node, folder, options, err);
        buf_printf(&bw, "%s,%.1f\n", node->name, gen_bandwidth(fleet, i));
        if (gen_is_labelled_slow(fleet, i))
            buf_printf(&slow, "%s\n", node->name);
    }
    if (r == 0)
        r = put_beside(folder, "bw.csv", &bw, err);
    if (r == 0)
        r = put_beside(folder, "slow.txt", &slow, err);
    if (r == 0 && options->pairs > 0) {
        write_pairs(fleet, options->pairs, &other);
        r = put_beside(folder, "pairs.csv", &other, err);
    }
    if (r == 0) {
        write_truth(fleet, &other);
        r = put_beside(folder, "truth.json", &other, err);
    }
    buf_done(&bw);
    buf_done(&slow);
    buf_done(&other);
    gen_node_done(node);
    free(node);
    return r;
}
