/* An ordinary MPI program: a message goes round the ring, then a sum over all ranks.
 *
 * Usage: ring [RANK]   (that rank aborts the job instead) */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 10

static int go_round(int rank, int world)
{
    int token = 0;

    for (int round = 0; round < ROUNDS; round++) {
        if (rank == 0) {
            MPI_Send(&token, 1, MPI_INT, (rank + 1) % world, 0, MPI_COMM_WORLD);
            MPI_Recv(&token, 1, MPI_INT, world - 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else {
            MPI_Recv(&token, 1, MPI_INT, rank - 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            token++;
            MPI_Send(&token, 1, MPI_INT, (rank + 1) % world, 0, MPI_COMM_WORLD);
        }
    }
    return token;
}

int main(int argc, char **argv)
{
    int rank, world, node_rank, sum, token = 0;
    MPI_Comm node;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &node_rank);
    if (argc > 1 && atoi(argv[1]) == rank)
        MPI_Abort(MPI_COMM_WORLD, 7);
    if (world > 1)
        token = go_round(rank, world);
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    MPI_Barrier(MPI_COMM_WORLD);
    printf("rank %d of %d (%d on its node): sum %d, token %d\n", rank, world, node_rank, sum,
           token);
    MPI_Finalize();
    return 0;
}
