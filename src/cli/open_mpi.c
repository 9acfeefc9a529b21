#include "cli/open_mpi.h"

#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_BYTES_MAX ((size_t)64 << 20)

/* What MPI_COMM_WORLD is in its header: a symbol that every program of its own needs. In two parts,
 * or we were such a program ourselves. */
static const char symbol_begin[] = "ompi_", symbol_end[] = "mpi_comm_world";

static bool names_symbol(const char *bytes, size_t len)
{
    size_t begin = strlen(symbol_begin), end = strlen(symbol_end);
    const char *at = bytes;

    while ((at = memmem(at, len - (size_t)(at - bytes), symbol_end, end)) != NULL) {
        if ((size_t)(at - bytes) >= begin && !memcmp(at - begin, symbol_begin, begin))
            return true;
        at += end;
    }
    return false;
}

static bool has_symbol(const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    size_t len = 0;
    void *bytes = MAP_FAILED;
    bool has;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        len = (size_t)st.st_size < LOOK_BYTES_MAX ? (size_t)st.st_size : LOOK_BYTES_MAX;
        bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    (void)close(fd);
    if (bytes == MAP_FAILED)
        return false;
    has = len > 4 && !memcmp(bytes, "\177ELF", 4) && names_symbol(bytes, len);
    (void)munmap(bytes, len);
    return has;
}

bool open_mpi_program(const char *program, const char *cwd, const char *path)
{
    struct str rest = str_of(path ? path : ""), folder;
    char file[PATH_MAX];

    if (strchr(program, '/')) {
        (void)snprintf(file, sizeof(file), "%s%s%s", program[0] == '/' ? "" : cwd,
                       program[0] == '/' ? "" : "/", program);
        return has_symbol(file);
    }
    while (str_cut(&rest, ':', &folder)) {
        (void)snprintf(file, sizeof(file), "%.*s/%s", STR_ARG(folder), program);
        if (access(file, X_OK) == 0)
            return has_symbol(file);
    }
    return false;
}
