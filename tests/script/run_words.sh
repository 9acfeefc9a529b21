#!/usr/bin/env bash
# What `firstlight run` says on its way: a thing once, the cause first, and how it ended last.
set -eu
bin=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export XDG_STATE_HOME=$work/state
wrong() { echo "WRONG: $*: $(cat out err)"; exit 1; }
run() { # CODE OPTION...
    local want=$1 got=0
    shift
    "$bin" run "$@" >out 2>err || got=$?
    [ "$got" = "$want" ] || wrong "run $*: exit code $got, not $want"
}
once() { [ "$(cat out err | grep -cE -- "$1")" = 1 ] || wrong "not once: $1"; }

run 4 --nodes 4 -n 8 -- ./missing
once 'no such program'
once 'failed \(spawn\): local-\[0-3\]: \./missing: no such program$'
once 'the program could not be started \(exit 4\)'

run 1 -n 4 -- sh -c 'test $RANK != 2 || { echo "last words" >&2; exit 7; }; sleep 100'
once 'failed \(program\): rank 2 on local exited 7 at [^;]*; certain: last words$'
once '^sh-[a-z]*: a rank exited with a code other than 0 \(exit 1\)'

# Told once there too; what its end took is no start. Words are what any terminal and JSON can carry.
"$bin" show last --json >out
python3 - out <<'PYTHON' || wrong "show tells otherwise"
import json, sys
run = json.load(open(sys.argv[1]))
assert [i["kind"] for i in run["incidents"]] == ["failed"], run["incidents"]
assert [r["attempt"] for r in run["restarts"]] == [1], run["restarts"]
PYTHON
run 1 -- sh -c 'printf "\033[31mred\033[0m\n\377\376\001 bytes"; exit 7'
grep -aq 'certain: ??? bytes$' err || wrong "bytes that are no text are an event's"
"$bin" show last >out
once 'headline .*: [?]{3} bytes$'
"$bin" logs last --rank 1 >out 2>err && wrong "logs of a rank that there is not"
once '^firstlight logs: run sh-[a-z]* has 1 rank, no rank 1$'
run 0 -- true
"$bin" logs last >out 2>err
once '^attempt 1: no rank printed anything$'

# A line of its own, though the rank's last one was not whole.
run 1 -n 2 -- sh -c 'printf half; test $RANK = 0 || exit 3; sleep 100'
"$bin" run -n 2 -- sh -c 'printf half; test $RANK = 0 || exit 3; sleep 100' >both 2>&1 && wrong "exit code 0"
grep -qE '^[0-9:.]+ attempt 1 failed' both || wrong "no line of its own: $(cat both)"

# We know a symbol of Open MPI's programs, and are none.
run 0 -n 2 -- "$bin" --version
! grep -q 'Open MPI' err || wrong "firstlight is said to be built with Open MPI"

# Output that finds no room on a disk.
if [ -w /dev/full ]; then
    "$bin" run -n 2 -- echo hello >/dev/full 2>err || wrong "a full disk ends a run"
    : >out
    once '^firstlight: standard output: No space left on device: the rest is in the logs only$'
fi

# A second attempt, which goes on from what the first one saved.
cat >program <<'END'
#!/bin/sh
if [ -z "$FIRSTLIGHT_RESUME" ]; then
    mkdir -p ckpt/step_7
    echo x >ckpt/step_7/model
    exit 3
fi
echo "from $FIRSTLIGHT_RESUME"
END
chmod +x program
run 0 --name two --checkpoint 'ckpt/step_*' -- ./program
once '^[0-9:.]+ attempt 1 failed \(program\): rank 0 on local exited 3 at [0-9:.]*; certain$'
once "^[0-9:.]+ attempt 2 goes on from step 7: $work/ckpt/step_7$"
once "^two-[a-z]*: done in [0-9.]* s, after 1 restart: 'firstlight show two-[a-z]*' tells more$"
[ "$(cat out)" = "from $work/ckpt/step_7" ] || wrong "stdout is not the program's"

# One rank that is well: nothing but what it says, and its last words are no trouble's.
run 0 -- echo hello
[ "$(cat out err)" = hello ] || wrong "more than hello"
"$bin" events last >out 2>err
once 'rank 0 exited 0$'
