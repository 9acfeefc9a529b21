/* cli/open_mpi - is this program built with Open MPI?
 *
 * Its ranks find each other by PMIx alone, which we do not serve: each would be a world of one, or
 * refuse with words about srun. MPICH's programs speak PMI-1, which agents serve. */
#ifndef CLI_OPEN_MPI_H
#define CLI_OPEN_MPI_H

#include <stdbool.h>

/* `program` with a '/' is a path from `cwd` (or absolute), else looked for in the folders of `path`
 * (PATH; may be NULL). One that can't be read here is none. */
bool open_mpi_program(const char *program, const char *cwd, const char *path);

#endif
