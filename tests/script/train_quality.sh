#!/usr/bin/env bash
# A small model learns from this repository's own text: its loss goes down all along, in bf16 as in
# fp32, no expert starves, nothing normal is taken for a spike, and the alarm for dead experts works.
# FIRSTLIGHT_QUALITY_STEPS says how long it learns.
# ctest labels: slow
set -eu
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
train=$FIRSTLIGHT_BIN/firstlight-train
steps=${FIRSTLIGHT_QUALITY_STEPS:-48}
work=$(mktemp -d "${TMPDIR:-/tmp}/firstlight-train-quality.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

cat "$FIRSTLIGHT_SOURCE"/README.md "$FIRSTLIGHT_SOURCE"/docs/*.md "$FIRSTLIGHT_SOURCE"/docs/design/*.md \
    "$FIRSTLIGHT_SOURCE"/man/*.1 "$FIRSTLIGHT_SOURCE"/src/*/*.[ch] >text.txt
"$train" tokenizer train --vocab 1024 -o tok.model text.txt >log
"$train" data build --tokenizer tok.model -o data text.txt >log
learn() { # learn NAME SETTING...
    local name=$1
    shift
    "$train" train --preset grok-nano --data data --out "$name" --quiet --set train.threads=1 --set train.batch=16 \
        --set optim.warmup=10 --set checkpoint.every=0 --set train.steps="$steps" "$@" >said 2>&1 || { cat said; exit 1; }
}
learn bf16
[ ! -s said ] || { echo "a normal run is not quiet: $(cat said)"; exit 1; }
learn fp32 --set train.precision=fp32
learn other --set train.seed=2
learn alarm --set train.steps=8 --set router.dead_share=1 --set router.dead_steps=3 --set router.bias_rate=0
grep -q '^dead_expert: expert [0-7] of layer [0-2] has less than 1 of its fair share since 3 steps$' said ||
    { echo "no alarm: $(cat said)"; exit 1; }

python3 - "$steps" <<'PYTHON'
import json, sys
steps = int(sys.argv[1])
def read(name):
    rows = [json.loads(line) for line in open(name + "/log.jsonl")]
    rows = [row for row in rows if row["event"] == "step"]
    assert len(rows) == steps and all(row["verdict"] == "applied" for row in rows), name
    return rows
def means(rows, parts=6):
    cuts = [i * steps // parts for i in range(parts + 1)]
    return [sum(row["loss"] for row in rows[a:b]) / (b - a) for a, b in zip(cuts, cuts[1:])]
runs = {name: read(name) for name in ("bf16", "fp32", "other")}
for name, rows in runs.items():
    curve = means(rows)
    worst = sum(row["expert_worst"] for row in rows[-20:]) / 20
    print(name, *("%.3f" % loss for loss in curve), "least loaded expert %.2f" % worst)
    assert all(a > b for a, b in zip(curve[:4], curve[1:4])) and curve[5] < curve[3] + 0.05, curve
    assert curve[0] > curve[-1] + 1, curve
    assert worst >= 0.25 and rows[-1]["dead_experts"] == 0, worst
a, b, c = (means(runs[name])[-1] for name in ("bf16", "fp32", "other"))
assert abs(a - b) < 0.05 * b and abs(a - c) < 0.1 * a, (a, b, c)
PYTHON
