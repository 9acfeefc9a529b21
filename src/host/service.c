#include "host/service.h"

#include "host/denied.h"
#include "host/gather.h"
#include "host/scan.h"

/* Units that come and go by the clock or with each login. */
static bool is_passing(struct str name)
{
    static const char *const globs[] = {
        "apt-*",
        "dpkg-*",
        "logrotate*",
        "man-db*",
        "fstrim*",
        "e2scrub*",
        "motd-*",
        "fwupd*",
        "packagekit*",
        "snap*",
        "sysstat-*",
        "anacron*",
        "*locate*",
        "user@*",
        "user-runtime-dir@*",
        "session-*",
        "getty@*",
        "serial-getty@*",
        "systemd-fsck@*",
        "systemd-tmpfiles-*",
        "systemd-update-*",
        "update-notifier*",
        "ua-*",
        "ubuntu-advantage*",
        "cloud-*",
        "dnf-*",
        "insights-*",
        "unbound-anchor*",
    };

    for (size_t i = 0; i < ARRAY_LEN(globs); i++)
        if (str_glob(globs[i], name))
            return true;
    return false;
}

static bool is_state(struct str word)
{
    static const char *const states[] = {"active",       "inactive",  "failed",     "activating",
                                         "deactivating", "reloading", "maintenance"};

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (str_is(word, states[i]))
            return true;
    return false;
}

static void add(struct gather *g, uint32_t line, struct str unit, struct str state)
{
    struct gather_path path;

    if (!str_ends(unit, ".service") || unit.len > SCAN_NAME_MAX || unit.len <= 8)
        return;
    unit.len -= 8;
    gather_text(g, GATHER_HOST, is_passing(unit) ? FACT_VOLATILE : FACT_CONFIG, line,
                gather_join(&path, "service", unit), state);
}

/* "● nvidia-fabricmanager.service loaded failed failed NVIDIA fabric manager": unit, load, active.
 */
static void list_line(struct gather *g, const struct scan *scan)
{
    struct str rest = scan->line, unit, load, state;

    if (!str_word(&rest, &unit))
        return;
    /* The mark of a unit in trouble: a bullet in UTF-8, or '*' in other locales. */
    if (((unsigned char)unit.p[0] >= 0x80 || str_is(unit, "*")) && !str_word(&rest, &unit))
        return;
    if (!str_word(&rest, &load) || !str_word(&rest, &state) || !is_state(state))
        return;
    if (str_is(load, "not-found") || str_is(load, "masked"))
        state = load;
    add(g, scan->number, unit, state);
}

/* Blocks "Id=x.service" ... "ActiveState=active" of `systemctl show`. */
struct show {
    struct str unit, load;
};

static void show_line(struct gather *g, const struct scan *scan, struct show *show)
{
    struct str line = str_trim(scan->line), key;

    if (!line.len) {
        *show = (struct show){0};
        return;
    }
    if (!str_cut(&line, '=', &key))
        return;
    if (str_is(key, "Id"))
        show->unit = line;
    else if (str_is(key, "LoadState"))
        show->load = line;
    else if (str_is(key, "ActiveState") && show->unit.len && is_state(line))
        add(g, scan->number, show->unit, str_is(show->load, "not-found") ? show->load : line);
}

/* "● x.service - title" and below it "   Active: active (running) since ..." of systemctl status.
 */
static void status_line(struct gather *g, const struct scan *scan, struct show *show)
{
    struct str rest = scan->line, word, state;

    if (!str_word(&rest, &word))
        return;
    if ((unsigned char)word.p[0] >= 0x80 || str_is(word, "*") || str_is(word, "x")) {
        if (str_word(&rest, &word) && str_ends(word, ".service"))
            show->unit = word;
    } else if (str_is(word, "Active:") && show->unit.len && str_word(&rest, &state) &&
               is_state(state)) {
        add(g, scan->number, show->unit, state);
        show->unit.len = 0;
    }
}

int services_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {.rest = text};
    struct gather gather;
    struct show show = {0}, status = {0};

    if (denied_note(node, source, text, "which services run", "service"))
        return 0;
    gather_init(&gather, node, source);
    while (scan_next(&scan) && gather.rows.count < SERVICES_MAX) {
        list_line(&gather, &scan);
        show_line(&gather, &scan, &show);
        status_line(&gather, &scan, &status);
    }
    return gather_done(&gather, err);
}

bool services_looks_like(struct str text)
{
    struct str head = {text.p, text.len < 4096 ? text.len : 4096};

    return (scan_has(head, ".service ") && scan_has(head, " loaded ")) ||
           (scan_has(head, "ActiveState=") && scan_has(head, "Id="));
}
