/* ctest labels: threads */
#include "ckpt/ckpt.h"

#include "base/file.h"
#include "base/manifest.h"
#include "base/rng.h"
#include "base/str.h"
#include "support/tsan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define VECTORS   3
#define RANKS_MAX 8
#define SLICE     (CKPT_SLICE_BYTES / sizeof(float)) /* items */

static char work[256];
static const char *const names[VECTORS] = {"weights", "m", "v"};

static const char *at(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *at(const char *format, ...)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    va_list list;
    int n = snprintf(path, sizeof(paths[0]), "%s/", work);

    va_start(list, format);
    (void)vsnprintf(path + n, sizeof(paths[0]) - (size_t)n, format, list);
    va_end(list);
    return path;
}

/* An item as it was at a step. */
static float value_of(int64_t step, size_t vector, uint64_t item)
{
    return (float)((item * 2654435761u + vector * 977 + (uint64_t)step * 31) & 0xffffff) * 0.5f;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static const char *fresh_folder(void)
{
    static char out[sizeof(work) + 4];

    (void)snprintf(out, sizeof(out), "%s/out", work);
    if (access(out, F_OK) == 0)
        (void)nftw(out, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(out, 0755), 0);
    return out;
}

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* One rank of a run. */
struct rank {
    struct ckpt_writer *writer;
    uint64_t begin, end;
    float *vectors[VECTORS];
};

struct run {
    uint64_t items;
    size_t ranks;
    struct rank rank[RANKS_MAX];
    size_t keep_max;
};

static void run_init(struct run *run, uint64_t items, size_t ranks)
{
    *run = (struct run){.items = items, .ranks = ranks};
    for (size_t r = 0; r < ranks; r++) {
        struct rank *rank = &run->rank[r];

        rank->begin = items * r / ranks;
        rank->end = items * (r + 1) / ranks;
        for (size_t v = 0; v < VECTORS; v++)
            rank->vectors[v] = malloc((rank->end - rank->begin) * sizeof(float) + 1);
        assert_int_equal(ckpt_writer_new(&rank->writer, NULL), 0);
    }
}

static void run_done(struct run *run)
{
    for (size_t r = 0; r < run->ranks; r++) {
        ckpt_writer_free(run->rank[r].writer);
        for (size_t v = 0; v < VECTORS; v++)
            free(run->rank[r].vectors[v]);
    }
}

/* The optimizer's work. */
static void run_update(struct run *run, int64_t step)
{
    for (size_t r = 0; r < run->ranks; r++)
        for (size_t v = 0; v < VECTORS; v++)
            for (uint64_t i = run->rank[r].begin; i < run->rank[r].end; i++)
                run->rank[r].vectors[v][i - run->rank[r].begin] = value_of(step, v, i);
}

static void run_begin(struct run *run, const char *folder, int64_t step)
{
    char meta[64];
    const struct ckpt_file files[] = {
        {"meta.json", meta, (size_t)snprintf(meta, sizeof(meta), "{\"step\": %" PRId64 "}", step)},
        {"empty", "", 0}};
    struct err err = {0};

    for (size_t r = 0; r < run->ranks; r++) {
        struct ckpt_request request = {.folder = folder,
                                       .step = step,
                                       .rank = r,
                                       .ranks = run->ranks,
                                       .items = run->items,
                                       .begin = run->rank[r].begin,
                                       .end = run->rank[r].end,
                                       .vector_count = VECTORS,
                                       .files = files,
                                       .file_count = ARRAY_LEN(files),
                                       .keep_max = run->keep_max};

        for (size_t v = 0; v < VECTORS; v++)
            request.vectors[v] = (struct ckpt_vector){names[v], run->rank[r].vectors[v]};
        assert_int_equal(ckpt_writer_begin(run->rank[r].writer, &request, &err), 0);
        assert_int_equal(ckpt_writer_begin(run->rank[r].writer, &request, &err), -EBUSY);
    }
}

static int run_end(struct run *run, const char *folder, int64_t step, struct err *err)
{
    struct ckpt_done done[RANKS_MAX] = {0};
    struct err first = {0}, why = {0};
    int r;

    for (size_t i = 0; i < run->ranks; i++) {
        assert_true(ckpt_writer_poll(run->rank[i].writer, true, &done[i], &why));
        assert_int_equal(done[i].failed, why.code);
        if (!first.code)
            first = why;
        assert_false(ckpt_writer_poll(run->rank[i].writer, true, &done[i], NULL));
    }
    r = ckpt_commit(folder, step, done, run->ranks, err);
    if (first.code && err)
        *err = first;
    return r;
}

static void run_save(struct run *run, const char *folder, int64_t step)
{
    struct err err = {0};

    run_update(run, step);
    run_begin(run, folder, step);
    if (run_end(run, folder, step, &err) < 0)
        fail_msg("%s", err.text);
}

static void save(const char *folder, int64_t step, uint64_t items, size_t ranks)
{
    struct run run;

    run_init(&run, items, ranks);
    run_save(&run, folder, step);
    run_done(&run);
}

/* Is all of it as it was at its step? */
static int read_everything(struct ckpt *ckpt, struct err *err)
{
    uint64_t items = ckpt_items(ckpt);
    float *out = malloc(items * sizeof(*out));
    char *meta, want[64];
    size_t len;
    int r = 0;

    for (size_t v = 0; v < VECTORS && r == 0; v++) {
        r = ckpt_read(ckpt, names[v], 0, items, out, err);
        for (uint64_t i = 0; i < items && r == 0; i++)
            if (out[i] != value_of(ckpt_step(ckpt), v, i))
                fail_msg("%s[%" PRIu64 "] is wrong and nobody saw it", names[v], i);
    }
    free(out);
    if (r == 0)
        r = ckpt_read_file(ckpt, "meta.json", &meta, &len, err);
    if (r < 0)
        return r;
    (void)snprintf(want, sizeof(want), "{\"step\": %" PRId64 "}", ckpt_step(ckpt));
    assert_string_equal(meta, want);
    assert_int_equal(len, strlen(want));
    free(meta);
    return 0;
}

struct told {
    unsigned count;
    char why[1024];
};

static void on_passed(void *arg, const char *path, const char *why)
{
    struct told *told = arg;

    assert_non_null(strstr(path, "/step-"));
    assert_true(why[0] != '\0');
    (void)snprintf(told->why, sizeof(told->why), "%s", why);
    told->count++;
}

static void any_number_of_ranks_reads_what_any_other_wrote(void **state)
{
    static const uint64_t sizes[] = {1, 3, 1000, 3 * SLICE + 17};
    struct rng rng = {1};

    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (size_t ranks = 1; ranks <= 5; ranks += 2) {
            const char *folder = fresh_folder();
            float *out = malloc(sizes[s] * sizeof(*out));
            struct err err = {0};
            struct ckpt *ckpt;

            save(folder, 40, sizes[s], ranks);
            assert_int_equal(ckpt_open(folder, NULL, NULL, &ckpt, &err), 0);
            assert_int_equal(ckpt_step(ckpt), 40);
            assert_int_equal(ckpt_items(ckpt), sizes[s]);
            assert_non_null(strstr(ckpt_path(ckpt), "out/step-00000040"));
            assert_true(ckpt_has(ckpt, "m") && !ckpt_has(ckpt, "momentum"));
            assert_int_equal(read_everything(ckpt, &err), 0);
            for (int n = 0; n < 20; n++) {
                uint64_t end = rng_below(&rng, sizes[s] + 1), begin = rng_below(&rng, end + 1);
                size_t v = rng_below(&rng, VECTORS);

                assert_int_equal(ckpt_read(ckpt, names[v], begin, end, out, &err), 0);
                for (uint64_t i = begin; i < end; i++)
                    assert_true(out[i - begin] == value_of(40, v, i));
            }
            assert_int_equal(ckpt_read(ckpt, "momentum", 0, 1, out, &err), -ENOENT);
            assert_int_equal(ckpt_read(ckpt, "m", 0, sizes[s] + 1, out, &err), -EINVAL);
            assert_int_equal(ckpt_manifest_check(ckpt_path(ckpt), NULL, &err), 0);
            ckpt_close(ckpt);
            free(out);
        }
}

/* Two checkpoints, the newer of which gets hurt. */
#define HURT_ITEMS (SLICE + 1000)

static const char *hurt_folder(void)
{
    const char *folder = fresh_folder();

    save(folder, 10, 100, 1);
    save(folder, 20, HURT_ITEMS, 2);
    return folder;
}

/* The newer one is told and passed over; opened by its own name it is an error or its reading is.
 * A flip that says the same (a letter's case in the MANIFEST) may leave it whole. */
static void expect_passed(const char *folder, bool may_be_whole)
{
    struct told told = {0};
    struct err err = {0};
    struct ckpt *ckpt;
    int r;

    assert_int_equal(ckpt_open(folder, on_passed, &told, &ckpt, &err), 0);
    if (ckpt_step(ckpt) == 20)
        assert_true(may_be_whole);
    else
        assert_int_equal(told.count, 1);
    assert_int_equal(read_everything(ckpt, &err), 0);
    r = ckpt_step(ckpt) == 20;
    ckpt_close(ckpt);
    if (r)
        return;
    r = ckpt_open(at("out/step-00000020"), NULL, NULL, &ckpt, &err);
    if (r == 0) {
        r = read_everything(ckpt, &err);
        if (r == 0) /* then it is in what nobody asked for: the file "empty" */
            r = ckpt_manifest_check(ckpt_path(ckpt), NULL, &err);
        ckpt_close(ckpt);
    }
    assert_true(r < 0 && err.text[0] != '\0');
}

static void flip(const char *path, uint64_t place, uint8_t mask)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_int_equal(pread(fd, &byte, 1, (off_t)place), 1);
    byte ^= mask;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)place), 1);
    assert_int_equal(close(fd), 0);
}

