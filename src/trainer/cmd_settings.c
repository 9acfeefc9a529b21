#include "train/config.h"
#include "trainer/commands.h"

#include <stdio.h>

/* Every key with its help and the value that the default preset gives. */
int cmd_settings(const struct subcommand *command, int argc, char **argv)
{
    size_t count;
    const struct setting *settings = train_settings(&count);
    const char *preset = argc > 1 ? argv[1] : "grok-tiny";
    static struct train_config config;
    struct buf out = {0};
    struct err err = {0};

    if (argc > 2 || train_preset(preset, &config, &err) < 0)
        return subcommand_trouble(command, "%s", argc > 2 ? "one preset at most" : err.text);
    for (size_t i = 0; i < count; i++) {
        size_t begin = out.len;

        buf_printf(&out, "%-32s ", settings[i].key);
        setting_print(&settings[i], &config, &out);
        while (out.len - begin < 48)
            buf_puts(&out, " ");
        buf_printf(&out, " %s", settings[i].help);
        if (settings[i].type == SETTING_CHOICE)
            buf_printf(&out, " (%s)", settings[i].choices);
        buf_puts(&out, "\n");
    }
    if (!out.failed && out.p)
        (void)fputs(out.p, stdout);
    buf_done(&out);
    return EXIT_WELL;
}
