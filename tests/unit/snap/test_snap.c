#include "base/file.h"
#include "base/rng.h"
#include "snap/manifest.h"
#include "snap/snap.h"
#include "snap/tar.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#define TIME_S 1790000000

/* A tree with what a node's has: a manifest, short and long names, links, an empty file, text that
 * packs well and bytes that do not, over several frames. */
static struct tree make_tree(struct arena *arena, size_t noise_bytes)
{
    struct tree tree = {.name = "n001.snap"};
    struct manifest manifest = {
        .version = "1", .time = "t", .hostname = "n001", .files = 10, .links = 2};
    struct rng rng = {7};
    struct buf json = {0};
    char *noise = arena_alloc(arena, noise_bytes + 1);
    char *deep = arena_printf(arena, "sys/%0200d/%0200d/%0200d", 1, 2, 3);
    char *far = arena_printf(arena, "../../%0200d/x", 4);

    assert_int_equal(manifest_write(&manifest, &json, NULL), 0);
    for (size_t i = 0; i < noise_bytes; i++)
        noise[i] = (char)rng_next(&rng);
    tree.entries = arena_alloc(arena, 16 * sizeof(*tree.entries));
#define ADD(...) tree.entries[tree.count++] = (struct tree_entry){__VA_ARGS__}
    ADD("proc/cmdline", STR("quiet iommu=pt\n"));
    ADD(MANIFEST_PATH, {arena_copy(arena, json.p, json.len), json.len});
    ADD("sys/empty", {"", 0});
    ADD("sys/bus/pci/devices/0000:19:00.0/driver", STR("../../../bus/pci/drivers/mlx5_core"), true);
    ADD("sys/bus/pci/devices/0000:19:00.0/iommu_group", str_of(far), true);
    ADD(deep, STR("deep\n"));
    ADD("noise/1", {noise, noise_bytes});
    ADD("noise/2", {noise, noise_bytes / 2});
    ADD("noise/3", {noise, 512 < noise_bytes ? 512 : noise_bytes});
    ADD("noise/4", {noise, noise_bytes});
    ADD("noise/5", {noise, 1});
    ADD("with blank and \xc3\xa4", STR("x"));
    /* 100 bytes fill the name field; 101 with a '/' go to the prefix */
    ADD(arena_printf(arena, "%0100d", 5), STR("y"));
    ADD(arena_printf(arena, "%050d/%050d", 6, 7), STR("z"));
#undef ADD
    tree_sort(&tree);
    buf_done(&json);
    return tree;
}

static void pack(const struct tree *tree, struct buf *out)
{
    struct err err = {0};

    assert_int_equal(snap_pack(tree, TIME_S, out, &err), 0);
}

static void assert_entry(const struct tree *tree, const struct tree_entry *want)
{
    const struct tree_entry *got = tree_find(tree, want->path);

    assert_non_null(got);
    assert_int_equal(got->link, want->link);
    assert_true(str_eq(got->bytes, want->bytes));
}

static void what_is_packed_is_read_back(void **state)
{
    struct arena *arena = arena_new(0);
    struct tree tree = make_tree(arena, 900000), got;
    struct buf snap = {0};
    struct err err = {0};

    (void)state;
    pack(&tree, &snap);
    assert_int_equal(snap_read(arena, "n001.snap", snap.p, snap.len, SNAP_BYTES_MAX, &got, &err),
                     0);
    assert_int_equal(got.count, tree.count);
    assert_string_equal(got.name, "n001.snap");
    for (size_t i = 0; i < tree.count; i++) {
        assert_string_equal(got.entries[i].path, tree.entries[i].path);
        assert_entry(&got, &tree.entries[i]);
    }
    buf_done(&snap);
    arena_free(arena);
}