static const char *const hurt_files[] = {"part-00000-of-00002", "part-00001-of-00002", "MANIFEST",
                                         "meta.json"};

static void a_flipped_byte_anywhere_is_seen(void **state)
{
    const char *folder = hurt_folder();
    struct rng rng = {7};

    (void)state;
    for (int n = 0; n < (under_tsan ? 60 : 240); n++) {
        const char *path = at("out/step-00000020/%s", hurt_files[n % 4]);
        uint8_t mask = (uint8_t)(1 << rng_below(&rng, 8));
        uint64_t place;
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        place = rng_below(&rng, (uint64_t)st.st_size);
        if (n % 4 < 2 && n % 3 == 0) /* its header and its table are small, and must be met too */
            place = n % 2 ? rng_below(&rng, 200) : (uint64_t)st.st_size - 1 - rng_below(&rng, 20);
        flip(path, place, mask);
        expect_passed(folder, strcmp(hurt_files[n % 4], "MANIFEST") == 0 && mask == 0x20);
        flip(path, place, mask);
    }
    save(folder, 30, 10, 1); /* and a whole one after all that is taken */
}

static void a_truncated_file_is_seen(void **state)
{
    static const uint64_t cuts[] = {0, 1, 4096, CKPT_SLICE_BYTES};
    const char *folder = hurt_folder();

    (void)state;
    for (size_t f = 0; f < 3; f++)
        for (size_t c = 0; c < ARRAY_LEN(cuts) * 3; c++) {
            const char *path = at("out/step-00000020/%s", hurt_files[f]);
            uint64_t cut = cuts[c / 3] + (c / 3 == 3 ? 4096 : 0) + c % 3 - 1;
            char *bytes;
            size_t len;

            assert_int_equal(file_read(path, (size_t)1 << 30, &bytes, &len, NULL), 0);
            if (cut < len) {
                assert_int_equal(truncate(path, (off_t)cut), 0);
                expect_passed(folder, false);
            }
            assert_int_equal(truncate(path, (off_t)len - 1), 0);
            expect_passed(folder, false);
            assert_int_equal(file_write(path, bytes, len, NULL), 0);
            free(bytes);
        }
}

