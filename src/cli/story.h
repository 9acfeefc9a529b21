/* cli/story - joins a fabric test with nodes that were read: what is slow, since when, and which
 * difference between the nodes explains it. */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include "cli/common.h"
#include "cli/fabric_load.h"
#include "fleet/symptom.h"
#include "report/story.h"

struct tale {
    struct state state;
    struct fabric_result *result;
    struct findings_of_fabric findings;
    struct fabric_report fabric;
    struct story story;
};

/* Loads the test `name`. Returns -1 to go on, else the exit code: a sentence was printed. */
int tale_load(struct tale *tale, const struct subcommand *command, const char *state,
              const char *name);

/* Compares the nodes of `request` and fills its report with the story. Returns 0 or a negative
 * errno. */
int tale_explain(struct tale *tale, struct request *request, struct err *err);

void tale_done(struct tale *tale);

/* The sentence of each chapter about older tests in the store; chapters[i].since is set. Returns 0
 * or a negative errno. */
int story_since(struct tale *tale, struct arena *arena, struct chapter *chapters, uint32_t count,
                struct err *err);

#endif
