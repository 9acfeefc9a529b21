#include "rules/rules.h"

#include "rules/engine.h"

#include <errno.h>
#include <stdlib.h>

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {"info", "reliability", "latency", "bandwidth", "fatal"};

    return names[severity];
}

static const char *const policy_names[POLICY_COUNT] = {"bare-metal", "vm-ats", "gb200"};

const char *policy_name(enum policy policy)
{
    return policy_names[policy];
}

int policy_of(const char *name, enum policy *out)
{
    for (int i = 0; i < POLICY_COUNT; i++)
        if (!strcmp(policy_names[i], name)) {
            *out = (enum policy)i;
            return 0;
        }
    return -EINVAL;
}

static const struct catalogue *const parts[] = {
    &catalogue_p2p,  &catalogue_link, &catalogue_device, &catalogue_presence,
    &catalogue_host, &catalogue_gpu,  &catalogue_nic,    &catalogue_os,
};

size_t rule_count(void)
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        count += parts[i]->count;
    return count;
}

const struct rule *rule_at(size_t index)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (index < parts[i]->count)
            return &parts[i]->rules[index];
        index -= parts[i]->count;
    }
    return NULL;
}

const struct rule *rule_by_id(const char *id)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        for (size_t k = 0; k < parts[i]->count; k++)
            if (!strcmp(parts[i]->rules[k].id, id))
                return &parts[i]->rules[k];
    return NULL;
}

static bool globs_match(const char *const *globs, const char *who, const char *path)
{
    size_t len = strlen(who);

    for (; globs && *globs; globs++) {
        const char *colon = strchr(*globs, ':');
        size_t who_len = colon ? (size_t)(colon - *globs) : 0;

        if (!colon)
            continue;
        if (!(who_len == 1 && **globs == '*') && !(who_len == len && !memcmp(*globs, who, len)))
            continue;
        if (str_glob(colon + 1, str_of(path)))
            return true;
    }
    return false;
}

enum claim rule_claims(const struct rule *rule, const char *who, const char *path)
{
    if (globs_match(rule->claims, who, path))
        return CLAIM_SETTING;
    return globs_match(rule->moves, who, path) ? CLAIM_MOVES : CLAIM_NONE;
}

/* ---- rules_new ---- */

static int ready_path(struct rules *rules, const char *path, struct ready_path *out)
{
    size_t len;

    out->host = !strncmp(path, "host:", 5);
    out->path = path += out->host ? 5 : 0;
    len = strcspn(path, ".");
    out->block = fact_pool_key(rules->pool, (struct str){path, len});
    if (!out->block)
        return -ENOMEM;
    if (strchr(path, '*'))
        return 0;
    out->key = fact_pool_key(rules->pool, str_of(path));
    return out->key ? 0 : -ENOMEM;
}

static int ready_condition(struct rules *rules, const struct condition *condition,
                           struct ready_condition *out)
{
    int r;

    out->source = condition;
    if (condition->op == OP_NONE)
        return 0;
    r = ready_path(rules, condition->path, &out->path);
    if (r == 0 && condition->op == OP_BELOW_FACT)
        r = ready_path(rules, condition->text, &out->other);
    return r;
}

static int ready_need(struct rules *rules, size_t rule_index, unsigned who, unsigned has,
                      uint32_t block)
{
    struct need *need = &rules->needs[rules->need_count++];

    if (!block)
        return -ENOMEM;
    *need = (struct need){
        .rule = rule_at(rule_index),
        .rule_index = (uint32_t)rule_index,
        .who = who,
        .has = has,
        .block = block,
        .name = fact_key_name(rules->pool, block),
    };
    need->origin = origin_of(need->name);
    return 0;
}

static int ready_test(struct rules *rules, size_t rule_index, const struct row_test *row)
{
    struct ready_test *test = &rules->tests[rules->test_count++];
    int r = ready_condition(rules, &row->is, &test->is);

    test->rule = rule_at(rule_index);
    test->row = row;
    for (int i = 0; i < CONDITIONS_MAX && r == 0; i++) {
        r = ready_condition(rules, &row->when[i], &test->when[i]);
        if (r == 0)
            r = ready_condition(rules, &row->unless[i], &test->unless[i]);
    }
    return r < 0 || row->aside
               ? r
               : ready_need(rules, rule_index, row->who, row->has, test->is.path.block);
}

static const struct {
    const char *name;
    unsigned who;
} who_names[] = {
    {"gpu", WHO_GPU},   {"nic", WHO_NIC},   {"nvswitch", WHO_NVSWITCH},
    {"nvme", WHO_NVME}, {"port", WHO_PORT}, {"host", WHO_HOST},
    {"ib", WHO_IB},     {"net", WHO_NET},   {"dimm", WHO_DIMM},
    {"numa", WHO_NUMA}, {"rdma", WHO_RDMA}, {"peer", WHO_PEER_PORT},
    {"work", WHO_WORK}, {"pci", WHO_PCI},   {"above", WHO_ABOVE},
};

