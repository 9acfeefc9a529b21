/* trainer/data_show - what a step of a training sees: windows of token shards, for people. */
#ifndef TRAINER_DATA_SHOW_H
#define TRAINER_DATA_SHOW_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATA_SHOW_TIME_MAX ((size_t)1 << 24)

struct data_show {
    size_t time; /* tokens in a window */
    uint64_t seed, first, count;
    bool json; /* tokens, targets and where documents begin; else the text */
};

/* To stdout. sources: "DIR" or "DIR=WEIGHT". Returns 0 or a negative errno with a sentence. */
int data_show(const struct data_show *show, char *const *sources, size_t count, struct err *err);

#endif
