/* pci/lspci_clean - lspci text that a mail, a forum or a terminal has bent, made straight.
 *
 * Undoes: CRLF, no-break spaces, ANSI escapes, quoting by "> ", lines wrapped by a mailer, lost or
 * changed indentation, blank lines between all lines, shell prompts and messages of lspci in
 * between. The result is indented as lspci does it: the device at column 0, its lines at one tab,
 * registers at two, what goes on with a register at three. */
#ifndef PCI_LSPCI_CLEAN_H
#define PCI_LSPCI_CLEAN_H

#include "base/arena.h"
#include "base/str.h"

/* A longer line is cut: no line of lspci comes near it. */
#define CLEAN_LINE_MAX 4096

struct lspci_clean {
    struct str text;
    const uint32_t
        *lines; /* line i of `text` (from 0) was line lines[i] (from 1) of the original */
    uint32_t line_count;
};

/* Everything in *out lives in `arena`. Returns 0 or -ENOMEM. */
int lspci_clean(struct arena *arena, struct str text, struct lspci_clean *out);

#endif
