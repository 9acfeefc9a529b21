/* train/watch - may this step be applied? Decides; does nothing. */
#ifndef TRAIN_WATCH_H
#define TRAIN_WATCH_H

#include <stddef.h>
#include <stdint.h>

#define WATCH_WINDOW_MAX 1024

enum watch_verdict {
    WATCH_APPLY,
    WATCH_NOT_FINITE, /* loss or gradient norm: never applied, never in the window */
    WATCH_SPIKE_LOSS,
    WATCH_SPIKE_NORM,
};

const char *watch_verdict_name(enum watch_verdict verdict);

/* The last applied steps; all of it is kept in checkpoints. */
struct watch {
    size_t window;  /* how many it looks back, at most WATCH_WINDOW_MAX */
    double spike_z; /* 0: spikes are not looked for */
    size_t count;   /* seen so far; the newest is at (count - 1) % window */
    double loss[WATCH_WINDOW_MAX], norm[WATCH_WINDOW_MAX];
    uint64_t skipped, skipped_in_a_row;
};

/* Robust z: (x - median) / (1.4826 MAD), with a floor of the MAD of 1e-3 median, so that a flat
 * stretch makes no spikes. Spikes are only upward, and only told when the window is full. */
enum watch_verdict watch_step(struct watch *watch, double loss, double norm);

#endif
