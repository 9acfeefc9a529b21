#include "tensor/storage.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static int no_memory(size_t bytes, const char *what, struct err *err)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double size = (double)bytes;
    size_t unit = 0;

    for (; size >= 1024; unit++)
        size /= 1024;
    return err_set(err, -ENOMEM, "%s: no memory for %.*f %s", what, unit ? 1 : 0, size,
                   units[unit]);
}

/* Give back what lies before the first huge page's border and behind the end. */
static void *trim(char *p, size_t bytes, size_t mapped)
{
    size_t before = -(uintptr_t)p & (HUGE_PAGE - 1), page = 4096;
    size_t kept = (bytes + page - 1) & ~(page - 1);

    if (before)
        (void)munmap(p, before);
    if (mapped > before + kept)
        (void)munmap(p + before + kept, mapped - before - kept);
    return p + before;
}

int storage_init(struct storage *storage, size_t bytes, const char *what, struct err *err)
{
    size_t mapped = bytes;
    void *p;

    *storage = (struct storage){NULL, 0};
    if (bytes == 0)
        return 0;
    if (bytes >= HUGE_PAGE && __builtin_add_overflow(bytes, HUGE_PAGE, &mapped))
        return no_memory(bytes, what, err);
    p = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return no_memory(bytes, what, err);
    if (bytes >= HUGE_PAGE) {
        p = trim(p, bytes, mapped);
        (void)madvise(p, bytes, MADV_HUGEPAGE); /* a wish: without them it is only slower */
    }
    *storage = (struct storage){p, bytes};
    return 0;
}

void storage_done(struct storage *storage)
{
    if (storage->p)
        (void)munmap(storage->p, storage->bytes);
    *storage = (struct storage){NULL, 0};
}

void *carve_take(struct carve *carve, size_t bytes)
{
    char *p = carve->base ? carve->base + carve->used : NULL;
    size_t more;

    if (__builtin_add_overflow(carve->used, bytes, &more) || more > SIZE_MAX - STORAGE_ALIGN)
        more = SIZE_MAX - STORAGE_ALIGN; /* no storage is that large: storage_init will say so */
    carve->used = (more + STORAGE_ALIGN - 1) / STORAGE_ALIGN * STORAGE_ALIGN;
    return p;
}