static void each_missing_file_is_seen(void **state)
{
    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(hurt_files); f++) {
        const char *folder = hurt_folder();

        assert_int_equal(unlink(at("out/step-00000020/%s", hurt_files[f])), 0);
        expect_passed(folder, false);
    }
}

static void a_part_of_another_checkpoint_is_seen(void **state)
{
    const char *folder = fresh_folder();
    struct err err = {0};
    struct ckpt *ckpt;

    (void)state;
    save(folder, 10, 1000, 2);
    save(folder, 20, 1000, 2);
    assert_int_equal(rename(at("out/step-00000010/part-00001-of-00002"),
                            at("out/step-00000020/part-00001-of-00002")),
                     0);
    assert_int_equal(ckpt_manifest_write(at("out/step-00000020"), 20, NULL), 0);
    assert_int_equal(ckpt_open(at("out/step-00000020"), NULL, NULL, &ckpt, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "part-00001-of-00002 belongs to another checkpoint"));
}

static void an_empty_folder_has_none(void **state)
{
    const char *folder = fresh_folder();
    struct err err = {0};
    struct ckpt *ckpt;

    (void)state;
    assert_int_equal(ckpt_open(folder, NULL, NULL, &ckpt, &err), -ENOENT);
    assert_non_null(strstr(err.text, "there is no whole checkpoint"));
    assert_int_equal(ckpt_open(at("nowhere"), NULL, NULL, &ckpt, &err), -ENOENT);
}

