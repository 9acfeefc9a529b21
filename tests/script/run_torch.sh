#!/usr/bin/env bash
# An unmodified PyTorch script (DDP over gloo) on 2 nodes of 2 ranks: it trains with the store of rank 0 and
# with ours; one rank is killed in the middle and the run ends with the loss of the undisturbed one; steps and
# losses are read from its lines.
set -eu
/usr/bin/python3 -c 'import torch.distributed' 2>/dev/null || { echo "skipped: python3-torch is not installed"; exit 77; }
firstlight=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
run_pid=
trap '[ -z "$run_pid" ] || kill "$run_pid" 2>/dev/null || :; rm -rf "$work"' EXIT
cd "$work"
export XDG_STATE_HOME=$work/state
cp "$FIRSTLIGHT_SOURCE"/tests/programs/ddp.py .
wrong() { echo "WRONG: $*"; exit 1; }
value() { "$firstlight" query --csv "$1" | sed 1d | tail -n 1; }

echo "undisturbed, rank 0 hosts the store"
mkdir calm
timeout 200 "$firstlight" run --name calm --nodes 2 --nproc-per-node 2 --store rank0 --checkpoint 'calm/step_*' -- \
    /usr/bin/python3 ddp.py 12 calm >calm.out 2>calm.err || wrong "exit code $?: $(cat calm.out calm.err)"
tail -1 calm.out | grep -qx 'trained to step 12' || wrong "the last line: $(cat calm.out)"
! grep -q 'attempt' calm.err || wrong "a calm run said: $(cat calm.err)"
want=$(grep '^step 12/12' calm.out)

echo "rank 3 is killed in the middle, agents serve the store"
mkdir ckpt
"$firstlight" run --name hurt --nodes 2 --nproc-per-node 2 --checkpoint 'ckpt/step_*' -- \
    /usr/bin/python3 ddp.py 12 ckpt 300 >hurt.out 2>hurt.err &
run_pid=$!
victim=
for _ in $(seq 4000); do
    if [ -d ckpt/step_5 ]; then
        victim=$(grep -lszE "^TORCHELASTIC_ERROR_FILE=$work/.*/rank-3.error.json$" /proc/[0-9]*/environ) || :
        break
    fi
    sleep 0.05
done
[ -n "$victim" ] || wrong "no rank 3 at step 5: $(cat hurt.out hurt.err)"
victim=${victim#/proc/}
kill -9 "${victim%/environ}"
timeout 200 tail --pid=$run_pid -f /dev/null || wrong "it does not end: $(cat hurt.out hurt.err)"
wait $run_pid || wrong "exit code $?: $(cat hurt.out hurt.err)"
run_pid=
[ "$(grep '^step 12/12' hurt.out)" = "$want" ] || wrong "$(tail -2 hurt.out), undisturbed: $want"
grep -q 'rank 3 on local-1 was killed by SIGKILL .*; certain' hurt.err || wrong "the cause: $(cat hurt.err)"

echo "its steps and losses are known"
run=$(value "SELECT id FROM runs WHERE id LIKE 'hurt-%'")
[ "$(value "SELECT count(*) FROM attempts WHERE run = '$run'")" = 2 ] || wrong "not 2 attempts"
for attempt in 1 2; do
    step=$(value "SELECT max(step) FROM metrics WHERE run = '$run' AND attempt = $attempt")
    [ "$step" -ge 5 ] || wrong "attempt $attempt: step $step"
    loss=$(value "SELECT loss FROM metrics WHERE run = '$run' AND attempt = $attempt AND step = $step")
    grep -q "^step $step/12 loss ${loss%0}0*$" hurt.out || wrong "attempt $attempt: step $step loss $loss, not in: $(cat hurt.out)"
done
resumed=$(value "SELECT json_extract(fields, '\$.step') FROM events WHERE run = '$run' AND kind = 'checkpoint.chosen'")
[ "$resumed" -ge 5 ] || wrong "resumed from step $resumed"
"$firstlight" show "$run" >show
grep -q '^ *step  *12 of 12$' show || wrong "show: $(cat show)"
grep -q "^ *2 .* $resumed  *12  *done" show || wrong "show: $(cat show)"
