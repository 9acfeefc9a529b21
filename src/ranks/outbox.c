#include "ranks/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){.next = 1};
}

void outbox_done(struct outbox *outbox)
{
    outbox_ack(outbox, UINT64_MAX);
    free(outbox->events);
    *outbox = (struct outbox){0};
}

/* Room for one more: what was taken from the front is used again before the array grows. */
static int make_room(struct outbox *outbox)
{
    struct msg_event **more;
    size_t space;

    if (outbox->first + outbox->count < outbox->space)
        return 0;
    if (outbox->count > 0 && outbox->first >= outbox->space / 2) {
        memmove(outbox->events, outbox->events + outbox->first,
                outbox->count * sizeof(struct msg_event *));
        outbox->first = 0;
        return 0;
    }
    space = outbox->space ? outbox->space * 2 : 16;
    more = realloc(outbox->events, space * sizeof(*more));
    if (!more)
        return -ENOMEM;
    outbox->events = more;
    outbox->space = space;
    return 0;
}

int outbox_add(struct outbox *outbox, const struct msg_event *event, size_t keep_max, bool may_drop,
               const struct msg_event **kept)
{
    size_t len = event->text.len < OUTBOX_TEXT_MAX ? event->text.len : OUTBOX_TEXT_MAX;
    struct msg_event *copy;

    *kept = NULL;
    if (may_drop && outbox->count >= keep_max) {
        outbox->dropped++;
        return 0;
    }
    if (make_room(outbox) < 0)
        return -ENOMEM;
    copy = malloc(sizeof(*copy) + len);
    if (!copy)
        return -ENOMEM;
    *copy = *event;
    copy->number = outbox->next++;
    copy->text = (struct str){(char *)(copy + 1), len};
    if (len)
        memcpy(copy + 1, event->text.p, len);
    outbox->events[outbox->first + outbox->count++] = copy;
    *kept = copy;
    return 0;
}

void outbox_ack(struct outbox *outbox, uint64_t number)
{
    while (outbox->count > 0 && outbox->events[outbox->first]->number <= number) {
        free(outbox->events[outbox->first++]);
        outbox->count--;
    }
    if (outbox->count == 0)
        outbox->first = 0;
}

const struct msg_event *outbox_at(const struct outbox *outbox, size_t i)
{
    return i < outbox->count ? outbox->events[outbox->first + i] : NULL;
}

uint64_t outbox_oldest(const struct outbox *outbox)
{
    return outbox->count ? outbox->events[outbox->first]->number : outbox->next;
}
