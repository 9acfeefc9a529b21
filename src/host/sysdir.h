/* host/sysdir - folders of one-value files (sysfs) as sources.
 *
 * A port or an interface is a folder of many small files. All that was read of it becomes one
 * source named after the folder, whose line i is "<file>: <value>": evidence can be shown, and a
 * node does not need a source for each of a hundred counters. */
#ifndef HOST_SYSDIR_H
#define HOST_SYSDIR_H

#include "facts/node.h"
#include "facts/tree.h"

#define SYSDIR_PATH_MAX  4096
#define SYSDIR_VALUE_MAX 256 /* longer first lines are cut: they are no sysfs values */

struct sysdir {
    const struct tree *tree;
    struct buf text; /* what was read so far; sysdir_done frees */
    uint32_t lines;
};

void sysdir_clear(struct sysdir *sysdir);
void sysdir_done(struct sysdir *sysdir);

/* `dir` ends in '/'. The entry dir + name, or NULL. */
const struct tree_entry *sysdir_find(const struct sysdir *sysdir, struct str dir, const char *name);

/* The entries whose path starts with dir + name. */
const struct tree_entry *sysdir_under(const struct sysdir *sysdir, struct str dir, const char *name,
                                      size_t *count);

/* The first line of a file, without blanks at its ends. */
struct str sysdir_value(const struct tree_entry *entry);

/* Write a line into the text; returns its number from 0, which is the fact's line. */
uint32_t sysdir_note(struct sysdir *sysdir, const char *name, struct str value);

/* The PCI function that the device in `dir` stands on: from its link "device", from the folder's
 * own link, from device/uevent, or from the path itself. */
bool sysdir_pci(const struct sysdir *sysdir, struct str dir, uint64_t *bdf);

/* The text as a source "<tree>:<dir>" (without "<tree>:" when it has no name) of the node, in the
 * node's arena. On no memory the node has failed. */
uint16_t sysdir_source(struct sysdir *sysdir, struct node *node, struct str dir, const char *kind);

/* Has the subject something from a source with this index or a later one? A tree can hold the same
 * device under two paths; its first is read. */
bool sysdir_seen(const struct node *node, uint32_t subject, uint32_t first_source);

#endif
