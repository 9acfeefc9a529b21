/* agent/cmd - the agent's commands: one file each, one row each in main.c. */
#ifndef AGENT_CMD_H
#define AGENT_CMD_H

enum { EXIT_WELL = 0, EXIT_FINDINGS = 1, EXIT_TROUBLE = 2 };

/* argv[0] is the command's name. They return an exit code. */
int agent_collect(int argc, char **argv);
int agent_end(int argc, char **argv);
int agent_probe(int argc, char **argv);
int agent_run(int argc, char **argv);
int agent_spread(int argc, char **argv);

#endif
