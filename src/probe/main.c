/* firstlight-probe - what a fabric test runs on each node. */
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: firstlight-probe --version\n"
    "\n"
    "Measures a node and its network: see `firstlight fabric`, which starts it on each node.\n";

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        (void)printf("firstlight-probe %s\n", FIRSTLIGHT_VERSION);
        return 0;
    }
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        (void)fputs(usage, stdout);
        return 0;
    }
    (void)fputs(usage, stderr);
    return 2;
}
