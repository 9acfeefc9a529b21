/* host/parser - which parser reads which file: the tables that a node is loaded by.
 *
 * A text parser reads one file or tool output; its `source` is the index that node_source gave the
 * file. A tree parser finds its files in the tree and makes their sources itself; it does nothing
 * where they are absent. Where two know the same fact, the one that ran first wins. So run the tree
 * parsers first and then the texts in the order of their rows (parser_order): what the kernel says
 * now stands before what its log said at boot. */
#ifndef HOST_PARSER_H
#define HOST_PARSER_H

#include "base/err.h"
#include "facts/node.h"
#include "facts/tree.h"

struct parser {
    const char *kind; /* "dmesg", "dmidecode", ... */
    /* Space separated globs on the lower-cased base name: "dmesg* *.dmesg*". */
    const char *names;
    bool (*looks_like)(struct str text); /* by content, when the name tells nothing; or NULL */
    /* Returns 0 or -ENOMEM: text that it can't read is skipped or noted as unseen in the node. */
    int (*parse)(struct node *node, uint16_t source, struct str text, struct err *err);
    bool late; /* it needs what other texts tell, or knows less well: after all that are not */
};

/* The row that both name and content speak for; else by name, else by content. NULL: a file nobody
 * here knows. Files below sys/ and proc/sys/ belong to the tree parsers. */
const struct parser *parser_for(const char *path, struct str text);

/* Texts are read in the order of these numbers. */
size_t parser_order(const struct parser *parser);

/* The row of this kind, or NULL. */
const struct parser *parser_by_kind(const char *kind);

struct tree_parser {
    const char *kind;
    int (*parse)(struct node *node, const struct tree *tree, struct err *err);
};

extern const struct tree_parser tree_parsers[];
extern const size_t tree_parser_count;

#endif
