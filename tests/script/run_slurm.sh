#!/usr/bin/env bash
# firstlight run --slurm against a real Slurm of eight nodes on this machine: an allocation's nodes run
# the ranks, the agent is brought where it is not, a spare takes a dead node's place, the time limit
# stops politely, and outside of an allocation a job is submitted, followed, cancelled, and queued again
# to go on from its checkpoint.
# ctest labels: slow
set -u
work=$(mktemp -d)
. "$FIRSTLIGHT_SOURCE/tests/slurm/cluster.sh"
fallback=/var/tmp/.firstlight-$(id -u) # of hosts whose user has no cache
finish() {
    slurm_down
    rm -rf "$work" "$fallback/agent-${hash:-none}"
}
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
# until_it SENTENCE COMMAND...
until_it() {
    local what=$1
    shift
    _slurm_wait "${FIRSTLIGHT_PATIENCE:-60}" "$@" && return
    wrong "waited for nothing: $what"
    return 1
}
has() { grep -q -e "$1" "$2"; }

chmod 755 "$work"
mkdir "$work/home" "$work/cluster"
cat >"$work/cluster/topology.conf" <<'END'
SwitchName=leaf1 Nodes=n[1,3,5,7]
SwitchName=leaf2 Nodes=n[2,4,6,8]
SwitchName=root Switches=leaf[1-2]
END
slurm_munge=$work/none # to remove, when it goes wrong before there is one
trap finish EXIT
slurm_up "$work/cluster" 8 || { echo "skipped: $slurm_why"; exit 77; }
unset FIRSTLIGHT_RUN_ID NO_COLOR
export XDG_STATE_HOME=$work/home/state XDG_CACHE_HOME=$work/home/cache
firstlight=$FIRSTLIGHT_BIN/firstlight
# Not the agent of any other test's: nobody has a copy of it.
{ cat "$FIRSTLIGHT_BIN/firstlight-agent"; echo "$work"; } >"$work/firstlight-agent"
chmod 755 "$work/firstlight-agent"
export FIRSTLIGHT_AGENT=$work/firstlight-agent
cd "$work/home" || exit 1

# in_job NODES WORD...: in an allocation of so many nodes.
in_job() {
    local nodes=$1
    shift
    salloc --quiet --no-kill -N "$nodes" "$firstlight" run --slurm "$@" >"$work/out" 2>"$work/err"
}
query() { "$firstlight" query --csv "$1" 2>/dev/null | sed 1d; }
none_runs() { [ -z "$(slurm_processes)" ]; }

# 1. All nodes of an allocation, two ranks each, those of a switch together; no step of Slurm's is in
# the ranks' environment.
in_job 3 --nproc-per-node 2 -- sh -c 'echo "rank $RANK of $WORLD_SIZE on $SLURMD_NODENAME ${SLURM_STEP_ID-none}"' ||
    wrong "three nodes: exit code $?: $(cat "$work/err")"
for rank in 0 1 2 3 4 5; do
    has "rank $rank of 6 on n[1-8] none$" "$work/out" || wrong "no rank $rank: $(cat "$work/out")"
done
salloc --quiet -w 'n[1-4]' "$firstlight" run --slurm -- sh -c 'echo "$RANK $SLURMD_NODENAME"' >"$work/out" 2>"$work/err" ||
    wrong "four nodes: exit code $?: $(cat "$work/err")"
[ "$(sort "$work/out" | tr '\n' ' ')" = "0 n1 1 n3 2 n2 3 n4 " ] || wrong "not by switches: $(cat "$work/out")"
hash=$(ls "$XDG_CACHE_HOME/firstlight" | sed -n 's/^agent-//p')

# Its network is measured likewise; the groups are the switches.
salloc --quiet -w 'n[1-4]' "$firstlight" fabric --slurm --tests pairs,clock --json >"$work/out" 2>"$work/err" </dev/null
code=$?
[ $code -le 1 ] && python3 - "$work/out" <<'END' || wrong "fabric: exit code $code: $(cat "$work/err")"
import json, sys
result = json.load(open(sys.argv[1]))
assert {n["name"]: n["group"] for n in result["nodes"]} == {"n1": "root/leaf1", "n3": "root/leaf1", "n2": "root/leaf2", "n4": "root/leaf2"}, result["nodes"]
assert all(n["fate"] == "well" for n in result["nodes"])
pairs = {(m["node"], m["peer"]) for m in result["measures"] if m["metric"] == "pair.bandwidth"}
assert len(pairs) == 12, pairs
END

