#include "base/term.h"
#include "cli/commands.h"
#include "rules/rules.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct rules_args {
    bool json;
    const char *policy;
};

const struct opt rules_opts[] = {
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON", offsetof(struct rules_args, json)},
    {"policy", 'p', OPT_TEXT, "POLICY", "Only rules that this policy judges",
     offsetof(struct rules_args, policy)},
};
const size_t rules_opt_count = ARRAY_LEN(rules_opts);

static const char *basis_text(const struct rule *rule)
{
    if (rule->basis == BASIS_KNOWN)
        return "unconfirmed: general engineering knowledge";
    if (rule->basis & BASIS_SOURCE && rule->basis & BASIS_DUMP)
        return "read in a source and seen in a real dump";
    return rule->basis & BASIS_SOURCE ? "read in a source" : "seen in a real dump";
}

static const char *policies_text(const struct rule *rule, struct buf *out)
{
    buf_clear(out);
    if (rule->policies == POLICY_ANY)
        return "every policy";
    for (int policy = 0; policy < POLICY_COUNT; policy++)
        if (rule->policies & 1u << policy)
            buf_printf(out, "%s%s", out->len ? ", " : "", policy_name((enum policy)policy));
    return out->len && !out->failed ? out->p : "no policy";
}

static json_t *rule_json(const struct rule *rule)
{
    json_t *fixes = json_array(), *policies = json_array();

    for (size_t i = 0; i < RULE_FIXES_MAX && rule->fixes[i].what; i++)
        (void)json_array_append_new(fixes, json_pack("{s:s, s:s}", "where", rule->fixes[i].where,
                                                     "what", rule->fixes[i].what));
    for (int policy = 0; policy < POLICY_COUNT; policy++)
        if (rule->policies & 1u << policy)
            (void)json_array_append_new(policies, json_string(policy_name((enum policy)policy)));
    return json_pack("{s:i, s:s, s:s, s:s, s:b, s:b, s:o, s:s*, s:s*, s:s*, s:s*, s:s*, s:o}",
                     "number", (int)rule->number, "rule", rule->id, "title", rule->title,
                     "severity", severity_name(rule->severity), "unconfirmed",
                     rule->basis == BASIS_KNOWN, "bios", rule->bios, "policies", policies,
                     "looks_at", rule->looks_at, "good", rule->good, "bad", rule->bad, "harm",
                     rule->harm, "source", rule->source, "fix", fixes);
}

static void show(const struct rule *rule)
{
    struct buf policies = {0};

    (void)printf("%s  (rule %u)\n%s\n\n", rule->id, rule->number, rule->title);
    (void)printf("severity  %s%s\n", severity_name(rule->severity),
                 rule->bios ? "; a BIOS option does this" : "");
    if (rule->looks_at)
        (void)printf("looks at  %s\n", rule->looks_at);
    if (rule->good && *rule->good)
        (void)printf("good      %s\n", rule->good);
    if (rule->bad && *rule->bad)
        (void)printf("bad       %s\n", rule->bad);
    (void)printf("harm      %s\n", rule->harm);
    (void)printf("rests on  %s%s%s%s\n", basis_text(rule),
                 rule->source && *rule->source ? " (" : "", rule->source ? rule->source : "",
                 rule->source && *rule->source ? ")" : "");
    (void)printf("judged    under %s\n", policies_text(rule, &policies));
    for (size_t i = 0; i < RULE_FIXES_MAX && rule->fixes[i].what; i++)
        (void)printf("%-9s %s: %s\n", i ? "" : "fix", rule->fixes[i].where, rule->fixes[i].what);
    buf_done(&policies);
}

/* As it is, or in small letters. */
static const struct rule *find_rule(const char *name)
{
    for (size_t i = 0; i < rule_count(); i++)
        if (!strcasecmp(rule_at(i)->id, name))
            return rule_at(i);
    return NULL;
}

#define NEAR_MAX 4 /* names with the word in them that are told */

static int no_rule(const struct subcommand *command, const char *name)
{
    struct buf near = {0};
    uint32_t count = 0;
    int code;

    for (size_t i = 0; i < rule_count() && *name; i++)
        if (strcasestr(rule_at(i)->id, name) && count++ < NEAR_MAX)
            buf_printf(&near, "%s%s", count > 1 ? ", " : "", rule_at(i)->id);
    code =
        count && !near.failed
            ? subcommand_trouble(command, "there is no rule '%s'; with that in their names: %s%s",
                                 name, near.p, count > NEAR_MAX ? " ..." : "")
            : subcommand_trouble(command, "there is no rule '%s'; 'firstlight rules' lists them",
                                 name);
    buf_done(&near);
    return code;
}

static int show_rules(const struct subcommand *command, const struct rules_args *args, char **names,
                      int count)
{
    json_t *list = args->json ? json_array() : NULL;
    int code = EXIT_WELL;

    for (int i = 0; i < count; i++) {
        const struct rule *rule = find_rule(names[i]);

        if (!rule) {
            code = no_rule(command, names[i]);
            continue;
        }
        if (list) {
            (void)json_array_append_new(list, rule_json(rule));
        } else {
            if (i)
                (void)puts("");
            show(rule);
        }
    }
    if (list) {
        (void)json_dumpf(list, stdout, JSON_INDENT(1));
        (void)puts("");
    }
    json_decref(list);
    return code;
}

static int list_rules(const struct rules_args *args, unsigned policies)
{
    bool colour = term_has_colour(stdout);
    json_t *list = args->json ? json_array() : NULL;

    for (size_t i = 0; i < rule_count(); i++) {
        const struct rule *rule = rule_at(i);

        if (!(rule->policies & policies))
            continue;
        if (list)
            (void)json_array_append_new(list, rule_json(rule));
        else
            (void)printf("%3u  %-11s %s%-34s%s %s%s\n", rule->number, severity_name(rule->severity),
                         colour ? "\033[1m" : "", rule->id, colour ? "\033[0m" : "", rule->title,
                         rule->basis == BASIS_KNOWN ? " (unconfirmed)" : "");
    }
    if (list) {
        (void)json_dumpf(list, stdout, JSON_INDENT(1));
        (void)puts("");
    }
    json_decref(list);
    return EXIT_WELL;
}

int cmd_rules(const struct subcommand *command, int argc, char **argv)
{
    struct rules_args args = {0};
    unsigned policies = POLICY_ANY;
    enum policy policy;
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (args.policy) {
        if (policy_of(args.policy, &policy) < 0)
            return subcommand_trouble(command, "--policy is bare-metal, vm-ats or gb200, not '%s'",
                                      args.policy);
        policies = 1u << policy;
    }
    if (!words)
        return list_rules(&args, policies);
    if (strcmp(argv[0], "show") != 0 || words < 2)
        return subcommand_trouble(command, "expected nothing, or 'show' and the name of a rule");
    return show_rules(command, &args, argv + 1, words - 1);
}
