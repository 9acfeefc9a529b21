#include "host/denied.h"

#include <stdio.h>

/* A complaint is short; a real output that quotes one is not. */
#define COMPLAINT_LINES_MAX 6
#define COMPLAINT_BYTES_MAX 1024

static const struct {
    const char *text, *why;
} complaints[] = {
    {"Permission denied", "it was read without root"},
    {"Operation not permitted", "it was read without root"},
    {"must be root", "it was read without root"},
    {"you need to be root", "it was read without root"},
    {"command not found", "the tool is not installed there"},
    {": not found", "the tool is not installed there"},
    {"No such file or directory", "there is no such file there"},
    {"No SMBIOS nor DMI entry point found", "there is no SMBIOS table there"},
    {"Could not open device at", "there is no BMC driver there"},
    {"Failed to connect to bus", "systemd could not be asked"},
    {"System has not been booted with systemd", "systemd does not run there"},
};

bool denied_note(struct node *node, uint16_t source, struct str text, const char *what,
                 const char *blocks)
{
    struct str rest = text, line, names = str_of(blocks), name;
    unsigned lines = 0;

    /* A kernel's line may end in the same words. */
    if (!text.len || text.len > COMPLAINT_BYTES_MAX || text.p[0] == '[' || text.p[0] == '<')
        return false;
    while (str_line(&rest, &line))
        lines += str_trim(line).len > 0;
    if (lines > COMPLAINT_LINES_MAX)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(complaints); i++) {
        if (str_find(text, complaints[i].text) < 0)
            continue;
        while (str_word(&names, &name)) {
            char block[64];

            (void)snprintf(block, sizeof(block), "%.*s", STR_ARG(name));
            node_add_unseen(node, 0, source, block, what, complaints[i].why);
        }
        return true;
    }
    return false;
}
