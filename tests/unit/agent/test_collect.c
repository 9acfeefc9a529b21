#include "agent/collect.h"
#include "agent/kernel_log.h"
#include "base/file.h"
#include "snap/manifest.h"
#include "snap/snap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A node's files as a small root folder: { path, bytes } and { link, target }. */
static const char *const files[][2] = {
    {"proc/cmdline", "iommu=pt\n"},
    {"proc/sys/kernel/hostname", "n007\n"},
    {"proc/sys/kernel/osrelease", "6.1.0\n"},
    {"proc/secret", "not asked for"},
    {"sys/devices/pci0/0000:19:00.0/config", "bytes"},
    {"sys/devices/pci0/0000:19:00.0/numa_node", "1\n"},
    {"sys/devices/pci0/0000:19:00.0/aer_dev_fatal", "TLP 0\n"},
    {"sys/devices/pci0/0000:19:00.0/infiniband/mlx5_0/ports/1/state", "4: ACTIVE\n"},
    {"sys/devices/pci0/0000:19:00.0/infiniband/mlx5_0/ports/1/counters/link_downed", "255\n"},
    {"sys/module/mlx5_core/version", "23.10\n"},
    {"sys/module/mlx5_core/parameters/prof_sel", "2\n"},
    {"sys/module/ext4/parameters/x", "not asked for"},
    {"sys/class/net/eth0/statistics/rx_errors", "7\n"},
    {"sys/class/net/eth0/mtu", "9000\n"},
    {"sys/class/net/veth1/statistics/rx_errors", "8\n"},
    {"sys/class/net/veth1/mtu", "1500\n"},
};
static const char *const links[][2] = {
    {"sys/bus/pci/devices/0000:19:00.0", "../../../devices/pci0/0000:19:00.0"},
    {"sys/devices/pci0/0000:19:00.0/driver", "../../../bus/pci/drivers/mlx5_core"},
    {"sys/devices/pci0/0000:19:00.0/infiniband/mlx5_0/device", "../../../0000:19:00.0"},
    {"sys/class/infiniband/mlx5_0", "../../devices/pci0/0000:19:00.0/infiniband/mlx5_0"},
    {"sys/class/net/eth0/device", "../../../bus/pci/devices/0000:19:00.0"},
    {"sys/class/net/loop", "loop"},
};

static void make_parents(char *path)
{
    for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
        *p = '/';
    }
}

static const char *make_root(struct arena *arena)
{
    char *root = arena_copy(arena, "/tmp/firstlight-test-XXXXXX", 27);

    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char *path = arena_printf(arena, "%s/%s", root, files[i][0]);

        make_parents(path);
        assert_int_equal(file_write(path, files[i][1], strlen(files[i][1]), NULL), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        char *path = arena_printf(arena, "%s/%s", root, links[i][0]);

        make_parents(path);
        assert_int_equal(symlink(links[i][1], path), 0);
    }
    return root;
}

static void remove_root(struct arena *arena, const char *root)
{
    assert_int_equal(system(arena_printf(arena, "rm -rf %s", root)), 0);
}

static const struct {
    const char *path, *bytes;
    bool link;
} wanted[] = {
    {"proc/cmdline", "iommu=pt\n", false},
    {"sys/bus/pci/devices/0000:19:00.0/config", "bytes", false},
    {"sys/bus/pci/devices/0000:19:00.0/numa_node", "1\n", false},
    {"sys/bus/pci/devices/0000:19:00.0/aer_dev_fatal", "TLP 0\n", false},
    {"sys/bus/pci/devices/0000:19:00.0/driver", "../../../bus/pci/drivers/mlx5_core", true},
    {"sys/class/infiniband/mlx5_0/device", "../../../0000:19:00.0", true},
    {"sys/class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE\n", false},
    {"sys/class/infiniband/mlx5_0/ports/1/counters/link_downed", "255\n", false},
    {"sys/module/mlx5_core/version", "23.10\n", false},
    {"sys/module/mlx5_core/parameters/prof_sel", "2\n", false},
    {"sys/class/net/eth0/statistics/rx_errors", "7\n", false},
    {"sys/class/net/eth0/device", "../../../bus/pci/devices/0000:19:00.0", true},
    {"sys/class/net/veth1/mtu", "1500\n", false},
};