static unsigned who_of(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(who_names); i++)
        if (str_is(word, who_names[i].name))
            return who_names[i].who;
    return 0;
}

/* "port:Express host:topo+gpu": the last only in a node with GPUs. */
static int ready_needs(struct rules *rules, size_t rule_index)
{
    struct str rest = str_of(rule_at(rule_index)->needs), word, who, block;
    int r = 0;

    while (r == 0 && str_word(&rest, &word)) {
        (void)str_cut(&word, ':', &who);
        (void)str_cut(&word, '+', &block);
        r = ready_need(rules, rule_index, who_of(who), word.len ? who_of(word) : 0,
                       fact_pool_key(rules->pool, block));
    }
    return r;
}

static uint32_t needs_in(const char *text)
{
    struct str rest = str_of(text ? text : ""), word;
    uint32_t count = 0;

    while (str_word(&rest, &word))
        count++;
    return count;
}

bool rules_has(const struct rules *rules, const struct rule *rule)
{
    return rule->policies & 1u << rules->policy;
}

static void mark_block(struct rules *rules, uint32_t block)
{
    if (!rules->block_at[block])
        rules->block_at[block] = ++rules->block_count;
}

/* Keys are small numbers that count up, so arrays by key are the quickest way from fact to test. */
static int index_tests(struct rules *rules)
{
    uint32_t top = 0;

    for (uint32_t i = 0; i < rules->test_count; i++) {
        const struct ready_path *path = &rules->tests[i].is.path;

        top = path->block > top ? path->block : top;
        top = path->key > top ? path->key : top;
    }
    for (uint32_t i = 0; i < rules->need_count; i++)
        top = rules->needs[i].block > top ? rules->needs[i].block : top;
    rules->key_count = top + 1;
    rules->by_key = arena_alloc(rules->arena, rules->key_count * sizeof(uint32_t));
    rules->by_block = arena_alloc(rules->arena, rules->key_count * sizeof(uint32_t));
    rules->block_at = arena_alloc(rules->arena, rules->key_count * sizeof(uint32_t));
    if (!rules->by_key || !rules->by_block || !rules->block_at)
        return -ENOMEM;
    for (uint32_t i = rules->test_count; i-- > 0;) {
        struct ready_test *test = &rules->tests[i];
        const struct ready_path *path = &test->is.path;

        if (path->key && test->row->is.op != OP_ABSENT) {
            test->next_key = rules->by_key[path->key];
            rules->by_key[path->key] = i + 1;
        } else {
            test->next_block = rules->by_block[path->block];
            rules->by_block[path->block] = i + 1;
        }
    }
    for (uint32_t i = 0; i < rules->need_count; i++)
        mark_block(rules, rules->needs[i].block);
    for (uint32_t i = 0; i < rules->test_count; i++)
        mark_block(rules, rules->tests[i].is.path.block);
    return 0;
}

static int make_ready(struct rules *rules)
{
    static const char *const paths[] = {
#define CHECK_KEY_PATH(name, path) path,
        CHECK_KEYS(CHECK_KEY_PATH)
#undef CHECK_KEY_PATH
    };
    size_t tests = 0, needs = 0, count = rule_count();
    int r = 0;

    for (size_t i = 0; i < count; i++) {
        tests += rule_at(i)->test_count;
        needs += rule_at(i)->test_count + needs_in(rule_at(i)->needs);
    }
    rules->tests = arena_alloc(rules->arena, (tests + 1) * sizeof(*rules->tests));
    rules->needs = arena_alloc(rules->arena, (needs + 1) * sizeof(*rules->needs));
    if (!rules->tests || !rules->needs)
        return -ENOMEM;
    for (size_t i = 0; i < KEY_COUNT && r == 0; i++)
        r = ready_path(rules, paths[i], &rules->keys[i]);
    for (size_t i = 0; i < count && r == 0; i++) {
        const struct rule *rule = rule_at(i);

        if (!rules_has(rules, rule))
            continue;
        for (unsigned t = 0; t < rule->test_count && r == 0; t++)
            r = ready_test(rules, i, &rule->tests[t]);
        if (r == 0 && rule->needs)
            r = ready_needs(rules, i);
    }
    return r < 0 ? r : index_tests(rules);
}

struct rules *rules_new(struct fact_pool *pool, enum policy policy)
{
    struct arena *arena = arena_new(0);
    struct rules *rules = arena ? arena_alloc(arena, sizeof(*rules)) : NULL;

    if (!rules) {
        arena_free(arena);
        return NULL;
    }
    rules->arena = arena;
    rules->pool = pool;
    rules->policy = policy;
    if (make_ready(rules) < 0) {
        arena_free(arena);
        return NULL;
    }
    return rules;
}

void rules_free(struct rules *rules)
{
    if (rules)
        arena_free(rules->arena);
}
