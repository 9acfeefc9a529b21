#include "base/cpulist.h"

bool cpulist_has(const struct cpulist *list, unsigned cpu)
{
    return cpu < CPULIST_CPUS_MAX && list->bits[cpu / 64] >> cpu % 64 & 1;
}

bool cpulist_add(struct cpulist *list, int64_t cpu)
{
    if (cpu < 0 || cpu >= CPULIST_CPUS_MAX)
        return false;
    list->bits[cpu / 64] |= (uint64_t)1 << cpu % 64;
    return true;
}

bool cpulist_read(struct cpulist *list, struct str text)
{
    struct str part, first;

    while (str_cut(&text, ',', &part)) {
        int64_t low, high;

        if (!str_cut(&part, '-', &first) || str_to_i64(first, 10, &low) < 0)
            return false;
        high = low;
        if (part.p > first.p + first.len && str_to_i64(part, 10, &high) < 0)
            return false;
        if (low < 0 || high < low || high >= CPULIST_CPUS_MAX)
            return false;
        for (; low <= high; low++)
            (void)cpulist_add(list, low);
    }
    return true;
}

void cpulist_remove(struct cpulist *list, const struct cpulist *other)
{
    for (size_t i = 0; i < ARRAY_LEN(list->bits); i++)
        list->bits[i] &= ~other->bits[i];
}

unsigned cpulist_count(const struct cpulist *list)
{
    unsigned count = 0;

    for (size_t i = 0; i < ARRAY_LEN(list->bits); i++)
        count += (unsigned)__builtin_popcountll(list->bits[i]);
    return count;
}

void cpulist_print(const struct cpulist *list, struct buf *out)
{
    size_t begin = out->len;

    for (unsigned i = 0; i < CPULIST_CPUS_MAX; i++) {
        unsigned first = i;

        if (!cpulist_has(list, i))
            continue;
        while (i + 1 < CPULIST_CPUS_MAX && cpulist_has(list, i + 1))
            i++;
        buf_printf(out, out->len > begin ? ",%u" : "%u", first);
        if (i > first)
            buf_printf(out, "-%u", i);
    }
}
