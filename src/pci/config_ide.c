#include "pci/config_view.h"
const struct config_cap config_ecaps_ide[] = {CAP_BARE(0x30, "IDE"), {0}};
