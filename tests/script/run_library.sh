#!/usr/bin/env bash
# firstlight.py under a run: phases, steps, losses and checkpoints are known to show, events and query; what
# `stop --save` and `stop` ask for is seen, done and told.
set -eu
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
firstlight=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
run_pid=
trap '[ -z "$run_pid" ] || kill "$run_pid" 2>/dev/null || :; rm -rf "$work"' EXIT
cd "$work"
export XDG_STATE_HOME=$work/state PYTHONPATH=$FIRSTLIGHT_SOURCE/lib
cp "$FIRSTLIGHT_SOURCE"/tests/programs/told.py .
wrong() { echo "WRONG: $*"; exit 1; }
value() { "$firstlight" query --csv "$1" | sed 1d | tail -n 1; }
seen() { # COUNT PATTERN: so many events of the run say it, within a minute
    for _ in $(seq 600); do
        [ "$("$firstlight" events "$run" 2>/dev/null | grep -cE "$2")" -lt "$1" ] || return 0
        sleep 0.1
    done
    wrong "not seen $1 times: $2: $("$firstlight" events "$run"; cat out err)"
}

mkdir ckpt
"$firstlight" run --name told --nodes 2 --nproc-per-node 1 -- python3 told.py ckpt 100000 >out 2>err &
run_pid=$!
for _ in $(seq 600); do run=$(value "SELECT id FROM runs" 2>/dev/null || :); [ -z "$run" ] || break; sleep 0.1; done
seen 1 'rank 0 saved step 20: '
"$firstlight" stop --save "$run" >/dev/null || wrong "stop --save: exit code $?"
seen 2 'rank 0 saved step [0-9]+: .*/ckpt/step_'
"$firstlight" stop "$run" >/dev/null || wrong "stop: exit code $?"
code=0
wait $run_pid || code=$?
run_pid=
[ "$code" = 9 ] || wrong "a polite stop: exit code $code: $(cat out err)"
[ "$(grep -c '^leaving$' out)" = 2 ] || wrong "not both ranks left: $(cat out)"
[ "$(grep -c '^saved step' out)" = 6 ] || wrong "not three saves a rank: $(cat out)"
[ "$("$firstlight" events "$run" | grep -c 'left when asked')" = 2 ] || wrong "events: $("$firstlight" events "$run")"
kinds=$("$firstlight" query --csv "SELECT DISTINCT kind FROM events WHERE run = '$run'")
for kind in checkpoint.saved stop.asked honoured; do
    echo "$kinds" | grep -qx "$kind" || wrong "no event $kind: $("$firstlight" events "$run")"
done
last=$(value "SELECT max(step) FROM metrics WHERE run = '$run'")
value "SELECT abs(loss * step - 1) < 1e-9, tokens >= 100 * step, total FROM metrics WHERE run = '$run' AND step = $last" |
    grep -qx '1,1,100000' || wrong "step $last: $("$firstlight" query "SELECT * FROM metrics WHERE step = $last")"
"$firstlight" show "$run" | grep -qE "^ *step +[0-9]+ of 100000" || wrong "show: $("$firstlight" show "$run")"
echo "steps, losses, a save and a stop by request"

# Without a rule for checkpoints the one that the program told of is what it goes on from.
mkdir again
timeout 100 "$firstlight" run --name again --nodes 2 --nproc-per-node 1 -- \
    python3 told.py again 60 dies >out 2>err || wrong "again: exit code $?: $(cat out err)"
from=$(sed -n 's/^from step //p' out | sort -n | tail -1)
[ "$from" -gt 0 ] || wrong "it went on from nothing: $(cat out err)"
grep -q "attempt 2 goes on from step $from" err || wrong "not told: $(cat err)"
[ "$(value "SELECT max(step) FROM metrics WHERE run LIKE 'again-%' AND attempt = 2")" = 60 ] || wrong "not to its end"
echo "resumed from the checkpoint that was told"