static void vectors_may_change_after_hold(void **state)
{
    struct run run;
    uint64_t stall;

    (void)state;
    run_init(&run, 6 * SLICE + 5, 2);
    ckpt_writer_reserve(run.rank[0].writer, 3 << 20); /* less than it takes */
    ckpt_writer_reserve(run.rank[1].writer, 64 << 20);
    for (int n = 0; n < (under_tsan ? 6 : 12); n++) {
        const char *folder = fresh_folder();
        struct err err = {0};
        struct ckpt *ckpt;

        run.keep_max = n % 3 == 2 ? CKPT_SLICE_BYTES : 0;
        run_update(&run, n);
        run_begin(&run, folder, n);
        if (n % 2)
            (void)usleep((useconds_t)n * 100); /* somewhere in the middle of it */
        for (size_t r = 0; r < run.ranks; r++) {
            ckpt_writer_hold(run.rank[r].writer, &stall);
            assert_true(stall < 60000000000u);
        }
        run_update(&run, 1000 + n);
        for (size_t r = 0; r < run.ranks; r++) {
            ckpt_writer_hold(run.rank[r].writer, &stall);
            assert_int_equal(stall, 0);
        }
        assert_int_equal(run_end(&run, folder, n, &err), 0);
        assert_int_equal(ckpt_open(folder, NULL, NULL, &ckpt, &err), 0);
        assert_int_equal(read_everything(ckpt, &err), 0);
        ckpt_close(ckpt);
    }
    run_done(&run);
}

static unsigned count_names(const char *path)
{
    DIR *dir = opendir(path);
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count - 2;
}

/* A rank's error comes out with its sentence, nothing is left, the one before stays, and the next
 * save works. */
static void expect_full(struct run *run, const char *folder, const char *sentence)
{
    struct err err = {0};
    struct ckpt *ckpt;

    run_update(run, 20);
    run_begin(run, folder, 20);
    assert_true(run_end(run, folder, 20, &err) < 0);
    if (!strstr(err.text, sentence))
        fail_msg("'%s' does not say '%s'", err.text, sentence);
    assert_non_null(strstr(err.text, "step-00000020.partial/part-0000"));
    assert_false(exists(at("out/step-00000020.partial")));
    assert_false(exists(at("out/step-00000020")));
    assert_int_equal(ckpt_open(folder, NULL, NULL, &ckpt, &err), 0);
    assert_int_equal(ckpt_step(ckpt), 10);
    ckpt_close(ckpt);
}

static void a_file_that_grows_too_large_is_told(void **state)
{
    const char *folder = fresh_folder();
    struct rlimit before, small = {3 << 20, 3 << 20};
    struct run run;

    (void)state;
    save(folder, 10, 100, 1);
    run_init(&run, 2 * SLICE, 2);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    expect_full(&run, folder, "File too large");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    run_save(&run, folder, 30);
    run_done(&run);
}

static void fill_a_disk(const char *folder)
{
    struct run run;

    save(folder, 10, 100, 1);
    run_init(&run, 4 * SLICE, 2);
    expect_full(&run, folder, "No space left on device");
    run_done(&run);
}

