/* sched/launch_words - how an agent is told its place, for the back ends. */
#include "sched/launch.h"

#include <string.h>

uint32_t launch_index(const struct launch_request *request, uint32_t node)
{
    return request->indices ? request->indices[node] : node;
}

const char **launch_agent_words(struct arena *arena, const struct launch_request *request,
                                const char *node, const char *folder)
{
    const char *words[] = {
        "run",   "--controller", request->addresses,         "--node", node,
        "--run", request->run,   folder ? "--folder" : NULL, folder,   NULL,
    };
    const char **out = arena_alloc(arena, sizeof(words));

    if (out)
        memcpy(out, words, sizeof(words));
    return out;
}
