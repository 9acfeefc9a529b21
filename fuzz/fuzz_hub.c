/* Three ranks and strangers do anything in any order: connect, send, end, read, let time pass. */
#include "coll/hub.h"

#include <stdlib.h>

#define SIZE  3
#define SLOTS (SIZE + 2) /* of those there are */

/* One move: a byte for what and with which slot, then for bytes sent their number and they. */
static size_t move(struct hub *hub, bool *open, int64_t *now_ms, const uint8_t *data, size_t size)
{
    size_t slot = (data[0] >> 3) % SLOTS, len, arg = size > 1 ? data[1] : 0;

    switch (data[0] & 7) {
    case 0:
        if (open[slot])
            hub_lost(hub, slot, arg & 1 ? FALL_GONE : FALL_DIED);
        open[slot] = false;
        break;
    case 1:
        *now_ms += (int64_t)arg * 10;
        (void)hub_tick(hub, *now_ms);
        for (size_t i = 0; i < SLOTS; i++)
            if (hub_is_stale(hub, i, *now_ms))
                open[i] ? (void)(open[i] = false), hub_lost(hub, i, FALL_DIED) : abort();
        break;
    case 2:
        len = hub_output(hub, slot).len;
        if (open[slot] && len > 0)
            hub_sent(hub, slot, len < arg ? len : arg);
        break;
    case 3:
        break;
    default:
        if (!open[slot])
            hub_accept(hub, slot, *now_ms);
        open[slot] = true;
        len = size - 2 < arg ? size - 2 : arg;
        if (size > 2 && hub_feed(hub, slot, data + 2, len, *now_ms) < 0) {
            hub_lost(hub, slot, FALL_FAILED);
            open[slot] = false;
        }
        return size > 2 ? 2 + len : size;
    }
    return size > 1 ? 2 : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hub *hub = hub_new(SIZE, 1, 1000, 0);
    bool open[SLOTS] = {false};
    int64_t now_ms = 0;

    while (size > 0) {
        size_t n = move(hub, open, &now_ms, data, size);

        data += n;
        size -= n;
        for (size_t i = 0; i < SLOTS; i++) {
            struct str out = hub_output(hub, i);

            for (size_t k = 0; k < out.len; k++)
                *(volatile const char *)(out.p + k);
        }
    }
    hub_free(hub);
    return 0;
}