/* Every prefix either is refused with a sentence or gives files that are byte for byte right. */
static void every_prefix_is_named_and_its_whole_files_are_right(void **state)
{
    struct arena *all = arena_new(0);
    struct tree tree = make_tree(all, 700000), got;
    struct buf snap = {0};
    size_t most = 0, step;

    (void)state;
    pack(&tree, &snap);
    assert_true(snap.len > 1000 * 1000);
    for (size_t len = 0; len < snap.len; len += step) {
        struct arena *arena = arena_new(0);
        struct err err = {0};
        char *exact = malloc(len ? len : 1);
        int r;

        /* byte by byte at both ends, in steps between */
        step = len < 3000 || snap.len - len < 3000 ? 31 : 150001;
        if (snap.len - len < 40)
            step = 1;
        memcpy(exact, snap.p, len);
        r = snap_read(arena, "n001.snap", exact, len, SNAP_BYTES_MAX, &got, &err);
        assert_true(r == 1 || r == -EBADMSG);
        assert_true(str_starts(str_of(err.text), "n001.snap: "));
        if (r == 1) {
            assert_non_null(strstr(err.text, " of 12 files"));
            for (size_t i = 0; i < got.count; i++)
                assert_entry(&tree, &got.entries[i]);
            most = got.count > most ? got.count : most;
        } else if (len == 0) {
            assert_string_equal(err.text, "n001.snap: empty, not a snapshot");
        } else {
            assert_string_equal(err.text, "n001.snap: cut off after 0 files");
        }
        free(exact);
        arena_free(arena);
    }
    assert_in_range(most, 3, tree.count - 1);
    buf_done(&snap);
    arena_free(all);
}

/* One flipped bit anywhere is seen, and no wrong byte is handed out. */
static void a_flipped_bit_is_never_handed_out(void **state)
{
    struct arena *all = arena_new(0);
    struct tree tree = make_tree(all, 300000), got;
    struct rng rng = {42};
    struct buf snap = {0};

    (void)state;
    pack(&tree, &snap);
    for (int round = 0; round < 300; round++) {
        struct arena *arena = arena_new(0);
        struct err err = {0};
        /* a third of the flips into the first 64 bytes, where headers are dense */
        size_t bit = rng_below(&rng, 8 * (round % 3 ? snap.len : 64));
        int r;

        snap.p[bit / 8] ^= (char)(1 << bit % 8);
        r = snap_read(arena, "n001.snap", snap.p, snap.len, SNAP_BYTES_MAX, &got, &err);
        snap.p[bit / 8] ^= (char)(1 << bit % 8);
        if (r == 0) {
            /* zstd has one bit that nothing reads; whoever flips it changes nothing */
            assert_int_equal(got.count, tree.count);
        } else {
            assert_true(r == 1 || r == -EBADMSG || r == -EFBIG);
            assert_true(str_starts(str_of(err.text), "n001.snap: "));
        }
        for (size_t i = 0; r >= 0 && i < got.count; i++)
            assert_entry(&tree, &got.entries[i]);
        arena_free(arena);
    }
    buf_done(&snap);
    arena_free(all);
}

static void trailing_garbage_is_named_and_all_files_are_there(void **state)
{
    struct arena *arena = arena_new(0);
    struct tree tree = make_tree(arena, 1000), got;
    struct buf snap = {0};
    struct err err = {0};

    (void)state;
    pack(&tree, &snap);
    buf_puts(&snap, "Connection to n001 closed.\n");
    assert_int_equal(snap_read(arena, "n001.snap", snap.p, snap.len, SNAP_BYTES_MAX, &got, &err),
                     1);
    assert_int_equal(got.count, tree.count);
    assert_string_equal(err.text, "n001.snap: all of its 14 files are there, but bytes that belong "
                                  "to no snapshot follow them");
    buf_done(&snap);
    arena_free(arena);
}

static void what_is_no_snapshot_is_called_so(void **state)
{
    struct arena *arena = arena_new(0);
    char frame[256];
    struct tree got;
    struct err err = {0};
    size_t len;

    (void)state;
    assert_int_equal(snap_read(arena, "x.snap", "00:00.0 Host bridge", 19, 1000, &got, &err),
                     -EBADMSG);
    assert_string_equal(err.text, "x.snap: not a snapshot (it does not begin as zstd does)");
    len = ZSTD_compress(frame, sizeof(frame), "no tar here", 11, 3);
    assert_int_equal(snap_read(arena, "x.snap", frame, len, 1000, &got, &err), -EBADMSG);
    assert_string_equal(err.text, "x.snap: not a snapshot (what it holds is no tar archive)");
    arena_free(arena);
}

