#!/usr/bin/env bash
# A controller that is killed takes no rank with it: `resume` adopts them, or the one who watches over a
# detached run does. There is never a second one; and when none comes for --hold, agents end their
# ranks themselves.
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"
cat >job.sh <<'SH'
echo $$ >>pid.$RANK
trap 'exit 0' TERM
until [ -e enough ]; do sleep 0.1; done
SH
pids() { cat pid.* | sort | tr '\n' ' '; }
four_run() { [ "$(cat pid.* 2>/dev/null | wc -l)" = 4 ] && happened attempt.running; }
reset() { rm -f pid.* enough; }
two_up() { "$bin" show --json "$id" | grep -q '"nodes_up": *2'; }

# Killed, and resumed by hand.
begin adopted -N 2 --nproc-per-node 2 -- sh job.sh
await four_run || wrong "adopted: it does not run"
before=$(pids)
"$bin" resume "$id" >second.out 2>second.err
code=$?
[ $code = 2 ] && grep -q "has a controller: process $run" second.err || wrong "a second controller: exit $code: $(cat second.err)"
kill -9 $run
wait $run 2>/dev/null
"$bin" ps | grep -q unattended || wrong "nobody says that the run is unattended: $("$bin" ps)"
"$bin" resume "$id" >adopted.out 2>adopted.err &
run=$!
await happened controller.started 2 || wrong "adopted: no second controller"
await two_up || wrong "adopted: the agents do not come back: $("$bin" show "$id")"
[ "$(pids)" = "$before" ] || wrong "adopted: other ranks: $(pids), before $before"
touch enough
ended adopted 0
events_fit adopted --ended --attempts 1
[ "$(pids)" = "$before" ] || wrong "adopted: ranks were started again: $(pids), before $before"

# Its end is not lost either: ranks that leave while nobody looks have left well.
reset
begin unseen -n 2 -- sh job.sh
await happened attempt.running || wrong "unseen: it does not run"
kill -9 $run
wait $run 2>/dev/null
touch enough
await no_ranks "$id" || wrong "unseen: ranks do not leave"
"$bin" resume "$id" >unseen.out 2>unseen.err &
run=$!
ended unseen 0
events_fit unseen --ended --attempts 1

# Detached: somebody watches over it.
reset
id=$("$bin" run -d --name detached -N 2 --nproc-per-node 2 -- sh job.sh 2>/dev/null)
await four_run || wrong "detached: it does not run"
before=$(pids)
for round in 1 2; do
    old=$(controller_of "$id")
    kill -9 $old
    await happened controller.started $((round + 1)) || wrong "detached: killed $round times, no controller comes"
    await two_up || wrong "detached: the agents do not come back: $("$bin" show "$id")"
done
[ "$(pids)" = "$before" ] || wrong "detached: other ranks: $(pids), before $before"
touch enough
await happened run.ended || wrong "detached: it does not end"
over detached --attempts 1
[ "$(exit_code)" = 0 ] || wrong "detached: $("$bin" show "$id")"

# Nobody comes: the ranks are ended by their agents, and nothing stays.
reset
begin held -N 2 --nproc-per-node 2 --hold 1s -- sh job.sh
await happened attempt.running || wrong "held: it does not run"
kill -9 $run
wait $run 2>/dev/null
await nothing_left "$id" || wrong "held: left: $(ps -fp $(ranks_of "$id") $(agents_of "$id"))"
exit $failed
