#!/usr/bin/env bash
# A full disk ends no run: the controller says so, holds its hand, and goes on when there is room; a rank
# whose log cannot grow goes on without it; and what ranks print is bounded on disk.
# FIRSTLIGHT_PRINT_MB (200) is how much a rank prints in the last part.
set -u
[ "$(id -u)" = 0 ] || { echo "skipped: mounts need root"; exit 77; }
if [ -z "${FIRSTLIGHT_UNSHARED:-}" ]; then
    unshare -m true 2>/dev/null || { echo "skipped: no mount namespace can be had here"; exit 77; }
    FIRSTLIGHT_UNSHARED=1 exec unshare -m --propagation private bash "$0"
fi
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"
small() { mkdir -p "$1" && mount -t tmpfs -o size=$2,mode=0700 tmpfs "$1"; }
fill() { dd if=/dev/zero of="$1/fill" bs=64k 2>/dev/null || :; dd if=/dev/zero bs=1 of="$1/fill2" 2>/dev/null || :; }

# The state folder is full: a rank that dies meanwhile is restarted when there is room again.
small "$XDG_STATE_HOME" 16m || { echo "skipped: no tmpfs can be mounted here"; exit 77; }
cat >job.sh <<'SH'
echo $$ >pid.$RANK
step=${FIRSTLIGHT_RESUME##*_}
step=${step:-0}
until [ -e enough ]; do
    step=$((step + 1))
    [ $RANK != 0 ] || { mkdir -p ckpt/step_$step && touch ckpt/step_$step/.done && rm -rf ckpt/step_$((step - 5)); }
    [ $RANK != 0 ] || echo step $step >step
    sleep 0.05
done
SH
has_pids() { [ -s pid.0 ] && [ -s pid.1 ]; }
begin full -n 2 --checkpoint 'ckpt/step_*' --complete-when 'file .done' -- sh job.sh
await happened attempt.running && await has_pids || wrong "full: it does not run"
fill "$XDG_STATE_HOME"
kill -9 $(cat pid.1)
await said full 'full' || wrong "full: nobody says so: $(cat full.err)"
kill -0 $run || wrong "full: the controller went"
at=$(cat step)
moved() { [ "$(cat step)" != "$at" ]; }
await moved || wrong "full: the other rank does not go on"
rm -f pid.*
rm "$XDG_STATE_HOME/fill" "$XDG_STATE_HOME/fill2"
await happened attempt.running 2 && await has_pids || wrong "full: it does not go on when there is room: $(cat full.err)"
touch enough
ended full 0
events_fit full --ended --attempts 2
[ "$(grep -c 'full' full.err)" -le 3 ] || wrong "full: said too often: $(cat full.err)"

# It is full for longer than silence makes a node lost: nobody is silent.
rm -f enough
cat >quiet.sh <<'SH'
touch quiet.$RANK
until [ -e enough ]; do sleep 0.05; done
SH
quiet() { [ -e quiet.0 ] && [ -e quiet.1 ]; }
begin quiet -n 2 --node-timeout 1s -- sh quiet.sh
await happened attempt.running && await quiet || wrong "quiet: it does not run"
fill "$XDG_STATE_HOME"
sleep 4
rm "$XDG_STATE_HOME/fill" "$XDG_STATE_HOME/fill2"
touch enough
ended quiet 0
events_fit quiet --ended --attempts 1
[ "$(count node.down)" = 0 ] || wrong "quiet: a link broke: $("$bin" events "$id")"

# A person may end the run all the same: it says that this is not stored, and nothing is left.
rm -f quiet.*[01] enough
begin givenup -n 2 -- sh quiet.sh
await happened attempt.running && await quiet || wrong "given up: it does not run"
fill "$XDG_STATE_HOME"
kill -INT $run
await said givenup 'no space left' || wrong "given up: nobody says so: $(cat givenup.err)"
sleep 0.5 # two that come closer together are one wish
kill -INT $run
wait $run
[ $? = 12 ] || wrong "given up: not exit code 12: $(cat givenup.err)"
[ "$(grep -c "its end can't be stored: .*no space left" givenup.err)" = 1 ] || wrong "given up: not said once: $(cat givenup.err)"
await nothing_left "$id" || wrong "given up: something is left: $(ranks_of "$id") $(agents_of "$id")"
umount -l "$XDG_STATE_HOME"

# A log that cannot grow: the rank goes on, and the log says where it ends.
rm -rf enough
cat >print.sh <<'SH'
until [ -e go ]; do sleep 0.05; done
head -c 3000000 /dev/zero | tr '\0' '\n'
echo it went on >went_on
SH
begin log -n 1 --show none -- sh print.sh
await happened attempt.running || wrong "log: it does not run"
small "$state/runs/$id/nodes/local/attempt-1" 1m
touch go
ended log 0
[ -e went_on ] || wrong "log: the rank did not go on"
grep -q 'the log ends here' "$state/runs/$id/nodes/local/attempt-1/rank-0.log" || wrong "log: its end is not said"
"$bin" events "$id" | grep -q 'the log of rank 0 ends here' || wrong "log: no event says it: $("$bin" events "$id")"
umount -l "$state/runs/$id/nodes/local/attempt-1"

# Very much output: disk use is bounded, the tail is there, the middle is said to be missing.
megabytes=${FIRSTLIGHT_PRINT_MB:-200}
begin much -n 1 --show none --log-size 8M -- sh -c "head -c ${megabytes}000000 /dev/zero | tr '\\0' 'x' | fold -w 100; echo; echo the last line"
ended much 0
used=$(du -sk "$state/runs/$id/nodes" | cut -f1)
[ $used -le 9500 ] || wrong "much: $used KiB on disk for a log of 8 MiB"
[ "$("$bin" logs --tail 1 "$id")" = "the last line" ] || wrong "much: the tail is '$("$bin" logs --tail 1 "$id" | head -c 200)'"
"$bin" logs "$id" | grep -q 'bytes are missing here' || wrong "much: nobody says that the middle is missing"
exit $failed
