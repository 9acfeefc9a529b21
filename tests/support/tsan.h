/* support/tsan - TSan looks for races, which a few rounds show as well as many, and makes each ten
 * times slower. */
#ifndef SUPPORT_TSAN_H
#define SUPPORT_TSAN_H

#include <stdbool.h>

#ifdef __SANITIZE_THREAD__
static const bool under_tsan = true;
#else
static const bool under_tsan = false;
#endif

#endif
