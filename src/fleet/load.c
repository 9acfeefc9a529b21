#include "node/load.h"
#include "fleet/model.h"
#include "fleet/prove.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 64

/* What one input gave: a text may hold several machines. */
struct haul {
    struct taken *taken;
    uint32_t count;
};

struct work {
    struct fleet *fleet;
    const struct inputs *inputs;
    struct haul *hauls; /* per input */
    atomic_size_t next;
    atomic_int failed;    /* 0 or -ENOMEM */
    pthread_mutex_t lock; /* of the progress function */
    size_t done;
};

struct worker {
    struct work *work;
    struct intake *intake;
    struct loader *loader;
    pthread_t thread;
};

static int take_error(struct worker *worker, const struct input *input, const struct err *err,
                      struct haul *haul)
{
    struct arena *arena = worker->intake->arena;
    struct fleet_node *node;

    haul->taken = arena_alloc(arena, sizeof(*haul->taken));
    if (!haul->taken)
        return -ENOMEM;
    node = &haul->taken->node;
    node->name = arena_copy(arena, input->name, strlen(input->name));
    node->error = arena_copy(arena, err->text, strlen(err->text));
    haul->count = 1;
    return node->name && node->error ? 0 : -ENOMEM;
}

static int take_input(struct worker *worker, const struct input *input, struct haul *haul)
{
    struct loaded loaded = {0};
    struct err err = {0};
    uint32_t parts = 0;
    int r = loader_load(worker->loader, input, &loaded, &err);

    if (r < 0)
        return take_error(worker, input, &err, haul);
    for (struct loaded *part = &loaded; part; part = part->next_part)
        parts++;
    haul->taken = arena_alloc(worker->intake->arena, parts * sizeof(*haul->taken));
    r = haul->taken ? 0 : -ENOMEM;
    for (struct loaded *part = &loaded; part && r == 0; part = part->next_part)
        r = intake_node(worker->intake, part->node, part->topo, &haul->taken[haul->count++]);
    loaded_done(&loaded);
    return r;
}

static void *work_run(void *context)
{
    struct worker *worker = context;
    struct work *work = worker->work;
    const struct fleet_options *options = &work->fleet->options;

    for (;;) {
        size_t i = atomic_fetch_add(&work->next, 1);
        int r;

        if (i >= work->inputs->count || atomic_load(&work->failed))
            return NULL;
        r = take_input(worker, &work->inputs->items[i], &work->hauls[i]);
        if (r < 0)
            atomic_store(&work->failed, r);
        if (options->progress) {
            (void)pthread_mutex_lock(&work->lock);
            options->progress(options->context, ++work->done, work->inputs->count);
            (void)pthread_mutex_unlock(&work->lock);
        }
    }
}

static unsigned thread_count(const struct fleet *fleet, size_t inputs)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = fleet->options.threads ? fleet->options.threads : cpus > 0 ? (size_t)cpus : 1;

    if (count > THREADS_MAX)
        count = THREADS_MAX;
    if (count > inputs)
        count = inputs;
    return count ? (unsigned)count : 1;
}

/* Run the workers; the first one is this thread. */
static int work_all(struct work *work, struct worker *workers, unsigned count)
{
    unsigned ready = 0, started = 1;
    int r = 0;

    for (; ready < count; ready++) {
        struct worker *worker = &workers[ready];

        worker->work = work;
        worker->intake = intake_new(work->fleet);
        worker->loader = loader_new(work->fleet->pool);
        if (!worker->intake || !worker->loader) {
            intake_free(worker->intake);
            loader_free(worker->loader);
            break;
        }
    }
    /* Fewer threads are no error; none is. */
    if (!ready)
        return -ENOMEM;
    while (started < ready &&
           pthread_create(&workers[started].thread, NULL, work_run, &workers[started]) == 0)
        started++;
    (void)work_run(&workers[0]);
    for (unsigned i = 1; i < started; i++)
        (void)pthread_join(workers[i].thread, NULL);
    r = atomic_load(&work->failed);
    for (unsigned i = 0; i < ready; i++) {
        intake_free(workers[i].intake);
        loader_free(workers[i].loader);
    }
    return r;
}

int fleet_load(struct fleet *fleet, const struct inputs *inputs, struct err *err)
{
    struct work work = {.fleet = fleet, .inputs = inputs};
    struct worker workers[THREADS_MAX] = {0};
    int r = -ENOMEM;

    fleet->prove = prove_differences;
    work.hauls = calloc(inputs->count + 1, sizeof(*work.hauls));
    (void)pthread_mutex_init(&work.lock, NULL);
    if (work.hauls)
        r = work_all(&work, workers, thread_count(fleet, inputs->count));
    for (size_t i = 0; i < inputs->count && r == 0; i++)
        for (uint32_t k = 0; k < work.hauls[i].count && r == 0; k++)
            r = fleet_append(fleet, &work.hauls[i].taken[k], (struct origin){&inputs->items[i], k});
    (void)pthread_mutex_destroy(&work.lock);
    free(work.hauls);
    if (r == 0)
        r = fleet_group(fleet);
    return r < 0 ? err_set(err, r, "no memory for %zu nodes", inputs->count) : 0;
}
