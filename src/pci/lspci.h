/* pci/lspci - one machine's lspci text as facts of its pci subjects.
 *
 * Takes every form that lists devices: plain, -n, -nn, -v, -vv, -vvv, each with or without the hex
 * rows of -x, -xxx, -xxxx, of any lspci since 3.1; also texts that a mail or an editor has bent
 * (see pci/lspci_clean.h). What the dump could not show is told with node_add_unseen. */
#ifndef PCI_LSPCI_H
#define PCI_LSPCI_H

#include "base/err.h"
#include "facts/node.h"

/* Does this look like lspci's output? Reads the first 64 KB at most. */
bool lspci_looks_like(struct str text);

/* Several dumps in one file: cut where the addresses start again from the first. Fills at most
 * `max` parts (each one whole dump) and returns how many there are; 1 for an ordinary dump, also
 * for one that shows a device twice. */
#define LSPCI_PARTS_MAX 64
size_t lspci_split(struct str text, struct str *parts, size_t max);

/* Where a device's capabilities come from when it has both text and hex rows. */
enum lspci_prefer {
    LSPCI_BEST,  /* the bytes when there are 256 or more, else the text */
    LSPCI_TEXT,  /* the text alone: hex rows are skipped */
    LSPCI_BYTES, /* the bytes alone: of the text, only what no byte tells */
};

/* Decodes config bytes of a device into facts, as pci_config_parse does. `line` is the line of the
 * first hex row. */
typedef int lspci_decode(struct node *node, uint16_t source, uint64_t bdf, struct str bytes,
                         uint32_t line, struct err *err);

struct lspci_options {
    enum lspci_prefer prefer;
    lspci_decode *decode; /* NULL: hex rows are skipped */
};

/* Parse one dump. `source` is the node's index of where it comes from; a text that needed repair
 * replaces the source's text (with a map to the original lines). When `text` is a part of the
 * source's text, lines are counted from the source's start. Returns 0, -EINVAL (nothing that looks
 * like lspci) or -ENOMEM. lspci_parse takes the best of text and bytes. */
int lspci_parse(struct node *node, uint16_t source, struct str text, struct err *err);
int lspci_parse_with(struct node *node, uint16_t source, struct str text,
                     const struct lspci_options *options, struct err *err);

#endif
