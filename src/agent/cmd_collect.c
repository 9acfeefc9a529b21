#include "agent/cmd.h"
#include "agent/collect.h"
#include "base/base64.h"
#include "base/file.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 640 letters a line: below the 1024 bytes up to which srun keeps lines whole. */
#define FRAME_BYTES 480
#define SECONDS_MAX 86400
#define OWN_FOLDER  "/.firstlight-" /* what `firstlight collect --hosts` makes for us */

static const char usage[] =
    "usage: firstlight-agent collect [OPTION ...]\n"
    "\n"
    "Reads what this host says about itself and writes it as one snapshot; changes nothing.\n"
    "  -o, --output FILE           where to (-: stdout, the default)\n"
    "      --commands-timeout S    longest time of each command (60)\n"
    "      --total-timeout S       longest time of all commands together\n"
    "      --no-commands           files only\n"
    "      --root DIR              read the files below DIR, run no commands\n"
    "      --frame NAME            to stdout as lines \"@NAME <base64>\", the last \"@NAME .\"\n"
    "      --remove-self           first remove this executable and its folder .firstlight-*\n";

struct arguments {
    struct collect_options options;
    const char *output, *frame;
    bool remove_self;
};

static int trouble(const struct arguments *args, const char *sentence)
{
    if (args->frame)
        (void)fprintf(stderr, "firstlight@%s: %s\n", args->frame, sentence);
    else
        (void)fprintf(stderr, "firstlight-agent: %s\n", sentence);
    return EXIT_TROUBLE;
}

/* So that nothing stays behind even if we hang. Only out of a folder that was made for us. */
static void remove_self(void)
{
    char path[PATH_MAX], *slash, *parent;
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (len <= 0)
        return;
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        return;
    *slash = '\0';
    parent = strrchr(path, '/');
    if (!parent || strncmp(parent, OWN_FOLDER, strlen(OWN_FOLDER)) != 0)
        return;
    *slash = '/';
    (void)unlink(path);
    *slash = '\0';
    (void)rmdir(path);
}

static int write_all(const char *bytes, size_t len, struct err *err)
{
    int r = file_put(STDOUT_FILENO, bytes, len);

    return r < 0 ? err_set(err, r, "stdout: %s", strerror(-r)) : 0;
}

static int write_framed(const struct buf *snap, const char *name, struct err *err)
{
    struct buf text = {0};
    int r;

    for (size_t at = 0; at < snap->len; at += FRAME_BYTES) {
        size_t left = snap->len - at;

        buf_printf(&text, "@%s ", name);
        base64_encode(&text, snap->p + at, left < FRAME_BYTES ? left : FRAME_BYTES);
        buf_puts(&text, "\n");
    }
    buf_printf(&text, "@%s .\n", name);
    r = text.failed ? err_set(err, -ENOMEM, "no memory to write the snapshot")
                    : write_all(text.p, text.len, err);
    buf_done(&text);
    return r;
}

static int collect_to(const struct arguments *args, struct err *err)
{
    struct buf snap = {0};
    int r = collect_snapshot(&args->options, &snap, err);

    if (r == 0 && strcmp(args->output, "-") != 0)
        r = file_write(args->output, snap.p, snap.len, err);
    else if (r == 0 && args->frame)
        r = write_framed(&snap, args->frame, err);
    else if (r == 0)
        r = write_all(snap.p, snap.len, err);
    buf_done(&snap);
    return r;
}

static int seconds_to_ms(const char *text, int64_t *ms)
{
    uint64_t seconds;

    if (str_to_u64(str_of(text), 10, &seconds) < 0 || seconds == 0 || seconds > SECONDS_MAX)
        return -EINVAL;
    *ms = (int64_t)seconds * 1000;
    return 0;
}

/* Returns -1 to go on, else the exit code. */
static int parse(int argc, char **argv, struct arguments *args)
{
    enum { TIMEOUT = 256, TOTAL, ROOT, NO_COMMANDS, FRAME, REMOVE_SELF };
    static const struct option long_options[] = {
        {"output", required_argument, NULL, 'o'},
        {"commands-timeout", required_argument, NULL, TIMEOUT},
        {"total-timeout", required_argument, NULL, TOTAL},
        {"root", required_argument, NULL, ROOT},
        {"no-commands", no_argument, NULL, NO_COMMANDS},
        {"frame", required_argument, NULL, FRAME},
        {"remove-self", no_argument, NULL, REMOVE_SELF},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "o:h", long_options, NULL)) != -1) {
        switch (c) {
        case 'o':
            args->output = optarg;
            break;
        case TIMEOUT:
        case TOTAL:
            if (seconds_to_ms(optarg, c == TIMEOUT ? &args->options.timeout_ms
                                                   : &args->options.total_ms) < 0)
                return trouble(args, "a time takes seconds, from 1 to 86400");
            break;
        case ROOT:
            args->options.root = optarg;
            break;
        case NO_COMMANDS:
            args->options.no_commands = true;
            break;
        case FRAME:
            args->frame = optarg;
            break;
        case REMOVE_SELF:
            args->remove_self = true;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return EXIT_WELL;
        default:
            (void)fputs(usage, stderr);
            return EXIT_TROUBLE;
        }
    }
    if (optind < argc)
        return trouble(args, "collect takes options only; see --help");
    if (!strcmp(args->output, "-") && isatty(STDOUT_FILENO))
        return trouble(args, "a snapshot is no text for a terminal: name a file with -o");
    return -1;
}

int agent_collect(int argc, char **argv)
{
    struct arguments args = {.output = "-"};
    struct err err = {0};
    int code = parse(argc, argv, &args);

    if (args.remove_self)
        remove_self();
    if (code >= 0)
        return code;
    if (collect_to(&args, &err) < 0)
        return trouble(&args, err.text);
    return EXIT_WELL;
}
