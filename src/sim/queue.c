#include "sim/queue.h"

#include <errno.h>

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

int sim_queue_put(struct sim_queue *queue, const struct sim_event *event)
{
    size_t i = queue->heap.count;
    struct sim_event new = *event;

    if (!vec_push(&queue->heap)) {
        free(event->data);
        return -ENOMEM;
    }
    new.order = ++queue->order;
    for (; i > 0 && before(&new, &queue->heap.items[(i - 1) / 2]); i = (i - 1) / 2)
        queue->heap.items[i] = queue->heap.items[(i - 1) / 2];
    queue->heap.items[i] = new;
    return 0;
}

bool sim_queue_take(struct sim_queue *queue, struct sim_event *out)
{
    struct sim_event *heap = queue->heap.items, last;
    size_t count, i = 0, child;

    if (!queue->heap.count)
        return false;
    *out = heap[0];
    count = --queue->heap.count;
    last = heap[count];
    while ((child = 2 * i + 1) < count) {
        if (child + 1 < count && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    if (count)
        heap[i] = last;
    return true;
}

void sim_queue_done(struct sim_queue *queue)
{
    for (size_t i = 0; i < queue->heap.count; i++)
        free(queue->heap.items[i].data);
    vec_done(&queue->heap);
}
