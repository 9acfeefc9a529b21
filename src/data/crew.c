#include "data/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct slot {
    struct unit unit;
    bool done; /* encoded, or went wrong */
};

struct crew {
    const struct unit_options *options;
    struct unit_source *source;
    struct slot *slots; /* unit number n lies in n % slot_count */
    size_t slot_count;

    pthread_mutex_t lock; /* of what follows, and of `done` */
    pthread_cond_t has_room, has_work, has_result;
    uint64_t read, begun, taken; /* numbers of the next unit to read, to encode, to take */
    bool ended;                  /* nothing more will be read, or nobody wants more */
};

static struct slot *slot_of(struct crew *crew, uint64_t number)
{
    return &crew->slots[number % crew->slot_count];
}

/* A place for the next unit; NULL: stop. */
static struct slot *wait_for_room(struct crew *crew)
{
    struct slot *slot = NULL;

    (void)pthread_mutex_lock(&crew->lock);
    while (!crew->ended && crew->read - crew->taken == crew->slot_count)
        (void)pthread_cond_wait(&crew->has_room, &crew->lock);
    if (!crew->ended)
        slot = slot_of(crew, crew->read);
    (void)pthread_mutex_unlock(&crew->lock);
    return slot;
}

static void *read_units(void *arg)
{
    struct crew *crew = arg;
    struct slot *slot;

    while ((slot = wait_for_room(crew)) != NULL) {
        bool last = unit_read(crew->source, &slot->unit) < 0 || !slot->unit.file;

        (void)pthread_mutex_lock(&crew->lock);
        slot->done = last; /* nothing to encode */
        crew->read++;
        if (last) {
            crew->ended = true;
            (void)pthread_cond_broadcast(&crew->has_work);
            (void)pthread_cond_signal(&crew->has_result);
        } else
            (void)pthread_cond_signal(&crew->has_work);
        (void)pthread_mutex_unlock(&crew->lock);
    }
    return NULL;
}

static struct slot *wait_for_work(struct crew *crew)
{
    struct slot *slot = NULL;

    (void)pthread_mutex_lock(&crew->lock);
    while (!crew->ended && crew->begun == crew->read)
        (void)pthread_cond_wait(&crew->has_work, &crew->lock);
    while (crew->begun < crew->read && !slot) {
        slot = slot_of(crew, crew->begun++);
        slot = slot->done ? NULL : slot;
    }
    (void)pthread_mutex_unlock(&crew->lock);
    return slot;
}

static void *encode_units(void *arg)
{
    struct crew *crew = arg;
    const struct encoder *encoder = crew->options->encoder;
    void *scratch = encoder->scratch_new(encoder->arg);
    struct buf text = {0};
    struct slot *slot;

    while ((slot = wait_for_work(crew)) != NULL) {
        if (scratch)
            (void)unit_encode(crew->options, scratch, &text, &slot->unit);
        else
            slot->unit.r = err_set(&slot->unit.err, -ENOMEM, "no memory to encode");
        (void)pthread_mutex_lock(&crew->lock);
        slot->done = true;
        (void)pthread_cond_signal(&crew->has_result);
        (void)pthread_mutex_unlock(&crew->lock);
    }
    buf_done(&text);
    encoder->scratch_free(scratch);
    return NULL;
}

static struct unit *wait_for_result(struct crew *crew)
{
    struct slot *slot = slot_of(crew, crew->taken);

    (void)pthread_mutex_lock(&crew->lock);
    while (crew->taken == crew->read || !slot->done)
        (void)pthread_cond_wait(&crew->has_result, &crew->lock);
    (void)pthread_mutex_unlock(&crew->lock);
    return &slot->unit;
}

static void give_room(struct crew *crew)
{
    (void)pthread_mutex_lock(&crew->lock);
    slot_of(crew, crew->taken)->done = false;
    crew->taken++;
    (void)pthread_cond_signal(&crew->has_room);
    (void)pthread_mutex_unlock(&crew->lock);
}

static int take_units(struct crew *crew,
                      int (*take)(void *arg, const struct unit *unit, struct err *err), void *arg,
                      struct err *err)
{
    for (;;) {
        const struct unit *unit = wait_for_result(crew);
        int r = unit->r;

        if (r < 0)
            return err_set(err, r, "%s", unit->err.text);
        if (!unit->file)
            return 0;
        r = take(arg, unit, err);
        if (r < 0)
            return r;
        give_room(crew);
    }
}

static void stop(struct crew *crew)
{
    (void)pthread_mutex_lock(&crew->lock);
    crew->ended = true;
    crew->begun = crew->read; /* what was read is not wanted any more */
    (void)pthread_cond_broadcast(&crew->has_room);
    (void)pthread_cond_broadcast(&crew->has_work);
    (void)pthread_mutex_unlock(&crew->lock);
}

int crew_run(const struct corpus *corpus, const struct data_place *from,
             const struct unit_options *options, size_t threads,
             int (*take)(void *arg, const struct unit *unit, struct err *err), void *arg,
             struct err *err)
{
    struct crew crew = {.options = options,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .has_room = PTHREAD_COND_INITIALIZER,
                        .has_work = PTHREAD_COND_INITIALIZER,
                        .has_result = PTHREAD_COND_INITIALIZER};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_t *ids;
    size_t started = 0;
    int r;

    if (!threads)
        threads = cpus > 0 ? (size_t)cpus : 1;
    threads = threads < CREW_THREADS_MAX ? threads : CREW_THREADS_MAX;
    crew.slot_count = 2 * threads + 2;
    crew.slots = calloc(crew.slot_count, sizeof(*crew.slots));
    ids = calloc(threads + 1, sizeof(*ids));
    r = crew.slots && ids ? unit_source_new(corpus, from, &crew.source, err)
                          : err_set(err, -ENOMEM, "no memory for %zu threads", threads);
    for (; r == 0 && started <= threads; started++) {
        r = -pthread_create(&ids[started], NULL, started ? encode_units : read_units, &crew);
        if (r < 0) {
            err_set(err, r, "no thread to encode in: %s", strerror(-r));
            break;
        }
    }
    if (r == 0)
        r = take_units(&crew, take, arg, err);
    stop(&crew);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(ids[i], NULL);
    for (size_t i = 0; crew.slots && i < crew.slot_count; i++)
        unit_done(&crew.slots[i].unit);
    unit_source_free(crew.source);
    free(crew.slots);
    free(ids);
    return r;
}
