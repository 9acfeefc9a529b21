#include "agent/cmd.h"
#include "base/hostlist.h"
#include "base/opt.h"
#include "base/str.h"
#include "ranks/folders.h"
#include "ranks/serve.h"
#include "ranks/strays.h"
#include "ranks/warden.h"
#include "wire/link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define NODE_MAX        1000000
#define RUN_BYTES       128
#define KEY_LINE        64
#define HOSTS_BYTES_MAX ((size_t)256 << 20)

struct arguments {
    const char *controller, *place, *run, *folder, *key_file;
    int64_t node; /* what `place` means */
    bool help;
};

static const struct opt options[] = {
    {"controller", 0, OPT_TEXT, "ADDR:PORT[,...]", "the controller's addresses, tried in order",
     offsetof(struct arguments, controller)},
    {"node", 0, OPT_TEXT, "INDEX|@HOSTS",
     "which of the run's nodes this is, or all of them: $SLURMD_NODENAME's place counts",
     offsetof(struct arguments, place)},
    {"run", 0, OPT_TEXT, "ID", "the run", offsetof(struct arguments, run)},
    {"folder", 0, OPT_TEXT, "DIR", "for logs; made when missing (below the user's state)",
     offsetof(struct arguments, folder)},
    {"key-file", 0, OPT_TEXT, "FILE",
     "has the run's key, is read by its owner alone, and is removed; else the key is on stdin",
     offsetof(struct arguments, key_file)},
    {"help", 'h', OPT_FLAG, NULL, "this text", offsetof(struct arguments, help)},
};

static const char *const fallbacks[] = {"/var/tmp", "/tmp", "/dev/shm"};

static int trouble(const char *sentence)
{
    (void)fprintf(stderr, "firstlight-agent: %s\n", sentence);
    return EXIT_TROUBLE;
}

static int print_help(void)
{
    struct buf text = {0};

    buf_puts(&text,
             "usage: firstlight-agent run --controller ADDR:PORT[,...] --node INDEX|@HOSTS --run "
             "ID [OPTION ...]\n\nThis node's part of a run; `firstlight run` starts it.\n");
    opt_help(options, ARRAY_LEN(options), &text);
    if (!text.failed)
        (void)fputs(text.p, stdout);
    buf_done(&text);
    return EXIT_WELL;
}

/* It becomes part of paths. */
static bool run_is_plain(const char *run)
{
    size_t len = strlen(run);

    return len > 0 && len <= RUN_BYTES && run[0] != '.' && !strchr(run, '/');
}

/* The tasks of one srun have the same words: each finds itself by its name. */
static int find_place(const char *hosts, int64_t *node, struct err *err)
{
    const char *name = getenv("SLURMD_NODENAME");
    struct arena *arena = arena_new(HOSTS_BYTES_MAX);
    struct hostlist list = {0};
    struct utsname self;
    int r = arena ? hostlist_expand(arena, str_of(hosts), &list, err)
                  : err_set(err, -ENOMEM, "no memory for the hosts");

    if (!name)
        name = uname(&self) == 0 ? self.nodename : "";
    if (r == 0) {
        r = err_set(err, -EINVAL, "--node: this node, %.64s, is none of %.128s", name, hosts);
        for (size_t i = 0; i < list.count && r < 0; i++)
            if (!strcmp(list.names[i], name)) {
                *node = (int64_t)i;
                r = 0;
            }
    }
    arena_free(arena);
    return r;
}

static int read_place(struct arguments *args, struct err *err)
{
    if (args->place[0] == '@')
        return find_place(args->place + 1, &args->node, err);
    if (str_to_i64(str_of(args->place), 10, &args->node) < 0 || args->node < 0 ||
        args->node > NODE_MAX)
        return err_set(err, -EINVAL, "--node takes a number up to %d or @HOSTS, not '%s'", NODE_MAX,
                       args->place);
    return 0;
}

static int check(struct arguments *args, int words, struct err *err)
{
    if (words > 0)
        return err_set(err, -EINVAL, "run takes options only; see --help");
    if (!args->controller || !args->run || !args->place)
        return err_set(err, -EINVAL, "run needs --controller, --node and --run; see --help");
    if (!run_is_plain(args->run))
        return err_set(err, -EINVAL, "--run takes a run's id, not '%s'", args->run);
    return read_place(args, err);
}

/* Where the controller of a local run keeps it, on another machine the same place below home; where
 * a node's user has no home, or none that can be written, a folder of our own. */
