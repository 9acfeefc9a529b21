/* Any bytes as a checkpoint's MANIFEST, in a folder with one file: it is whole, or one sentence
 * says why not; and nothing outside the folder is read. */
#include "base/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/firstlight-fuzz-XXXXXX";

static void put(const char *name, const void *bytes, size_t len)
{
    char path[sizeof(folder) + 16];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || close(fd) < 0)
        abort();
}

static void clear(void)
{
    char path[sizeof(folder) + 16];

    (void)snprintf(path, sizeof(path), "%s/" CKPT_MANIFEST, folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/w", folder);
    (void)unlink(path);
    (void)rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    struct err err = {0};
    int64_t step = -7;
    int r;

    if (!made) {
        if (!mkdtemp(folder) || atexit(clear) != 0)
            abort();
        put("w", "weights", 7);
        made = true;
    }
    put(CKPT_MANIFEST, data, size);
    r = ckpt_manifest_check(folder, &step, &err);
    if (r < 0 && (!err.text[0] || step != -7))
        abort();
    return 0;
}
