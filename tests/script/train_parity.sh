#!/usr/bin/env bash
# The model and a step of its training are what docs/design/model.md says: another program, in double
# precision and with torch's own derivatives, comes to the same numbers.
set -euo pipefail
train=$FIRSTLIGHT_BIN/firstlight-train
parity=$FIRSTLIGHT_SOURCE/tests/parity.py
python=
for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import numpy, torch; torch.nn.functional.gelu' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || { echo "skipped: no Python with numpy and torch (package python3-torch)"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/firstlight-parity.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
export OMP_NUM_THREADS=1

fail() {
    echo "$*" >&2
    exit 1
}

mkdir parts
for i in $(seq 160); do
    echo "In the beginning the cluster had $((i * i % 97)) nodes; then came step $i, and light."
done > text
split -n l/8 text parts/p
"$train" tokenizer train --vocab 310 -o tok.model parts/* > log
"$train" data build --tokenizer tok.model -o data --held-out 0 parts > log

# model NAME SETTING...: some steps, so that nothing is as it began; then all of it is compared. The
# odd sizes are no multiples of what vectors and tiles like.
time=24 batch=4
model() {
    local name=$1 type at tokens
    shift
    at=("$name"/step-0000000{4,5})
    "$train" train --preset grok-nano --data data --out "$name" --set train.steps=5 --set train.time=$time \
        --set train.batch=$batch --set train.shards=2 --set train.threads=1 --set train.precision=fp32 \
        --set optim.warmup=3 --set checkpoint.every=1 --set router.aux_weight=0.01 \
        --set router.bias_fade=0 "$@" > log 2>&1 ||
        fail "$name: $(cat log)"
    "$train" data show --json --time $time --window $((4 * batch)) --count $batch data > windows
    tokens=$("$python" -c 'import json
window = json.loads(open("windows").readline())
print(*window["tokens"], *(t for t in window["targets"][-1:]), 0, 7, sep=",")')
    for type in fp32 bf16; do
        "$train" logits "${at[1]}" --tokens "$tokens" --all --json --precision $type > $type.json
    done
    "$python" "$parity" "${at[@]}" windows "$name/log.jsonl" fp32.json bf16.json > said 2>&1 ||
        fail "$name: $(cat said)"
    sed "s/^/$name: /" said
}

small=(--set model.dim=64 --set model.layers=2 --set model.ffn=96)
model grok-1 "${small[@]}"
model grok-2 "${small[@]}" --set model.tied=false --set model.residual_ffn=72 --set model.router_cap=30 \
    --set model.final_cap=50 --set model.attention_temperature_from=4 --set model.rope_factor=16 \
    --set model.rope_original_context=16 --set model.rope_beta_fast=8 --set model.rope_magnitude=1.277 \
    --set model.rope_theta=500
model dense "${small[@]}" --set model.experts=1 --set model.experts_used=1 --set optim.clip=0
model odd --set model.dim=50 --set model.layers=3 --set model.ffn=37 --set model.experts=5 \
    --set model.experts_used=3 --set model.q_heads=6 --set model.kv_heads=3 --set model.head_dim=10 \
    --set model.vocab=333 --set model.router_renormalize=true --set model.attention_cap=2 \
    --set optim.decay=0.3 --set router.z_weight=0.1
