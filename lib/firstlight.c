#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "firstlight.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The page, byte by byte that of src/progress/page.h, which says what each field means. It is said
 * again here so that this file and its header can be copied into any program. */
#define PAGE_MAGIC 0x3154474c54535246u
#define PAGE_BYTES 4096

struct page {
    uint64_t magic;
    uint32_t version, pid;
    uint32_t should_stop, stop_seen;
    uint64_t reserved0[5];
    uint32_t sequence, phase; /* from here on: guarded by the sequence */
    int64_t phase_at_ns;
    int64_t step, total, tokens;
    double loss;
    int64_t step_at_ns, step_calls;
    int64_t checkpoint_step, checkpoint_at_ns, checkpoint_count;
    uint64_t reserved1[13];
    char checkpoint_path[2048];
};

enum role { ROLE_UNKNOWN, ROLE_TELLS, ROLE_SILENT };

/* Lies in a mapping of its own that the kernel wipes in a forked child (MADV_WIPEONFORK): there the
 * role is unknown again and no lock is held, at no cost for the parent. */
struct state {
    uint32_t lock;
    uint32_t role;
    struct page *page;
    pid_t pid; /* looked at only when the kernel does not wipe (before 4.14) */
};

static struct state *the_state;
static int wiped_on_fork;

/* Released, so that no reader sees a field before the odd sequence that was stored before it. */
#define PUT(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The state's mapping; the first thread that makes one wins. */
static struct state *state_get(void)
{
    struct state *state = __atomic_load_n(&the_state, __ATOMIC_ACQUIRE), *none = NULL;

    if (state)
        return state;
    state = (struct state *)mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (state == MAP_FAILED)
        return NULL;
#ifdef MADV_WIPEONFORK
    PUT(wiped_on_fork, madvise(state, PAGE_BYTES, MADV_WIPEONFORK) == 0);
#endif
    state->pid = getpid();
    if (!__atomic_compare_exchange_n(&the_state, &none, state, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        (void)munmap(state, PAGE_BYTES);
        state = none;
    }
    return state;
}

static void lock(struct state *state)
{
    while (__atomic_exchange_n(&state->lock, 1, __ATOMIC_ACQUIRE))
        (void)sched_yield();
}

static void unlock(struct state *state)
{
    __atomic_store_n(&state->lock, 0, __ATOMIC_RELEASE);
}

static struct page *map_page(const char *path)
{
    struct page *page = NULL;
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= PAGE_BYTES) {
        page = (struct page *)mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (page == MAP_FAILED)
            page = NULL;
    }
    (void)close(fd);
    if (page && (page->magic != PAGE_MAGIC || page->version != 1)) {
        (void)munmap(page, PAGE_BYTES);
        page = NULL;
    }
    return page;
}

/* An update: the sequence is odd from here to there. One that a dead writer left odd stays so. */
static void update_begin(struct page *page)
{
    PUT(page->sequence, page->sequence | 1);
}

static void update_end(struct page *page)
{
    PUT(page->sequence, page->sequence + 1);
}

static void put_words(void *to, const void *from, size_t words)
{
    uint64_t word;
    size_t i;

    for (i = 0; i < words; i++) {
        memcpy(&word, (const char *)from + i * 8, 8);
        PUT(((uint64_t *)to)[i], word);
    }
}

/* What was told before, by nobody or by a process that is dead, is forgotten. */
#define GROUP_OFFSET offsetof(struct page, phase_at_ns)

/* Make this process the one that tells, unless another lives that does. */
static int claim(struct page *page)
{
    uint32_t me = (uint32_t)getpid(), writer = __atomic_load_n(&page->pid, __ATOMIC_ACQUIRE);
    struct page blank;

    memset(&blank, 0, sizeof(blank));
    blank.step = blank.total = blank.tokens = blank.checkpoint_step = -1;
    blank.loss = FIRSTLIGHT_NO_LOSS;

    do {
        if (writer != 0 && writer != me && (kill((pid_t)writer, 0) == 0 || errno == EPERM))
            return 0;
    } while (!__atomic_compare_exchange_n(&page->pid, &writer, me, 0, __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));
    update_begin(page);
    PUT(page->phase, 0);
    put_words((char *)page + GROUP_OFFSET, (const char *)&blank + GROUP_OFFSET,
              (sizeof(blank) - GROUP_OFFSET) / 8);
    update_end(page);
    return 1;
}

static void find_role(struct state *state)
{
    const char *path = getenv("FIRSTLIGHT_PAGE");
    struct page *page = path && path[0] ? map_page(path) : NULL;
    int tells = page && claim(page);

    if (page && !tells)
        (void)munmap(page, PAGE_BYTES);
    state->page = tells ? page : NULL;
    state->pid = getpid();
    __atomic_store_n(&state->role, tells ? ROLE_TELLS : ROLE_SILENT, __ATOMIC_RELEASE);
}