static void a_bomb_is_refused(void **state)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    size_t space = (size_t)32 << 20, bound = ZSTD_compressBound(space), len;
    char *zeros = calloc(1, space), *frame = malloc(bound);
    struct tree got;
    struct err err = {0};
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ZSTD_inBuffer in = {zeros, space, 0};
    ZSTD_outBuffer out = {frame, bound, 0};

    (void)state;
    len = ZSTD_compress(frame, bound, zeros, space, 3);
    assert_int_equal(snap_read(arena, "b.snap", frame, len, (size_t)8 << 20, &got, &err), -EFBIG);
    assert_string_equal(err.text, "b.snap: opens to more than 8 MiB");
    /* the same from a stream, which does not say how much is in it */
    while (ZSTD_compressStream2(zstd, &out, &in, in.pos < in.size ? ZSTD_e_flush : ZSTD_e_end))
        ;
    while (ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end))
        ;
    assert_int_equal(snap_read(arena, "b.snap", frame, out.pos, (size_t)8 << 20, &got, &err),
                     -EFBIG);
    /* a frame that lies about its size asks for no memory */
    len = ZSTD_compress(frame, bound, zeros, 1000, 3);
    frame[4] = (char)0xe4; /* single segment, 8 bytes of size, checksum */
    memset(frame + 5, 0x3f, 7);
    assert_true(snap_read(arena, "b.snap", frame, len, SIZE_MAX / 2, &got, &err) < 0);
    ZSTD_freeCCtx(zstd);
    free(zeros);
    free(frame);
    arena_free(arena);
}

static const char *const bad_paths[] = {"",    "/etc/passwd", "../x", "a/../../x", "a//b",
                                        "a/.", "a/",          "..",   "a\nb",      "\033[2J"};

static void paths_that_lead_outside_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_paths); i++) {
        struct tree_entry entry = {bad_paths[i], STR("x"), false};
        struct tree tree = {"t", &entry, 1}, got;
        struct tar_item item = {str_of(bad_paths[i]), STR("x"), false};
        struct arena *arena = arena_new(0);
        struct buf tar = {0}, snap = {0};
        struct err err = {0};
        char frame[4096];
        size_t len;
        int r;

        assert_false(snap_path_ok(str_of(bad_paths[i])));
        assert_int_equal(snap_pack(&tree, 0, &snap, &err), -EINVAL);
        tar_add(&tar, &item, 0);
        tar_end(&tar);
        len = ZSTD_compress(frame, sizeof(frame), tar.p, tar.len, 3);
        r = snap_read(arena, "x.snap", frame, len, SNAP_BYTES_MAX, &got, &err);
        if (bad_paths[i][0] == '\0' || str_ends(str_of(bad_paths[i]), "/"))
            assert_true(r == 0 && got.count == 0); /* a folder's entry, as tar writes them */
        else
            assert_int_equal(r, -EINVAL);
        buf_done(&tar);
        buf_done(&snap);
        arena_free(arena);
    }
}

static void of_a_repeated_path_the_last_counts(void **state)
{
    struct tar_item items[] = {{STR("a"), STR("old"), false},
                               {STR("b"), STR("b"), false},
                               {STR("./a"), STR("new"), false}};
    struct arena *arena = arena_new(0);
    struct tree got;
    struct buf tar = {0};
    char frame[4096];
    size_t len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        tar_add(&tar, &items[i], 0);
    tar_end(&tar);
    len = ZSTD_compress(frame, sizeof(frame), tar.p, tar.len, 3);
    assert_int_equal(snap_read(arena, "x", frame, len, SNAP_BYTES_MAX, &got, NULL), 0);
    assert_int_equal(got.count, 2);
    assert_true(str_is(got.entries[0].bytes, "new"));
    buf_done(&tar);
    arena_free(arena);
}

static int run(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *command;
    int r;

    va_start(args, format);
    assert_true(vasprintf(&command, format, args) > 0);
    va_end(args);
    (void)arena;
    r = system(command);
    free(command);
    return r;
}

