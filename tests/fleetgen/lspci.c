#include "lspci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Debian keeps lspci in /usr/bin, others in /sbin, which a user's PATH may lack. */
#define LSPCI_PATH "PATH=\"$PATH:/usr/sbin:/sbin\"; "

bool lspci_present(void)
{
    return system(LSPCI_PATH "command -v lspci >/dev/null 2>&1") == 0;
}

void lspci_add_hex(struct buf *hex, uint32_t domain, unsigned bus, unsigned device,
                   unsigned function, const uint8_t *bytes, unsigned count)
{
    static const char digits[] = "0123456789abcdef";

    buf_printf(hex, "%04x:%02x:%02x.%x x\n", domain, bus, device, function);
    for (unsigned row = 0; row < count; row += 16) {
        char line[16 * 3 + 8];
        int at = snprintf(line, sizeof(line), "%02x:", row);

        for (unsigned i = row; i < row + 16; i++) {
            line[at++] = ' ';
            line[at++] = digits[bytes[i] >> 4];
            line[at++] = digits[bytes[i] & 15];
        }
        line[at++] = '\n';
        buf_add(hex, line, (size_t)at);
    }
    buf_puts(hex, "\n");
}

static int write_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.p, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes = str_skip(bytes, (size_t)n);
    }
    return 0;
}

static int read_command(const char *command, struct buf *text, struct err *err)
{
    FILE *pipe = popen(command, "re");
    char chunk[65536];
    size_t n;
    int status;

    if (!pipe)
        return err_set(err, -errno, "can't start lspci");
    while ((n = fread(chunk, 1, sizeof(chunk), pipe)) > 0)
        buf_add(text, chunk, n);
    status = pclose(pipe);
    if (text->failed)
        return err_set(err, -ENOMEM, "no memory for the text of lspci");
    if (status != 0 || text->len == 0)
        return err_set(err, -ENOENT, "lspci failed (%s %d): is pciutils installed?",
                       status == -1        ? "errno"
                       : WIFEXITED(status) ? "exit"
                                           : "signal",
                       status == -1        ? errno
                       : WIFEXITED(status) ? WEXITSTATUS(status)
                                           : WTERMSIG(status));
    return 0;
}

int lspci_print(struct str hex, struct buf *text, struct err *err)
{
    const char *folder = getenv("TMPDIR");
    char path[4096], command[sizeof(path) + 128];
    int fd, r;

    if (snprintf(path, sizeof(path), "%s/fleetgen.XXXXXX", folder ? folder : "/tmp") >=
        (int)sizeof(path))
        return err_set(err, -ENAMETOOLONG, "TMPDIR is too long");
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return err_set(err, -errno, "%s: can't create", path);
    r = write_all(fd, hex);
    (void)close(fd);
    if (r < 0) {
        err_set(err, r, "%s: can't write", path);
        goto out;
    }
    snprintf(command, sizeof(command), LSPCI_PATH "lspci -vvvnn -F '%s' 2>/dev/null", path);
    r = read_command(command, text, err);
out:
    (void)unlink(path);
    return r;
}
