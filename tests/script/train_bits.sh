#!/usr/bin/env bash
# The weights' hash after a training: the same on 1 to 4 ranks, by 1 or 2 threads, by each back end,
# stopped in the middle or not; and the one that tests/golden/train/hashes has for each kernel level
# and precision. (FIRSTLIGHT_RECORD=FILE writes those of this CPU, after a change that is meant.)
# ctest labels: slow
set -u
. "$FIRSTLIGHT_SOURCE/tests/train_lib.sh"
golden=$FIRSTLIGHT_SOURCE/tests/golden/train/hashes
record=${FIRSTLIGHT_RECORD:-}
make_data
"$train" data check data >check.log 2>&1 || wrong "data check: $(cat check.log)"

# wanted HASH NAME: the run in the folder NAME ended with it.
wanted() {
    [ -n "$1" ] && [ "$(hash_of $2)" = "$1" ] || wrong "$2: its hash is '$(hash_of $2)', not '$1'"
}

echo "each level as it was recorded"
for level in ref avx2 avx512 avx512bf16; do
    for precision in fp32 bf16; do
        name=$level-$precision
        if ! "$train" train -d data "${small[@]}" -s train.steps=12 -s train.kernels=$level \
            -s train.precision=$precision -o $name >say.0 2>&1; then
            grep -q 'this CPU' say.0 || wrong "$name: $(cat say.0)"
            echo "not here: $(cat say.0)"
            continue
        fi
        [ -z "$record" ] || echo "$level $precision $(hash_of $name)" >>"$record"
        [ -n "$record" ] || wanted "$(sed -n "s/^$level $precision //p" "$golden")" $name
    done
done

echo "whoever computes it"
for precision in fp32 bf16; do
    for ranks in 1 2 3 4; do
        for threads in 1 2; do
            name=$precision-$ranks-$threads
            together $ranks "${small[@]}" -s train.steps=12 -s train.precision=$precision \
                -s train.threads=$threads -s checkpoint.every=5 -o $name || continue
            [ -n "${first:-}" ] || first=$(hash_of $name)
            wanted "$first" $name
        done
    done
    bits=$first first=
done
mixed=(-s train.steps=12 -s train.shards=8 -s train.documents_apart=true -s router.aux_weight=0.01)
together 1 "${small[@]}" "${mixed[@]}" -o mixed-1 && together 3 "${small[@]}" "${mixed[@]}" -o mixed-3 &&
    wanted "$(hash_of mixed-1)" mixed-3
if ldconfig -p 2>/dev/null | grep -q 'libucp\.so\.0'; then
    together 3 "${small[@]}" -s train.steps=12 -s train.precision=bf16 --backend ucx -o ucx && wanted "$bits" ucx
else
    echo "not here: no libucp.so.0 (package libucx0)"
fi
exit $failed
