#include "save.h"

#include "base/file.h"
#include "base/manifest.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a crash left of an earlier try at the same step. */
static int clear_folder(const char *path)
{
    static const char *const names[] = {"model", CKPT_MANIFEST};
    char file[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(file, sizeof(file), "%s/%s", path, names[i]);
        if (unlink(file) < 0 && errno != ENOENT)
            return -errno;
    }
    return 0;
}

static int sync_folder(const char *folder)
{
    int r, fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    r = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}

int save_model(const struct model *model, const char *folder, char *path, size_t space,
               struct err *err)
{
    char part[PATH_MAX], file[PATH_MAX + 8];
    int r;

    if (snprintf(path, space, "%s/step_%" PRId64, folder, model->step) >= (int)space ||
        snprintf(part, sizeof(part), "%s.tmp", path) >= (int)sizeof(part))
        return err_set(err, -ENAMETOOLONG, "%s: the path is too long", folder);
    if (ckpt_manifest_check(path, NULL, NULL) == 0)
        return 0;
    if ((mkdir(folder, 0755) < 0 && errno != EEXIST) || (mkdir(part, 0755) < 0 && errno != EEXIST))
        return err_set(err, -errno, "%s: %s", part, strerror(errno));
    r = clear_folder(part);
    (void)snprintf(file, sizeof(file), "%s/model", part);
    if (r == 0)
        r = file_write(file, model, sizeof(*model), err);
    if (r == 0)
        r = ckpt_manifest_write(part, model->step, err);
    if (r < 0)
        return r;
    r = rename(part, path) < 0 ? -errno : sync_folder(folder);
    return r < 0 ? err_set(err, r, "%s: %s", path, strerror(-r)) : 0;
}

int load_model(struct model *model, const char *path, struct err *err)
{
    char file[PATH_MAX], *bytes;
    int64_t step;
    size_t len;
    int r = ckpt_manifest_check(path, &step, err);

    if (r < 0)
        return err_wrap(err, r, "checkpoint %s", path);
    (void)snprintf(file, sizeof(file), "%s/model", path);
    r = file_read(file, sizeof(*model), &bytes, &len, err);
    if (r < 0)
        return r;
    if (len == sizeof(*model))
        memcpy(model, bytes, len);
    free(bytes);
    return len == sizeof(*model) && model->step == step
               ? 0
               : err_set(err, -EBADMSG, "checkpoint %s is of another program", path);
}
