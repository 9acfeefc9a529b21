#include "trainer/commands.h"

#include "base/completion.h"

static const char train_text[] =
    "DIR is what 'data build' made. The newest checkpoint in --out is resumed. Under 'firstlight "
    "run' or torchrun ranks train together, with the same bits as one. SIGTERM: it saves and "
    "leaves. Exit codes: 0 well, 1 the training failed, 2 trouble with the request.";

static const char tokenizer_text[] =
    "PATH is what 'data build' takes: text, *.jsonl, either with .zst or .gz, and folders of them. "
    "encode and decode go from stdin to stdout; without --lines all of it is one text. Tokens are "
    "those of the SentencePiece library, to the id.";

static const char data_text[] = "build makes token shards of PATHs: text, *.jsonl (a document a "
                                "line), either with .zst or .gz, "
                                "and folders of them. Killed, it goes on where it was. info says "
                                "what a folder has, check reads "
                                "all of it against its checksums, show prints the windows that a "
                                "step of a training sees.";

static const char model_text[] =
    "MODEL is a checkpoint or a folder of them, whose newest whole one is taken.";

static const char *tokenizer_word_at(size_t index)
{
    static const char *const verbs[] = {"train", "encode", "decode", "info"};

    return index < ARRAY_LEN(verbs) ? verbs[index] : NULL;
}

static const char *data_word_at(size_t index)
{
    static const char *const verbs[] = {"build", "info", "check", "show"};

    return index < ARRAY_LEN(verbs) ? verbs[index] : NULL;
}

static const char try_text[] =
    "TEXT is what 'data build' takes: text, *.jsonl, either with .zst or .gz, and folders of them. "
    "A tokenizer, tokens, a small model and a sample are made by four other commands, each printed "
    "as it would be typed. Called again, it goes on where it was.";

static const char export_text[] =
    "safetensors goes with config.json and the tokenizer, by the names of Hugging Face and SGLang; "
    "gguf is llama.cpp's arch grok. What comes back by 'import' has the same bits in fp32.";

static const char import_text[] =
    "FOLDER has config.json and .safetensors files. fp32, bf16 and fp16 are read. The checkpoint "
    "is one of step 0, from which a training may begin.";

static const struct subcommand subcommands[] = {
    {"try", "From texts to a model that speaks, in one go", "-o DIR TEXT ...", try_text, try_opts,
     &try_opt_count, cmd_try, "First"},
    {"tokenizer", "Learn a tokenizer, or turn text into tokens and back",
     "train -o MODEL PATH ... | encode|decode|info --tokenizer MODEL", tokenizer_text,
     tokenizer_opts, &tokenizer_opt_count, cmd_tokenizer, "Text", .word_at = tokenizer_word_at},
    {"data", "Make token shards of text",
     "build --tokenizer MODEL -o DIR PATH ... | info|check|show DIR", data_text, data_opts,
     &data_opt_count, cmd_data, .word_at = data_word_at},
    {"train", "Train a model", "[OPTION ...] [SETTINGS.yaml]", train_text, train_opts,
     &train_opt_count, cmd_train, "Training"},
    {"settings", "List all settings with a preset's values", "[PRESET]", NULL, NULL, NULL,
     cmd_settings},
    {"info", "Shapes, weights, memory and FLOP of a model", "[OPTION ...] MODEL | --preset NAME",
     model_text, info_opts, &info_opt_count, cmd_info},
    {"sample", "Let a model continue a text", "[OPTION ...] MODEL", model_text, sample_opts,
     &sample_opt_count, cmd_sample, "Models"},
    {"eval", "Loss, perplexity and bits per byte of a model", "[OPTION ...] --data DIR MODEL",
     model_text, eval_opts, &eval_opt_count, cmd_eval},
    {"logits", "What a model expects after given tokens", "[OPTION ...] --tokens IDS MODEL",
     model_text, logits_opts, &logits_opt_count, cmd_logits},
    {"export", "Write a model for other programs", "--format safetensors|gguf -o PATH MODEL",
     export_text, export_opts, &export_opt_count, cmd_export, "Exchange"},
    {"import", "Make a checkpoint of another program's model", "-o DIR FOLDER|FILE.gguf",
     import_text, import_opts, &import_opt_count, cmd_import},
    {"completion", "Print the completion script of a shell", "bash|zsh|fish", NULL, NULL, NULL,
     subcommand_completion, "Other", .word_at = completion_word_at},
    {"version", "Print the version", "", NULL, NULL, NULL, subcommand_version},
    {"help", "Print this help, or a command's", "[COMMAND]", NULL, NULL, NULL, subcommand_help},
    {NULL},
};

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "firstlight-train",
        .purpose =
            "Trains Grok-shaped language models, from raw text to samples: the same weights, bit "
            "by bit, on any number of ranks and whatever died on the way.",
        .closing =
            "'firstlight-train help COMMAND' tells more. Exit codes: 0 well, 1 findings or a "
            "training that failed, 2 trouble with the request.",
        .commands = subcommands,
    };

    return program_main(&program, argc, argv);
}
