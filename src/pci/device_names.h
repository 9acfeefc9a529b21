/* pci/device_names - which vendor, class and kind of device a name stands for. Constant tables. */
#ifndef PCI_DEVICE_NAMES_H
#define PCI_DEVICE_NAMES_H

#include "base/str.h"

/* Vendor id of a name that starts with a known vendor's ("NVIDIA Corporation Device 2330"), with
 * the length of that vendor's name in *len (may be NULL); 0 when it is none we know. */
uint16_t vendor_by_name(struct str text, size_t *len);

/* 16-bit class of lspci's class name ("3D controller" is 0x0302), or -1. */
int class_by_name(struct str text);

/* `Header.kind` of docs/facts.md from class (-1: not known) and vendor id (0: not known). `name` is
 * the device's name, for AMD's Instinct cards; may be empty. */
const char *device_kind_name(int class, uint16_t vendor, struct str name);

#endif
