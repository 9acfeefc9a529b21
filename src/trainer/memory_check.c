#include "trainer/memory_check.h"

#include "base/file.h"
#include "base/memory_limit.h"
#include "base/str.h"
#include "train/memory.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMINFO_BYTES_MAX 65536

struct host_memory {
    uint64_t total, free; /* with swap; UINT64_MAX: not known */
};

/* "MemTotal:       24683712 kB" */
static void take_line(struct str line, struct host_memory *sums)
{
    struct str name, number;
    uint64_t kib;

    if (!str_cut(&line, ':', &name) || !str_word(&line, &number) ||
        str_to_u64(number, 10, &kib) < 0 || kib > UINT64_MAX / 4096)
        return;
    if (str_is(name, "MemTotal") || str_is(name, "SwapTotal"))
        sums->total += kib * 1024;
    if (str_is(name, "MemAvailable") || str_is(name, "SwapFree"))
        sums->free += kib * 1024;
}

static struct host_memory host_memory(const char *root)
{
    struct host_memory unknown = {UINT64_MAX, UINT64_MAX}, sums = {0};
    uint64_t allowed = memory_limit_left(root);
    char path[PATH_MAX], *text = NULL;
    struct str rest, line;
    size_t len;

    if (snprintf(path, sizeof(path), "%s/proc/meminfo", root) >= (int)sizeof(path) ||
        file_read(path, MEMINFO_BYTES_MAX, &text, &len, NULL) < 0)
        return unknown;
    rest = (struct str){text, len};
    while (str_line(&rest, &line))
        take_line(line, &sums);
    free(text);
    if (!sums.total || !sums.free)
        return unknown;
    sums.free = allowed < sums.free ? allowed : sums.free;
    return sums;
}

void memory_print(uint64_t bytes, struct buf *out)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes / 1024;
    size_t i = 0;

    for (; value >= 1000 && i + 1 < ARRAY_LEN(units); i++)
        value /= 1024;
    buf_printf(out, value < 100 ? "%.1f %s" : "%.0f %s", value, units[i]);
}

/* "4 ranks here need 12.1 GiB each, 48.4 GiB" */
static void put_need(uint64_t bytes, size_t here, struct buf *out)
{
    if (here == 1) {
        buf_puts(out, "this training needs ");
    } else {
        buf_printf(out, "%zu ranks here need ", here);
        memory_print(bytes, out);
        buf_puts(out, " each, ");
    }
    memory_print(bytes * here, out);
}

int memory_check(const char *root, const struct train_config *config, size_t ranks, size_t here,
                 uint64_t *bytes, struct buf *warning, struct err *err)
{
    struct host_memory host = host_memory(root);
    struct train_memory memory;
    struct buf text = {0};
    bool refused;
    int r = train_memory_plan(config, ranks, &memory, err);

    if (r < 0)
        return r;
    *bytes = train_memory_sum(&memory);
    refused = *bytes > host.total / here;
    if (!refused && *bytes <= host.free / here)
        return 0;
    put_need(*bytes, here, &text);
    buf_puts(&text, refused ? " of memory, and this host has " : " of memory, but here only ");
    memory_print(refused ? host.total : host.free, &text);
    buf_puts(&text, refused ? "; 'firstlight-train info' tells what for, and --world how much with "
                              "more ranks"
                            : " are free: it may be killed");
    if (text.failed)
        r = err_set(err, -ENOMEM, "no memory");
    else if (refused)
        r = err_set(err, -ENOMEM, "%s", text.p);
    else
        buf_puts(warning, text.p);
    buf_done(&text);
    return r;
}
