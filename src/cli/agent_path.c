#include "cli/agent_path.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *agent_path(struct arena *arena, const char *given)
{
    const char *path = given ? given : getenv("FIRSTLIGHT_AGENT");
    char self[PATH_MAX], *slash;
    ssize_t n;

    if (path)
        return path;
    n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    return slash ? arena_printf(arena, "%.*s/firstlight-agent", (int)(slash - self), self) : NULL;
}
