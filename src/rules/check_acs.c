/* ACS on the ports that decide over peer-to-peer. Which ports those are, topo knows. */
#include "rules/check.h"

#include <stdio.h>

static bool redirects(const struct check *check, uint32_t subject)
{
    return check_is_on(check, subject, KEY_ACS_REQREDIR) ||
           check_is_on(check, subject, KEY_ACS_CMPLTREDIR);
}

static bool is_peer_port(const struct check *check, uint32_t subject)
{
    return check->who[subject] & WHO_PEER_PORT;
}

/* The line that shows a port's control bits. */
static struct fact_at control_line(const struct check *check, uint32_t subject)
{
    return check_fact(check, subject, KEY_ACS_REQREDIR);
}

static uint32_t count_ports(const struct check *check, uint32_t *redirecting)
{
    uint32_t ports = 0;

    *redirecting = 0;
    for (uint32_t s = 0; s < check->node->subject_count; s++) {
        if (!is_peer_port(check, s) || !control_line(check, s).fact)
            continue;
        ports++;
        *redirecting += redirects(check, s);
    }
    return ports;
}

void check_acs_redirect(struct check *check)
{
    uint32_t redirecting, ports = count_ports(check, &redirecting);

    for (uint32_t s = 0; redirecting && s < check->node->subject_count; s++)
        if (is_peer_port(check, s) && redirects(check, s))
            check_hit(check, s, control_line(check, s), "ReqRedir%s CmpltRedir%s",
                      check_text(check, s, KEY_ACS_REQREDIR, "?"),
                      check_text(check, s, KEY_ACS_CMPLTREDIR, "?"));
    if (redirecting)
        check_detail(check, "%u of %u ports on the paths between GPUs and NICs", redirecting,
                     ports);
}

void check_acs_mixed(struct check *check)
{
    uint32_t redirecting, ports = count_ports(check, &redirecting);

    if (!redirecting || redirecting == ports)
        return;
    for (uint32_t s = 0; s < check->node->subject_count; s++)
        if (is_peer_port(check, s) && control_line(check, s).fact && !redirects(check, s))
            check_hit(check, s, control_line(check, s), "clean, unlike others on the peer paths");
    check_detail(check, "%u of %u ports redirect, the others are clean", redirecting, ports);
}

static void report_lone_bit(struct check *check, enum check_key bit, enum check_key other)
{
    for (uint32_t s = 0; s < check->node->subject_count; s++)
        if (is_peer_port(check, s) && check_is_on(check, s, bit) && !redirects(check, s) &&
            !check_is_on(check, s, other))
            check_hit(check, s, check_fact(check, s, bit), NULL);
}

void check_acs_srcvalid(struct check *check)
{
    report_lone_bit(check, KEY_ACS_SRCVALID, KEY_ACS_UPSTREAMFWD);
}

void check_acs_upstream(struct check *check)
{
    report_lone_bit(check, KEY_ACS_UPSTREAMFWD, KEY_ACS_EGRESSCTRL);
}

void check_acs_for_ats(struct check *check)
{
    for (uint32_t s = 0; s < check->node->subject_count; s++) {
        if (!is_peer_port(check, s) || !control_line(check, s).fact)
            continue;
        if (!check_is_on(check, s, KEY_ACS_REQREDIR))
            check_hit(check, s, control_line(check, s), "ReqRedir-");
        else if (check_number(check, s, KEY_ACS_DIRECTTRANS, 1) == 0)
            check_hit(check, s, check_fact(check, s, KEY_ACS_DIRECTTRANS), "DirectTrans-");
        else if (check_is_on(check, s, KEY_ACS_TRANSBLK))
            check_hit(check, s, check_fact(check, s, KEY_ACS_TRANSBLK), "TransBlk+");
    }
}

void check_acs_data_direct(struct check *check)
{
    struct fact_at pci = check_host(check, KEY_CMDLINE_PCI);
    uint32_t redirecting;

    if (pci.fact && strstr(pci.fact->text, "config_acs="))
        return;
    (void)count_ports(check, &redirecting);
    for (uint32_t s = 0; redirecting && s < check->node->subject_count; s++)
        if (is_peer_port(check, s) && redirects(check, s))
            check_hit(check, s, control_line(check, s),
                      "redirects, and the command line has no pci=config_acs=");
}

/* Ports of one switch are set by one hand: a cure that ran before some were there leaves them
 * apart. */
void check_acs_siblings(struct check *check)
{
    const struct topo *topo = check->topo;

    for (uint32_t i = 0; i < topo->count; i++) {
        const struct topo_device *port = &topo->devices[i];
        bool clean_sibling = false;

        if (port->port != PORT_DOWN || port->parent < 0 || !is_peer_port(check, port->subject) ||
            !redirects(check, port->subject))
            continue;
        /* Siblings stand on the same bus, next to each other. */
        for (uint32_t k = i; k-- > 0 && topo->devices[k].bdf >> 8 == port->bdf >> 8;)
            clean_sibling = clean_sibling || (is_peer_port(check, topo->devices[k].subject) &&
                                              !redirects(check, topo->devices[k].subject));
        for (uint32_t k = i + 1; k < topo->count && topo->devices[k].bdf >> 8 == port->bdf >> 8;
             k++)
            clean_sibling = clean_sibling || (is_peer_port(check, topo->devices[k].subject) &&
                                              !redirects(check, topo->devices[k].subject));
        if (clean_sibling)
            check_hit(check, port->subject, control_line(check, port->subject),
                      "redirects, ports of the same switch do not");
    }
}
