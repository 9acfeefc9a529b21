#!/usr/bin/env bash
# What a rank finds: torchrun's variables, each present and right, Slurm's and Open MPI's beside them, by `run`
# and by `torchrun`; its directory, --env and --unset, its arguments, its stdin, its binding.
set -eu
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
firstlight=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export XDG_STATE_HOME=$work/state
cp "$FIRSTLIGHT_SOURCE"/tests/programs/environment.py .
wrong() { echo "WRONG: $*"; exit 1; }
for name in $(env | grep -oE '^(PET_|SLURM|OMP_NUM|ROLE|WANDB|CUDA_VISIBLE)[A-Z_]*'); do unset "$name"; done

cat >check.py <<'END2'
import json, sys

form, world, nproc = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ranks = {}
for line in open("out"):
    seen = json.loads(line)
    ranks[int(seen["env"]["RANK"])] = seen
assert sorted(ranks) == list(range(world)), sorted(ranks)
for rank, seen in ranks.items():
    env, local, node, nodes = seen["env"], rank % nproc, rank // nproc, world // nproc
    want = {
        "RANK": rank, "LOCAL_RANK": local, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": nproc,
        "GROUP_RANK": node, "GROUP_WORLD_SIZE": nodes, "ROLE_RANK": rank, "ROLE_NAME": "default",
        "ROLE_WORLD_SIZE": world, "MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RESTART_COUNT": 0,
        "TORCHELASTIC_MAX_RESTARTS": 2 if form == "torchrun" else 3,
        "TORCHELASTIC_USE_AGENT_STORE": "False" if form == "rank0" else "True",
        "TORCH_NCCL_ASYNC_ERROR_HANDLING": 1, "NCCL_ASYNC_ERROR_HANDLING": 1, "OMP_NUM_THREADS": 1,
        "SLURM_PROCID": rank, "SLURM_LOCALID": local, "SLURM_NODEID": node, "SLURM_NTASKS": world,
        "SLURM_NNODES": nodes, "OMPI_COMM_WORLD_RANK": rank, "OMPI_COMM_WORLD_SIZE": world,
        "OMPI_COMM_WORLD_LOCAL_RANK": local, "OMPI_COMM_WORLD_LOCAL_SIZE": nproc,
        "PMI_RANK": rank, "PMI_SIZE": world, "FIRSTLIGHT_ATTEMPT": 1,
    }
    for name, value in want.items():
        assert env.get(name) == str(value), "rank %d: %s is %r, not %r" % (rank, name, env.get(name), value)
    assert 0 < int(env["MASTER_PORT"]) < 65536
    assert env["TORCHELASTIC_RUN_ID"] == env["FIRSTLIGHT_RUN_ID"] != ""
    assert env["TORCHELASTIC_ERROR_FILE"].endswith("rank-%d.error.json" % rank)
    assert env["PASSED_ON"] == "as it is" and "FIRSTLIGHT_RESUME" not in env
    assert seen["argv"] == ["--help", "-n", "a b", str(local)], seen["argv"]
    assert seen["cwd"] == sys.argv[4], seen["cwd"]
