#!/usr/bin/env bash
# The store of a run as its ranks meet it, over the agents of two nodes and the controller: a client on plain
# sockets in the dialects of torch 1.13, 2.1 and 2.2+, and PyTorch's own client, each through every verb. Then
# again in a second attempt, which finds nothing of the first.
set -eu
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
firstlight=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export XDG_STATE_HOME=$work/state
wrong() { echo "WRONG: $*"; exit 1; }

# Rank 1 lends its node's port to rank 0 and stays until that is done; of the first attempt it dies then.
cat >rank.sh <<'END2'
place=$FIRSTLIGHT_ATTEMPT
wait_for() { while [ ! -e "$1" ]; do sleep 0.05; done; }
if [ "$RANK" = 1 ]; then
    echo "$MASTER_PORT" >port.$place.part
    mv port.$place.part port.$place
    wait_for done.$place
    [ "$place" = "$LAST_ATTEMPT" ] || exit 9
    exit 0
fi
wait_for port.$place
[ "$MASTER_PORT" != "$(cat port.$place)" ] || { echo "two nodes, one port"; exit 1; }
"$@" "$MASTER_PORT" "$(cat port.$place)" || exit 1
touch done.$place
[ "$place" = "$LAST_ATTEMPT" ] || exec sleep 100
END2
run() { # run ATTEMPTS COMMAND...: each attempt runs it with both ports
    local attempts=$1
    shift
    rm -f port.* done.*
    LAST_ATTEMPT=$attempts timeout 200 "$firstlight" run --nodes 2 --nproc-per-node 1 \
        --attempts-without-progress "$attempts" -- sh rank.sh "$@" >out 2>err ||
        wrong "exit code $?: $(cat out err)"
}
run 2 python3 "$FIRSTLIGHT_SOURCE"/tests/tcpstore_client.py
for dialect in 1.13 2.1 2.2; do
    [ "$(grep -c "^dialect $dialect: every verb answered as documented$" out)" = 2 ] || wrong "$dialect: $(cat out err)"
done
cat out
if /usr/bin/python3 -c 'import torch.distributed' 2>/dev/null; then
    run 1 /usr/bin/python3 "$FIRSTLIGHT_SOURCE"/tests/tcpstore_torch.py verbs
    echo "torch's client: every verb"
fi
