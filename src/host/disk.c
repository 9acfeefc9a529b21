#include "host/disk.h"

#include "host/gather.h"
#include "host/scan.h"

#include <stdio.h>

/* Images that are full by nature, and mounts that exist per container. */
static bool is_passing(struct str device, struct str mount)
{
    static const char *const mounts[] = {"/snap/*",
                                         "/var/lib/docker/*",
                                         "/var/lib/containerd/*",
                                         "/run/*",
                                         "/var/lib/kubelet/*",
                                         "/media/*",
                                         "/dev",
                                         "/sys/*",
                                         "/proc/*"};

    for (size_t i = 0; i < ARRAY_LEN(mounts); i++)
        if (str_glob(mounts[i], mount))
            return true;
    return str_starts(device, "/dev/loop") || str_is(device, "tmpfs") ||
           str_is(device, "devtmpfs") || str_is(device, "udev") || str_is(device, "efivarfs");
}

/* "/dev/vda 264212084 16595552 83741636 17% /": device, size, used, free, percent, mount. */
static void df_line(struct gather *g, const struct scan *scan)
{
    struct str rest = scan->line, device, size, word, percent, mount;
    char path[GATHER_PATH_MAX];
    int64_t kb, number;

    if (!str_word(&rest, &device) || !str_word(&rest, &size) || str_to_i64(size, 10, &kb) < 0 ||
        !str_word(&rest, &word) || !str_word(&rest, &word) || !str_word(&rest, &percent))
        return;
    mount = str_trim(rest);
    if (!mount.len || mount.p[0] != '/' || mount.len > 200)
        return;
    if (str_is(mount, "/dev/shm"))
        gather_number(g, GATHER_HOST, FACT_CONFIG, scan->number, STR("shm.size_kb"), kb, STR(""));
    if (is_passing(device, mount) || percent.len < 2 || percent.p[percent.len - 1] != '%')
        return;
    percent.len--;
    if (str_to_i64(percent, 10, &number) < 0)
        return;
    (void)snprintf(path, sizeof(path), "disk.%.*s.full_percent", STR_ARG(mount));
    gather_number(g, GATHER_HOST, FACT_STATE, scan->number, str_of(path), number, STR(""));
}

int df_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;

    gather_init(&gather, node, source);
    while (scan_next(&scan) && gather.rows.count < DISKS_MAX)
        df_line(&gather, &scan);
    return gather_done(&gather, err);
}

bool df_looks_like(struct str text)
{
    struct str line;

    return str_starts(text, "Filesystem ") && str_line(&text, &line) &&
           scan_has(line, "Mounted on");
}

/* File systems that are meant to be written to. */
static bool is_writable_type(struct str type)
{
    static const char *const types[] = {"ext2", "ext3", "ext4", "xfs",    "btrfs",  "zfs",
                                        "f2fs", "nfs",  "nfs4", "lustre", "beegfs", "gpfs"};

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_is(type, types[i]))
            return true;
    return false;
}

static bool has_option(struct str options, const char *name)
{
    struct str option;

    while (str_cut(&options, ',', &option))
        if (str_is(option, name))
            return true;
    return false;
}

/* "size=24684084k" of a tmpfs's options, -1 when it says none. */
static int64_t size_kb(struct str options)
{
    struct str option;
    int64_t kb;

    while (str_cut(&options, ',', &option)) {
        if (!str_starts(option, "size=") || option.p[option.len - 1] != 'k')
            continue;
        option = str_skip(option, 5);
        option.len--;
        return str_to_i64(option, 10, &kb) == 0 ? kb : -1;
    }
    return -1;
}

int mounts_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct buf readonly = {0};
    uint32_t readonly_line = 0;
    struct gather gather;

    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        struct str rest = scan.line, device, mount, type, options;

        if (!str_word(&rest, &device) || !str_word(&rest, &mount) || !str_word(&rest, &type) ||
            !str_word(&rest, &options) || mount.p[0] != '/')
            continue;
        if (str_is(mount, "/"))
            gather_text(&gather, GATHER_HOST, FACT_CONFIG, scan.number, STR("fs.root_type"), type);
        if (str_is(mount, "/dev/shm") && size_kb(options) >= 0)
            gather_number(&gather, GATHER_HOST, FACT_CONFIG, scan.number, STR("shm.size_kb"),
                          size_kb(options), STR(""));
        if (!is_writable_type(type) || !has_option(options, "ro") || is_passing(device, mount) ||
            readonly.len > FACT_TEXT_MAX)
            continue;
        if (!readonly_line)
            readonly_line = scan.number;
        if (readonly.len)
            buf_puts(&readonly, " ");
        buf_add(&readonly, mount.p, mount.len);
    }
    if (readonly_line)
        gather_text(&gather, GATHER_HOST, FACT_STATE, readonly_line, STR("fs.readonly"),
                    (struct str){readonly.p, readonly.len});
    gather.failed |= readonly.failed;
    buf_done(&readonly);
    return gather_done(&gather, err);
}

bool mounts_looks_like(struct str text)
{
    struct str head = {text.p, text.len < 2048 ? text.len : 2048};

    return scan_has(head, " /proc proc ") && scan_has(head, " 0 0\n");
}
