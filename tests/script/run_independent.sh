#!/usr/bin/env bash
# Ranks that have nothing to do with each other: one that fails, a node that is lost, a controller that dies, a
# host that can't be reached: the others go on and end well, nothing is started again, and the end says who was
# first and how many ended badly.
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"

cat >job.sh <<'SH'
echo $$ >pid.$RANK
case $RANK in
0) exit 0 ;;
1) until [ -e fail ]; do sleep 0.05; done; echo "no such device" >&2; exit 7 ;;
*) until [ -e enough ]; do sleep 0.05; done; echo "rank $RANK is done" ;;
esac
SH
all_began() { [ -s pid.0 ] && [ -s pid.1 ] && [ -s pid.2 ] && [ -s pid.3 ]; }

begin apart -N 4 -n 4 --independent --node-timeout 3s -- sh job.sh
await all_began || wrong "apart: they do not run: $(cat apart.err)"
# The agent of rank 2, and its warden: the node is lost.
of_rank=$(parent_of $(cat pid.2))
kill -9 $of_rank $(parent_of $of_rank)
await happened node.lost || wrong "apart: its node is not lost"
touch fail
await happened rank.exited 2 || wrong "apart: rank 1 does not fail"
kill -9 $run
wait $run 2>/dev/null
"$bin" resume "$id" >apart.out 2>apart.err &
run=$!
await happened controller.started 2 || wrong "apart: it is not resumed"
kill -0 $(cat pid.3) || wrong "apart: rank 3 was ended"
touch enough
ended apart 5
events_fit apart --ended --attempts 1
[ "$(count rank.exited)" = 3 ] || wrong "apart: $(count rank.exited) exits, not 3: $("$bin" events "$id")"
"$bin" show "$id" >show.out
grep -q 'node: local-2 was lost at .*; 2 of 4 ranks ended badly$' show.out || wrong "apart: $(cat show.out)"
[ "$("$bin" logs --rank 3 "$id")" = "rank 3 is done" ] || wrong "apart: rank 3 says $("$bin" logs --rank 3 "$id")"

begin fails -N 4 -n 4 --independent -- sh job.sh
ended fails 1
grep -q 'rank 1 on local-1 exited 7 at .*; certain: no such device; 1 of 4 ranks ended badly$' fails.err || wrong "fails: $(cat fails.err)"

grep -q 'local-1 rank 1 exited 7: no such device$' fails.err || wrong "fails: it is not said when it happens: $(cat fails.err)"

begin well -N 2 -n 2 --independent -- true
ended well 0

# A host that refuses is tried twice and left out by name; one that was lost before would be, too.
cat >ssh <<'SH'
#!/bin/sh
while [ $# -gt 2 ]; do shift; done
[ $1 != b2 ] || { echo "ssh: connect to host b2 port 22: Connection refused" >&2; exit 255; }
XDG_CACHE_HOME=$(dirname $0)/cache-$1 exec sh -c "$2"
SH
chmod 755 ssh
export FIRSTLIGHT_SSH=$work/ssh
start=$SECONDS
begin short -H 'b[1-3]' --min-nodes 1 --independent --listen 127.0.0.1 -- sh -c 'echo "$RANK of $WORLD_SIZE"'
ended short 0
[ $((SECONDS - start)) -lt 60 ] || wrong "short: it waited for a host that had failed"
grep -q 'b2 is left out: .*Connection refused' short.err || wrong "short: b2 is not named: $(cat short.err)"
[ "$(sort short.out)" = "0 of 2
1 of 2" ] || wrong "short: $(cat short.out)"

begin nobody -H b2 --independent --listen 127.0.0.1 -- true
ended nobody 6
grep -q '0 of the 1 nodes that are needed came; b2: .*Connection refused' nobody.err || wrong "nobody: $(cat nobody.err)"

"$bin" run -N 2 --spares 1 --independent -- true >bad.out 2>&1 && wrong "spares are taken"
grep -q 'independent ranks are never started again: spares does not go with them' bad.out || wrong "$(cat bad.out)"
"$bin" run --print-job --independent -- true | grep -qx 'independent: true' || wrong "the job file says nothing of it"

[ $failed = 0 ] && echo "independent ranks: ok"
exit $failed
