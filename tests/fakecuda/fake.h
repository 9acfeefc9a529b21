/* tests/fakecuda/fake - two GPUs that only keep time: each copy or product on a stream moves the
 * stream's clock by what it would take. GPU 1 is half as fast as GPU 0 in its memory and its sums.
 *
 * FIRSTLIGHT_FAKE_CUDA in the environment: "NAME" makes that call fail always, "NAME@1" on GPU 1
 * alone; "nopeer": the GPUs can't reach each other; "full": GPU 1 has little free memory;
 * "nobf16": products of fp16 only. */
#ifndef FAKECUDA_FAKE_H
#define FAKECUDA_FAKE_H

#include "probe/cuda_library.h"

#include <stdbool.h>

#define FAKE_GPUS      2
#define FAKE_MEMORY    1e12 /* bytes a second of GPU 0's memory */
#define FAKE_TO_HOST   20e9
#define FAKE_FROM_HOST 25e9
#define FAKE_PEER      100e9
#define FAKE_NO_PEER   10e9
#define FAKE_MATRIX    400e12 /* FLOP/s */

struct CUctx_st {
    int device, users;
    bool peers[FAKE_GPUS];
};

struct CUstream_st {
    int device;
    double now_ms;
};

/* Is this call to fail on that GPU? -1: of no GPU. */
bool fake_fails(const char *name, int device);
bool fake_is(const char *word);

/* Does all of it lie in memory of that GPU which is allocated? */
bool fake_owns(int device, uint64_t memory, size_t bytes);

double fake_speed(int device); /* 1, 0.5 */

#endif
