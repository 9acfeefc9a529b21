/* data/crew - a corpus through many threads and out again in its order.
 *
 * One thread reads units, `threads` encode them, and the caller takes them one after the other. A
 * ring of a few units a thread lies between: the memory does not grow with the corpus. */
#ifndef DATA_CREW_H
#define DATA_CREW_H

#include "data/unit.h"

#define CREW_THREADS_MAX 1024

/* `take` gets each unit in order, on the caller's thread. Ends at the first unit that went wrong
 * (all before it were taken, so the sentence is the same whatever the threads) or when `take`
 * returns less than 0. Returns 0 or that negative errno. threads 0: one a CPU. */
int crew_run(const struct corpus *corpus, const struct data_place *from,
             const struct unit_options *options, size_t threads,
             int (*take)(void *arg, const struct unit *unit, struct err *err), void *arg,
             struct err *err);

#endif
