/* Does a row of a rule hold for a fact, and for the subject that has it? */
#include "rules/engine.h"

static bool one_of(const char *list, const char *text)
{
    struct str rest = str_of(list), word;

    while (str_cut(&rest, '|', &word))
        if (str_is(word, text))
            return true;
    return false;
}

bool fact_satisfies(const struct condition *condition, const struct fact *fact)
{
    switch (condition->op) {
    case OP_ON:
        return fact->type == FACT_FLAG && fact->number;
    case OP_OFF:
        return fact->type == FACT_FLAG && !fact->number;
    case OP_IS:
        return !strcmp(fact->text, condition->text);
    case OP_ISNT:
        return strcmp(fact->text, condition->text) != 0;
    case OP_ONE_OF:
        return one_of(condition->text, fact->text);
    case OP_NONE_OF:
        return !one_of(condition->text, fact->text);
    case OP_GLOB:
        return str_glob(condition->text, str_of(fact->text));
    case OP_BELOW:
        return fact->type == FACT_NUMBER && fact->number < condition->number;
    case OP_ABOVE:
        return fact->type == FACT_NUMBER && fact->number > condition->number;
    case OP_SOME:
        return fact->type == FACT_TEXT ? fact->text[0] != '\0' : fact->number != 0;
    case OP_BELOW_FACT:
    case OP_ODD:
        return true; /* settled where the subject is known */
    case OP_NONE:
    case OP_ABSENT:
        break;
    }
    return false;
}

static bool below_other(const struct check *check, uint32_t subject,
                        const struct ready_condition *condition, const struct fact *fact)
{
    struct fact_at other = check_at(check, subject, &condition->other);

    return other.fact && other.fact->type == FACT_NUMBER && fact->type == FACT_NUMBER &&
           fact->number < other.fact->number;
}

static bool condition_holds(const struct check *check, uint32_t subject,
                            const struct ready_condition *condition)
{
    struct fact_at at = check_at(check, subject, &condition->path);

    if (condition->source->op == OP_ABSENT)
        return !at.fact;
    if (!at.fact || !fact_satisfies(condition->source, at.fact))
        return false;
    return condition->source->op != OP_BELOW_FACT ||
           below_other(check, subject, condition, at.fact);
}

bool row_holds(const struct check *check, uint32_t subject, const struct ready_test *test,
               const struct fact *fact)
{
    if (test->row->has && !(test->row->has & check->there))
        return false;
    if (test->row->is.op == OP_BELOW_FACT && !below_other(check, subject, &test->is, fact))
        return false;
    for (int i = 0; i < CONDITIONS_MAX && test->when[i].source->op != OP_NONE; i++)
        if (!condition_holds(check, subject, &test->when[i]))
            return false;
    for (int i = 0; i < CONDITIONS_MAX && test->unless[i].source->op != OP_NONE; i++)
        if (condition_holds(check, subject, &test->unless[i]))
            return false;
    return true;
}
