#include "host/ip_link.h"

#include "host/net_facts.h"
#include "host/scan.h"

#include <errno.h>
#include <stdio.h>

/* "2: eth0: <BROADCAST,UP> mtu 9000 ... state UP ...": the name, without "@if3". */
static bool header(struct str line, struct str *name, struct str *rest)
{
    struct str digits = str_digits(&line, 10), cut;

    if (!digits.len || !str_starts(line, ": "))
        return false;
    *rest = str_skip(line, 2);
    if (!str_cut(rest, ':', name) || !str_starts(*rest, " <"))
        return false;
    cut = *name;
    return str_cut(&cut, '@', name) && name->len > 0;
}

bool ip_link_looks_like(struct str text)
{
    struct scan scan = {text};
    struct str name, rest;

    while (scan.number < 20 && scan_next(&scan))
        if (header(scan.line, &name, &rest) && scan_has(rest, " mtu "))
            return true;
    return false;
}

/* "mtu 9000 qdisc mq state UP ..." */
static void header_facts(struct fact_builder *b, struct str rest)
{
    struct str word, last = {0};
    int64_t number;

    while (str_word(&rest, &word)) {
        if (str_is(last, "mtu") && str_to_i64(word, 10, &number) == 0)
            fact_number(b, FACT_CONFIG, 0, fact_key(b, STR(""), STR("mtu")), number, STR(""));
        else if (str_is(last, "state"))
            fact_text(b, FACT_STATE, 0, fact_key(b, STR(""), STR("state")),
                      str_is(word, "UP")     ? STR("up")
                      : str_is(word, "DOWN") ? STR("down")
                                             : word);
        else if (str_is(last, "master"))
            fact_text(b, FACT_CONFIG, 0, fact_key(b, STR(""), STR("master")), word);
        last = word;
    }
}

/* "RX: bytes packets errors dropped missed mcast" names the numbers of the next line. */
static void counters_read(struct fact_builder *b, uint32_t line, struct str titles,
                          struct str numbers)
{
    struct str side, title, value;
    char name[SCAN_NAME_MAX];
    int64_t number;

    titles = str_trim(titles);
    if (!str_word(&titles, &side))
        return;
    while (str_word(&titles, &title) && str_word(&numbers, &value)) {
        int len;

        if (str_to_i64(value, 10, &number) < 0 || title.len > 32)
            return;
        len = snprintf(name, sizeof(name), "%s_%.*s", str_starts(side, "RX") ? "rx" : "tx",
                       STR_ARG(title));
        fact_number(b, net_counter_class((struct str){name, (size_t)len}), line,
                    fact_key(b, STR(""), (struct str){name, (size_t)len}), number, STR(""));
    }
}

/* The lines of one interface, whose header is the scan's current line: once for "net", once for
 * "netcount". */
static void interface_parse(struct node *node, uint16_t source, struct scan scan, struct str rest,
                            uint32_t subject, bool counters)
{
    struct fact_builder *b = node->builder;
    uint32_t first = scan.number;
    struct str name, other, word, titles = {0};
    const struct fact_block *block;

    fact_begin(b, counters ? STR("netcount") : STR("net"));
    if (!counters)
        header_facts(b, rest);
    while (scan_next(&scan) && scan.number - first < 100 && !header(scan.line, &name, &other)) {
        struct str line = str_trim(scan.line), mac = line;

        if (counters && titles.len)
            counters_read(b, scan.number - first, titles, line);
        titles = str_starts(line, "RX:") || str_starts(line, "TX:") ? line : (struct str){0};
        if (!counters && str_starts(line, "link/") && str_word(&mac, &word) &&
            str_word(&mac, &word))
            fact_text(b, FACT_IDENTITY, scan.number - first, fact_key(b, STR(""), STR("mac")),
                      word);
    }
    block = fact_end(b);
    if (!block || block->count)
        node_attach(node, subject, block, source, first);
}

int ip_link_parse(struct node *node, uint16_t source, struct str text, struct err *err)
{
    struct scan scan = {text};
    struct str name, rest;
    unsigned count = 0;

    while (count < IP_INTERFACES_MAX && scan_next(&scan)) {
        int subject;

        if (!header(scan.line, &name, &rest))
            continue;
        subject = net_subject(node, name);
        if (subject < 0)
            continue;
        interface_parse(node, source, scan, rest, (uint32_t)subject, false);
        interface_parse(node, source, scan, rest, (uint32_t)subject, true);
        count++;
    }
    return node_ok(node) < 0 ? err_set(err, -ENOMEM, "no memory for the network interfaces") : 0;
}
