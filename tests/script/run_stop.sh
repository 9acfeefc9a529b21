#!/usr/bin/env bash
# How a run is stopped, and what does not stop it: Ctrl-C once and twice, a rank that saves and leaves
# when asked, one that ignores SIGTERM, one that still writes its checkpoint, a terminal that goes away
# or does not read, a rank that stands still.
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"
export PYTHONPATH=$source_dir/lib

# Ctrl-C once: ranks are told by the page, save, and leave with 0.
cat >polite.py <<'PYTHON'
import os, time, firstlight
step = 0
open("ready." + os.environ["RANK"], "w").close()
while True:
    step += 1
    firstlight.step(step, 1000000)
    if firstlight.should_stop() == firstlight.SAVE_AND_LEAVE:
        open("saved." + os.environ["RANK"], "w").close()
        firstlight.checkpoint_saved(os.path.abspath("saved." + os.environ["RANK"]), step)
        break
    time.sleep(0.02)
PYTHON
both_ready() { [ -e ready.0 ] && [ -e ready.1 ]; }
begin polite -n 2 --stop-grace 50s -- python3 polite.py
await both_ready && await happened attempt.running || wrong "polite: it does not run"
kill -INT $run
ended polite 9
[ -e saved.0 ] && [ -e saved.1 ] || wrong "polite: not every rank saved"
[ "$(count honoured)" = 2 ] || wrong "polite: $(count honoured) ranks left when asked, not 2"
"$bin" events --json "$id" | grep '"rank.exited"' | grep -vq '"status":0,' && wrong "polite: a rank did not exit 0"

# Twice: the second one kills, whatever the ranks think of signals.
cat >deaf.sh <<'SH'
trap '' TERM INT
echo $$ >deaf.$RANK
while :; do sleep 0.1; done
SH
deaf_ready() { [ -s deaf.0 ] && [ -s deaf.1 ]; }
begin deaf -n 2 --stop-grace 100s -- sh deaf.sh
await deaf_ready && await happened attempt.running || wrong "deaf: it does not run"
kill -INT $run
await happened stop.asked || wrong "deaf: the first Ctrl-C does nothing"
sleep 0.5 # two that come closer together are one wish
kill -INT $run
ended deaf 10

# Asked once, a rank that ignores SIGTERM is killed when its grace is over.
rm -f deaf.*[0-9]
begin grace -n 2 --stop-grace 1s -- sh deaf.sh
await deaf_ready && await happened attempt.running || wrong "grace: it does not run"
"$bin" stop "$id" >/dev/null
ended grace 9
"$bin" events --json "$id" | grep '"rank.exited"' | grep -q '"status":9,' || wrong "grace: nobody was killed"

# While a checkpoint is written, the grace grows: twice the grace are needed here, and given.
cat >slow.py <<'PYTHON'
import os, signal, time, firstlight
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("slow.ready", "w").close()
while not firstlight.should_stop():
    time.sleep(0.02)
firstlight.phase("checkpoint")
end = time.monotonic() + 3
with open("slow.checkpoint", "wb", buffering=0) as out:
    while time.monotonic() < end:
        out.write(bytes(200000))
        os.fsync(out.fileno())
        time.sleep(0.05)
open("slow.saved", "w").close()
PYTHON
begin slow -n 1 --stop-grace 1500ms -- python3 slow.py
await [ -e slow.ready ] && await happened attempt.running || wrong "slow: it does not run"
kill -INT $run
ended slow 9
[ -e slow.saved ] || wrong "slow: it was killed while it saved"

# A terminal that goes away, and a reader that does not read, are no reasons to end.
cat >talk.sh <<'SH'
i=0
until [ -e enough ]; do i=$((i + 1)); echo "line $i of rank $RANK, with some words behind it"; [ $((i % 500)) != 0 ] || sleep 0.05; done
touch talked.$RANK
SH
begin hangup -n 2 -- sh talk.sh
await happened attempt.running || wrong "hangup: it does not run"
kill -HUP $run
sleep 0.3
kill -0 $run || wrong "hangup: the run went with its terminal"
touch enough
ended hangup 0
rm -f enough talked.*
mkfifo pipe
sleep 1000 <pipe &
reader=$!
"$bin" run --name unread -n 2 -- sh talk.sh >pipe 2>unread.err </dev/null &
run=$!
await known unread && await happened attempt.running || wrong "unread: it does not run"
sleep 0.5
touch enough
both_talked() { [ -e talked.0 ] && [ -e talked.1 ]; }
await both_talked || wrong "unread: the ranks hang"
ended unread 0
kill $reader
wait $reader 2>/dev/null

# One that stops reading for a while, and much is printed meanwhile: then it sees what comes, and between
# what it saw and what it was told to be in the log no line is missing.
cat >much.sh <<'SH'
seq 12000000
touch printed
n=0
until [ -e enough ]; do n=$((n + 1)); echo "end $n"; sleep 0.1; done
echo $n >ends
SH
rm -f enough
{ until [ -e printed ]; do sleep 0.05; done; exec cat >slow.out; } <pipe &
reader=$!
"$bin" run --name slowreader -n 1 -- sh much.sh >pipe 2>slow.err </dev/null &
run=$!
sees_the_end() { grep -q '^end ' slow.out 2>/dev/null; }
await sees_the_end || wrong "slow reader: it sees nothing any more"
touch enough
await known slowreader
ended slowreader 0
wait $reader
untold=$((12000000 + $(cat ends) - $(wc -l <slow.out) - $(sed -n 's/.*log: //; s/^.* on local: //; s/ lines* .*//p' slow.err | paste -sd+ | sed 's/^$/0/' | bc)))
[ $untold = 0 ] || wrong "slow reader: of $untold lines it was told nothing: $(cat slow.err)"

# A rank that stands still is a hang: named, ended, and the next attempt is well.
cat >still.sh <<'SH'
step=0
while [ $step -lt 8 ]; do
    step=$((step + 1))
    echo "step $step/8"
    [ $step != 4 ] || [ $FIRSTLIGHT_ATTEMPT != 1 ] || kill -STOP $$
    sleep 0.1
done
SH
begin still -n 2 --hang 2s --attempts-without-progress 3 --step-pattern 'step {step}/{total}' -- sh still.sh
ended still 0
happened hang || wrong "still: no hang was seen"
events_fit still --ended --attempts 2
exit $failed
