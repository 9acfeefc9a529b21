#include "train/memory.h"
#include "trainer/commands.h"
#include "trainer/opened.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct info_args {
    const char *preset, *precision;
    struct opt_list set;
    int64_t world, batch, time;
    bool json, shapes, presets;
};

#define AT(member) offsetof(struct info_args, member)

const struct opt info_opts[] = {
    {"preset", 'p', OPT_TEXT, "NAME", "A preset instead of a checkpoint", AT(preset)},
    {"presets", 0, OPT_FLAG, NULL, "List the presets", AT(presets)},
    {"set", 's', OPT_LIST, "KEY=VALUE", "Change a setting first", AT(set)},
    {"world", 'w', OPT_NUMBER, "N", "Memory of one rank of N (default 1)", AT(world)},
    {"shapes", 0, OPT_FLAG, NULL, "List every tensor", AT(shapes)},
    {"json", 'j', OPT_FLAG, NULL, "Answer in JSON", AT(json)},
};
const size_t info_opt_count = ARRAY_LEN(info_opts);

struct answer {
    const char *name;
    struct train_config config;
    int64_t step; /* -1: a preset */
    struct params params;
    struct train_memory memory;
    size_t world;
};

static const struct {
    const char *name;
    size_t offset;
} purposes[] = {
    {"weights", offsetof(struct train_memory, model.weights)},
    {"gradient", offsetof(struct train_memory, gradients)},
    {"moments", offsetof(struct train_memory, moments)},
    {"packed", offsetof(struct train_memory, model.packed)},
    {"activations", offsetof(struct train_memory, model.activations)},
    {"scratch", offsetof(struct train_memory, model.scratch)},
    {"products", offsetof(struct train_memory, products)},
    {"checkpoint", offsetof(struct train_memory, checkpoint)},
};

static uint64_t memory_of(const struct train_memory *memory, size_t i)
{
    return *(const uint64_t *)((const char *)memory + purposes[i].offset);
}

static json_t *shape_of(const struct param *param)
{
    json_t *shape = json_array();

    for (size_t i = 0; i < param->dims; i++)
        (void)json_array_append_new(shape, json_integer((json_int_t)param->shape[i]));
    return shape;
}

static double flop(const struct answer *answer, bool causal)
{
    return model_flop_per_token(&answer->config.model, (size_t)answer->config.train.time, causal);
}

static void print_json(const struct answer *answer, bool shapes)
{
    size_t count;
    const struct setting *settings = train_settings(&count);
    json_t *memory = json_object(), *tensors = json_array(), *all;

    for (size_t i = 0; i < ARRAY_LEN(purposes); i++)
        (void)json_object_set_new(memory, purposes[i].name,
                                  json_integer((json_int_t)memory_of(&answer->memory, i)));
    for (size_t i = 0; shapes && i < answer->params.count; i++)
        (void)json_array_append_new(tensors,
                                    json_pack("{s:s, s:o}", "name", answer->params.items[i].name,
                                              "shape", shape_of(&answer->params.items[i])));
    all = json_pack("{s:s, s:o, s:I, s:I, s:f, s:f, s:I, s:o, s:o}", "name", answer->name, "step",
                    answer->step < 0 ? json_null() : json_integer(answer->step), "weights",
                    (json_int_t)params_weights(&answer->params), "active",
                    (json_int_t)params_active(&answer->params, &answer->config.model),
                    "flop_per_token", flop(answer, true), "flop_per_token_full_attention",
                    flop(answer, false), "world", (json_int_t)answer->world, "memory", memory,
                    "config", setting_to_json(settings, count, &answer->config));
    (void)json_object_set_new(all, "tensors", tensors);
    (void)json_dumpf(all, stdout, JSON_INDENT(2));
    (void)puts("");
    json_decref(all);
}

static void print_grouped(const char *label, uint64_t value)
{
    char digits[32], text[48];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value), at = 0;

    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
    (void)printf("  %-24s %s\n", label, text);
}

