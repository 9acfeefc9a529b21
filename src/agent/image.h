/* agent/image - an executable that this one carries as bytes, run without a name in any folder.
 *
 * A file of memory (memfd) serves nearly everywhere; where the kernel or a policy refuses to
 * execute one, a file that is unlinked at once does. Both give a descriptor for fexecve, closed by
 * that. */
#ifndef AGENT_IMAGE_H
#define AGENT_IMAGE_H

#include "base/err.h"
#include "base/str.h"

/* A descriptor, or a negative errno with a sentence. */
int image_in_memory(const char *name, struct str bytes, struct err *err);
int image_in_folder(const char *folder, struct str bytes, struct err *err);

/* Can it be run here? A child does, with --version, which must exit 0. -EACCES and -EPERM: this
 * descriptor can't be executed, another might. -ENOENT: there is no such dynamic linker. -ENOEXEC:
 * what it needs is not there, or it is not for this machine. 0, or those, with a sentence. */
int image_check(int fd, const char *name, struct err *err);

/* The first of these that runs: memory, the folder of this process's own executable (where an agent
 * was copied to, programs may be run), /var/tmp, /tmp. A descriptor, or a negative errno with a
 * sentence. */
int image_open(const char *name, struct str bytes, struct err *err);

#endif
