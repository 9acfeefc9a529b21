/* cli/story - joins a fabric test with nodes that were read: what is slow, since when, and which
 * difference between the nodes explains it. */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include "cli/common.h"
#include "cli/fabric_load.h"
#include "fleet/symptom.h"
#include "report/story.h"

struct told {
    struct state state;
    struct fabric_result *result;
    struct findings_of_fabric findings;
    struct fabric_report fabric;
    struct story story;
};

/* Loads the test `name`. Returns -1 to go on, else the exit code: a sentence was printed. */
int told_load(struct told *told, const struct subcommand *command, const char *state,
              const char *name);

/* Compares the nodes of `request` and fills its report with the story. Returns 0 or a negative
 * errno. */
int told_explain(struct told *told, struct request *request, struct err *err);

void told_done(struct told *told);

/* The sentence of each chapter about older tests in the store; chapters[i].since is set. Returns 0
 * or a negative errno. */
int story_since(struct told *told, struct arena *arena, struct chapter *chapters, uint32_t count,
                struct err *err);

#endif
