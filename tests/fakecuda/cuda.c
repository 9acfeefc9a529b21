#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX 64

enum { INVALID = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, INVALID_DEVICE = 101, BROKEN = 719 };

struct CUevent_st {
    int device;
    double at_ms;
    bool recorded;
};

static bool initialized;
static struct CUctx_st contexts[FAKE_GPUS] = {{.device = 0}, {.device = 1}};
static struct CUctx_st *current;
static struct {
    int device;
    uint64_t memory;
    size_t bytes;
} blocks[BLOCKS_MAX];

/* The functions under the names that the real library exports. */
#define CUDA_DECLARE(name, symbol, args) int fake_##name args __asm__(symbol);
CUDA_FUNCTIONS(CUDA_DECLARE)
#undef CUDA_DECLARE

bool fake_is(const char *word)
{
    const char *wish = getenv("FIRSTLIGHT_FAKE_CUDA");

    return wish && strcmp(wish, word) == 0;
}

bool fake_fails(const char *name, int device)
{
    char on_one[128];

    (void)snprintf(on_one, sizeof(on_one), "%s@%d", name, device);
    return fake_is(name) || fake_is(on_one);
}

double fake_speed(int device)
{
    return device == 1 ? 0.5 : 1;
}

bool fake_owns(int device, uint64_t memory, size_t bytes)
{
    for (size_t i = 0; i < BLOCKS_MAX; i++)
        if (blocks[i].bytes && blocks[i].device == device && memory >= blocks[i].memory &&
            memory + bytes <= blocks[i].memory + blocks[i].bytes)
            return true;
    return false;
}

#define MAY_FAIL(name)                                                                             \
    do {                                                                                           \
        if (!initialized)                                                                          \
            return NOT_INITIALIZED;                                                                \
        if (fake_fails(name, current ? current->device : -1))                                      \
            return BROKEN;                                                                         \
    } while (0)

int fake_cuInit(unsigned flags)
{
    if (fake_is("nodevice"))
        return CUDA_NO_DEVICE;
    initialized = flags == 0;
    MAY_FAIL("cuInit");
    return 0;
}

int fake_cuGetErrorString(int error, const char **text)
{
    *text = error == BROKEN           ? "unspecified launch failure"
            : error == OUT_OF_MEMORY  ? "out of memory"
            : error == INVALID        ? "invalid argument"
            : error == CUDA_NO_DEVICE ? "no CUDA-capable device is detected"
                                      : NULL;
    return *text ? 0 : INVALID;
}

int fake_cuDeviceGetCount(int *count)
{
    MAY_FAIL("cuDeviceGetCount");
    *count = FAKE_GPUS;
    return 0;
}

int fake_cuDeviceGet(int *device, int ordinal)
{
    MAY_FAIL("cuDeviceGet");
    *device = ordinal;
    return ordinal >= 0 && ordinal < FAKE_GPUS ? 0 : INVALID_DEVICE;
}

int fake_cuDeviceGetPCIBusId(char *id, int bytes, int device)
{
    MAY_FAIL("cuDeviceGetPCIBusId");
    return snprintf(id, (size_t)bytes, "0000:%d%c:00.0", device + 1, device ? 'C' : 'B') < bytes
               ? 0
               : INVALID;
}

int fake_cuDeviceCanAccessPeer(int *can, int device, int peer)
{
    MAY_FAIL("cuDeviceCanAccessPeer");
    *can = device != peer && !fake_is("nopeer");
    return 0;
}

int fake_cuDevicePrimaryCtxRetain(struct CUctx_st **context, int device)
{
    MAY_FAIL("cuDevicePrimaryCtxRetain");
    if (fake_fails("cuDevicePrimaryCtxRetain", device))
        return BROKEN;
    contexts[device].users++;
    *context = &contexts[device];
    return 0;
}

int fake_cuDevicePrimaryCtxRelease(int device)
{
    if (contexts[device].users == 0)
        return INVALID;
    if (--contexts[device].users == 0) {
        memset(contexts[device].peers, 0, sizeof(contexts[device].peers));
        if (current == &contexts[device])
            current = NULL;
    }
    return 0;
}

int fake_cuCtxSetCurrent(struct CUctx_st *context)
{
    current = context;
    MAY_FAIL("cuCtxSetCurrent");
    return context->users > 0 ? 0 : INVALID;
}

int fake_cuCtxEnablePeerAccess(struct CUctx_st *peer, unsigned flags)
{
    MAY_FAIL("cuCtxEnablePeerAccess");
    if (flags != 0 || peer->users == 0)
        return INVALID;
    if (current->peers[peer->device])
        return CUDA_PEER_ACCESS_ALREADY_ENABLED;
    current->peers[peer->device] = true;
    return 0;
}

int fake_cuMemGetInfo(size_t *free_bytes, size_t *bytes)
{
    MAY_FAIL("cuMemGetInfo");
    *bytes = (size_t)80 << 30;
    *free_bytes = fake_is("full") && current->device == 1 ? (size_t)100 << 20 : *bytes;
    return 0;
}

