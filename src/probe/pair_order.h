/* probe/pair_order - an order to measure with another node, carried out.
 *
 * The end whose order says `first` leads, and tells everything, of both directions; either tells
 * what went wrong. */
#ifndef PROBE_PAIR_ORDER_H
#define PROBE_PAIR_ORDER_H

#include "probe/pair.h"
#include "probe/probe.h"

/* `cuda` is opened by the first order for memory of GPUs: all zero before, the caller's to close.
 * silence_ms: TALK_SILENCE_MS but for tests. Returns false when the port is of no more use: let the
 * process end. */
bool pair_order(const struct probe *probe, struct ucx_port *port,
                const struct pair_meeting *meeting, struct cuda *cuda, int64_t silence_ms);

#endif
