#include "probe/team.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES ((size_t)512 << 10) /* a node may have a thousand CPUs */

enum gate { GATE_SHUT, GATE_OPEN, GATE_GIVEN_UP };

struct team {
    team_work *work;
    void *arg;
    atomic_size_t ready;
    _Atomic enum gate gate;
};

struct member {
    struct team *team;
    size_t index;
    pthread_t thread;
};

/* Waiting threads stay awake, so that all begin within microseconds and on cores that are not
 * asleep; each has its CPU to itself. */
static void *member_main(void *arg)
{
    struct member *member = arg;
    struct team *team = member->team;
    enum gate gate;

    atomic_fetch_add(&team->ready, 1);
    while ((gate = atomic_load(&team->gate)) == GATE_SHUT)
        (void)sched_yield();
    if (gate == GATE_OPEN)
        team->work(team->arg, member->index);
    return NULL;
}

static int start(struct member *member, uint32_t cpu)
{
    size_t bytes = CPU_ALLOC_SIZE(cpu + 1);
    cpu_set_t *set = CPU_ALLOC(cpu + 1);
    pthread_attr_t attr;
    int r;

    if (!set)
        return -ENOMEM;
    CPU_ZERO_S(bytes, set);
    CPU_SET_S(cpu, bytes, set);
    r = pthread_attr_init(&attr);
    if (r == 0) {
        (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
        r = pthread_attr_setaffinity_np(&attr, bytes, set);
        if (r == 0)
            r = pthread_create(&member->thread, &attr, member_main, member);
        (void)pthread_attr_destroy(&attr);
    }
    CPU_FREE(set);
    return -r;
}

int team_run(const uint32_t *cpus, size_t count, team_work *work, void *arg, struct err *err)
{
    struct team team = {.work = work, .arg = arg};
    struct member *members = calloc(count ? count : 1, sizeof(*members));
    size_t started = 0;
    int r = 0;

    if (!members)
        return err_set(err, -ENOMEM, "no memory for %zu threads", count);
    for (; started < count; started++) {
        members[started] = (struct member){.team = &team, .index = started};
        r = start(&members[started], cpus[started]);
        if (r < 0) {
            (void)err_set(err, r, "no thread can be bound to CPU %u: %s", (unsigned)cpus[started],
                          strerror(-r));
            break;
        }
    }
    while (r == 0 && atomic_load(&team.ready) < count)
        (void)sched_yield();
    atomic_store(&team.gate, r == 0 ? GATE_OPEN : GATE_GIVEN_UP);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(members[i].thread, NULL);
    free(members);
    return r;
}
