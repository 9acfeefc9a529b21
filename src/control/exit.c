#include "control/exit.h"

const struct run_exit run_exits[CAUSE_COUNT] = {
    [CAUSE_NONE] = {0, "done", "every rank exited 0"},
    [CAUSE_PROGRAM] = {1, "program", "a rank exited with a code other than 0"},
    [CAUSE_SIGNAL] = {1, "signal", "a rank was killed by a signal that firstlight did not send"},
    [CAUSE_OOM] = {3, "oom", "a rank was killed by the kernel's OOM killer"},
    [CAUSE_SPAWN] = {4, "spawn", "the program could not be started"},
    [CAUSE_NODE] = {5, "node", "a node was lost"},
    [CAUSE_NODES_SHORT] = {6, "nodes-short", "fewer nodes than needed came up or are left"},
    [CAUSE_NO_PROGRESS] = {7, "no-progress",
                           "it was restarted as often as allowed without a new step"},
    [CAUSE_HANG] = {8, "hang", "the program made no step for longer than allowed"},
    [CAUSE_STOPPED] = {9, "stopped", "it was stopped politely, by a person"},
    [CAUSE_KILLED] = {10, "killed", "it was ended by force, by a person"},
    [CAUSE_TIME_LIMIT] = {11, "time-limit",
                          "its time was over; it can go on from the last checkpoint"},
    [CAUSE_LOST_CONTROL] = {12, "lost-control", "the controller could not go on"},
};
