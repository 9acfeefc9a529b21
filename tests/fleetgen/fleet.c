#include "fleetgen.h"

#include "base/hash.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Purposes of random streams. */
enum {
    STREAM_BAD = 1,
    STREAM_LABEL,
    STREAM_BATCH,
    STREAM_NODE,
    STREAM_METRIC,
    STREAM_PAIR,
    STREAM_QUIRK = 1000,
};

#define HEALTHY_GBS 370.0
#define NOISE_GBS   4.0

struct gen_fleet {
    struct gen_spec spec;
    const struct mutation *mutation;
    int which;
    struct variant *healthy, *broken; /* broken: NULL without a mutation */
    uint8_t *bad, *slow;              /* by node */
    double batch_share[GEN_BATCHES];
};

struct noise_share gen_noise(void)
{
    return (struct noise_share){.shifted_buses = 0.1,
                                .shifted_addresses = 0.1,
                                .corrected = 0.01,
                                .old_lspci = 0.05,
                                .quirks = 0.03};
}

static struct rng stream(const struct gen_fleet *fleet, uint64_t purpose, uint64_t item)
{
    return (struct rng){hash_mix(hash_mix(fleet->spec.seed, purpose), item)};
}

static int check_spec(const struct gen_spec *spec, const struct machine *machine, struct err *err)
{
    const struct mutation *mutation = spec->mutation ? mutation_find(spec->mutation) : NULL;

    if (spec->nodes < 1 || spec->nodes > GEN_NODES_MAX)
        return err_set(err, -EINVAL, "%u nodes: expected 1 to %d", spec->nodes, GEN_NODES_MAX);
    if (spec->mutation && !mutation)
        return err_set(err, -EINVAL, "no mutation is called '%s' (--list-mutations shows them)",
                       spec->mutation);
    if (mutation && !mutation_fits(mutation, machine))
        return err_set(err, -EINVAL, "model %s has no setting %s", machine->model, mutation->id);
    if (mutation && (spec->bad < 1 || spec->bad >= spec->nodes))
        return err_set(err, -EINVAL, "%u bad nodes: expected 1 to %u", spec->bad, spec->nodes - 1);
    if (!(spec->wrong_labels >= 0 && spec->wrong_labels <= 1))
        return err_set(err, -EINVAL, "share of wrong labels %g: expected 0 to 1",
                       spec->wrong_labels);
    return 0;
}

/* A node that is not yet marked in `taken`. */
static uint32_t pick(struct rng *rng, const uint8_t *taken, uint32_t nodes)
{
    uint32_t at;

    do {
        at = (uint32_t)rng_below(rng, nodes);
    } while (taken[at]);
    return at;
}

static void plant(struct gen_fleet *fleet)
{
    struct rng rng = stream(fleet, STREAM_BAD, 0);
    struct rng labels = stream(fleet, STREAM_LABEL, 0);

    fleet->which = (int)rng_below(&rng, 8);
    for (int i = 0; i < GEN_BATCHES; i++)
        fleet->batch_share[i] = 0.05 + 0.35 * rng_unit(&rng);
    if (!fleet->mutation)
        return;
    for (uint32_t i = 0; i < fleet->spec.bad; i++)
        fleet->bad[pick(&rng, fleet->bad, fleet->spec.nodes)] = 1;
    for (uint32_t i = 0; i < fleet->spec.nodes; i++) {
        if (!fleet->bad[i])
            continue;
        if (rng_unit(&labels) >= fleet->spec.wrong_labels) {
            fleet->slow[i] = 1;
        } else if (fleet->spec.bad * 2 < fleet->spec.nodes) {
            uint32_t other;

            do {
                other = pick(&labels, fleet->slow, fleet->spec.nodes);
            } while (fleet->bad[other]);
            fleet->slow[other] = 1;
        }
    }
}

