#include "host/parser.h"

#include "host/cmdline.h"
#include "host/cpu.h"
#include "host/dmesg.h"
#include "host/dmidecode.h"

#include <ctype.h>

/* Content is looked at in this order too, so what is easily mistaken comes last. */
static const struct parser parsers[] = {
    {"cmdline", "cmdline* *.cmdline* proc_cmdline* proc-cmdline*", cmdline_looks_like,
     cmdline_parse},
    {"cpuinfo", "cpuinfo* *.cpuinfo* proc_cpuinfo*", cpuinfo_looks_like, cpuinfo_parse},
    {"lscpu", "lscpu* *.lscpu* *_lscpu*", lscpu_looks_like, lscpu_parse},
    {"dmidecode", "dmidecode* *.dmidecode* *-dmidecode* *_dmidecode*", dmidecode_looks_like,
     dmidecode_parse},
    {"dmesg",
     "dmesg* *.dmesg* *-dmesg* *_dmesg* kern.log* kmsg* *-kmsg* *.kmsg* syslog* *_syslog* "
     "*.syslog* messages* journalctl*",
     dmesg_looks_like, dmesg_parse},
};

const struct tree_parser tree_parsers[] = {
    {"cpu", cpu_tree_parse},
};
const size_t tree_parser_count = ARRAY_LEN(tree_parsers);

static bool name_matches(const char *names, struct str name)
{
    struct str rest = str_of(names), glob;
    char pattern[64];

    while (str_word(&rest, &glob)) {
        if (glob.len >= sizeof(pattern))
            continue;
        memcpy(pattern, glob.p, glob.len);
        pattern[glob.len] = '\0';
        if (str_glob(pattern, name))
            return true;
    }
    return false;
}

/* Is one of the folders of `path` this one, with this one below it when `below` is given? */
static bool lies_in(const char *path, const char *folder)
{
    const char *at = strstr(path, folder);

    return at && (at == path || at[-1] == '/' || at[-1] == ':');
}

const struct parser *parser_for(const char *path, struct str text)
{
    const char *base = strrchr(path, '/');
    char name[256];
    size_t n = 0;

    if (lies_in(path, "sys/devices/") || lies_in(path, "sys/bus/") || lies_in(path, "sys/class/") ||
        lies_in(path, "sys/module/") || lies_in(path, "sys/kernel/") ||
        lies_in(path, "sys/firmware/") || lies_in(path, "proc/sys/"))
        return NULL;
    for (base = base ? base + 1 : path; *base && n < sizeof(name); base++)
        name[n++] = (char)tolower((unsigned char)*base);
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
        if (name_matches(parsers[i].names, (struct str){name, n}))
            return &parsers[i];
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
        if (parsers[i].looks_like && parsers[i].looks_like(text))
            return &parsers[i];
    return NULL;
}

size_t parser_order(const struct parser *parser)
{
    return (size_t)(parser - parsers);
}

const struct parser *parser_by_kind(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(parsers); i++)
        if (!strcmp(parsers[i].kind, kind))
            return &parsers[i];
    return NULL;
}
