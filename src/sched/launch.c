#include "sched/launch.h"

#include <errno.h>
#include <string.h>

static const struct launch_backend *const backends[] = {&launch_local, &launch_ssh, &launch_slurm,
                                                        &launch_join};

const struct launch_backend *launch_backend_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(backends); i++)
        if (!strcmp(backends[i]->name, name))
            return backends[i];
    return NULL;
}

int launch_open(struct launch *launch, const char *backend, const struct launch_request *request,
                struct err *err)
{
    *launch = (struct launch){.backend = launch_backend_find(backend), .request = *request};
    if (!launch->backend)
        return err_set(err, -EINVAL, "there is no back end '%s'", backend);
    return launch->backend->open ? launch->backend->open(launch, err) : 0;
}

int launch_start(struct launch *launch, const uint32_t *nodes, size_t count, struct err *err)
{
    return launch->backend->start(launch, nodes, count, err);
}

void launch_end(struct launch *launch, uint32_t node)
{
    if (launch->backend->end)
        launch->backend->end(launch, node);
}

void launch_finish(struct launch *launch)
{
    if (launch->backend->finish)
        launch->backend->finish(launch);
}

void launch_close(struct launch *launch)
{
    if (launch->backend && launch->backend->close)
        launch->backend->close(launch);
    launch->backend = NULL;
}
