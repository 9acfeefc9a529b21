#include "agent/image.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u /* Linux 6.3; before, all of them may be executed */
#endif

#define COMPLAINT_BYTES 1024 /* of what the dynamic linker says */

extern char **environ;

int image_in_memory(const char *name, struct str bytes, struct err *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_EXEC), r;

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "memory: %s", strerror(errno));
    r = file_put(fd, bytes.p, bytes.len);
    if (r == 0)
        return fd;
    (void)close(fd);
    return err_set(err, r, "memory: %s", strerror(-r));
}

/* What is open for writing can't be executed: it is opened again, and then its name goes. */
int image_in_folder(const char *folder, struct str bytes, struct err *err)
{
    char path[PATH_MAX];
    int fd, again = -1, r;

    if (snprintf(path, sizeof(path), "%s/.firstlight-XXXXXX", folder) >= PATH_MAX)
        return err_set(err, -ENAMETOOLONG, "%.60s...: the name is too long", folder);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "%s: %s", folder, strerror(errno));
    r = file_put(fd, bytes.p, bytes.len);
    if (r == 0 && fchmod(fd, 0700) < 0)
        r = -errno;
    if (r == 0) {
        again = open(path, O_RDONLY | O_CLOEXEC);
        r = again < 0 ? -errno : 0;
    }
    (void)unlink(path);
    (void)close(fd);
    return r < 0 ? err_set(err, r, "%s: %s", folder, strerror(-r)) : again;
}

/* Says a NUL and the errno when it can't be executed, which no dynamic linker begins with. */
static void __attribute__((noreturn)) be_child(int fd, const char *name, int complaints)
{
    const char *const words[] = {name, "--version", NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char said[2] = {'\0', 0};

    (void)dup2(null, STDIN_FILENO);
    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(complaints, STDERR_FILENO);
    (void)fexecve(fd, (char *const *)words, environ);
    said[1] = (char)errno;
    (void)!write(complaints, said, sizeof(said));
    _exit(127);
}

static size_t read_complaint(int fd, char text[COMPLAINT_BYTES])
{
    char rest[256];
    size_t len = 0;

    for (;;) {
        bool full = len == COMPLAINT_BYTES - 1;
        ssize_t got =
            full ? read(fd, rest, sizeof(rest)) : read(fd, text + len, COMPLAINT_BYTES - 1 - len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        len += full ? 0 : (size_t)got;
    }
    text[len] = '\0';
    return len;
}

static int exec_sentence(int error, const char *name, struct err *err)
{
    if (error == ENOENT)
        return err_set(err, -ENOENT,
                       "%s needs the dynamic linker of glibc (ld-linux), which is not on this node",
                       name);
    if (error == ENOEXEC)
        return err_set(err, -ENOEXEC, "%s is not for this machine", name);
    return err_set(err, -error, "%s", strerror(error));
}

/* "...: version `GLIBC_2.38' not found (required by ...)": the version is what matters. */
static int linker_sentence(struct str said, const char *name, struct err *err)
{
    ptrdiff_t at = str_find(said, "GLIBC_");
    struct str line = {0}, version = {0};
    size_t len = 0;

    (void)str_line(&said, &line);
    line = str_trim(line);
    if (at >= 0) {
        version = str_skip(line, (size_t)at);
        while (len < version.len && version.p[len] != '\'')
            len++;
        version.len = len;
    }
    if (version.len)
        return err_set(err, -ENOEXEC,
                       "%s needs a newer C library than this node's, which has no %.*s", name,
                       STR_ARG(version));
    return err_set(err, -ENOEXEC, "%s does not run on this node: %.*s", name,
                   (int)(line.len < 300 ? line.len : 300), line.len ? line.p : "");
}

int image_check(int fd, const char *name, struct err *err)
{
    char text[COMPLAINT_BYTES];
    int ends[2], status = 0;
    size_t len;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, -errno, "no pipe: %s", strerror(errno));
    pid = fork();
    if (pid == 0)
        be_child(fd, name, ends[1]);
    (void)close(ends[1]);
    len = pid > 0 ? read_complaint(ends[0], text) : 0;
    (void)close(ends[0]);
    if (pid < 0)
        return err_set(err, -errno, "no new process: %s", strerror(errno));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (len >= 2 && !text[0])
        return exec_sentence((unsigned char)text[1], name, err);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        return err_set(err, -ENOEXEC, "%s is killed by signal %d on this node", name,
                       WTERMSIG(status));
    return linker_sentence((struct str){text, len}, name, err);
}

static bool own_folder(char path[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *slash;

    if (len <= 0)
        return false;
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

int image_open(const char *name, struct str bytes, struct err *err)
{
    char own[PATH_MAX];
    const char *const folders[] = {NULL, own_folder(own) ? own : "/var/tmp", "/var/tmp", "/tmp"};
    struct buf all = {0};
    int r = -ENOENT;

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        const char *folder = folders[i];
        struct err why = {0};
        int fd = folder ? image_in_folder(folder, bytes, &why) : image_in_memory(name, bytes, &why);

        r = fd < 0 ? fd : image_check(fd, name, &why);
        if (r == 0) {
            buf_done(&all);
            return fd;
        }
        if (fd >= 0)
            (void)close(fd);
        if (fd >= 0 && r != -EACCES && r != -EPERM) {
            buf_done(&all);
            return err_set(err, r, "%s", why.text); /* no other place makes that better */
        }
        buf_printf(&all, "%s%s%s%s", all.len ? "; " : "",
                   fd < 0   ? ""
                   : folder ? folder
                            : "memory",
                   fd < 0 ? "" : ": ", why.text);
    }
    r = err_set(err, r, "%s can be run from nowhere on this node: %s", name, all.p ? all.p : "");
    buf_done(&all);
    return r;
}
