#include "progress/page.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

/* A writer is inside a group for tens of nanoseconds (2 KiB of path: a microsecond); after so many
 * looks it was stopped or has died there. */
#define READ_TRIES 1000

#define GROUP_OFFSET offsetof(struct page, sequence)

static_assert(offsetof(struct page, should_stop) == 16, "the layout is an interface");
static_assert(offsetof(struct page, sequence) == 64, "the layout is an interface");
static_assert(offsetof(struct page, step) == 80, "the layout is an interface");
static_assert(offsetof(struct page, checkpoint_step) == 128, "the layout is an interface");
static_assert(offsetof(struct page, checkpoint_path) == 256, "the layout is an interface");
static_assert(sizeof(struct page) == 2304 && sizeof(struct page) <= PAGE_BYTES, "");

static int make_file(const char *path, struct err *err)
{
    int fd, r;

    /* A new file, never an old one again: whoever still has that mapped reaches nothing. */
    if (unlink(path) < 0 && errno != ENOENT)
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    /* Reserved, not only sized: on a full /dev/shm a store would be a SIGBUS. */
    r = posix_fallocate(fd, 0, PAGE_BYTES);
    if (r != 0) {
        (void)close(fd);
        (void)unlink(path);
        return err_set(err, -r, "%s: %s", path, strerror(r));
    }
    return fd;
}

struct page *page_create(const char *path, struct err *err)
{
    struct page *page;
    int fd = make_file(path, err);

    if (fd < 0)
        return NULL;
    page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        err_set(err, -errno, "%s: can't be mapped: %s", path, strerror(errno));
        (void)unlink(path);
        page = NULL;
    } else {
        page->version = 1;
        page->step = page->total = page->tokens = page->checkpoint_step = -1;
        page->loss = NAN;
        __atomic_store_n(&page->magic, PAGE_MAGIC, __ATOMIC_RELEASE);
    }
    (void)close(fd);
    return page;
}

void page_unmap(struct page *page)
{
    if (page)
        (void)munmap(page, PAGE_BYTES);
}

/* Word by word, each whole; the sequence tells whether they belong together. Loads that acquire
 * keep its second look behind them, as a fence would, which GCC's TSan does not know. */
static void copy_words(const struct page *page, struct page *copy, size_t from, size_t to)
{
    const uint64_t *in = (const uint64_t *)page;
    uint64_t *out = (uint64_t *)copy;

    for (size_t i = from / 8; i < to / 8; i++)
        out[i] = __atomic_load_n(&in[i], __ATOMIC_ACQUIRE);
}

bool page_read(const struct page *page, struct page *copy)
{
    bool whole = false;

    copy_words(page, copy, 0, GROUP_OFFSET);
    for (int i = 0; i < READ_TRIES && !whole; i++) {
        uint32_t before = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);

        if (before % 2 != 0 && i < READ_TRIES - 1)
            continue;
        copy_words(page, copy, GROUP_OFFSET, sizeof(*copy));
        whole = before % 2 == 0 && __atomic_load_n(&page->sequence, __ATOMIC_RELAXED) == before;
    }
    /* The writer's bytes are outside bytes: what is read on must end and have a name. */
    copy->checkpoint_path[sizeof(copy->checkpoint_path) - 1] = '\0';
    if (copy->phase > PAGE_PHASE_DONE)
        copy->phase = PAGE_PHASE_NONE;
    return whole;
}

void page_ask_stop(struct page *page, uint32_t how)
{
    /* The writer tells of 2 once: when this is 0. In between it may tell of the old one again. */
    __atomic_store_n(&page->stop_seen, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&page->should_stop, how, __ATOMIC_RELEASE);
}

const char *page_phase_name(enum page_phase phase)
{
    static const char *const names[] = {"none", "init", "step", "checkpoint", "eval", "done"};

    return phase < ARRAY_LEN(names) ? names[phase] : "none";
}
