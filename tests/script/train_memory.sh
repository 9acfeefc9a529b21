#!/usr/bin/env bash
# What `info` says a rank will take is what it takes: gradients of every sum at once in the tree, the
# checkpoint's copy, one rank or two, bf16 or fp32.
# ctest labels: slow
set -u
. "$FIRSTLIGHT_SOURCE/tests/train_lib.sh"
command -v python3 >/dev/null || skip "no python3"
program=12 # MiB that the program itself may take: code, tables, files that are read, windows of ranks
make_data
real=$train
cat >peak.py <<'END'
import os, resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
with open("peak." + os.environ.get("RANK", "0"), "w") as f:
    f.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
sys.exit(code)
END
printf '#!/bin/sh\nexec python3 "%s" "%s" "$@"\n' "$work/peak.py" "$real" >peak
chmod +x peak
train=$work/peak

planned() { # RANKS WORD...: the sum of its rows, and what they say
    local ranks=$1
    shift
    "$real" info --world "$ranks" --json "$@" | python3 -c '
import json, sys
memory = json.load(sys.stdin)["memory"]
print(sum(memory.values()), *("%s %d" % (k, v >> 20) for k, v in memory.items()))'
}
check() { # RANKS WORD...
    local ranks=$1 rank peak plan
    shift
    set -- -p grok-nano -s model.vocab=320 -s model.dim=128 -s model.ffn=1024 -s train.time=64 -s train.batch=8 \
        -s train.steps=3 "$@"
    plan=$(planned "$ranks" "$@") || { wrong "no plan for $*"; return; }
    rm -rf out peak.[0-9]
    together "$ranks" "$@" -q -o out || return
    for ((rank = 0; rank < ranks; rank++)); do
        peak=$(cat peak.$rank)
        echo "$ranks ranks, ${*:15}: rank $rank took $((peak >> 20)) MiB, planned $((${plan%% *} >> 20)) MiB"
        # Not more than was told, and what was told is not a tenth too much.
        [ "$peak" -le $((${plan%% *} + (program << 20))) ] && [ $((peak * 10)) -ge $((${plan%% *} * 9)) ] ||
            wrong "rank $rank of $ranks with ${*:15} took $((peak >> 20)) MiB, planned: $plan"
    done
}
check 1 -s train.shards=8 -s train.threads=1 -s checkpoint.every=1
check 1 -s train.shards=1 -s train.threads=2 -s train.precision=fp32 -s checkpoint.every=0
check 2 -s train.shards=8 -s train.threads=1 -s checkpoint.every=1
exit $failed