static int make_default_folder(const struct arguments *args, char *out, size_t space,
                               struct err *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    bool has_state = state && state[0] == '/', has_home = home && home[0] == '/';
    struct err first = {0};
    int r = -ENOENT, len;

    if (has_state || has_home) {
        len = snprintf(out, space, "%s%s/firstlight/runs/%s/nodes/%lld", has_state ? state : home,
                       has_state ? "" : "/.local/state", args->run, (long long)args->node);
        r = len < (int)space ? folders_make(out, &first) : -ENAMETOOLONG;
    }
    for (size_t i = 0; r < 0 && i < ARRAY_LEN(fallbacks); i++) {
        (void)snprintf(out, space, "%s/.firstlight-%u/runs/%s/nodes/%lld", fallbacks[i],
                       (unsigned)geteuid(), args->run, (long long)args->node);
        r = folders_make(out, first.code ? NULL : &first);
    }
    return r < 0 ? err_set(err, r, "%s", first.text) : 0;
}

/* Byte by byte: what follows the key's line on stdin is not ours. */
static int read_key(int fd, const char *name, unsigned char key[LINK_KEY_BYTES], struct err *err)
{
    char line[KEY_LINE];
    size_t len = 0;
    ssize_t got = 1;
    int r;

    while (len < sizeof(line)) {
        got = read(fd, line + len, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || line[len] == '\n')
            break;
        len++;
    }
    if (got < 0)
        r = err_set(err, -errno, "%s: %s", name, strerror(errno));
    else if (len == sizeof(line))
        r = err_set(err, -EINVAL, "%s: its first line is no key of a run", name);
    else
        r = link_key_parse((struct str){line, len}, key, err);
    explicit_bzero(line, sizeof(line));
    return r < 0 ? err_wrap(err, r, "the run's key") : 0;
}

static int read_key_file(const char *path, unsigned char key[LINK_KEY_BYTES], struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r;
    struct stat st;

    if (fd < 0)
        return err_set(err, -errno, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st) < 0)
        r = err_set(err, -errno, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
        r = err_set(err, -EPERM, "%s: not a file of this user", path);
    else if (st.st_mode & 077)
        r = err_set(err, -EPERM, "%s: others may read the key (mode %04o, not 0600)", path,
                    (unsigned)st.st_mode & 07777);
    else
        r = read_key(fd, path, key, err);
    (void)close(fd);
    if (r == 0 && unlink(path) < 0)
        r = err_set(err, -errno, "%s: can't be removed: %s", path, strerror(errno));
    return r;
}

/* Nobody to clean up after: the look at every process's environment takes 5 ms and more. */
static bool is_first(const char *folder)
{
    char path[PATH_MAX];
    int fd;

    if (snprintf(path, sizeof(path), "%s/agent.was-here", folder) >= (int)sizeof(path))
        return false;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

/* In the agent, below its warden. */
static int serve(const struct arguments *args, const char *page_folder, struct err *err)
{
    struct serve_options serving = {.addresses = args->controller,
                                    .node = (uint32_t)args->node,
                                    .run = args->run,
                                    .folder = args->folder,
                                    .page_folder = page_folder};
    char folder[PATH_MAX];
    int r = args->key_file ? read_key_file(args->key_file, serving.key, err)
                           : read_key(STDIN_FILENO, "stdin", serving.key, err);

    if (r == 0 && serving.folder) {
        r = folders_make(serving.folder, err);
    } else if (r == 0) {
        r = make_default_folder(args, folder, sizeof(folder), err);
        serving.folder = folder;
    }
    if (r == 0) {
        /* of an agent that died together with its warden, or hangs and counts as lost */
        if (!is_first(serving.folder))
            (void)strays_end_node(args->run, (uint32_t)args->node);
        r = serve_run(&serving, err);
    }
    explicit_bzero(serving.key, sizeof(serving.key));
    return r;
}

int agent_run(int argc, char **argv)
{
    struct arguments args = {0};
    char page_folder[PATH_MAX];
    struct err err = {0};
    int words, r = opt_parse(options, ARRAY_LEN(options), &args, argc, argv, &words, &err);

    if (r == 0 && args.help)
        return print_help();
    if (r == 0)
        r = check(&args, words, &err);
    if (r < 0)
        return trouble(err.text);
    serve_page_folder(args.run, (uint32_t)args.node, page_folder, sizeof(page_folder));
    if (warden_begin(page_folder, &err) < 0)
        return trouble(err.text);
    r = serve(&args, page_folder, &err);
    if (r == 0)
        return EXIT_WELL;
    (void)trouble(err.text);
    return r < 0 ? EXIT_TROUBLE : EXIT_FINDINGS;
}