static int make_variants(struct gen_fleet *fleet, struct renderer *renderer, struct err *err)
{
    int r = renderer_prepare(renderer, fleet->healthy, err);

    if (r < 0 || !fleet->mutation)
        return r;
    fleet->broken = calloc(1, sizeof(*fleet->broken));
    if (!fleet->broken)
        return err_set(err, -ENOMEM, "no memory for the fleet");
    (void)machine_build(fleet->spec.model, fleet->spec.lean, &fleet->broken->machine);
    fleet->mutation->apply(&fleet->broken->machine, fleet->which);
    return renderer_prepare(renderer, fleet->broken, err);
}

struct gen_fleet *gen_new(const struct gen_spec *spec, struct renderer *renderer, struct err *err)
{
    struct gen_fleet *fleet = calloc(1, sizeof(*fleet));
    int r;

    if (!fleet || !(fleet->healthy = calloc(1, sizeof(*fleet->healthy)))) {
        err_set(err, -ENOMEM, "no memory for the fleet");
        goto fail;
    }
    fleet->spec = *spec;
    if (machine_build(spec->model, spec->lean, &fleet->healthy->machine) < 0) {
        err_set(err, -EINVAL, "no model is called '%s' (--list-models shows them)",
                spec->model ? spec->model : "");
        goto fail;
    }
    if (check_spec(spec, &fleet->healthy->machine, err) < 0)
        goto fail;
    fleet->mutation = spec->mutation ? mutation_find(spec->mutation) : NULL;
    fleet->bad = calloc(spec->nodes, 1);
    fleet->slow = calloc(spec->nodes, 1);
    if (!fleet->bad || !fleet->slow) {
        err_set(err, -ENOMEM, "no memory for the fleet");
        goto fail;
    }
    plant(fleet);
    r = make_variants(fleet, renderer, err);
    if (r == 0)
        return fleet;
fail:
    gen_free(fleet);
    return NULL;
}

void gen_free(struct gen_fleet *fleet)
{
    if (!fleet)
        return;
    free(fleet->healthy);
    free(fleet->broken);
    free(fleet->bad);
    free(fleet->slow);
    free(fleet);
}

const struct gen_spec *gen_spec_of(const struct gen_fleet *fleet)
{
    return &fleet->spec;
}

const struct mutation *gen_mutation(const struct gen_fleet *fleet)
{
    return fleet->mutation;
}

int gen_which(const struct gen_fleet *fleet)
{
    return fleet->which;
}

void gen_name(const struct gen_fleet *fleet, uint32_t index, char out[16])
{
    int digits = fleet->spec.nodes > 9999 ? 5 : fleet->spec.nodes > 999 ? 4 : 3;

    snprintf(out, 16, "n%0*u", digits, index + 1);
}

bool gen_is_bad(const struct gen_fleet *fleet, uint32_t index)
{
    return fleet->bad[index];
}

bool gen_is_labelled_slow(const struct gen_fleet *fleet, uint32_t index)
{
    return fleet->slow[index];
}

const struct variant *gen_variant(const struct gen_fleet *fleet, uint32_t index)
{
    return fleet->bad[index] ? fleet->broken : fleet->healthy;
}

static double normal(struct rng *rng)
{
    double u = 1.0 - rng_unit(rng); /* (0, 1] */

    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * rng_unit(rng));
}

static double measure(const struct gen_fleet *fleet, bool bad, struct rng *rng)
{
    double effect = bad ? fleet->mutation->effect : 1;

    return HEALTHY_GBS * effect + NOISE_GBS * normal(rng);
}

double gen_bandwidth(const struct gen_fleet *fleet, uint32_t index)
{
    struct rng rng = stream(fleet, STREAM_METRIC, index);

    return measure(fleet, fleet->bad[index], &rng);
}

double gen_pair_bandwidth(const struct gen_fleet *fleet, uint32_t a, uint32_t b)
{
    struct rng rng = stream(fleet, STREAM_PAIR, (uint64_t)a << 32 | b);

    return measure(fleet, fleet->bad[a] || fleet->bad[b], &rng);
}

