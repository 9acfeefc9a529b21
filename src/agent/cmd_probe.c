/* agent/cmd_probe - runs the probe that the agent carries (agent/probe_image.c): it needs a dynamic
 * linker, for UCX and CUDA, and so is an executable of its own. */
#include "agent/cmd.h"
#include "agent/image.h"
#include "agent/probe_image.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROBE "firstlight-probe"

extern char **environ;

int agent_probe(int argc, char **argv)
{
    struct str image = {probe_image, (size_t)(probe_image_end - probe_image)};
    struct err err = {0};
    int fd;

    (void)argc;
    (void)signal(SIGPIPE, SIG_DFL); /* what we ignore it would ignore too */
    (void)signal(SIGXFSZ, SIG_DFL);
    fd = image_open(PROBE, image, &err);
    if (fd >= 0) {
        argv[0] = (char *)PROBE;
        (void)fexecve(fd, argv, environ);
        (void)err_set(&err, -errno, PROBE ": %s", strerror(errno));
    }
    (void)fprintf(stderr, "firstlight-agent: %s\n", err.text);
    return EXIT_TROUBLE;
}
