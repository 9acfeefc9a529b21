#include "train/state.h"

#include <stdarg.h>
#include <stdio.h>

void train_note(const struct train *train, const char *kind, const char *format, ...)
{
    char text[ERR_TEXT_MAX * 2];
    va_list args;

    if (!train->events->note)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    train->events->note(train->events->arg, kind, text);
}
