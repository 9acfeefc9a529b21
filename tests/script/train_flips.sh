#!/usr/bin/env bash
# A byte flipped, a file cut off or gone, in every kind of file of a checkpoint and of data. Of
# checkpoints the damaged one is named and the one before is taken, and the weights end as they would
# have; damaged data is named, and ends the training or the build of its batch, never in silence.
# FIRSTLIGHT_FLIPS (1) is how many seeds of each damage, FIRSTLIGHT_FAULT_SEED (1) the dice's seed.
# ctest labels: slow
set -u
. "$FIRSTLIGHT_SOURCE/tests/train_lib.sh"
command -v python3 >/dev/null || skip "no python3"
flips=${FIRSTLIGHT_FLIPS:-1}
seed=${FIRSTLIGHT_FAULT_SEED:-1}
make_data
settings=("${small[@]}" -s train.precision=bf16 -s checkpoint.every=5 -s optim.schedule=constant)
together 2 "${settings[@]}" -s train.steps=15 -o base || exit 1
together 1 "${settings[@]}" -s train.steps=20 -o calm || exit 1
calm=$(hash_of calm)

# damage KIND FILE SEED: flip a bit, cut off, or remove.
damage() {
    python3 - "$@" <<'PYTHON'
import os, random, sys
kind, path, seed = sys.argv[1:]
rng, size = random.Random(seed + path), os.path.getsize(path)
if kind == "gone":
    os.unlink(path)
elif kind == "cut":
    os.truncate(path, rng.randrange(size))
else:
    with open(path, "r+b") as file:
        old = new = b"a"
        while old.lower() == new.lower(): # a digit of a hash means the same in capitals
            at = rng.randrange(size)
            file.seek(at)
            old = file.read(1)
            new = bytes([old[0] ^ 1 << rng.randrange(8)])
        file.seek(at)
        file.write(new)
PYTHON
}

echo "checkpoints"
tried=0
for ((round = 0; round < flips; round++)); do
    for file in part-00000-of-00002 part-00001-of-00002 meta.json tokenizer.model MANIFEST; do
        for kind in flip cut gone; do
            rm -rf out
            cp -r base out
            damage $kind out/step-00000015/$file $((seed + round))
            what="$file $kind, seed $((seed + round))"
            together $((tried % 2 + 1)) "${settings[@]}" -s train.steps=20 -o out || continue
            tried=$((tried + 1))
            grep -q '"event":"checkpoint_passed_over".*out/step-00000015' out/log.jsonl || wrong "$what: nobody says that it is damaged"
            grep -q '"event":"resume".*out/step-00000010, step 10' out/log.jsonl || wrong "$what: not from the one before"
            [ "$(hash_of out)" = "$calm" ] || wrong "$what: other weights: $(hash_of out), not $calm"
        done
    done
done

echo "what is no text any more is told in the log all the same"
rm -rf out
cp -r base out
LC_ALL=C sed -i '2s/./\xff/' out/step-00000015/MANIFEST
together 1 "${settings[@]}" -s train.steps=20 -o out
grep -q '"event":"checkpoint_passed_over".*out/step-00000015' out/log.jsonl || wrong "a byte that is no UTF-8: nobody says that it is damaged"

echo "all of them"
rm -rf out
cp -r base out
for step in 5 10 15; do damage flip "$(printf 'out/step-%08d/part-00001-of-00002' $step)" $seed; done
"$train" train -d data "${settings[@]}" -s train.steps=20 -o out >say.0 2>&1
code=$?
[ $code = 2 ] && grep -q 'none of its 3 checkpoints is whole' say.0 || wrong "all damaged: exit code $code: $(cat say.0)"
[ -e out/step-00000010 ] || wrong "a damaged checkpoint was removed"

echo "data"
cp -r data whole
for ((round = 0; round < flips; round++)); do
    for file in train-00003.tokens train-00003.ends index.json tokenizer.model; do
        for kind in flip cut gone; do
            rm -rf out data
            cp -r whole data
            damage $kind data/$file $((seed + round))
            what="data/$file $kind, seed $((seed + round))"
            "$train" data check data >check.out 2>&1 && wrong "$what: data check does not see it"
            timeout 60 "$train" train -d data "${settings[@]}" -s train.steps=20 -o out >say.0 2>&1
            code=$?
            case $code in
            0) [ "$(hash_of out)" = "$calm" ] && [ ${file##*.} != tokens ] || wrong "$what: nobody sees it; the hash is $(hash_of out), not $calm" ;;
            1 | 2) grep -q "${file%.*}" say.0 || wrong "$what: not named: $(cat say.0)" ;;
            *) wrong "$what: exit code $code: $(cat say.0)" ;;
            esac
        done
    done
done
exit $failed