static void a_root_folder_becomes_a_tree(void **state)
{
    struct arena *arena = arena_new(0);
    const char *root = make_root(arena);
    struct collect_options options = {.root = root, .now_s = 1790000000};
    struct manifest manifest;
    struct buf json = {0};
    struct tree tree;
    struct err err = {0};

    (void)state;
    assert_int_equal(collect_tree(arena, &options, &tree, &json, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const struct tree_entry *entry = tree_find(&tree, wanted[i].path);

        assert_non_null(entry);
        assert_int_equal(entry->link, wanted[i].link);
        assert_true(str_is(entry->bytes, wanted[i].bytes));
    }
    assert_null(tree_find(&tree, "proc/secret"));
    assert_null(tree_find(&tree, "sys/class/net/veth1/statistics/rx_errors"));
    assert_null(tree_find(&tree, "sys/module/ext4/parameters/x"));
    for (size_t i = 1; i < tree.count; i++)
        assert_true(strcmp(tree.entries[i - 1].path, tree.entries[i].path) < 0);
    assert_true(str_eq(tree_find(&tree, MANIFEST_PATH)->bytes, (struct str){json.p, json.len}));
    assert_int_equal(manifest_parse(arena, (struct str){json.p, json.len}, &manifest, &err), 0);
    assert_string_equal(manifest.hostname, "n007");
    assert_string_equal(manifest.kernel, "6.1.0");
    assert_string_equal(manifest.time, "2026-09-21T14:13:20Z");
    assert_int_equal(manifest.files, tree.count - 1 - 4);
    assert_int_equal(manifest.links, 4);
    assert_int_equal(manifest.commands, 0);
    assert_int_equal(manifest.count, 0);
    buf_done(&json);
    remove_root(arena, root);
    arena_free(arena);
}

static void the_snapshot_holds_the_tree(void **state)
{
    struct arena *arena = arena_new(0);
    const char *root = make_root(arena);
    struct collect_options options = {.root = root, .now_s = 1790000000};
    struct tree tree, again;
    struct buf snap = {0};

    (void)state;
    assert_int_equal(collect_tree(arena, &options, &tree, NULL, NULL), 0);
    assert_int_equal(collect_snapshot(&options, &snap, NULL), 0);
    assert_int_equal(snap_read(arena, "n", snap.p, snap.len, SNAP_BYTES_MAX, &again, NULL), 0);
    assert_int_equal(again.count, tree.count);
    for (size_t i = 0; i < tree.count; i++)
        assert_string_equal(tree.entries[i].path, again.entries[i].path);
    buf_done(&snap);
    remove_root(arena, root);
    arena_free(arena);
}

static void a_root_that_is_none_is_an_error(void **state)
{
    struct collect_options options = {.root = "/nonexistent"};
    struct arena *arena = arena_new(0);
    struct tree tree;
    struct err err = {0};

    (void)state;
    assert_int_equal(collect_tree(arena, &options, &tree, NULL, &err), -ENOENT);
    assert_string_equal(err.text, "/nonexistent: No such file or directory");
    options.root = "/etc/passwd";
    assert_int_equal(collect_tree(arena, &options, &tree, NULL, &err), -ENOTDIR);
    arena_free(arena);
}

static void no_memory_is_no_crash(void **state)
{
    struct arena *all = arena_new(0);
    const char *root = make_root(all);
    struct collect_options options = {.root = root};

    (void)state;
    for (size_t bytes_max = 16; bytes_max < 70000; bytes_max += 1777) {
        struct arena *arena = arena_new(bytes_max);
        struct err err = {0};
        struct tree tree;
        int r = collect_tree(arena, &options, &tree, NULL, &err);

        assert_true(r == 0 || (r == -ENOMEM && err.text[0]));
        arena_free(arena);
    }
    remove_root(all, root);
    arena_free(all);
}

static const struct {
    const char *text, *want;
} logs[] = {
    {"", ""},
    {"<6>[    0.0] a\n<12>b\n", "[    0.0] a\nb\n"},
    {"plain\n<6>last", "plain\nlast"},
    {"<x>a\n<>b\n<6\n<", "<x>a\n<>b\n<6\n<"},
    {"<6>\n<6>", "\n"},
};

static void the_kernels_log_loses_its_levels(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        size_t len = strlen(logs[i].text);
        char *text = malloc(len ? len : 1);

        memcpy(text, logs[i].text, len);
        len = kernel_log_strip(text, len);
        assert_true(str_is((struct str){text, len}, logs[i].want));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_root_folder_becomes_a_tree),
        cmocka_unit_test(the_snapshot_holds_the_tree),
        cmocka_unit_test(a_root_that_is_none_is_an_error),
        cmocka_unit_test(no_memory_is_no_crash),
        cmocka_unit_test(the_kernels_log_loses_its_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
