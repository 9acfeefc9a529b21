#!/usr/bin/env bash
# kill -9 of ranks, grandchildren, agents, wardens, both at once and the controller, at random moments
# of a run that goes on from checkpoints: it ends well, its events fit each other, nothing is left.
# FIRSTLIGHT_FAULT_ROUNDS (6) is how many faults, FIRSTLIGHT_FAULT_SEED (1) the dice's seed.
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"
rounds=${FIRSTLIGHT_FAULT_ROUNDS:-6}
RANDOM=${FIRSTLIGHT_FAULT_SEED:-1}

# Steps until somebody says that it is enough; rank 0 saves each. A grandchild has left its group.
cat >job.sh <<'SH'
step=${FIRSTLIGHT_RESUME##*_}
step=${step:-0}
echo $$ >pid.$RANK
setsid sh -c 'echo $$ >grand.$RANK; exec sleep 1000' &
until [ -e enough ]; do
    sleep 0.05
    step=$((step + 1))
    [ $RANK = 0 ] || continue
    mkdir -p ckpt/step_$step && touch ckpt/step_$step/.done
    rm -rf ckpt/step_$((step - 5))
    echo "step $step/100000"
done
SH
newest_step() { ls ckpt 2>/dev/null | cut -d_ -f2 | sort -n | tail -1; }
stepped() { [ "$(newest_step)" -gt $1 ]; }
# Runs, and has made a step since.
goes_on() {
    [ "$("$bin" show --json "$id" | python3 -c 'import json, sys; print(json.load(sys.stdin)["state"])')" = running ] &&
        { at=$(newest_step); await stepped ${at:-0}; }
}

one_of() {
    local list=("$@")
    [ $# -gt 0 ] && echo ${list[RANDOM % $#]}
}
fault() {
    local kind=$1 warden
    case $kind in
    rank) kill -9 $(cat pid.$((RANDOM % 4))) ;;
    grandchild) kill -9 $(cat grand.$((RANDOM % 4))) ;;
    warden) kill -9 $(one_of $(wardens_of $id)) ;;
    agent) kill -9 $(one_of $(below_wardens_of $id)) ;;
    both)
        warden=$(one_of $(wardens_of $id))
        kill -9 $warden $(for pid in $(below_wardens_of $id); do [ $(parent_of $pid) = $warden ] && echo $pid; done)
        ;;
    controller)
        controllers=$((controllers + 1))
        kill -9 $run
        wait $run 2>/dev/null
        sleep 0.$((RANDOM % 6))
        "$bin" resume "$id" >>faults.out 2>>faults.err &
        run=$!
        ;;
    esac 2>/dev/null
}

controllers=1
begin faults -N 2 --nproc-per-node 2 --spares 1 --checkpoint 'ckpt/step_*' --complete-when 'file .done' \
    --step-pattern 'step {step}/{total}' --abort-grace 1s --node-timeout 2s -- sh job.sh
kinds=(rank agent controller warden both grandchild)
for ((round = 0; round < rounds; round++)); do
    await goes_on || { wrong "round $round ($kind): it does not go on"; break; }
    sleep 0.$((RANDOM % 4))
    kind=${kinds[round < 6 ? round : RANDOM % 6]}
    [ $((RANDOM % 3)) = 0 ] && fault controller # and nobody is there who sees the other
    fault $kind
    kill -0 $run 2>/dev/null || { wrong "round $round ($kind): the controller has ended"; break; }
done
await goes_on || wrong "after $kind: it does not go on"
touch enough
ended faults 0
[ "$(count controller.started)" -le $controllers ] || wrong "$(count controller.started) controllers, not $controllers"
[ $failed = 0 ] || { "$bin" events "$id"; cat faults.err; }
exit $failed
