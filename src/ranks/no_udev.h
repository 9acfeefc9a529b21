/* ranks/no_udev - what hwloc asks of libudev, answered with "there is none". */
#ifndef RANKS_NO_UDEV_H
#define RANKS_NO_UDEV_H

/* Does nothing: who calls it makes the linker take the stand-ins from this room's archive before it
 * comes to libhwloc.a, which needs them. */
void no_udev(void);

#endif