static void a_full_disk_is_told(void **state)
{
    const char *folder = fresh_folder();
    int status;
    pid_t pid;

    (void)state;
    (void)fflush(NULL);
    pid = fork();
    if (pid == 0) { /* in a namespace of mounts of its own, which goes with it */
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", folder, "tmpfs", 0, "size=8m") < 0)
            _exit(77);
        fill_a_disk(folder);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(); /* no right to mount */
    assert_int_equal(status, 0);
}

static void a_folder_that_is_gone_is_told(void **state)
{
    struct err err = {0};
    struct run run;

    (void)state;
    run_init(&run, 100, 1);
    run_begin(&run, at("nowhere"), 1);
    assert_int_equal(run_end(&run, at("nowhere"), 1, &err), -ENOENT);
    assert_non_null(strstr(err.text, "nowhere/step-00000001.partial"));
    run_done(&run);
}

static void a_part_that_vanished_is_no_checkpoint(void **state)
{
    const char *folder = fresh_folder();
    struct ckpt_done done[2];
    struct err err = {0};
    struct run run;

    (void)state;
    run_init(&run, 100, 2);
    run_update(&run, 5);
    run_begin(&run, folder, 5);
    for (size_t r = 0; r < 2; r++)
        assert_true(ckpt_writer_poll(run.rank[r].writer, true, &done[r], &err));
    assert_int_equal(unlink(at("out/step-00000005.partial/part-00001-of-00002")), 0);
    assert_int_equal(ckpt_commit(folder, 5, done, 2, &err), -ENOENT);
    assert_non_null(strstr(err.text, "part-00001-of-00002: No such file"));
    assert_int_equal(count_names(folder), 0);
    run_done(&run);
}

static void what_a_killed_run_left_is_replaced(void **state)
{
    const char *folder = fresh_folder();
    struct err err = {0};
    struct ckpt *ckpt;

    (void)state;
    save(folder, 5, 1000, 3); /* of another world, torn */
    assert_int_equal(unlink(at("out/step-00000005/part-00001-of-00003")), 0);
    assert_int_equal(mkdir(at("out/step-00000005.partial"), 0755), 0);
    assert_int_equal(file_write(at("out/step-00000005.partial/part-00007-of-00009"), "x", 1, NULL),
                     0);
    assert_int_equal(
        file_write(at("out/step-00000005.partial/part-00000-of-00002.1234.tmp"), "x", 1, NULL), 0);
    save(folder, 5, 1000, 2);
    assert_int_equal(count_names(folder), 1);
    assert_int_equal(count_names(at("out/step-00000005")), 5);
    assert_int_equal(ckpt_open(folder, NULL, NULL, &ckpt, &err), 0);
    assert_int_equal(read_everything(ckpt, &err), 0);
    ckpt_close(ckpt);
}

static void prune_keeps_what_it_should(void **state)
{
    static const struct {
        int64_t newest, keep_every;
        size_t keep_last;
        int gone;
        const char *left; /* steps */
    } cases[] = {
        {60, 0, 2, 4, "50 60 70"},
        {60, 0, 0, 5, "60 70"},
        {60, 30, 1, 4, "30 60 70"},
        {60, 20, 1, 3, "20 40 60 70"},
        {70, 0, 1, 6, "70"},
        {60, 0, 100, 0, "10 20 30 40 50 60 70"},
        {30, 0, 1, 2, "30 40 50 60 70"},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        const char *folder = fresh_folder();
        struct buf left = {0};
        struct err err = {0};

        for (int64_t step = 10; step <= 70; step += 10) {
            assert_int_equal(mkdir(at("out/step-%08" PRId64, step), 0755), 0);
            assert_int_equal(
                file_write(at("out/step-%08" PRId64 "/part-00000-of-00001", step), "x", 1, NULL),
                0);
            assert_int_equal(ckpt_manifest_write(at("out/step-%08" PRId64, step), step, NULL), 0);
        }
        assert_int_equal(mkdir(at("out/step-00000005"), 0755), 0); /* not ours: no MANIFEST */
        assert_int_equal(mkdir(at("out/notes"), 0755), 0);
        assert_int_equal(
            ckpt_prune(folder, cases[c].newest, cases[c].keep_last, cases[c].keep_every, &err),
            cases[c].gone);
        assert_true(exists(at("out/step-00000005")) && exists(at("out/notes")));
        for (int64_t step = 10; step <= 70; step += 10)
            if (exists(at("out/step-%08" PRId64, step)))
                buf_printf(&left, "%s%" PRId64, left.len ? " " : "", step);
        assert_string_equal(left.p, cases[c].left);
        buf_done(&left);
    }
}

static void prune_removes_what_was_never_finished(void **state)
{
    const char *folder = fresh_folder();
    struct err err = {0};

    (void)state;
    save(folder, 20, 100, 1);
    for (int64_t step = 10; step <= 30; step += 10) {
        assert_int_equal(mkdir(at("out/step-%08" PRId64 ".partial", step), 0755), 0);
        assert_int_equal(
            file_write(at("out/step-%08" PRId64 ".partial/part.tmp", step), "x", 1, NULL), 0);
    }
    assert_int_equal(ckpt_prune(folder, 20, 1, 0, &err), 2);
    assert_true(exists(at("out/step-00000020")) && exists(at("out/step-00000030.partial")));
    assert_false(exists(at("out/step-00000010.partial")));
    assert_false(exists(at("out/step-00000020.partial")));
}

/* Saves until somebody kills it. */
static void save_for_ever(const char *folder, int64_t step)
{
    struct run run;
    uint64_t stall;

    run_init(&run, 2 * SLICE + 333, 2);
    for (;; step++) {
        struct err err = {0};

        run_update(&run, step);
        run_begin(&run, folder, step);
        for (size_t r = 0; r < run.ranks && step % 2; r++)
            ckpt_writer_hold(run.rank[r].writer, &stall);
        if (run_end(&run, folder, step, &err) < 0 || ckpt_prune(folder, step, 2, 0, &err) < 0)
            _exit(1);
    }
}

static void a_kill_at_any_time_leaves_a_whole_one(void **state)
{
    const char *folder = fresh_folder();
    struct rng rng = {3};
    int64_t step = 0;

    (void)state;
    for (int n = 0; n < (under_tsan ? 8 : 25); n++) {
        struct err err = {0};
        struct ckpt *ckpt;
        int status, r;
        pid_t pid;

        (void)fflush(NULL);
        pid = fork();
        if (pid == 0)
            save_for_ever(folder, step + 1);
        while (n % 2 == 0 && !exists(at("out/step-%08" PRId64, step + 1 + n % 3)))
            (void)usleep(500); /* half of them get on, however slow the disk is */
        (void)usleep((useconds_t)rng_below(&rng, 30000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        r = ckpt_open(folder, NULL, NULL, &ckpt, &err);
        if (r == -ENOENT && step == 0)
            continue;
        assert_int_equal(r, 0);
        assert_true(ckpt_step(ckpt) >= step); /* nothing that was whole is lost */
        step = ckpt_step(ckpt);
        assert_int_equal(read_everything(ckpt, &err), 0);
        ckpt_close(ckpt);
        assert_true(count_names(folder) <= 6);
    }
    assert_true(step > 0);
}

static void bad_requests_are_refused(void **state)
{
    const float data[4] = {0};
    const struct ckpt_request good = {.folder = "x",
                                      .ranks = 1,
                                      .items = 4,
                                      .end = 4,
                                      .vectors = {{"w", data}},
                                      .vector_count = 1};
    const struct ckpt_file bad_file = {"../up", "", 0};
    struct ckpt_writer *writer;
    struct err err;

    (void)state;
    assert_int_equal(ckpt_writer_new(&writer, NULL), 0);
    for (int n = 0; n < 7; n++) {
        struct ckpt_request request = good;

        if (n == 0)
            request.end = 5;
        else if (n == 1)
            request.begin = 5;
        else if (n == 2)
            request.rank = 1;
        else if (n == 3)
            request.vector_count = 0;
        else if (n == 4)
            request.vectors[0].name = "a name that has more than thirty-one bytes";
        else if (n == 5)
            request.step = -1;
        else
            request.files = &bad_file, request.file_count = 1;
        err = (struct err){0};
        assert_int_equal(ckpt_writer_begin(writer, &request, &err), -EINVAL);
        assert_true(err.text[0] != '\0');
    }
    ckpt_writer_free(writer);
    ckpt_writer_free(NULL);
    ckpt_close(NULL);
}

static int make_work(void **state)
{
    /* In memory where there is one: the disk's syncs are not what is tested, and take seconds. */
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

    (void)state;
    (void)snprintf(work, sizeof(work), "%s/firstlight-ckpt-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(work) ? 0 : -1;
}

static int remove_work(void **state)
{
    (void)state;
    return nftw(work, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_ranks_reads_what_any_other_wrote),
        cmocka_unit_test(a_flipped_byte_anywhere_is_seen),
        cmocka_unit_test(a_truncated_file_is_seen),
        cmocka_unit_test(each_missing_file_is_seen),
        cmocka_unit_test(a_part_of_another_checkpoint_is_seen),
        cmocka_unit_test(an_empty_folder_has_none),
        cmocka_unit_test(vectors_may_change_after_hold),
        cmocka_unit_test(a_file_that_grows_too_large_is_told),
        cmocka_unit_test(a_full_disk_is_told),
        cmocka_unit_test(a_folder_that_is_gone_is_told),
        cmocka_unit_test(a_part_that_vanished_is_no_checkpoint),
        cmocka_unit_test(what_a_killed_run_left_is_replaced),
        cmocka_unit_test(prune_keeps_what_it_should),
        cmocka_unit_test(prune_removes_what_was_never_finished),
        cmocka_unit_test(a_kill_at_any_time_leaves_a_whole_one),
        cmocka_unit_test(bad_requests_are_refused),
    };

    return cmocka_run_group_tests(tests, make_work, remove_work);
}
