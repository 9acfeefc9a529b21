/* The IOMMU: translating where it should not, missing where CPUs need it. */
#include "rules/check.h"

static bool text_is(const struct check *check, enum check_key key, const char *text)
{
    return !strcmp(check_text(check, 0, key, ""), text);
}

static bool switched_off(const struct check *check)
{
    return text_is(check, KEY_CMDLINE_IOMMU, "off") ||
           text_is(check, KEY_CMDLINE_AMD_IOMMU, "off") ||
           text_is(check, KEY_CMDLINE_INTEL_IOMMU, "off");
}

/* The kernel prints its default domain type also where no IOMMU works: groups, or devices in
 * groups, prove that one does. */
static struct fact_at proof_of_groups(const struct check *check, uint32_t *subject)
{
    struct fact_at at = check_host(check, KEY_IOMMU_GROUPS);

    *subject = 0;
    if (at.fact && at.fact->number > 0)
        return at;
    for (uint32_t i = 0; check_saw(check, check_block(check, "IOMMU")) && i < check->topo->count;
         i++) {
        *subject = check->topo->devices[i].subject;
        at = check_fact(check, *subject, KEY_IOMMU_PRESENT);
        if (at.fact && at.fact->number)
            return at;
    }
    return (struct fact_at){0};
}

void check_iommu_translating(struct check *check)
{
    struct fact_at domain = check_host(check, KEY_IOMMU_DOMAIN);
    struct fact_at on = check_host(check, KEY_CMDLINE_INTEL_IOMMU);
    bool passthrough = text_is(check, KEY_CMDLINE_IOMMU, "pt") ||
                       text_is(check, KEY_CMDLINE_PASSTHROUGH, "1") ||
                       (domain.fact && !strcmp(domain.fact->text, "Passthrough"));
    bool on_by_cmdline = on.fact && !strncmp(on.fact->text, "on", 2);
    uint32_t subject;
    struct fact_at groups = proof_of_groups(check, &subject);

    if (passthrough || switched_off(check))
        return;
    if (domain.fact && !strncmp(domain.fact->text, "Translated", 10)) {
        if (!groups.fact && !on_by_cmdline) {
            if (!check_host(check, KEY_IOMMU_GROUPS).fact)
                check_unknown(check, "whether an IOMMU is in use",
                              "dmesg names the domain type, but neither IOMMU groups nor the "
                              "command line tell that one works");
            return;
        }
        check_hit(check, 0, domain, NULL);
        if (groups.fact)
            check_hit(check, subject, groups, "an IOMMU is in use");
    } else if (on_by_cmdline && !domain.fact) {
        check_hit(check, 0, on, "intel_iommu=on without iommu=pt");
    } else if (groups.fact && !domain.fact) {
        check_unknown(check, "whether the IOMMU translates",
                      "devices are in IOMMU groups; dmesg or /sys/kernel/iommu_groups/*/type tells "
                      "the rest");
    }
    check_detail(check, "an IOMMU is on and iommu=pt is not set");
}

/* Is the loss of CPUs explained by interrupt remapping that is off? */
static bool lost_to_apic(const struct check *check)
{
    return check_host(check, KEY_LOG_APIC).fact ||
           (*check_text(check, 0, KEY_CPU_OFFLINE, "") &&
            check_number(check, 0, KEY_CPU_COUNT, 0) >= 255 &&
            (switched_off(check) || check_is_on(check, 0, KEY_LOG_X2APIC)));
}

void check_iommu_lost_cpus(struct check *check)
{
    static const enum check_key switches[] = {KEY_CMDLINE_IOMMU, KEY_CMDLINE_AMD_IOMMU,
                                              KEY_CMDLINE_INTEL_IOMMU};
    struct fact_at apic = check_host(check, KEY_LOG_APIC);
    struct fact_at offline = check_host(check, KEY_CPU_OFFLINE);
    struct fact_at x2apic = check_host(check, KEY_LOG_X2APIC);

    if (!lost_to_apic(check))
        return;
    if (apic.fact)
        check_hit(check, 0, apic, "CPU %s was not brought up", apic.fact->text);
    if (offline.fact && *offline.fact->text)
        check_hit(check, 0, offline, "CPU %s is off line", offline.fact->text);
    if (x2apic.fact && x2apic.fact->number)
        check_hit(check, 0, x2apic, "x2APIC is off: APIC ids above 254 cannot be used");
    for (size_t i = 0; i < ARRAY_LEN(switches); i++)
        if (text_is(check, switches[i], "off"))
            check_hit(check, 0, check_host(check, switches[i]),
                      "turns interrupt remapping off, which x2APIC needs");
    check_detail(check, "CPU %s lost",
                 apic.fact      ? apic.fact->text
                 : offline.fact ? offline.fact->text
                                : "");
}

void check_cpu_offline(struct check *check)
{
    struct fact_at offline = check_host(check, KEY_CPU_OFFLINE);
    const char *smt = check_text(check, 0, KEY_CPU_SMT, "");

    if (!offline.fact || !*offline.fact->text || lost_to_apic(check))
        return;
    if (!strcmp(smt, "off") || !strcmp(smt, "forceoff"))
        return; /* the siblings are off line because SMT is: that is another rule's */
    check_hit(check, 0, offline, NULL);
    check_detail(check, "CPU %s off line", offline.fact->text);
}
