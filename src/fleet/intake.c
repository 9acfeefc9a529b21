#include "fleet/model.h"

#include "fleet/proof.h"

#include <errno.h>
#include <stdlib.h>

#define SOURCES_SHOWN_MAX 64

struct intake *intake_new(struct fleet *fleet)
{
    struct intake *intake = calloc(1, sizeof(*intake));
    struct arena **slot;

    if (!intake)
        return NULL;
    intake->fleet = fleet;
    intake->recorder = recorder_new(fleet->tables);
    intake->arena = arena_new(0);
    slot = intake->arena ? vec_push(&fleet->arenas) : NULL;
    if (!slot)
        arena_free(intake->arena);
    else
        *slot = intake->arena;
    if (!intake->recorder || !slot) {
        intake_free(intake);
        return NULL;
    }
    return intake;
}

void intake_free(struct intake *intake)
{
    if (!intake)
        return;
    recorder_free(intake->recorder);
    free(intake);
}

static int keep_sources(struct arena *arena, const struct node *node, struct fleet_node *out)
{
    uint32_t count =
        node->source_count < SOURCES_SHOWN_MAX ? node->source_count : SOURCES_SHOWN_MAX;
    const char **names = arena_alloc(arena, (count + 1) * sizeof(*names));

    if (!names)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        names[i] = arena_copy(arena, node->sources[i].name, strlen(node->sources[i].name));
        if (!names[i])
            return -ENOMEM;
    }
    out->sources = names;
    out->source_count = count;
    return 0;
}

/* What a rule says in words; NULL stays NULL. */
static int keep_text(struct words *words, const char *text, const char **out)
{
    *out = text ? words_keep(words, str_of(text)) : NULL;
    return text && !*out ? -ENOMEM : 0;
}

static int keep_findings(struct intake *intake, const struct node *node, const struct topo *topo,
                         const struct findings *found, struct fleet_node *out)
{
    struct words *words = intake->fleet->words;
    VEC(struct proof_wish) wishes = {0};
    int r = 0;

    out->findings = arena_alloc(intake->arena, (found->count + 1) * sizeof(*out->findings));
    if (!out->findings)
        return -ENOMEM;
    for (uint32_t i = 0; i < found->count && r == 0; i++) {
        const struct finding *from = &found->items[i];
        struct fleet_finding *to = &out->findings[out->finding_count++];
        uint32_t kept = from->evidence_count < PROOFS_MAX ? from->evidence_count : PROOFS_MAX;
        struct proof *proofs = arena_alloc(intake->arena, (kept + 1) * sizeof(*proofs));

        *to = (struct fleet_finding){.rule = from->rule,
                                     .proofs = proofs,
                                     .proof_count = kept,
                                     .place_count = from->evidence_count};
        r = proofs ? keep_text(words, from->detail, &to->detail) : -ENOMEM;
        for (uint32_t k = 0; k < kept && r == 0; k++) {
            const struct evidence *evidence = &from->evidence[k];
            struct proof_wish *wish = vec_push(&wishes);

            if (wish)
                *wish = (struct proof_wish){&proofs[k], evidence->subject, evidence->at,
                                            evidence->text};
            else
                r = -ENOMEM;
        }
    }
    if (r == 0)
        r = proofs_fill(intake->arena, words, node, topo, wishes.items, wishes.count);
    vec_done(&wishes);
    return r;
}

static int keep_unknowns(struct intake *intake, const struct findings *found,
                         struct fleet_node *out)
{
    struct words *words = intake->fleet->words;
    int r = 0;

    out->unknowns = arena_alloc(intake->arena, (found->unknown_count + 1) * sizeof(*out->unknowns));
    if (!out->unknowns)
        return -ENOMEM;
    for (uint32_t i = 0; i < found->unknown_count && r == 0; i++) {
        struct fleet_unknown *to = &out->unknowns[out->unknown_count++];

        to->rule = found->unknowns[i].rule;
        r = keep_text(words, found->unknowns[i].what, &to->what);
        if (r == 0)
            r = keep_text(words, found->unknowns[i].why, &to->why);
    }
    return r;
}

int intake_node(struct intake *intake, struct node *node, const struct topo *topo,
                struct taken *out)
{
    struct fleet *fleet = intake->fleet;
    struct findings found = {0};
    int r;

    *out = (struct taken){0};
    out->node.name = arena_copy(intake->arena, node->name, strlen(node->name));
    if (!out->node.name)
        return -ENOMEM;
    r = fleet->judge->judge(fleet->rules, node, topo, &found);
    if (r == 0)
        r = keep_sources(intake->arena, node, &out->node);
    if (r == 0)
        r = keep_findings(intake, node, topo, &found, &out->node);
    if (r == 0)
        r = keep_unknowns(intake, &found, &out->node);
    if (r == 0)
        r = record_node(intake->recorder, intake->arena, node, topo, &out->record);
    return r;
}
