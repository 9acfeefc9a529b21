/* One command from texts to a model that speaks: each step is one that could be typed. */
#include "trainer/commands.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS_MAX  (2 * OPT_LIST_MAX + 32)
#define PATH_BYTES 4200

struct try_args {
    struct opt_list set;
    const char *out, *preset, *prompt, *text_key;
};

#define AT(member) offsetof(struct try_args, member)

const struct opt try_opts[] = {
    {"out", 'o', OPT_TEXT, "DIR", "Tokenizer, tokens and model go there", AT(out)},
    {"preset", 'p', OPT_TEXT, "NAME", "Which model: 'info --presets' lists them (grok-nano)",
     AT(preset)},
    {"set", 's', OPT_LIST, "KEY=VALUE", "One setting of the training; 'settings' lists them",
     AT(set)},
    {"prompt", 0, OPT_TEXT, "TEXT", "How its first sample begins", AT(prompt)},
    {"text-key", 0, OPT_TEXT, "KEY", "Where a jsonl line has its text (text)", AT(text_key)},
};
const size_t try_opt_count = ARRAY_LEN(try_opts);

/* The words of a command. */
struct typed {
    char *words[WORDS_MAX];
    int count;
};

static void type(struct typed *typed, const char *word)
{
    assert(typed->count < WORDS_MAX);
    typed->words[typed->count++] = (char *)word;
}

static void type_option(struct typed *typed, const char *option, const char *value)
{
    if (!value)
        return;
    type(typed, option);
    type(typed, value);
}

static void type_all(struct typed *typed, char *const *words, int count)
{
    for (int i = 0; i < count; i++)
        type(typed, words[i]);
}

struct places {
    char tokenizer[PATH_BYTES], data[PATH_BYTES], model[PATH_BYTES];
};

static int learn_tokenizer(const struct try_args *args, const struct places *places,
                           char *const *texts, int count)
{
    struct typed typed = {0};

    if (access(places->tokenizer, F_OK) == 0) /* what the tokens are made with stays */
        return EXIT_WELL;
    type(&typed, "tokenizer");
    type(&typed, "train");
    type_option(&typed, "-o", places->tokenizer);
    type_option(&typed, "--text-key", args->text_key);
    type_all(&typed, texts, count);
    return subcommand_also(typed.count, typed.words);
}

static int build_data(const struct try_args *args, const struct places *places, char *const *texts,
                      int count)
{
    struct typed typed = {0};

    type(&typed, "data");
    type(&typed, "build");
    type_option(&typed, "--tokenizer", places->tokenizer);
    type_option(&typed, "-o", places->data);
    type_option(&typed, "--text-key", args->text_key);
    type_all(&typed, texts, count);
    return subcommand_also(typed.count, typed.words);
}

static int train_model(const struct try_args *args, const struct places *places)
{
    struct typed typed = {0};

    type(&typed, "train");
    type_option(&typed, "--preset", args->preset);
    type_option(&typed, "--data", places->data);
    type_option(&typed, "-o", places->model);
    for (size_t i = 0; i < args->set.count; i++)
        type_option(&typed, "--set", args->set.items[i]);
    return subcommand_also(typed.count, typed.words);
}

static int sample_model(const struct try_args *args, const struct places *places)
{
    struct typed typed = {0};

    type(&typed, "sample");
    type(&typed, places->model);
    type_option(&typed, "-p", args->prompt);
    return subcommand_also(typed.count, typed.words);
}

int cmd_try(const struct subcommand *command, int argc, char **argv)
{
    struct try_args args = {.preset = "grok-nano"};
    const char *ranks = getenv("WORLD_SIZE");
    struct places places;
    int words, code = subcommand_parse(command, &args, argc, argv, &words);

    if (code >= 0)
        return code;
    if (!args.out || !words)
        return subcommand_trouble(command, args.out ? "of what? name texts, or folders of them"
                                                    : "where to? name a folder with -o");
    if (ranks && strcmp(ranks, "1") != 0)
        return subcommand_trouble(command,
                                  "one process does all of it; of several ranks is 'train'");
    if (words > OPT_LIST_MAX)
        return subcommand_trouble(command, "at most %d texts; a folder may have more",
                                  OPT_LIST_MAX);
    if (strlen(args.out) > 4000)
        return subcommand_trouble(command, "the name of --out is longer than 4000 bytes");
    if (mkdir(args.out, 0777) < 0 && errno != EEXIST)
        return subcommand_trouble(command, "%s: %s", args.out, strerror(errno));
    (void)snprintf(places.tokenizer, PATH_BYTES, "%s/tokenizer.model", args.out);
    (void)snprintf(places.data, PATH_BYTES, "%s/data", args.out);
    (void)snprintf(places.model, PATH_BYTES, "%s/model", args.out);
    code = learn_tokenizer(&args, &places, argv, words);
    if (code == EXIT_WELL)
        code = build_data(&args, &places, argv, words);
    if (code == EXIT_WELL)
        code = train_model(&args, &places);
    return code == EXIT_WELL ? sample_model(&args, &places) : code;
}