# The agents' stores: one a node; rank 0's: one for all.
ports = {seen["env"]["MASTER_PORT"] for seen in ranks.values()}
assert len(ports) == (1 if form == "rank0" else world // nproc), ports
END2
export PASSED_ON="as it is"
arguments=(--help -n "a b" '${local_rank}')
"$firstlight" run --nodes 2 --nproc-per-node 2 python3 environment.py "${arguments[@]}" >out 2>err || wrong "run: $(cat err)"
python3 check.py run 4 2 "$work"
"$firstlight" run --store rank0 --nodes 2 --nproc-per-node 2 -- python3 environment.py "${arguments[@]}" >out 2>err || wrong "rank0: $(cat err)"
python3 check.py rank0 4 2 "$work"
"$firstlight" torchrun --standalone --max_restarts=2 --nproc-per-node 2 environment.py "${arguments[@]}" >out 2>err || wrong "torchrun: $(cat err)"
python3 check.py torchrun 2 2 "$work"
echo "torchrun's variables by run, with rank 0's store, and by torchrun"

show() { "$firstlight" run -q "$@"; }
same() { [ "$1" = "$2" ] || wrong "'$1', not '$2'"; }
same "$(FOO=1 BAR=2 show -e A=b -e FOO --env C='d e' --unset BAR -- sh -c 'echo $A $FOO $C ${BAR-unset}')" "b 1 d e unset"
mkdir sub
same "$(show --cwd sub -- pwd)" "$work/sub"
same "$(show -- printf 'one\ntwo' | od -An -c | tr -d ' ')" 'one\ntwo'
same "$(show -- cat </dev/null)" ""
same "$(echo given | show -- cat)" ""
same "$(printf 'one\ntwo' | show --tie-stdin -n 2 -- sh -c '[ $RANK = 1 ] || cat')" "$(printf 'one\ntwo')"
seq 200000 >numbers
show --tie-stdin -- cat <numbers | cmp - numbers || wrong "a large file through --tie-stdin"
if [ "$(nproc)" -gt 1 ]; then
    cpus=$(show -n 2 --bind core -- sh -c 'taskset -pc $$' | sed 's/.*: //' | sort -u)
    [ "$(echo "$cpus" | wc -l)" = 2 ] || wrong "--bind core: $cpus"
fi
echo "environment, directory, stdin, output, binding"

fails() { # fails CODE SENTENCE OPTION...: what it says on stderr
    local code=$1 sentence=$2 got=0
    shift 2
    "$firstlight" run "$@" >out 2>err || got=$?
    [ "$got" = "$code" ] || wrong "run $*: exit code $got, not $code: $(cat out err)"
    [ "$(grep -cE -- "$sentence" err)" = 1 ] || wrong "run $*: not once '$sentence': $(cat err)"
}
fails 4 'cwd /nonexistent: no such directory' -q --cwd /nonexistent -- true
[ "$(wc -l <err)" = 1 ] || wrong "-q says more: $(cat err)"
fails 4 'no/such/program: no such program' -n 4 -- no/such/program
fails 1 ': a rank exited with a code other than 0 \(exit 1\)' -- sh -c 'exit 77'
fails 1 ': a rank was killed by a signal .* \(exit 1\)' -- sh -c 'kill -9 $$'
fails 2 'nothing to run' --
fails 2 'ranks takes at least 1' -n 0 -- true
[ -e /dev/nvidia0 ] || fails 4 'gpus: there is no GPU here' -q --gpus -- true
"$firstlight" run --json -n 2 -- echo hidden >out 2>err || wrong "--json: $(cat err)"
python3 -c 'import json; assert [json.loads(line)["kind"] for line in open("out")][-1] == "run.ended"' || wrong "--json: $(cat out)"
"$firstlight" run --print-job -n 3 --nodes 2 -e 'A=b c' --checkpoint 'ck/step_*' --bind core --unset HOME \
    --step-pattern 'at {step}' -- sh -c 'echo "$RANK" "#x: y"' "it's" >job.yaml
"$firstlight" run --print-job job.yaml | cmp - job.yaml || wrong "--print-job is another job: $(cat job.yaml)"
same "$("$firstlight" run -q job.yaml | sort | tr '\n' ' ')" "0 #x: y 1 #x: y 2 #x: y "
echo "failures have a sentence, a job file is its command line"

help=$("$firstlight" run sh -c 'echo $1' x --help 2>/dev/null)
same "$help" "--help"
same "$("$firstlight" torchrun --no-python printf %s --help 2>/dev/null)" "--help"
same "$("$firstlight" run -n 1 --help | head -1)" "$("$firstlight" help run | head -1)"
same "$("$firstlight" torchrun --nproc-per-node 2 -h | head -1)" "$("$firstlight" help torchrun | head -1)"
"$firstlight" torchrun --help | grep -q -- --nproc-per-node || wrong "torchrun --help lists no options"
echo "a program's --help is its own"
