/* probe/disk - the test of a folder's disk. */
#ifndef PROBE_DISK_H
#define PROBE_DISK_H

#include "probe/probe.h"

#define DISK_FOLDERS_MAX 16

/* Folders to test that a user names, beside TMPDIR: absolute paths with ':' between. */
#define DISK_ENV "FIRSTLIGHT_PROBE_DISK"

/* Tells disk.write, disk.read and disk.fsync of one folder, or one trouble that says why not. What
 * it writes has no name there, so nothing is left behind however it ends. */
void disk_measure(const struct probe *probe, const char *folder);

#endif
