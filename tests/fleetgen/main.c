/* fleetgen: make a synthetic fleet on a disk. See fleetgen.h. */
#include "lspci.h"
#include "write.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define EXIT_TROUBLE 2

static const char usage[] =
    "usage: fleetgen [--model NAME] [--nodes N] [--seed N] [--mutation ID --bad N] -o DIR\n"
    "\n"
    "Make folders DIR/n001, n002, ... with the outputs (lspci, dmesg, ...) of synthetic nodes,\n"
    "bw.csv and slow.txt (what was measured), and truth.json (what is wrong).\n"
    "\n"
    "  --model NAME        machine model (default hgx-h100); --list-models shows them\n"
    "  --nodes N           how many (default 512)\n"
    "  --seed N            another seed is another fleet (default 1)\n"
    "  --mutation ID       the wrong setting; --list-mutations shows them (default: none)\n"
    "  --bad N             nodes that have it (default 3)\n"
    "  --wrong-labels F    share of slow.txt that names healthy nodes (default 0)\n"
    "  --pairs N           also pairs.csv with N measured pairs\n"
    "  --only KIND[,KIND]  these outputs only: lspci, dmesg, dmidecode, ...\n"
    "  --lean              without the CPUs' integrated PCI functions\n"
    "  --plain             nodes differ in serial numbers and the like only\n"
    "  --format text|bytes|hex|snap   bytes: sys/bus/pci/devices/*/config in place of lspci.txt;\n"
    "                      hex: also lspci-hex.txt, for lspci -F; snap: DIR/n001.snap in place\n"
    "                      of folders (default text)\n"
    "  -o, --output DIR    where to\n"
    "  --list-models, --list-mutations, --help\n";

enum {
    OPT_MODEL = 256,
    OPT_NODES,
    OPT_SEED,
    OPT_MUTATION,
    OPT_BAD,
    OPT_WRONG,
    OPT_PAIRS,
    OPT_ONLY,
    OPT_LEAN,
    OPT_PLAIN,
    OPT_FORMAT,
    OPT_LIST_MODELS,
    OPT_LIST_MUTATIONS,
    OPT_HELP
};

struct request {
    struct gen_spec spec;
    struct write_options options;
    const char *folder;
    bool plain, bad_given;
};

static int list_models(void)
{
    const struct model *model;

    for (size_t i = 0; (model = model_at(i)) != NULL; i++)
        printf("%-10s %s\n", model->name, model->what);
    return 0;
}

static int list_mutations(void)
{
    const struct mutation *mutation;

    for (size_t i = 0; (mutation = mutation_at(i)) != NULL; i++)
        printf("%-22s #%-4d %-50s %s\n", mutation->id, mutation->catalogue, mutation->what,
               mutation->sources);
    return 0;
}

static int parse_number(const char *option, const char *text, uint64_t max, uint64_t *out)
{
    if (str_to_u64(str_of(text), 10, out) == 0 && *out <= max)
        return 0;
    fprintf(stderr, "fleetgen: %s '%s': expected a number up to %llu\n", option, text,
            (unsigned long long)max);
    return -EINVAL;
}

static int parse_only(const char *text, uint32_t *sources)
{
    struct str rest = str_of(text), kind;

    while (str_cut(&rest, ',', &kind)) {
        const struct text_source *source;
        size_t i;

        for (i = 0; (source = text_source_at(i)) != NULL; i++)
            if (str_is(kind, source->kind))
                break;
        if (!source) {
            fprintf(stderr,
                    "fleetgen: --only '%.*s': no output is called so; there are:", STR_ARG(kind));
            for (i = 0; (source = text_source_at(i)) != NULL; i++)
                fprintf(stderr, " %s", source->kind);
            fputs("\n", stderr);
            return -EINVAL;
        }
        *sources |= UINT32_C(1) << i;
    }
    return 0;
}

