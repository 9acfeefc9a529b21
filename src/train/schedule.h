/* train/schedule - the learning rate of a step. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include "train/config.h"

/* Of step `step`, counted from 1: warm-up is linear from lr / warmup; then cosine to min_lr * lr at
 * the last step, or constant, or constant with a last part that falls linearly to min_lr * lr. No
 * libm: the same bits on every machine. */
double schedule_lr(const struct train_config *config, int64_t step);

#endif