/* GNU tar opens what we pack, and we open what it packs (with names only pax can hold). */
static void tar_and_snapshots_are_the_same(void **state)
{
    char dir[] = "/tmp/firstlight-test-XXXXXX";
    struct arena *arena = arena_new(0);
    struct tree tree = make_tree(arena, 5000), got;
    struct buf snap = {0};
    struct err err = {0};
    char *bytes;
    size_t len;

    (void)state;
    if (run(arena, "tar --version >/dev/null 2>&1 && zstd --version >/dev/null 2>&1") != 0) {
        print_message("no tar or no zstd program here\n");
        arena_free(arena);
        skip();
    }
    assert_non_null(mkdtemp(dir));
    pack(&tree, &snap);
    assert_int_equal(file_write(arena_printf(arena, "%s/n.snap", dir), snap.p, snap.len, &err), 0);
    assert_int_equal(run(arena,
                         "cd %s && tar --zstd -tf n.snap >list && head -n 1 list | "
                         "grep -qx manifest.json && mkdir out && tar --zstd -xf n.snap -C out",
                         dir),
                     0);
    assert_int_equal(
        file_read(arena_printf(arena, "%s/out/noise/1", dir), 10000, &bytes, &len, &err), 0);
    assert_int_equal(len, 5000);
    free(bytes);
    assert_int_equal(run(arena,
                         "cd %s/out && tar --format=pax -cf - . | zstd -q >../pax.snap && "
                         "tar --format=gnu --zstd -cf ../gnu.snap .",
                         dir),
                     0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(file_read(arena_printf(arena, "%s/%s.snap", dir, i ? "pax" : "gnu"),
                                   1 << 20, &bytes, &len, &err),
                         0);
        assert_int_equal(snap_read(arena, "t", bytes, len, SNAP_BYTES_MAX, &got, &err), 0);
        assert_int_equal(got.count, tree.count);
        for (size_t k = 0; k < tree.count; k++)
            assert_entry(&got, &tree.entries[k]);
        free(bytes);
    }
    assert_int_equal(run(arena, "rm -rf %s", dir), 0);
    buf_done(&snap);
    arena_free(arena);
}

/* RLIMIT_FSIZE stands for the full disk: the write fails in the middle. */
static void a_full_disk_leaves_the_old_snapshot(void **state)
{
    char dir[] = "/tmp/firstlight-test-XXXXXX";
    struct arena *arena = arena_new(0);
    struct tree tree = make_tree(arena, 500000);
    struct buf snap = {0};
    struct rlimit old, low;
    struct err err = {0};
    char *path, *bytes;
    size_t len;
    int r;

    (void)state;
    assert_non_null(mkdtemp(dir));
    path = arena_printf(arena, "%s/n.snap", dir);
    assert_int_equal(file_write(path, "old", 3, &err), 0);
    pack(&tree, &snap);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = (struct rlimit){100000, old.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    r = file_write(path, snap.p, snap.len, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(r, -EFBIG);
    assert_non_null(strstr(err.text, "n.snap: cannot write: "));
    assert_int_equal(file_read(path, 100, &bytes, &len, &err), 0);
    assert_int_equal(len, 3);
    free(bytes);
    assert_int_equal(run(arena, "test $(ls %s | wc -l) = 1 && rm -rf %s", dir, dir), 0);
    buf_done(&snap);
    arena_free(arena);
}

static void an_arena_too_small_is_no_memory(void **state)
{
    struct arena *all = arena_new(0);
    struct tree tree = make_tree(all, 3000), got;
    struct buf snap = {0};

    (void)state;
    pack(&tree, &snap);
    for (size_t bytes_max = 16; bytes_max < 40000; bytes_max += 501) {
        struct arena *arena = arena_new(bytes_max);
        struct err err = {0};
        int r = snap_read(arena, "n", snap.p, snap.len, SNAP_BYTES_MAX, &got, &err);

        assert_true(r == 0 || (r == -ENOMEM && strstr(err.text, "no memory")));
        arena_free(arena);
    }
    buf_done(&snap);
    arena_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_read_back),
        cmocka_unit_test(every_prefix_is_named_and_its_whole_files_are_right),
        cmocka_unit_test(a_flipped_bit_is_never_handed_out),
        cmocka_unit_test(trailing_garbage_is_named_and_all_files_are_there),
        cmocka_unit_test(what_is_no_snapshot_is_called_so),
        cmocka_unit_test(a_bomb_is_refused),
        cmocka_unit_test(paths_that_lead_outside_are_refused),
        cmocka_unit_test(of_a_repeated_path_the_last_counts),
        cmocka_unit_test(tar_and_snapshots_are_the_same),
        cmocka_unit_test(a_full_disk_leaves_the_old_snapshot),
        cmocka_unit_test(an_arena_too_small_is_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