/* Versions that some nodes have for reasons of their own (delivered later, updated first). A field
 * that the mutation changed is left as it is. */
static void apply_batches(const struct gen_fleet *fleet, uint32_t index, struct host_facts *host)
{
    const struct host_facts *plain = &fleet->healthy->machine.host;
    bool in[GEN_BATCHES];

    for (int i = 0; i < GEN_BATCHES; i++) {
        struct rng rng = stream(fleet, STREAM_BATCH + 16 * (uint64_t)i, index);

        in[i] = fleet->spec.batches && rng_unit(&rng) < fleet->batch_share[i];
    }
    if (in[0] && host->bios_version == plain->bios_version) {
        host->bios_version = "2.1.7";
        host->bios_date = "03/22/2024";
    }
    if (in[1] && host->nic_fw == plain->nic_fw && host->nic_fw_odd < 0)
        host->nic_fw = "28.38.1900";
    if (in[2]) {
        host->dimm_maker = "SK Hynix";
        host->dimm_part = "HMCG94MEBQA174N";
    }
    if (in[3] && host->gpu_odd < 0)
        host->vbios = "96.00.68.00.01";
}

/* What one node has and hardly another: somebody tried something, or replaced a part. None of it
 * is a fault. A field that the mutation changed is left as it is. */
static void apply_quirk(const struct gen_fleet *fleet, uint32_t index, struct host_facts *host)
{
    const struct host_facts *plain = &fleet->healthy->machine.host;
    struct rng rng = stream(fleet, STREAM_QUIRK, index);

    if (rng_unit(&rng) >= fleet->spec.noise.quirks)
        return;
    switch (rng_below(&rng, 5)) {
    case 0:
        if (!host->cmdline_extra[3])
            host->cmdline_extra[3] = "nvme_core.io_timeout=300";
        break;
    case 1:
        if (host->hugepages == plain->hugepages)
            host->hugepages = 64;
        break;
    case 2:
        if (host->nofile == plain->nofile)
            host->nofile = 524288;
        break;
    case 3: /* a DIMM that came from the shelf */
        host->dimm_odd = (int)rng_below(&rng, (uint64_t)host->dimm_slots);
        break;
    default: /* a replaced board */
        host->board_version = "A07";
        break;
    }
}

int gen_node(const struct gen_fleet *fleet, uint32_t index, struct gen_node *node)
{
    const struct variant *variant = gen_variant(fleet, index);
    struct rng rng = stream(fleet, STREAM_NODE, index);
    struct text_input in = {.variant = variant, .host = &node->host, .noise = &node->noise};
    const struct text_source *source;

    gen_name(fleet, index, node->name);
    node->host = variant->machine.host;
    apply_batches(fleet, index, &node->host);
    apply_quirk(fleet, index, &node->host);
    noise_make(variant, &fleet->spec.noise, rng_next(&rng), node->name, &node->noise);
    node->tree = (struct tree){.name = node->name, .entries = node->entries};
    for (size_t i = 0; (source = text_source_at(i)) != NULL; i++) {
        struct buf *text = &node->texts[i];

        assert(i < GEN_SOURCES_MAX);
        if (fleet->spec.sources && !(fleet->spec.sources >> i & 1))
            continue;
        buf_clear(text);
        source->write(&in, text);
        if (text->failed)
            return -ENOMEM;
        if (text->len > 0)
            node->entries[node->tree.count++] =
                (struct tree_entry){.path = source->path, .bytes = {text->p, text->len}};
    }
    tree_sort(&node->tree);
    return 0;
}

void gen_node_done(struct gen_node *node)
{
    for (size_t i = 0; i < GEN_SOURCES_MAX; i++)
        buf_done(&node->texts[i]);
    memset(node, 0, sizeof(*node));
}