static int parse_option(int option, struct request *request)
{
    struct gen_spec *spec = &request->spec;
    uint64_t number = 0;
    int r = 0;

    switch (option) {
    case OPT_MODEL:
        spec->model = optarg;
        break;
    case OPT_NODES:
        r = parse_number("--nodes", optarg, GEN_NODES_MAX, &number);
        spec->nodes = (uint32_t)number;
        break;
    case OPT_SEED:
        r = parse_number("--seed", optarg, UINT64_MAX, &spec->seed);
        break;
    case OPT_MUTATION:
        spec->mutation = optarg;
        break;
    case OPT_BAD:
        r = parse_number("--bad", optarg, GEN_NODES_MAX, &number);
        spec->bad = (uint32_t)number;
        request->bad_given = true;
        break;
    case OPT_WRONG:
        r = str_to_double(str_of(optarg), &spec->wrong_labels);
        if (r < 0)
            fprintf(stderr, "fleetgen: --wrong-labels '%s': expected a share, 0 to 1\n", optarg);
        break;
    case OPT_PAIRS:
        r = parse_number("--pairs", optarg, 10000000, &number);
        request->options.pairs = (uint32_t)number;
        break;
    case OPT_ONLY:
        r = parse_only(optarg, &spec->sources);
        break;
    case OPT_LEAN:
        spec->lean = true;
        break;
    case OPT_PLAIN:
        request->plain = true;
        break;
    case OPT_FORMAT:
        request->options.bytes = strcmp(optarg, "bytes") == 0;
        request->options.hex = strcmp(optarg, "hex") == 0;
        request->options.snap = strcmp(optarg, "snap") == 0;
        if (!request->options.bytes && !request->options.hex && !request->options.snap &&
            strcmp(optarg, "text") != 0) {
            fprintf(stderr, "fleetgen: --format '%s': expected text, bytes, hex or snap\n", optarg);
            r = -EINVAL;
        }
        break;
    case 'o':
        request->folder = optarg;
        break;
    default: /* getopt has said what is wrong */
        r = -EINVAL;
        break;
    }
    return r;
}

static int make_fleet(struct request *request)
{
    struct renderer *renderer = renderer_new();
    struct gen_fleet *fleet = NULL;
    struct err err = {0};
    int r = -ENOMEM;

    if (!renderer)
        err_set(&err, r, "no memory");
    else if (!lspci_present())
        err_set(&err, -ENOENT, "lspci is not there: install pciutils");
    else
        fleet = gen_new(&request->spec, renderer, &err);
    if (fleet)
        r = gen_write(fleet, request->folder, &request->options, &err);
    if (r < 0)
        fprintf(stderr, "fleetgen: %s\n", err.text);
    gen_free(fleet);
    renderer_free(renderer);
    return r < 0 ? EXIT_TROUBLE : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"model", required_argument, NULL, OPT_MODEL},
        {"nodes", required_argument, NULL, OPT_NODES},
        {"seed", required_argument, NULL, OPT_SEED},
        {"mutation", required_argument, NULL, OPT_MUTATION},
        {"bad", required_argument, NULL, OPT_BAD},
        {"wrong-labels", required_argument, NULL, OPT_WRONG},
        {"pairs", required_argument, NULL, OPT_PAIRS},
        {"only", required_argument, NULL, OPT_ONLY},
        {"lean", no_argument, NULL, OPT_LEAN},
        {"plain", no_argument, NULL, OPT_PLAIN},
        {"format", required_argument, NULL, OPT_FORMAT},
        {"output", required_argument, NULL, 'o'},
        {"list-models", no_argument, NULL, OPT_LIST_MODELS},
        {"list-mutations", no_argument, NULL, OPT_LIST_MUTATIONS},
        {"help", no_argument, NULL, OPT_HELP},
        {0},
    };
    struct request request = {.spec = {.model = "hgx-h100", .nodes = 512, .seed = 1, .bad = 3}};
    int option;

    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option == OPT_LIST_MODELS)
            return list_models();
        if (option == OPT_LIST_MUTATIONS)
            return list_mutations();
        if (option == OPT_HELP || option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (parse_option(option, &request) < 0)
            return EXIT_TROUBLE;
    }
    if (optind < argc) {
        fprintf(stderr, "fleetgen: '%s' is no option; --help shows them\n", argv[optind]);
        return EXIT_TROUBLE;
    }
    if (!request.folder) {
        fputs("fleetgen: say where to with -o DIR; --help shows the options\n", stderr);
        return EXIT_TROUBLE;
    }
    if (request.bad_given && request.spec.bad > 0 && !request.spec.mutation) {
        fputs("fleetgen: --bad without --mutation: what shall be wrong?\n", stderr);
        return EXIT_TROUBLE;
    }
    if (!request.plain) {
        request.spec.noise = gen_noise();
        request.spec.batches = true;
    }
    return make_fleet(&request);
}
