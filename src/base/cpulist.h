/* base/cpulist - sets of CPUs as the kernel writes them: "0-238,240-255". */
#ifndef BASE_CPULIST_H
#define BASE_CPULIST_H

#include "base/str.h"

#define CPULIST_CPUS_MAX 8192 /* Linux's largest NR_CPUS */

struct cpulist {
    uint64_t bits[CPULIST_CPUS_MAX / 64];
};

/* Add one CPU. False when there can be no such CPU. */
bool cpulist_add(struct cpulist *list, int64_t cpu);

/* Add a list; an empty text is the empty list. False when the text is none (then some of it may
 * have been added). */
bool cpulist_read(struct cpulist *list, struct str text);

/* Take what is in `other` out of *list. */
void cpulist_remove(struct cpulist *list, const struct cpulist *other);

bool cpulist_has(const struct cpulist *list, unsigned cpu);

unsigned cpulist_count(const struct cpulist *list);

/* Append the list to `out`: ranges in order, nothing for the empty list. */
void cpulist_print(const struct cpulist *list, struct buf *out);

#endif
