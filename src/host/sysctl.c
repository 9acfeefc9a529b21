#include "host/sysctl.h"

#include "host/gather.h"
#include "host/scan.h"
#include "host/treefile.h"

/* What is no setting: counters, ids, and values that the kernel derives from the exact number of
 * kilobytes of memory, which differs between equal machines. */
static const struct {
    const char *glob;
    enum fact_class class;
} classes[] = {
    {"kernel.hostname", FACT_IDENTITY},
    {"kernel.domainname", FACT_IDENTITY},
    {"kernel.osrelease", FACT_LABEL}, /* compared as os.kernel */
    {"kernel.random.boot_id", FACT_IDENTITY},
    {"kernel.random.*", FACT_VOLATILE},
    {"kernel.ns_last_pid", FACT_VOLATILE},
    {"kernel.pty.nr", FACT_VOLATILE},
    {"kernel.tainted", FACT_STATE},
    {"kernel.threads-max", FACT_VOLATILE},
    {"kernel.perf_event_max_sample_rate", FACT_VOLATILE}, /* the kernel lowers it when it is late */
    {"fs.*-nr", FACT_VOLATILE},
    {"fs.*-state", FACT_VOLATILE},
    {"fs.quota.*", FACT_VOLATILE},
    {"fs.epoll.max_user_watches", FACT_VOLATILE},
    {"fs.inotify.max_user_watches", FACT_VOLATILE},
    {"net.ipv4.tcp_mem", FACT_VOLATILE},
    {"net.ipv4.udp_mem", FACT_VOLATILE},
    {"net.netfilter.nf_conntrack_count", FACT_VOLATILE},
    {"net.ipv4.tcp_fastopen_key", FACT_VOLATILE},
    {"user.max_*", FACT_VOLATILE},
    {"sunrpc.*", FACT_VOLATILE},
};

static bool is_of_interface(struct str name)
{
    static const char *const folders[] = {"net.ipv4.conf.", "net.ipv4.neigh.", "net.ipv6.conf.",
                                          "net.ipv6.neigh.", "net.mpls.conf."};

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        struct str rest;

        if (!str_starts(name, folders[i]))
            continue;
        rest = str_skip(name, strlen(folders[i]));
        return !str_starts(rest, "all.") && !str_starts(rest, "default.");
    }
    return str_starts(name, "kernel.sched_domain.");
}

static void add(struct gather *g, uint32_t line, struct str name, struct str value)
{
    enum fact_class class = FACT_CONFIG;
    struct gather_path path;
    struct buf text = {0};
    struct str word;
    int64_t number;

    if (!name.len || name.len > SCAN_NAME_MAX || is_of_interface(name))
        return;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (str_glob(classes[i].glob, name)) {
            class = classes[i].class;
            break;
        }
    }
    if (str_to_i64(value, 10, &number) == 0) {
        gather_number(g, GATHER_HOST, class, line, gather_join(&path, "sysctl", name), number,
                      STR(""));
        return;
    }
    /* tcp_rmem has tabs in one source and blanks in the other */
    while (str_word(&value, &word)) {
        if (text.len)
            buf_puts(&text, " ");
        buf_add(&text, word.p, word.len);
    }
    g->failed |= text.failed;
    gather_text(g, GATHER_HOST, class, line, gather_join(&path, "sysctl", name),
                (struct str){text.p, text.len});
    buf_done(&text);
}

int sysctl_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;
    struct str name;

    gather_init(&gather, node, source);
    while (scan_next(&scan)) {
        struct str line = scan.line;

        /* "sysctl: permission denied on key 'fs.protected_fifos'" has no equal sign */
        if (!memchr(line.p, '=', line.len) || !str_cut(&line, '=', &name))
            continue;
        name = str_trim(name);
        if (name.len && !memchr(name.p, ' ', name.len))
            add(&gather, scan.number, name, str_trim(line));
    }
    return gather_done(&gather, err);
}

bool sysctl_looks_like(struct str text)
{
    return (str_starts(text, "abi.") || str_starts(text, "kernel.") || str_starts(text, "vm.") ||
            str_starts(text, "net.") || str_starts(text, "debug.")) &&
           scan_has((struct str){text.p, text.len < 200 ? text.len : 200}, " = ");
}

/* What the kernel calls itself stands there too. */
static void add_os(struct gather *g, struct str name, struct str value)
{
    if (str_is(name, "kernel.hostname"))
        gather_text(g, GATHER_HOST, FACT_IDENTITY, 1, STR("os.hostname"), value);
    else if (str_is(name, "kernel.osrelease"))
        gather_text(g, GATHER_HOST, FACT_CONFIG, 1, STR("os.kernel"), value);
}

int sysctl_tree_parse(struct node *node, const struct tree *tree, struct err *err)
{
    static const char root[] = "proc/sys/";
    struct gather gather;
    size_t count;
    const struct tree_entry *entries = tree_under(tree, root, &count);

    if (!entries)
        return 0;
    gather_init(&gather, node, 0);
    for (size_t i = 0; i < count; i++) {
        struct str name = str_skip(str_of(entries[i].path), sizeof(root) - 1);
        char dotted[SCAN_NAME_MAX];

        if (name.len > sizeof(dotted) || entries[i].link)
            continue;
        for (size_t k = 0; k < name.len; k++)
            dotted[k] = name.p[k] == '/' ? '.' : name.p[k];
        name.p = dotted;
        if (is_of_interface(name))
            continue;
        treefile_source(&gather, tree, &entries[i], "sysctl");
        add(&gather, 1, name, treefile_value(&entries[i]));
        add_os(&gather, name, treefile_value(&entries[i]));
    }
    return gather_done(&gather, err);
}
