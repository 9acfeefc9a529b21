#!/usr/bin/env bash
# kill -9 at random moments of a training: a rank, all of them, or those whose checkpoint is half
# written. It goes on by another number of ranks and threads, and ends with the weights of a training
# that nobody disturbed; who survives a dead rank leaves by itself, and names it.
# FIRSTLIGHT_KILLS (8) is how many kills, FIRSTLIGHT_FAULT_SEED (1) the dice's seed.
# ctest labels: slow
set -u
. "$FIRSTLIGHT_SOURCE/tests/train_lib.sh"
kills=${FIRSTLIGHT_KILLS:-8}
RANDOM=${FIRSTLIGHT_FAULT_SEED:-1}
make_data
settings=("${small[@]}" -s train.steps=120 -s train.precision=bf16 -s checkpoint.every=4 -s checkpoint.keep_last=2)
together 1 "${settings[@]}" -o calm || exit 1
calm=$(hash_of calm)
[ -n "$calm" ] || wrong "the calm one has no hash"

backends=(auto auto)
ldconfig -p 2>/dev/null | grep -q 'libucp\.so\.0' && backends+=(ucx)

count_ready() { grep -c '"event":"ready"' out/log.jsonl 2>/dev/null || :; }
alive() {
    local pid
    for pid in "${rank_pids[@]}"; do kill -0 $pid 2>/dev/null || return 1; done
}
# Until the ranks train, or one has ended.
await_training() {
    local before=$1
    while alive && [ "$(count_ready)" -le "$before" ]; do sleep 0.005; done
}
await_half_written() {
    while alive && ! compgen -G 'out/*.partial/*.tmp*' >/dev/null; do :; done
}
# A moment of at most 0.3 s.
moment() { sleep 0.$((RANDOM % 4))$((RANDOM % 10)); }

# The others of a dead rank: each has left with a sentence that names it.
check_survivors() {
    local victim=$1 rank
    for rank in "${!codes[@]}"; do
        [ $rank = $victim ] && continue
        [ ${codes[rank]} = 1 ] && grep -q "rank $victim has died" say.$rank ||
            wrong "rank $rank after the death of rank $victim: exit code ${codes[rank]}: $(cat say.$rank)"
    done
}

lives=0 killed=0 whole_runs=0
while [ $killed -lt $kills ] && [ $failed = 0 ]; do
    size=$((RANDOM % 4 + 1)) ready=$(count_ready)
    backend=${backends[RANDOM % ${#backends[@]}]}
    start $size "${settings[@]}" -s train.threads=$((RANDOM % 2 + 1)) --backend $backend -o out
    lives=$((lives + 1))
    kind=$((RANDOM % 4)) victim=$((RANDOM % size))
    case $kind in
    0) moment && kill -9 "${rank_pids[@]}" ;;
    1) await_half_written && kill -9 "${rank_pids[@]}" ;;
    2) await_training "${ready:-0}" && moment && kill -9 ${rank_pids[victim]} ;;
    3) await_training "${ready:-0}" && await_half_written && kill -9 ${rank_pids[victim]} ;;
    esac 2>/dev/null
    finish
    case " ${codes[*]} " in
    *' '[12]' '*) # somebody was killed, and others saw it
        killed=$((killed + 1))
        [ $kind -ge 2 ] && check_survivors $victim || wrong "kind $kind: exit codes ${codes[*]}: $(tail -n 2 say.*)"
        ;;
    *137*) killed=$((killed + 1)) ;;
    *) ;;
    esac
    if [[ ! ${codes[*]} =~ [^0\ ] ]]; then # it came to its end before it was hit
        [ "$(hash_of out)" = "$calm" ] || wrong "$size ranks: the hash is $(hash_of out), not $calm"
        whole_runs=$((whole_runs + 1))
        rm -rf out
    fi
done
together $((RANDOM % 4 + 1)) "${settings[@]}" -o out && [ "$(hash_of out)" = "$calm" ] ||
    wrong "at the end the hash is $(hash_of out), not $calm"
left=$(find out -name '*.partial' -o -name '*.tmp*')
[ -z "$left" ] || wrong "left behind: $left"
echo "$killed kills in $lives starts; $((whole_runs + 1)) runs came to their end"
[ $failed = 0 ] || cat out/log.jsonl | grep -v '"event":"step"'
exit $failed
