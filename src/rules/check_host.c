/* Memory modules, clocks, interfaces and identities of the host. */
#include "rules/check.h"

#include <stdlib.h>

/* Modules are bought by the socket: a count that the sockets do not divide has lost one. */
void check_dimms(struct check *check)
{
    struct fact_at count = check_host(check, KEY_DIMM_COUNT);
    int64_t sockets = check_number(check, 0, KEY_CPU_SOCKETS, 0);

    if (count.fact && sockets > 1 && count.fact->number > sockets &&
        count.fact->number % sockets != 0)
        check_hit(check, 0, count, "%lld modules on %lld sockets", (long long)count.fact->number,
                  (long long)sockets);
}

/* Kerberos, TLS and logs stumble at seconds; a fifth of one says that nothing disciplines it. */
#define CLOCK_OFFSET_US_MAX 200000

void check_clock(struct check *check)
{
    struct fact_at offset = check_host(check, KEY_CLOCK_OFFSET);

    if (offset.fact && llabs(offset.fact->number) > CLOCK_OFFSET_US_MAX)
        check_hit(check, 0, offset, "%lld ms off", (long long)(offset.fact->number / 1000));
}

/* NCCL leaves out lo and docker* by itself; these it takes when they come first. */
void check_bootstrap(struct check *check)
{
    static const char *const bridges[] = {"virbr*", "cni*", "br-*", "flannel*", "cali*"};

    for (uint32_t s = 0; s < check->node->subject_count; s++) {
        const struct subject *net = &check->node->subjects[s];

        if (net->kind != SUBJECT_NET)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(bridges); i++)
            if (str_glob(bridges[i], str_of(net->name)) &&
                strcmp(check_text(check, s, KEY_NET_STATE, "up"), "down") != 0)
                check_hit(check, s, check_fact(check, s, KEY_NET_STATE),
                          "%s: a bridge of this host only", net->name);
    }
}

/* Identities are compared each with each: more than this a node does not have. */
#define IDENTITIES_MAX 512

static bool is_placeholder(const char *text)
{
    return !*text || strspn(text, "0xXfF:-. ") == strlen(text) ||
           str_glob("*[Ss]pecified*", str_of(text)) || !strncmp(text, "Not ", 4) ||
           !strncmp(text, "Unknown", 7) || !strncmp(text, "NO ", 3) || !strncmp(text, "N/A", 3);
}

/* Report subjects of a kind with the same identity. Ports of one card share the card's: they are
 * told apart by their name up to the slash. */
static void report_twins(struct check *check, unsigned who, enum check_key key, const char *what)
{
    uint32_t subjects[IDENTITIES_MAX], count = 0;

    for (uint32_t s = 0; s < check->node->subject_count && count < IDENTITIES_MAX; s++)
        if (check->who[s] & who && !is_placeholder(check_text(check, s, key, "")))
            subjects[count++] = s;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = i + 1; k < count; k++) {
            const char *a = check->node->subjects[subjects[i]].name;
            const char *b = check->node->subjects[subjects[k]].name;
            size_t card = strcspn(a, "/");

            if (strcmp(check_text(check, subjects[i], key, ""),
                       check_text(check, subjects[k], key, "")) ||
                (card == strcspn(b, "/") && !strncmp(a, b, card)))
                continue;
            check_hit(check, subjects[k], check_fact(check, subjects[k], key),
                      "%s %s: also that of %s", what, check_text(check, subjects[k], key, ""), a);
        }
}

void check_duplicates(struct check *check)
{
    /* Boards whose maker forgot to set one. */
    static const char default_uuid[] = "03000200-0400-0500-0006-000700080009";
    struct fact_at uuid = check_host(check, KEY_SYSTEM_UUID);

    report_twins(check, WHO_GPU, KEY_SMI_UUID, "UUID");
    report_twins(check, WHO_IB, KEY_IB_GUID, "node GUID");
    report_twins(check, WHO_DIMM, KEY_DIMM_SERIAL, "serial number");
    if (uuid.fact && !strcasecmp(uuid.fact->text, default_uuid))
        check_hit(check, 0, uuid, "the board maker's default: the same on every such board");
}