static void print_text(const struct answer *answer, bool shapes)
{
    const struct model_config *model = &answer->config.model;

    if (answer->step < 0)
        (void)printf("%s\n", answer->name);
    else
        (void)printf("%s, step %lld\n", answer->name, (long long)answer->step);
    (void)printf("  %lld layers of width %lld, %lld query and %lld key heads of %lld, vocabulary "
                 "%lld%s\n",
                 (long long)model->layers, (long long)model->dim, (long long)model->q_heads,
                 (long long)model->kv_heads, (long long)model->head_dim, (long long)model->vocab,
                 model->tied ? " (tied)" : "");
    if (model->experts > 1)
        (void)printf("  %lld experts of width %lld, %lld for each token\n",
                     (long long)model->experts, (long long)model->ffn,
                     (long long)model->experts_used);
    else
        (void)printf("  dense, of width %lld\n", (long long)model->ffn);
    print_grouped("weights", params_weights(&answer->params));
    print_grouped("active for a token", params_active(&answer->params, model));
    (void)printf("  %-24s %.4g (%.4g with all of the attention), %lld tokens in a sequence\n",
                 "FLOP per token, training", flop(answer, true), flop(answer, false),
                 (long long)answer->config.train.time);
    (void)printf("memory of one rank of %zu, %lld sequences at a time, %s\n", answer->world,
                 (long long)(answer->config.train.batch / answer->config.train.shards),
                 dtype_name(train_dtype(&answer->config)));
    for (size_t i = 0; i < ARRAY_LEN(purposes); i++)
        (void)printf("  %-24s %10.3f GiB\n", purposes[i].name,
                     (double)memory_of(&answer->memory, i) / 0x1p30);
    (void)printf("  %-24s %10.3f GiB\n", "together",
                 (double)train_memory_sum(&answer->memory) / 0x1p30);
    for (size_t i = 0; shapes && i < answer->params.count; i++) {
        const struct param *param = &answer->params.items[i];

        (void)printf("  %-40s", param->name);
        for (size_t d = 0; d < param->dims; d++)
            (void)printf("%s%zu", d ? " x " : "", param->shape[d]);
        (void)puts("");
    }
}

static int plan(struct answer *answer, struct err *err)
{
    int r = model_config_check(&answer->config.model, err);

    if (r == 0)
        r = params_init(&answer->params, &answer->config.model, err);
    if (r == 0)
        r = train_memory_plan(&answer->config, answer->world, &answer->memory, err);
    return r;
}

static int take_settings(const struct info_args *args, struct answer *answer, struct err *err)
{
    size_t count;
    const struct setting *settings = train_settings(&count);
    int r = 0;

    for (size_t i = 0; r == 0 && i < args->set.count; i++)
        r = setting_assign(settings, count, &answer->config, args->set.items[i], err);
    return r;
}

static int list_presets(void)
{
    struct buf out = {0};

    model_presets_list(&out);
    if (!out.failed && out.p)
        (void)fputs(out.p, stdout);
    buf_done(&out);
    return EXIT_WELL;
}

int cmd_info(const struct subcommand *command, int argc, char **argv)
{
    struct info_args args = {.world = 1};
    struct opened opened = {0};
    struct answer *answer;
    struct err err = {0};
    int words, r, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (args.presets)
        return list_presets();
    if (!args.world)
        return subcommand_trouble(command, "--world takes at least 1 rank");
    if (words > 1 || !words == !args.preset)
        return subcommand_trouble(command, "name one model, or a --preset");
    answer = calloc(1, sizeof(*answer));
    if (!answer)
        return subcommand_trouble(command, "no memory");
    answer->world = (size_t)args.world;
    answer->name = words ? argv[0] : args.preset;
    answer->step = -1;
    r = words ? opened_meta(&opened, argv[0], &err)
              : train_preset(args.preset, &answer->config, &err);
    if (r == 0 && words) {
        answer->config = opened.meta->config;
        answer->step = opened.meta->step;
        answer->name = opened.path;
    }
    if (r == 0)
        r = take_settings(&args, answer, &err);
    if (r == 0)
        r = plan(answer, &err);
    if (r == 0 && args.json)
        print_json(answer, args.shapes);
    else if (r == 0)
        print_text(answer, args.shapes);
    params_done(&answer->params);
    free(answer);
    opened_done(&opened);
    return r < 0 ? subcommand_trouble(command, "%s", err.text) : EXIT_WELL;
}
