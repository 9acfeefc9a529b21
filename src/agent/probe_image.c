/* C23 has #embed for this; .incbin is what older compilers have. PROBE_IMAGE is the file's path.
 * The file is no part of the room's library: only the agent itself has to wait until the probe is
 * built. */
#include "agent/probe_image.h"

__asm__(".pushsection .rodata\n"
        ".global probe_image, probe_image_end\n"
        ".balign 16\n"
        "probe_image:\n"
        ".incbin \"" PROBE_IMAGE "\"\n"
        "probe_image_end:\n"
        ".byte 0\n"
        ".popsection\n");
