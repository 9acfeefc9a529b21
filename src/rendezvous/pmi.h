/* rendezvous/pmi - the lines of PMI-1, as MPICH's clients speak them on the descriptor PMI_FD.
 *
 * Pure: bytes to commands, answers to bytes. What put, get and barrier_in mean is the proxy's
 * (rendezvous/proxy.h): keys "pmi/NAME" and the counter "pmi-barrier" of the store. */
#ifndef RENDEZVOUS_PMI_H
#define RENDEZVOUS_PMI_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define PMI_LINE_MAX  16384
#define PMI_KEY_MAX   256 /* said by get_maxes */
#define PMI_VALUE_MAX 4096

enum pmi_verb {
    PMI_INIT = 1,
    PMI_GET_MAXES,
    PMI_GET_APPNUM,
    PMI_GET_MY_KVSNAME,
    PMI_GET_UNIVERSE_SIZE,
    PMI_PUT,
    PMI_GET,
    PMI_BARRIER_IN,
    PMI_FINALIZE,
    PMI_ABORT, /* number: its exit code; there is no answer, it waits to be killed */
    PMI_PUBLISH,
    PMI_UNPUBLISH,
    PMI_LOOKUP,
    PMI_SPAWN,
    PMI_UNKNOWN, /* text: the line */
};

struct pmi_command {
    enum pmi_verb verb;
    struct str key, value, text; /* until the next call */
    int number;
};

struct pmi {
    uint32_t rank;
    struct buf in;
    size_t at;
    bool spawning;    /* inside of "mcmd=spawn" .. "endcmd" */
    int64_t barriers; /* that it has entered */
};

struct pmi *pmi_new(uint32_t rank);
void pmi_free(struct pmi *pmi);

/* Returns 0, -ENOMEM. */
int pmi_feed(struct pmi *pmi, struct str bytes);

/* The next command: 1, 0 (a line is not complete) or -EPROTO with a sentence. */
int pmi_next(struct pmi *pmi, struct pmi_command *out, struct err *err);

/* Answers: what PMI's clients expect to each command. */
void pmi_say_init(struct buf *out);
void pmi_say_maxes(struct buf *out);
void pmi_say_number(struct buf *out, enum pmi_verb verb, uint32_t number);
void pmi_say_kvsname(struct buf *out);
void pmi_say_put(struct buf *out);
void pmi_say_get(struct buf *out, bool there, struct str value);
void pmi_say_barrier(struct buf *out);
void pmi_say_finalize(struct buf *out);
void pmi_say_unsupported(struct buf *out, enum pmi_verb verb);

/* Which node each rank is on, as MPICH asks for by the key PMI_process_mapping: `nproc` (not 0)
 * ranks on each node, the last has what is left. */
#define PMI_MAPPING_KEY "PMI_process_mapping"
void pmi_mapping(struct buf *out, uint32_t world, uint32_t nproc);

#endif
