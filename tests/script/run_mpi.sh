#!/usr/bin/env bash
# MPI programs under `firstlight run`: MPICH's find each other through PMI-1, on one node, on two, and on two of
# different size; one that calls MPI_Abort is the cause with its code. Open MPI's are alone, or warned of.
set -eu
command -v mpicc.mpich >/dev/null || { echo "skipped: mpicc.mpich is not installed (libmpich-dev)"; exit 77; }
firstlight=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export XDG_STATE_HOME=$work/state
wrong() { echo "WRONG: $*"; exit 1; }
run() { # run CODE OPTION...: its exit code; out, err
    local code=$1 got=0
    shift
    timeout 120 "$firstlight" run "$@" >out 2>err || got=$?
    [ "$got" = "$code" ] || wrong "run $*: exit code $got: $(cat out err)"
}
mpicc.mpich -o ring "$FIRSTLIGHT_SOURCE"/tests/programs/ring.c

expect() { # expect WORLD NPROC: each rank once, with the sum and its place on its node
    local world=$1 nproc=$2 rank
    [ "$(wc -l <out)" = "$world" ] || wrong "$world ranks: $(cat out err)"
    for rank in $(seq 0 $((world - 1))); do
        grep -q "^rank $rank of $world ($((rank % nproc)) on its node): sum $((world * (world - 1) / 2)), " out ||
            wrong "no rank $rank of $world: $(cat out)"
    done
}
run 0 -n 4 -- ./ring
expect 4 4
run 0 --nodes 2 --nproc-per-node 2 -- ./ring
expect 4 2
run 0 --nodes 2 -n 3 -- ./ring
[ "$(grep -c '^rank [0-2] of 3 .* sum 3, ' out)" = 3 ] || wrong "3 ranks on 2 nodes: $(cat out)"
run 0 -- ./ring
expect 1 1
echo "4 ranks on one node, on two, 3 on two, and one"

run 1 --nodes 2 --nproc-per-node 2 -- ./ring 2
grep -q 'rank 2 on local-1 exited 7 .*MPI_Abort(MPI_COMM_WORLD, 7)' err || wrong "MPI_Abort: $(cat err)"
run 1 -n 2 -- sh -c './ring 1; exit $?'
grep -q 'rank 1 on local exited 7 ' err || wrong "MPI_Abort below a shell: $(cat err)"
echo "MPI_Abort is the cause, with its code"

command -v mpicc.openmpi >/dev/null || exit 0
mpicc.openmpi -o ring_open "$FIRSTLIGHT_SOURCE"/tests/programs/ring.c
run 0 -n 2 -- sh -c 'echo "$OMPI_COMM_WORLD_RANK $OMPI_COMM_WORLD_SIZE $OMPI_COMM_WORLD_LOCAL_RANK $OMPI_COMM_WORLD_LOCAL_SIZE $OMPI_COMM_WORLD_NODE_RANK"'
[ "$(sort out)" = "0 2 0 2 0
1 2 1 2 1" ] || wrong "Open MPI's variables: $(cat out)"
run 0 -- ./ring_open
expect 1 1
grep -q 'Open MPI' err && wrong "one rank is warned: $(cat err)"
run 1 -n 2 -- ./ring_open
grep -q '^firstlight run: ./ring_open is built with Open MPI, .* or start it with mpirun$' err || wrong "no warning: $(cat err)"
PATH=$work:$PATH run 1 -n 2 -- ring_open
grep -q '^firstlight run: ring_open is built with Open MPI, ' err || wrong "no warning on PATH: $(cat err)"
echo "Open MPI: alone it runs, together there is a sentence"
