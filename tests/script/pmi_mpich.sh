#!/usr/bin/env bash
# An unmodified MPICH program finds its ranks and its nodes through our PMI-1.
set -eu
command -v mpicc.mpich >/dev/null || { echo "skipped: mpicc.mpich is not installed (libmpich-dev)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/ranks.c" <<'C'
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    int rank, world, sum, node_rank, node_world;
    MPI_Comm node;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &node_rank);
    MPI_Comm_size(node, &node_world);
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    printf("rank %d of %d, sum %d, %d of %d on its node\n", rank, world, sum, node_rank, node_world);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
C
mpicc.mpich -o "$work/ranks" "$work/ranks.c"
for options in "" "--chaos 4"; do
    timeout 200 "$FIRSTLIGHT_BIN"/storehost $options 2 3 -- "$work/ranks" | sort >"$work/out"
    for rank in 0 1 2 3 4 5; do
        echo "rank $rank of 6, sum 15, $((rank % 3)) of 3 on its node"
    done | diff - "$work/out"
done
echo "6 ranks of MPICH on 2 nodes"
