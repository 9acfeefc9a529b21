#include "train/schedule.h"

/* (1 + cos(pi x)) / 2 on [0, 1]: cos(pi x) = sin(pi (1/2 - x)), by Taylor's series to the 21st
 * power, whose rest is below 1e-16 there. */
static double half_wave(double x)
{
    double y = 3.14159265358979323846 * (0.5 - x), term = y, sum = y;

    for (int n = 3; n <= 21; n += 2) {
        term *= -y * y / (double)(n * (n - 1));
        sum += term;
    }
    return 0.5 * (1.0 + sum);
}

double schedule_lr(const struct train_config *config, int64_t step)
{
    double lr = config->optim.lr, low = config->optim.min_lr * lr;
    int64_t warmup = config->optim.warmup, steps = config->train.steps;
    double decay, past;

    if (step <= warmup)
        return lr * (double)step / (double)warmup;
    switch ((enum schedule_kind)config->optim.schedule) {
    case SCHEDULE_CONSTANT:
        return lr;
    case SCHEDULE_COSINE:
        if (step >= steps)
            return low;
        return low + (lr - low) * half_wave((double)(step - warmup) / (double)(steps - warmup));
    case SCHEDULE_WSD:
        decay = config->optim.wsd_decay * (double)steps;
        past = (double)step - ((double)steps - decay);
        if (past <= 0 || decay <= 0)
            return lr;
        return past >= decay ? low : lr + (low - lr) * past / decay;
    }
    return lr;
}
