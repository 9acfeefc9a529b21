#!/usr/bin/env bash
# firstlight run --slurm against a real Slurm of three nodes on this machine: an allocation's nodes run
# the ranks, the agent is brought where it is not, a spare takes a lost node's place, and outside of an
# allocation a job is submitted.
set -u
export PATH=$PATH:/usr/sbin
for program in munged slurmctld slurmd srun salloc sbatch squeue; do
    command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
firstlight=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
me=$(id -un)
host=$(uname -n)
host=${host%%.*}
fallback=/var/tmp/.firstlight-$(id -u) # of hosts whose user has no cache
kept=
[ ! -e "$fallback" ] || kept=yes
finish() {
    for file in "$work"/*.pid; do
        [ ! -s "$file" ] || kill -9 "$(cat "$file")" 2>/dev/null
    done
    rm -rf "$work"
    [ -n "$kept" ] || rm -rf "$fallback"
}
trap finish EXIT
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
nap() { read -r -t 0.05 <> <(:) || :; }
# until SENTENCE COMMAND...: at most a minute
until_it() {
    local what=$1
    shift
    for _ in $(seq 1200); do
        "$@" && return
        nap
    done
    wrong "waited for nothing: $what"
    return 1
}

chmod 755 "$work"
mkdir -m 700 "$work/munge"
mkdir "$work/state"
head -c 1024 /dev/urandom >"$work/munge/key"
chmod 600 "$work/munge/key"
start_slurm() {
    port=$((20000 + RANDOM % 30000))
    cat >"$work/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
AuthInfo=socket=$work/munge/sock
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
PlugStackConfig=/dev/null
END
    for i in 1 2 3; do
        echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + i)) CPUs=1"
    done >>"$work/slurm.conf"
    echo "PartitionName=all Nodes=n[1-3] Default=YES State=UP MaxTime=60" >>"$work/slurm.conf"
    slurmctld -i -f "$work/slurm.conf" >"$work/start" 2>&1 || return 1
    for i in 1 2 3; do
        mkdir -p "$work/spool-n$i"
        slurmd -N n$i -f "$work/slurm.conf" >>"$work/start" 2>&1 || return 1
    done
}
idle() { [ "$(sinfo -h -o '%t %D' 2>/dev/null)" = "idle 3" ]; }
export SLURM_CONF=$work/slurm.conf
munged --key-file="$work/munge/key" --socket="$work/munge/sock" --pid-file="$work/munged.pid" \
    --log-file="$work/munge/log" --seed-file="$work/munge/seed" --force >"$work/start" 2>&1 &&
    start_slurm && until_it "three idle nodes" idle ||
    { cat "$work/start"; echo "skipped: Slurm does not start here"; exit 77; }
export XDG_STATE_HOME=$work/home/state XDG_CACHE_HOME=$work/home/cache
mkdir "$work/home"
cd "$work/home" || exit 1
in_job() { salloc --quiet -N 3 "$firstlight" run --slurm "$@" >"$work/out" 2>"$work/err"; }

# 1. All nodes of an allocation, two ranks each; no step of Slurm's is in the ranks' environment.
in_job --nproc-per-node 2 -- sh -c 'echo "rank $RANK of $WORLD_SIZE on $SLURMD_NODENAME ${SLURM_STEP_ID-none}"' ||
    wrong "three nodes: exit code $?: $(cat "$work/err")"
for rank in 0 1 2 3 4 5; do
    grep -q "rank $rank of 6 on n$((rank / 2 + 1)) none$" "$work/out" || wrong "no rank $rank: $(cat "$work/out")"
done

# 2. A node's agent is killed: the spare takes its ranks.
cat >"$work/program" <<'END'
echo "attempt $FIRSTLIGHT_ATTEMPT rank $RANK on $SLURMD_NODENAME"
[ "$FIRSTLIGHT_ATTEMPT" = 1 ] || exit 0
[ "$SLURMD_NODENAME" != n2 ] || kill -9 $PPID
exec sleep 600
END
in_job -N 2 --spares 1 -- sh "$work/program" || wrong "a lost node: exit code $?: $(cat "$work/err")"
grep -q "attempt 2 rank 1 on n3" "$work/out" || wrong "no spare: $(cat "$work/out" "$work/err")"
grep -q "attempt 2 rank 0 on n1" "$work/out" || wrong "rank 0 moved: $(cat "$work/out" "$work/err")"

# 3. Nodes that do not share this one's cache get the agent by a second step.
(export XDG_CACHE_HOME=/proc/none; in_job -- sh -c 'echo "on $SLURMD_NODENAME"') ||
    wrong "without a cache: exit code $?: $(cat "$work/err")"
[ "$(sort "$work/out" | tr '\n' ' ')" = "on n1 on n2 on n3 " ] || wrong "without a cache: $(cat "$work/out")"

# 4. Submitted.
job=$("$firstlight" run --slurm -N 2 --time-limit 5m -- sh -c 'echo "job $SLURM_JOB_ID rank $RANK"' |
    sed -n 's/^submitted as Slurm job //p')
[ -n "$job" ] || wrong "no job's number"
ended() { ! squeue -h -j "$job" 2>/dev/null | grep -q .; }
until_it "the end of job $job" ended
for rank in 0 1; do
    grep -q "^job $job rank $rank$" "slurm-$job.out" || wrong "no rank $rank: $(cat slurm-*.out)"
done

# 5. Wrong requests, in one sentence.
"$firstlight" run --slurm -N 2 --slurm-opt '-p nowhere' -- true >"$work/out" 2>&1
[ $? = 2 ] && grep -qi "invalid partition" "$work/out" || wrong "a wrong partition: $(cat "$work/out")"
in_job -N 3 --spares 1 -- true
[ $? = 2 ] && grep -q "4 nodes and spares are asked for, and the allocation has 3" "$work/err" ||
    wrong "too many nodes: $(cat "$work/err")"
exit $failed
