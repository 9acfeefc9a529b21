/* cli/agent_path - where firstlight-agent, the node's executable, is looked for. */
#ifndef CLI_AGENT_PATH_H
#define CLI_AGENT_PATH_H

#include "base/arena.h"

/* `given`, else $FIRSTLIGHT_AGENT, else beside our own executable. NULL when that can't be told. */
const char *agent_path(struct arena *arena, const char *given);

#endif
