/* cli/torchrun_options - torchrun's own command line as a job.
 *
 * Options may be written with '-' or '_' and cut short as argparse allows; each has its variable
 * PET_NAME. The options end at the script, whose arguments may look as they like. What firstlight
 * does in its own way is taken and noted once; what can't work here is an error that says what to
 * type instead. */
#ifndef CLI_TORCHRUN_OPTIONS_H
#define CLI_TORCHRUN_OPTIONS_H

#include "cli/run_options.h"

extern const struct opt torchrun_opts[];
extern const size_t torchrun_opt_count;

/* Where the script is; argc: nowhere. */
int torchrun_script_at(int argc, char **argv);

/* As run_options_parse; run_options_finish follows. */
int torchrun_options_parse(struct arena *arena, const struct options_world *world, int argc,
                           char **argv, struct run_options *out, struct err *err);

#endif
