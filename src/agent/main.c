/* firstlight-agent - the node's half of firstlight: one static executable that needs nothing
 * installed. */
#include "agent/collect.h"
#include "base/file.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_WELL = 0, EXIT_TROUBLE = 2 };

static const char usage[] =
    "usage: firstlight-agent collect [-o FILE|-] [--commands-timeout SECONDS] [--root DIR]\n"
    "       firstlight-agent --version\n"
    "\n"
    "Reads what this host says about itself and writes it as one snapshot; changes nothing.\n"
    "  -o, --output FILE           where to (-: stdout, the default)\n"
    "      --commands-timeout S    longest time of each command (60)\n"
    "      --no-commands           files only\n"
    "      --root DIR              read the files below DIR, run no commands\n";

static int write_stdout(const struct buf *snap, struct err *err)
{
    for (size_t done = 0; done < snap->len;) {
        ssize_t put = write(STDOUT_FILENO, snap->p + done, snap->len - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_set(err, -errno, "stdout: %s", strerror(errno));
        done += (size_t)put;
    }
    return 0;
}

static int collect_to(const struct collect_options *options, const char *output, struct err *err)
{
    struct buf snap = {0};
    int r = collect_snapshot(options, &snap, err);

    if (r == 0 && strcmp(output, "-") != 0)
        r = file_write(output, snap.p, snap.len, err);
    else if (r == 0)
        r = write_stdout(&snap, err);
    buf_done(&snap);
    return r;
}

static int trouble(const char *sentence)
{
    (void)fprintf(stderr, "firstlight-agent: %s\n", sentence);
    return EXIT_TROUBLE;
}

static int run_collect(int argc, char **argv)
{
    enum { TIMEOUT = 256, ROOT, NO_COMMANDS };
    static const struct option long_options[] = {
        {"output", required_argument, NULL, 'o'},
        {"commands-timeout", required_argument, NULL, TIMEOUT},
        {"root", required_argument, NULL, ROOT},
        {"no-commands", no_argument, NULL, NO_COMMANDS},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct collect_options options = {0};
    const char *output = "-";
    struct err err = {0};
    uint64_t seconds;
    int c;

    while ((c = getopt_long(argc, argv, "o:h", long_options, NULL)) != -1) {
        switch (c) {
        case 'o':
            output = optarg;
            break;
        case TIMEOUT:
            if (str_to_u64(str_of(optarg), 10, &seconds) < 0 || seconds == 0 || seconds > 86400)
                return trouble("--commands-timeout takes seconds, from 1 to 86400");
            options.timeout_ms = (int64_t)seconds * 1000;
            break;
        case ROOT:
            options.root = optarg;
            break;
        case NO_COMMANDS:
            options.no_commands = true;
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
        return trouble("collect takes options only; see --help");
    if (!strcmp(output, "-") && isatty(STDOUT_FILENO))
        return trouble("a snapshot is no text for a terminal: name a file with -o");
    if (collect_to(&options, output, &err) < 0)
        return trouble(err.text);
    return EXIT_WELL;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN); /* a head that is gone is a write error */
    (void)signal(SIGXFSZ, SIG_IGN);
    if (argc >= 2 && !strcmp(argv[1], "collect"))
        return run_collect(argc - 1, argv + 1);
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        (void)printf("firstlight-agent %s\n", FIRSTLIGHT_VERSION);
        return EXIT_WELL;
    }
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        (void)fputs(usage, stdout);
        return EXIT_WELL;
    }
    (void)fputs(usage, stderr);
    return EXIT_TROUBLE;
}