# 2. Nodes that do not share this one's cache get the agent by a second step.
(export XDG_CACHE_HOME=/proc/none; in_job 2 -- sh -c 'echo "on a node"') ||
    wrong "without a cache: exit code $?: $(cat "$work/err")"
[ "$(grep -c "on a node" "$work/out")" = 2 ] || wrong "without a cache: $(cat "$work/out" "$work/err")"

# 3. A node dies with its slurmd: a spare takes its ranks, nobody else moves, the job goes on, and
# nothing is left. Slurm has not noticed yet.
cat >"$work/program" <<'END'
echo "attempt $FIRSTLIGHT_ATTEMPT rank $RANK on $SLURMD_NODENAME"
[ "$FIRSTLIGHT_ATTEMPT" = 1 ] || exit 0
exec sleep 600
END
cat >"$work/in_job" <<'END'
"$@"
code=$?
for pid in $(pgrep -x srun); do # one that waits for the dead node
    grep -qszx "SLURM_CONF=$SLURM_CONF" /proc/$pid/environ && echo "left: $(tr '\0' ' ' </proc/$pid/cmdline | cut -c1-200)"
done
exit $code
END
salloc --quiet --no-kill -w 'n[4-8]' sh "$work/in_job" "$firstlight" run --slurm -N 4 --spares 1 --node-timeout 3s \
    --name dies -- sh "$work/program" >"$work/out" 2>"$work/err" &
job=$!
four_run() { [ "$(grep -c "attempt 1 rank" "$work/out")" = 4 ]; }
until_it "four ranks" four_run
slurm_kill_node 5
wait $job || wrong "a dead node: exit code $?: $(cat "$work/out" "$work/err")"
! has "^left" "$work/out" || wrong "a dead node: $(cat "$work/out")"
scontrol update NodeName=n5 State=DOWN Reason=test
grep "attempt 1" "$work/out" | sort -k 4 | sed 's/attempt 1 //; s/on n5/on the spare/' >"$work/before"
spare=$(grep "attempt 2" "$work/out" | grep -o "n[4-8]$" | sort | comm -23 - <(grep "attempt 1" "$work/out" | grep -o "n[4-8]$" | sort))
grep "attempt 2" "$work/out" | sort -k 4 | sed "s/attempt 2 //; s/on $spare/on the spare/" >"$work/after"
cmp -s "$work/before" "$work/after" && has spare "$work/after" || wrong "not one swap: $(cat "$work/out" "$work/err")"
swap=$(query "select text from events where kind = 'node.swapped'")
case $swap in *n5*"$spare"*) ;; *) wrong "no swap of n5 for $spare is told: $swap" ;; esac
until_it "the end of all agents" none_runs

# 4. The end of the allocation is known, and shown; ranks save and leave before it.
cat >"$work/steps.py" <<END
import os, sys, time
sys.path.insert(0, "$FIRSTLIGHT_SOURCE/lib")
import firstlight
rank, total = int(os.environ["RANK"]), int(sys.argv[1])
resume = firstlight.resume_path()
step = begin = int(open(resume + "/step").read()) if resume else 0
while step < (begin + 10 if resume else total):
    step += 1
    firstlight.step(step, total)
    if step == begin + 1:
        print("rank %d begins at %d" % (rank, begin), flush=True)
    if firstlight.should_stop():
        path = "%s/step_%d" % (sys.argv[2], step)
        if rank == 0:
            os.makedirs(path)
            open(path + "/step", "w").write(str(step))
            open(path + "/done", "w").close()
            firstlight.checkpoint_saved(path, step)
            print("saved", flush=True)
        sys.exit(0)
    time.sleep(0.02)
