/* sched/frame - many hosts' bytes through one stream of lines.
 *
 * srun merges its tasks' outputs line by line. Each line is "@HOST <base64>\n", and the last of a
 * host "@HOST .\n"; other lines are somebody else's talk. Lines stay below srun's 1024 bytes. */
#ifndef SCHED_FRAME_H
#define SCHED_FRAME_H

#include "base/map.h"
#include "base/str.h"
#include "sched/sched.h"

#define FRAME_LINE_BYTES_MAX 4096

struct frame_reader {
    struct map by_host; /* to struct sched_task */
    struct buf line;
    size_t output_max;
    bool too_long; /* the line at hand is no frame; skip to its end */
};

/* Returns 0 or -ENOMEM. */
int frame_init(struct frame_reader *reader, struct sched_task *tasks, size_t count,
               size_t output_max);
void frame_done(struct frame_reader *reader);

/* Take what came. A task whose end mark came is `ended`; one whose frames can't be read or that
 * exceeds output_max is SCHED_FAILED with its sentence. `over` is called for both. */
void frame_take(struct frame_reader *reader, struct str bytes,
                void (*over)(void *data, struct sched_task *task), void *data);

#endif