/* In a child of a kernel that does not wipe: begin anew, with a lock that nobody holds. */
static void notice_fork(struct state *state)
{
    if (state->pid == getpid())
        return;
    state->role = ROLE_UNKNOWN;
    state->lock = 0;
    state->pid = getpid();
}

/* The page with the lock held, or NULL: nothing is to be told. */
static struct page *page_enter(struct state **out)
{
    struct state *state = state_get();

    if (!state)
        return NULL;
    if (!__atomic_load_n(&wiped_on_fork, __ATOMIC_ACQUIRE))
        notice_fork(state);
    if (__atomic_load_n(&state->role, __ATOMIC_ACQUIRE) == ROLE_SILENT)
        return NULL;
    lock(state);
    if (state->role == ROLE_UNKNOWN)
        find_role(state);
    if (state->role == ROLE_SILENT) {
        unlock(state);
        return NULL;
    }
    *out = state;
    return state->page;
}

static void set_phase(struct page *page, uint32_t phase, int64_t now)
{
    if (page->phase == phase)
        return;
    PUT(page->phase, phase);
    PUT(page->phase_at_ns, now);
}

int firstlight_init(void)
{
    struct state *state;
    struct page *page = page_enter(&state);

    if (page)
        unlock(state);
    return page != NULL;
}

void firstlight_phase(enum firstlight_phase phase)
{
    struct state *state;
    struct page *page = page_enter(&state);

    if (!page)
        return;
    update_begin(page);
    set_phase(page, (uint32_t)phase, now_ns());
    update_end(page);
    unlock(state);
}

void firstlight_step(int64_t step, int64_t total, double loss, int64_t tokens)
{
    struct state *state;
    struct page *page = page_enter(&state);
    int64_t now;

    if (!page)
        return;
    now = now_ns();
    update_begin(page);
    set_phase(page, FIRSTLIGHT_STEP, now);
    PUT(page->step, step);
    PUT(page->total, total);
    __atomic_store(&page->loss, &loss, __ATOMIC_RELEASE);
    if (tokens >= 0)
        PUT(page->tokens, page->tokens < 0 ? tokens : page->tokens + tokens);
    PUT(page->step_at_ns, now);
    PUT(page->step_calls, page->step_calls + 1);
    update_end(page);
    unlock(state);
}

/* `path` below the working directory when it is relative, for the agent's is another. Too long for
 * `out`: empty, for half a path is a wrong one. */
static void absolute_path(const char *path, char *out, size_t space)
{
    size_t len = 0, more = path ? strlen(path) : 0;

    out[0] = '\0';
    if (more > 0 && path[0] != '/') {
        if (!getcwd(out, space - 1)) {
            out[0] = '\0';
            return;
        }
        len = strlen(out);
        out[len++] = '/';
    }
    if (more >= space - len)
        len = more = 0;
    if (more > 0)
        memcpy(out + len, path, more);
    out[len + more] = '\0';
}

void firstlight_checkpoint_saved(const char *path, int64_t step)
{
    char absolute[sizeof(((struct page *)0)->checkpoint_path)] = "";
    struct state *state;
    struct page *page = page_enter(&state);

    if (!page)
        return;
    absolute_path(path, absolute, sizeof(absolute));
    update_begin(page);
    PUT(page->checkpoint_step, step);
    PUT(page->checkpoint_at_ns, now_ns());
    PUT(page->checkpoint_count, page->checkpoint_count + 1);
    put_words(page->checkpoint_path, absolute, strlen(absolute) / 8 + 1);
    update_end(page);
    unlock(state);
}

const char *firstlight_resume_path(void)
{
    const char *path = getenv("FIRSTLIGHT_RESUME");

    return path && path[0] ? path : NULL;
}

/* Agents of a later version may ask for more than this one knows: that is left unseen. */
static enum firstlight_stop stop_asked(struct page *page)
{
    uint32_t stop = __atomic_load_n(&page->should_stop, __ATOMIC_ACQUIRE);

    if (stop != FIRSTLIGHT_SAVE_AND_LEAVE && stop != FIRSTLIGHT_SAVE_AND_GO_ON)
        return FIRSTLIGHT_GO_ON;
    if (stop == FIRSTLIGHT_SAVE_AND_GO_ON &&
        __atomic_load_n(&page->stop_seen, __ATOMIC_ACQUIRE) == stop)
        return FIRSTLIGHT_GO_ON;
    __atomic_store_n(&page->stop_seen, stop, __ATOMIC_RELEASE);
    return (enum firstlight_stop)stop;
}

enum firstlight_stop firstlight_should_stop(void)
{
    struct state *state;
    struct page *page = page_enter(&state);
    enum firstlight_stop stop = FIRSTLIGHT_GO_ON;

    if (page) {
        stop = stop_asked(page);
        unlock(state);
    }
    return stop;
}