int fake_cuMemAlloc(uint64_t *memory, size_t bytes)
{
    static uint64_t next = (uint64_t)1 << 40;

    MAY_FAIL("cuMemAlloc");
    for (size_t i = 0; i < BLOCKS_MAX; i++)
        if (!blocks[i].bytes) {
            blocks[i].device = current->device;
            blocks[i].bytes = bytes;
            *memory = blocks[i].memory = next;
            next += bytes + 4096; /* what lies behind is nobody's */
            return 0;
        }
    return OUT_OF_MEMORY;
}

int fake_cuMemFree(uint64_t memory)
{
    for (size_t i = 0; i < BLOCKS_MAX; i++)
        if (blocks[i].bytes && blocks[i].memory == memory && blocks[i].device == current->device) {
            blocks[i].bytes = 0;
            return 0;
        }
    abort(); /* of another GPU, or freed before */
}

int fake_cuMemHostAlloc(void **memory, size_t bytes, unsigned flags)
{
    MAY_FAIL("cuMemHostAlloc");
    *memory = flags == 0 ? malloc(bytes) : NULL;
    return *memory ? 0 : OUT_OF_MEMORY;
}

int fake_cuMemFreeHost(void *memory)
{
    free(memory);
    return 0;
}

static int copied(struct CUstream_st *stream, size_t bytes, double rate)
{
    stream->now_ms += (double)bytes / rate * 1e3;
    return 0;
}

/* Copies touch nothing: that there is something on both sides is what is checked. */
int fake_cuMemcpyHtoDAsync(uint64_t to, const void *from, size_t bytes, struct CUstream_st *stream)
{
    MAY_FAIL("cuMemcpyHtoDAsync");
    if (!from || !fake_owns(stream->device, to, bytes))
        return INVALID;
    return copied(stream, bytes, FAKE_FROM_HOST);
}

int fake_cuMemcpyDtoHAsync(void *to, uint64_t from, size_t bytes, struct CUstream_st *stream)
{
    MAY_FAIL("cuMemcpyDtoHAsync");
    if (!to || !fake_owns(stream->device, from, bytes))
        return INVALID;
    return copied(stream, bytes, FAKE_TO_HOST);
}

int fake_cuMemcpyDtoDAsync(uint64_t to, uint64_t from, size_t bytes, struct CUstream_st *stream)
{
    MAY_FAIL("cuMemcpyDtoDAsync");
    if (!fake_owns(stream->device, from, bytes) || !fake_owns(stream->device, to, bytes))
        return INVALID;
    return copied(stream, 2 * bytes, FAKE_MEMORY * fake_speed(stream->device));
}

int fake_cuMemcpyPeerAsync(uint64_t to, struct CUctx_st *to_context, uint64_t from,
                           struct CUctx_st *from_context, size_t bytes, struct CUstream_st *stream)
{
    MAY_FAIL("cuMemcpyPeerAsync");
    if (stream->device != from_context->device || current != from_context ||
        !fake_owns(from_context->device, from, bytes) || !fake_owns(to_context->device, to, bytes))
        return INVALID;
    return copied(stream, bytes,
                  from_context->peers[to_context->device] ? FAKE_PEER : FAKE_NO_PEER);
}

int fake_cuStreamCreate(struct CUstream_st **stream, unsigned flags)
{
    MAY_FAIL("cuStreamCreate");
    *stream = flags == CUDA_STREAM_NON_BLOCKING ? calloc(1, sizeof(**stream)) : NULL;
    if (!*stream)
        return OUT_OF_MEMORY;
    (*stream)->device = current->device;
    return 0;
}

int fake_cuStreamDestroy(struct CUstream_st *stream)
{
    free(stream);
    return 0;
}

int fake_cuStreamSynchronize(struct CUstream_st *stream)
{
    (void)stream;
    MAY_FAIL("cuStreamSynchronize");
    return 0;
}

int fake_cuEventCreate(struct CUevent_st **event, unsigned flags)
{
    MAY_FAIL("cuEventCreate");
    *event = flags == CUDA_EVENT_DEFAULT ? calloc(1, sizeof(**event)) : NULL;
    return *event ? 0 : OUT_OF_MEMORY;
}

int fake_cuEventDestroy(struct CUevent_st *event)
{
    free(event);
    return 0;
}

int fake_cuEventRecord(struct CUevent_st *event, struct CUstream_st *stream)
{
    MAY_FAIL("cuEventRecord");
    event->at_ms = stream->now_ms;
    event->recorded = true;
    return 0;
}

int fake_cuEventSynchronize(struct CUevent_st *event)
{
    MAY_FAIL("cuEventSynchronize");
    return event->recorded ? 0 : INVALID;
}

int fake_cuEventElapsedTime(float *ms, struct CUevent_st *begin, struct CUevent_st *end)
{
    MAY_FAIL("cuEventElapsedTime");
    *ms = (float)(end->at_ms - begin->at_ms);
    return begin->recorded && end->recorded ? 0 : INVALID;
}
