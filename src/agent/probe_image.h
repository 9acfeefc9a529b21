/* agent/probe_image - the executable firstlight-probe, stripped, as bytes of the agent. */
#ifndef AGENT_PROBE_IMAGE_H
#define AGENT_PROBE_IMAGE_H

extern const char probe_image[], probe_image_end[];

#endif
