#!/bin/bash
# A trained model goes out to safetensors and GGUF and comes back: the same logits to the last digit,
# and a training may go on from it.
set -euo pipefail

train=$FIRSTLIGHT_BIN/firstlight-train
work=$(mktemp -d "${TMPDIR:-/tmp}/firstlight-exchange.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "$*" >&2
    exit 1
}

# A sentence on stderr, exit code 2, and nothing left behind.
refused() {
    local says=$1
    shift
    "$train" "$@" > answer 2> why && fail "'$*' was done"
    [ $? -eq 2 ] || fail "'$*' did not exit 2"
    grep -q -- "$says" why || fail "'$*' said '$(cat why)', not '$says'"
}

for i in $(seq 300); do
    echo "In the beginning the cluster had $i nodes, and then came step $((i * i)) of the training."
done > text.txt
"$train" tokenizer train --vocab 340 -o tok.model text.txt > log
"$train" data build --tokenizer tok.model -o data text.txt > log
settings=(--preset grok-nano --set model.vocab=352 --set train.time=32 --set train.threads=1)
"$train" train "${settings[@]}" --data data -o out --set train.steps=2 > log 2>&1 || fail "$(cat log)"
"$train" logits out --tokens 1,45,7 --json > want

for format in safetensors gguf; do
    "$train" export --format $format --precision fp32 -o model.$format out > log
    "$train" import -o back-$format model.$format > log
    "$train" logits back-$format --tokens 1,45,7 --json > got
    cmp want got || fail "other logits after $format"
    cmp out/step-00000002/tokenizer.model back-$format/step-00000000/tokenizer.model
done
cmp tok.model model.safetensors/tokenizer.model
cmp back-gguf/step-00000000/part-00000-of-00001 back-safetensors/step-00000000/part-00000-of-00001

# bf16 is half of it, and near.
"$train" export --format gguf --precision bf16 -o half.gguf out > log
[ $(($(stat -c %s half.gguf) * 10)) -lt $(($(stat -c %s model.gguf) * 7)) ] || fail "bf16 is not small"
"$train" import -o back-half half.gguf > log

# A training goes on from what came in.
"$train" train "${settings[@]}" --data data -o back-gguf --set train.steps=1 > log 2>&1 ||
    fail "$(cat log)"
[ -f back-gguf/step-00000001/MANIFEST ] || fail "no step after the import"
"$train" train --data data -o back-safetensors --set train.steps=1 --set train.time=32 > log 2>&1 ||
    fail "an import whose preset nobody named: $(cat log)"

# At the end of a training the router's bias is gone; where it is not, the export says so.
for format in gguf safetensors; do
    "$train" export --format $format -o quiet.$format out > log 2> why
    [ ! -s why ] || fail "an export without a bias said $(cat why)"
done
"$train" train "${settings[@]}" --data data -o biased --set train.steps=2 --set router.bias_fade=0 > log 2>&1
"$train" export --format gguf -o biased.gguf biased > log 2> why
grep -q "the router chooses with a bias" why || fail "no word of the bias"
grep -q "trained with a router bias" biased.gguf || fail "no word of the bias in the file"

# So it does where llama.cpp computes otherwise what a key says, in one sentence; for others it is no matter.
"$train" train "${settings[@]}" --data data -o capped --set train.steps=1 --set model.router_cap=30 > log 2>&1
"$train" export --format gguf -o capped.gguf capped > log 2> why
[ "$(cat why)" = "firstlight-train export: llama.cpp comes to other logits: it does not apply model.router_cap" ] ||
    fail "of the cap it said '$(cat why)'"
"$train" export --format safetensors -o capped.safetensors capped > log 2> why
[ ! -s why ] || fail "safetensors with a cap: $(cat why)"

# What a trained model says when it always takes the likeliest token, it says when it comes back.
small=(--set model.dim=64 --set model.layers=2 --set model.q_heads=2 --set model.kv_heads=1 --set model.ffn=64
    --set train.batch=8 --set optim.lr=4e-3 --set optim.warmup=5)
"$train" train "${settings[@]}" "${small[@]}" --data data -o learnt --set train.steps=80 > log 2>&1 || fail "$(cat log)"
say() { "$train" sample "$1" -p "In the beginning" -p "and then" -n 30 --temperature 0 --threads 1; }
say learnt > want
grep -q "the cluster had" want || fail "80 steps taught it nothing: $(cat want)"
for format in safetensors gguf; do
    "$train" export --format $format --precision fp32 -o learnt.$format learnt > log
    "$train" import -o learnt-$format learnt.$format > log
    say learnt-$format > got
    cmp want got || fail "after $format it says '$(cat got)', not '$(cat want)'"
done

# Without our copy of the tokenizer's model, its pieces make one that cuts the same.
sed 's/firstlight.tokenizer_model/firstlight.tokenizer_nodel/' model.gguf > foreign.gguf
"$train" import -o foreign foreign.gguf > log
printf 'a  node\n\n\n\tstep 12345,\n and <x> light\n\n\n\n\n\n\n\n\n\n\n\n\nend' > mixed
"$train" tokenizer encode --tokenizer tok.model < mixed > want
"$train" tokenizer encode --tokenizer foreign/step-00000000/tokenizer.model < mixed > got
cmp want got || fail "other tokens from the pieces"
"$train" train "${settings[@]}" --data data -o wide --set train.steps=1 --set model.head_dim=64 > log 2>&1
refused "heads that fill the width" export --format gguf -o x wide

refused "say --format" export --format onnx -o x out
refused "no finished\|there is no whole checkpoint\|No such file" export --format gguf -o x nowhere
refused "not empty" export --format safetensors -o model.safetensors out
refused "has a checkpoint already" import -o out model.gguf
refused "no GGUF file" import -o x text.txt
truncate -s -1000 model.gguf
refused "may be cut off" import -o x model.gguf
[ ! -e x ] || fail "something was left in x"