print("rank %d ends at %d" % (rank, step), flush=True)
END
mkdir "$work/saves"
export SLURM_JOB_END_TIME=$(($(date +%s) + 6)) # as Slurm 23 says it; 22 is asked for it
in_job 2 --name ends -- python3 "$work/steps.py" 1000000 "$work/saves" &
job=$!
shown() { "$firstlight" show ends | grep -q "ends in [0-9]* s"; }
until_it "a word of the time" shown
wait $job
code=$?
[ $code = 11 ] && has saved "$work/out" || wrong "the end of time: exit code $code: $(cat "$work/out" "$work/err")"
unset SLURM_JOB_END_TIME

# 5. Submitted and followed: warned of its end it saves, is queued again, and goes on as the same run
# from its checkpoint, though one of its nodes is another now.
mkdir "$work/ckpt"
: >"$work/out" # or what the run before said is taken for this one's beginning
"$firstlight" run --slurm -N 2 --name again --checkpoint "$work/ckpt/step_*" --complete-when 'file done' \
    -- python3 "$work/steps.py" 1000 "$work/ckpt" >"$work/out" 2>"$work/err" &
follower=$!
begun() { has "rank 0 begins at 0" "$work/out"; }
until_it "the submitted job's ranks" begun # and they can be asked to stop
job=$(sed -n 's/^submitted as Slurm job \([0-9]*\);.*/\1/p' "$work/err")
lost=$(scontrol show hostnames "$(squeue -h -j "$job" -o %N)" | head -1)
scontrol update NodeName="$lost" State=DRAIN Reason=test
scancel --batch --signal=USR1 "$job" # what --signal=B:USR1@120 sends
wait $follower || wrong "queued again: exit code $?: $(cat "$work/out" "$work/err")"
saved=$(ls "$work/ckpt" | sed -n 's/step_//p')
for rank in 0 1; do
    has "rank $rank begins at ${saved:-none}" "$work/out" || wrong "rank $rank: not from step $saved: $(cat "$work/out" "$work/err")"
    has "rank $rank ends" "$work/out" || wrong "rank $rank has no end: $(cat "$work/out" "$work/err")"
done
names=$(grep -o '"n[1-8]"' "$XDG_STATE_HOME"/firstlight/runs/again-*/nodes.json | tr '\n' ' ')
case $names in *"\"$lost\""*) wrong "still on $lost: $names" ;; esac
[ "$(query "select count(*) from runs where name = 'again'")" = 1 ] || wrong "another run: $("$firstlight" ps --all)"

# 6. Ctrl-C leaves a submitted job alone; scancel ends it with all that it runs.
"$firstlight" run --slurm -N 2 --name left -- sh -c 'echo runs; exec sleep 600' >"$work/out" 2>"$work/err" &
follower=$!
runs() { [ "$(grep -c runs "$work/out")" = 2 ]; }
until_it "two ranks" runs
job=$(sed -n 's/^submitted as Slurm job \([0-9]*\);.*/\1/p' "$work/err")
kill -INT $follower
wait $follower || wrong "Ctrl-C: exit code $?"
has "Slurm job $job goes on without you; 'scancel $job' ends it" "$work/err" || wrong "Ctrl-C: $(cat "$work/err")"
[ "$(squeue -h -j "$job" -o %T)" = RUNNING ] || wrong "Ctrl-C ended the job: $(squeue)"
scancel "$job"
until_it "the end of all of job $job" none_runs

# 7. Submitted and left to itself; its exit code is the run's.
job=$("$firstlight" run --slurm -N 1 --detach --time-limit 5m -- sh -c 'echo "job $SLURM_JOB_ID"; exit 5' 2>/dev/null)
ended() { ! squeue -h -j "$job" 2>/dev/null | grep -q .; }
until_it "the end of job $job" ended
has "^job $job$" "slurm-$job.out" || wrong "detached: $(cat slurm-*.out)"
scontrol show job "$job" | grep -q "ExitCode=1:0" || wrong "detached: $(scontrol show job "$job")"

# 8. Wrong requests, in one sentence.
"$firstlight" run --slurm -N 2 --slurm-opt '-p nowhere' -- true >"$work/out" 2>&1
[ $? = 2 ] && grep -qi "invalid partition" "$work/out" || wrong "a wrong partition: $(cat "$work/out")"
in_job 3 -N 3 --spares 1 -- true
[ $? = 2 ] && has "4 nodes and spares are asked for, and the allocation has 3" "$work/err" ||
    wrong "too many nodes: $(cat "$work/err")"
exit $failed
