/* trainer/commands - the commands of `firstlight-train`, a file each. */
#ifndef TRAINER_COMMANDS_H
#define TRAINER_COMMANDS_H

#include "base/subcommand.h"

int cmd_try(const struct subcommand *command, int argc, char **argv);
int cmd_tokenizer(const struct subcommand *command, int argc, char **argv);
int cmd_data(const struct subcommand *command, int argc, char **argv);
int cmd_train(const struct subcommand *command, int argc, char **argv);
int cmd_sample(const struct subcommand *command, int argc, char **argv);
int cmd_eval(const struct subcommand *command, int argc, char **argv);
int cmd_logits(const struct subcommand *command, int argc, char **argv);
int cmd_info(const struct subcommand *command, int argc, char **argv);
int cmd_export(const struct subcommand *command, int argc, char **argv);
int cmd_import(const struct subcommand *command, int argc, char **argv);
int cmd_settings(const struct subcommand *command, int argc, char **argv);

extern const struct opt try_opts[], tokenizer_opts[], data_opts[], train_opts[], sample_opts[],
    eval_opts[], logits_opts[], info_opts[], export_opts[], import_opts[];
extern const size_t try_opt_count, tokenizer_opt_count, data_opt_count, train_opt_count,
    sample_opt_count, eval_opt_count, logits_opt_count, info_opt_count, export_opt_count,
    import_opt_count;

#endif
