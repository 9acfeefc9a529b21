#include "fleet/proof.h"

#include "base/vec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A line to be cut out of a source. */
struct cut {
    uint16_t source;
    uint32_t line; /* of the source's text, from 1 */
    struct proof *proof;
};

static int by_place(const void *a, const void *b)
{
    const struct cut *x = a, *y = b;

    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static const char *keep_cut(struct words *words, struct str text)
{
    text = str_trim(text);
    if (text.len > PROOF_TEXT_MAX)
        text.len = PROOF_TEXT_MAX;
    return words_keep(words, text);
}

/* The lines of all cuts, walking each source once. */
static int cut_lines(struct words *words, const struct node *node, struct cut *cuts, size_t count)
{
    struct str rest = {0}, line = {0};
    uint32_t at = 0;

    qsort(cuts, count, sizeof(*cuts), by_place);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || cuts[i].source != cuts[i - 1].source) {
            rest = node->sources[cuts[i].source].text;
            line = (struct str){0};
            at = 0;
        }
        while (at < cuts[i].line && str_line(&rest, &line))
            at++;
        if (at < cuts[i].line)
            continue;
        cuts[i].proof->text = keep_cut(words, line);
        if (!cuts[i].proof->text)
            return -ENOMEM;
    }
    return 0;
}

static const char *where_of(struct words *words, const struct node *node, const struct topo *topo,
                            const struct proof_wish *wish)
{
    const struct subject *subject = &node->subjects[wish->subject];
    int device = topo ? topo_of(topo, wish->subject) : -1;
    const char *role = device >= 0 ? topo->devices[device].role : NULL;
    char text[PROOF_TEXT_MAX];
    int len;

    if (role)
        len = snprintf(text, sizeof(text), "%s %s", role, subject->name);
    else if (subject->kind == SUBJECT_HOST)
        len = snprintf(text, sizeof(text), "host");
    else
        len =
            snprintf(text, sizeof(text), "%s %s", subject_kind_name(subject->kind), subject->name);
    if (wish->words && wish->at.fact && len > 0 && (size_t)len < sizeof(text))
        (void)snprintf(text + len, sizeof(text) - (size_t)len, ": %s", wish->words);
    return words_keep(words, str_of(text));
}

/* That something did not happen stands in no line of a log. */
static bool is_silence(const struct source *source, const struct fact *fact)
{
    return !strcmp(source->kind, "dmesg") && fact->type == FACT_FLAG && !fact->number;
}

/* What stands for a line that there is not: of bytes, or of a text that was not kept. */
static int word_fact(struct words *words, const struct node *node, const struct proof_wish *wish)
{
    const struct source *source = &node->sources[wish->at.ref->source];
    struct proof *proof = wish->proof;
    char text[PROOF_TEXT_MAX];

    (void)snprintf(text, sizeof(text), "%s%s = %s",
                   is_silence(source, wish->at.fact) ? "no line says otherwise: " : "",
                   fact_key_name(node->pool, wish->at.fact->key), wish->at.fact->text);
    proof->text = words_keep(words, str_of(text));
    return proof->text ? 0 : -ENOMEM;
}

int proofs_fill(struct arena *arena, struct words *words, const struct node *node,
                const struct topo *topo, const struct proof_wish *wishes, size_t count)
{
    const char **names = arena_alloc(arena, (node->source_count + 1) * sizeof(*names));
    struct cut *cuts = malloc((count + 1) * sizeof(*cuts));
    size_t cut_count = 0;
    int r = names && cuts ? 0 : -ENOMEM;

    for (size_t i = 0; i < count && r == 0; i++) {
        const struct proof_wish *wish = &wishes[i];
        struct proof *proof = wish->proof;

        proof->where = where_of(words, node, topo, wish);
        proof->source = "";
        if (!wish->at.fact) {
            proof->text = words_keep(words, str_of(wish->words ? wish->words : ""));
        } else {
            uint16_t s = wish->at.ref->source;
            bool silence = is_silence(&node->sources[s], wish->at.fact);

            if (!names[s])
                names[s] = arena_copy(arena, node->sources[s].name, strlen(node->sources[s].name));
            proof->source = names[s];
            proof->line = silence ? 0 : node_fact_line(node, wish->at);
            proof->binary = node->sources[s].binary;
            if (!proof->binary && !silence && node->sources[s].text.len)
                cuts[cut_count++] =
                    (struct cut){s, wish->at.ref->line + wish->at.fact->line, proof};
        }
        if (!proof->where || !proof->source)
            r = -ENOMEM;
    }
    if (r == 0)
        r = cut_lines(words, node, cuts, cut_count);
    for (size_t i = 0; i < count && r == 0; i++)
        if (!wishes[i].proof->text)
            r = wishes[i].at.fact ? word_fact(words, node, &wishes[i]) : -ENOMEM;
    free(cuts);
    return r;
}
