#include "rules/check.h"

#include "rules/engine.h"

#include <stdarg.h>
#include <stdio.h>

struct fact_at check_at(const struct check *check, uint32_t subject_index,
                        const struct ready_path *path)
{
    const struct subject *subject = &check->node->subjects[path->host ? 0 : subject_index];

    for (uint32_t i = 0; i < subject->count; i++) {
        const struct fact_block *block = subject->refs[i].block;

        if (block->name != path->block)
            continue;
        for (uint32_t k = 0; k < block->count; k++)
            if (block->facts[k].key == path->key)
                return (struct fact_at){&block->facts[k], &subject->refs[i]};
    }
    return (struct fact_at){0};
}

struct fact_at check_fact(const struct check *check, uint32_t subject, enum check_key key)
{
    return check_at(check, subject, &check->rules->keys[key]);
}

struct fact_at check_host(const struct check *check, enum check_key key)
{
    return check_fact(check, 0, key);
}

int64_t check_number(const struct check *check, uint32_t subject, enum check_key key,
                     int64_t otherwise)
{
    struct fact_at at = check_fact(check, subject, key);

    return at.fact && at.fact->type != FACT_TEXT ? at.fact->number : otherwise;
}

const char *check_text(const struct check *check, uint32_t subject, enum check_key key,
                       const char *otherwise)
{
    struct fact_at at = check_fact(check, subject, key);

    return at.fact ? at.fact->text : otherwise;
}

bool check_is_on(const struct check *check, uint32_t subject, enum check_key key)
{
    return check_number(check, subject, key, 0) != 0;
}

uint32_t check_block(const struct check *check, const char *name)
{
    for (uint32_t i = 0; i < check->rules->need_count; i++)
        if (!strcmp(check->rules->needs[i].name, name))
            return check->rules->needs[i].block;
    return 0;
}

bool check_saw(const struct check *check, uint32_t block)
{
    uint32_t at = block < check->rules->key_count ? check->rules->block_at[block] : 0;

    return at && check->report->seen[at - 1].who;
}

const char *check_role(const struct check *check, uint32_t subject)
{
    int index =
        check->node->subjects[subject].kind == SUBJECT_PCI ? topo_of(check->topo, subject) : -1;

    if (index >= 0 && check->topo->devices[index].role != check->topo->devices[index].slot)
        return check->topo->devices[index].role;
    return check->node->subjects[subject].name;
}

static const char *print(struct report *report, const char *format, va_list args)
{
    char text[1024];
    int len = vsnprintf(text, sizeof(text), format, args);
    char *copy;

    if (len < 0)
        return NULL;
    copy = arena_copy(report->arena, text, strlen(text));
    report->failed = report->failed || !copy;
    return copy;
}

const char *report_printf(struct report *report, const char *format, ...)
{
    const char *text;
    va_list args;

    va_start(args, format);
    text = print(report, format, args);
    va_end(args);
    return text;
}

void check_hit(struct check *check, uint32_t subject, struct fact_at at, const char *format, ...)
{
    struct report *report = check->report;
    struct evidence *evidence = vec_push(&report->evidence);
    va_list args;

    if (!evidence) {
        report->failed = true;
        return;
    }
    evidence->subject = subject;
    evidence->at = at;
    if (!format)
        return;
    va_start(args, format);
    evidence->text = print(report, format, args);
    va_end(args);
}

void check_detail(struct check *check, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    check->report->detail = print(check->report, format, args);
    va_end(args);
}

void check_unknown(struct check *check, const char *what, const char *format, ...)
{
    struct report *report = check->report;
    struct unknown *unknown = vec_push(&report->unknowns);
    const struct rule **rule = arena_alloc(report->arena, sizeof(*rule));
    va_list args;

    if (!unknown || !rule) {
        report->failed = true;
        return;
    }
    *rule = check->rule;
    va_start(args, format);
    *unknown = (struct unknown){check->rule, what, print(report, format, args), rule, 1};
    va_end(args);
}
