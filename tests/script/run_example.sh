#!/usr/bin/env bash
# firstlight-example on 4 nodes and 8 ranks through the run's own store: a rank is killed in the middle, later
# an agent, and it ends with the weights of one undisturbed rank; a stop makes it save and leave, and what
# libfirstlight told is in the events.
set -eu
firstlight=$FIRSTLIGHT_BIN/firstlight
example=$FIRSTLIGHT_BIN/firstlight-example
text=$FIRSTLIGHT_SOURCE/README.md
work=$(mktemp -d)
run_pid=
trap '[ -z "$run_pid" ] || kill "$run_pid" 2>/dev/null || :; rm -rf "$work"' EXIT
cd "$work"
export XDG_STATE_HOME=$work/state
wrong() { echo "WRONG: $*"; [ ! -e out ] || tail -n 40 out err; exit 1; }
value() { "$firstlight" query --csv "$1" | sed 1d | tail -n 1; }
newest() { ls "$1" 2>/dev/null | sed -n 's/^step_\([0-9]*\)$/\1/p' | sort -n | tail -1; }
until_step() { # FOLDER STEP: a checkpoint of that step or a later one is there
    local step
    for _ in $(seq 6000); do
        step=$(newest "$1")
        [ "${step:-0}" -lt "$2" ] || return 0
        kill -0 "$run_pid" 2>/dev/null || wrong "the run ended before step $2"
        sleep 0.02
    done
    wrong "step $2 never came"
}
of_rank() { # RANK ATTEMPT: its process
    local found=
    for _ in $(seq 600); do
        found=$(grep -lszE "^FIRSTLIGHT_PAGE=.*/$run[.].*/$2-$1\$" /proc/[0-9]*/environ) || :
        [ -z "$found" ] || break
        sleep 0.05
    done
    [ -n "$found" ] || wrong "no rank $1 in attempt $2" >&2
    found=${found#/proc/}
    echo "${found%/environ}"
}
run_of() { value "SELECT id FROM runs WHERE id LIKE '$1-%'"; }

want=$("$example" --steps 200 "$text" | tail -1)
"$firstlight" run --name trained --nodes 4 -n 8 --checkpoint 'ckpt/step_*' -- \
    "$example" --steps 200 --step-ms 10 --checkpoint-every 10 --checkpoint-dir ckpt "$text" >out 2>err &
run_pid=$!
until_step ckpt 40
run=$(run_of trained)
victim=$(of_rank 5 1)
kill -9 "$victim"
until_step ckpt 100
child=$(of_rank 2 2)
agent=$(cut -d ' ' -f 4 "/proc/$child/stat")
tr '\0' ' ' <"/proc/$agent/cmdline" | grep -q 'firstlight-agent run .*--node 1 ' || wrong "no agent: $agent"
kill -9 "$agent"
timeout 200 tail --pid=$run_pid -f /dev/null || wrong "it does not end"
wait $run_pid || wrong "exit code $?"
run_pid=
[ "$(tail -1 out)" = "$want" ] || wrong "it ends with '$(tail -1 out)', one undisturbed rank with '$want'"
[ "$(value "SELECT count(*) FROM attempts WHERE run = '$run'")" = 3 ] || wrong "not 3 attempts"
grep -q 'rank 5 on local-2 was killed by SIGKILL .*; certain' err || wrong "the first cause"
grep -q 'attempt 2 .*local-1' err || wrong "the second cause"
echo "a rank and an agent were killed: $want"

: >out # its lines are waited for
"$firstlight" run --name stopped --nodes 2 -n 4 --checkpoint 'stop/step_*' -- \
    "$example" --steps 100000 --step-ms 5 --checkpoint-every 100000 --checkpoint-dir stop "$text" >out 2>err &
run_pid=$!
for _ in $(seq 3000); do ! grep -q '^step ' out || break; sleep 0.02; done
run=$(run_of stopped)
"$firstlight" stop --save "$run" || wrong "stop --save: exit code $?"
saved= # pages are looked at a few times a second: two saves in between are one event
for _ in $(seq 3000); do
    saved=$("$firstlight" events "$run" | sed -n 's/.* saved step \([0-9]*\):.*/\1/p')
    [ -z "$saved" ] || break
    sleep 0.02
done
# On a busy machine one node hears of it a step before the other, and they save twice.
[ -d "stop/step_$saved" ] || wrong "it did not save when asked: '$saved', and there is $(ls stop)"
last=$(newest stop)
"$firstlight" stop "$run" || wrong "stop: exit code $?"
code=0
wait $run_pid || code=$?
run_pid=
[ "$code" = 9 ] || wrong "a polite stop: exit code $code"
[ "$(newest stop)" -gt "$last" ] || wrong "it did not save again: $(newest stop) after $last"
grep -q "^stopped at step $(newest stop)," out || wrong "it did not leave by itself: $(cat out)"
"$firstlight" events "$run" >events
for kind in 'a save asked' "saved step $saved" 'a polite stop asked' "saved step $(newest stop)" 'left when asked'; do
    grep -q "$kind" events || wrong "no '$kind' in: $(cat events)"
done
echo "it saves and goes on, saves and leaves"
