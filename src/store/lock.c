#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int open_lock(struct store *store, const char *id, int flags)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/runs/%s/lock", store->dir, id) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    flags = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
    return flags < 0 ? -errno : flags;
}

/* A lock of the open file description goes with the last process that has it, however that ended;
 * and unlike flock it can be asked about without being taken, so that whoever looks is never in a
 * controller's way. */
static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

bool store_run_alive(struct store *store, const char *id)
{
    struct flock lock = whole_file();
    int fd = open_lock(store, id, O_RDWR);
    bool alive;

    if (fd < 0)
        return false;
    alive = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    (void)close(fd);
    return alive;
}

/* The file's text is for people and for this sentence alone. */
static int say_holder(int fd, const char *id, struct err *err)
{
    char text[64] = "";
    ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
    long pid = got > 0 ? strtol(text, NULL, 10) : 0;

    if (pid > 0)
        return err_set(err, -EBUSY, "run %s has a controller: process %ld", id, pid);
    return err_set(err, -EBUSY, "run %s has a controller", id);
}

static int next_generation(struct store *store, const char *id, uint64_t *generation,
                           struct err *err)
{
    char host[256] = "";
    sqlite3_stmt *statement;
    int code, r = sql_use(store, SQL_RUN_LOCK, &statement, err);

    if (r < 0)
        return r;
    (void)gethostname(host, sizeof(host) - 1);
    sql_bind_text(statement, 1, id);
    (void)sqlite3_bind_int64(statement, 2, getpid());
    sql_bind_text(statement, 3, host);
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *generation = (uint64_t)sqlite3_column_int64(statement, 0);
        code = sqlite3_step(statement); /* the change is kept when the statement is done */
    } else if (code == SQLITE_DONE) {
        r = err_set(err, -ENOENT, "%s: there is no run '%s'", store->path, id);
    }
    if (r == 0 && code != SQLITE_DONE)
        r = sql_error(store, code, err);
    (void)sqlite3_reset(statement);
    return r;
}

int store_run_lock(struct store *store, const char *id, uint64_t *generation, struct err *err)
{
    struct flock lock = whole_file();
    int fd = open_lock(store, id, O_RDWR | O_CREAT), r;

    if (fd < 0)
        return err_set(err, fd, "run %s: its lock: %s", id, strerror(-fd));
    if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        r = errno == EAGAIN || errno == EACCES
                ? say_holder(fd, id, err)
                : err_set(err, -errno, "run %s: its lock: %s", id, strerror(errno));
    } else {
        (void)!ftruncate(fd, 0);
        (void)dprintf(fd, "%ld\n", (long)getpid());
        r = next_generation(store, id, generation, err);
    }
    if (r == 0)
        return fd;
    (void)close(fd);
    return r;
}
