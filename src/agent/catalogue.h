/* agent/catalogue - everything that is collected of a node, as data. */
#ifndef AGENT_CATALOGUE_H
#define AGENT_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

/* Files (or links) with these names in these folders. */
struct catalogue_files {
    const char *dir;   /* "sys/bus/pci/devices/" and so on; parts may hold '*' and '?' */
    const char *names; /* separated by blanks; may hold '*' and '?' */
    bool links;        /* read them as links, not what they lead to */
    const char *needs; /* only where the first '*' of dir stands for a folder with this name in it;
                          NULL: everywhere */
};

#define CATALOGUE_WORDS_MAX 64

/* A program's output. The word "{netdev}" stands for each network device with a bus address; it
 * makes one run a device, and in `path` too. */
struct catalogue_command {
    const char *path; /* where its output goes: "cmd/lspci.txt" */
    const char *words[CATALOGUE_WORDS_MAX];
    unsigned exits_well; /* bit n: exit status n is well too */
};

extern const struct catalogue_files catalogue_files[];
extern const size_t catalogue_files_count;
extern const struct catalogue_command catalogue_commands[];
extern const size_t catalogue_commands_count;

/* Folders where programs are looked for, behind those of PATH. */
extern const char *const catalogue_path[];
extern const size_t catalogue_path_count;

#endif
