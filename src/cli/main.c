#include "cli/subcommand.h"

int main(int argc, char **argv)
{
    return firstlight_main(argc, argv);
}
