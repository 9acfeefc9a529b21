#!/usr/bin/env bash
# `firstlight-train data` from files to shards: any threads, killed and called again, damaged.
set -euo pipefail
train=$FIRSTLIGHT_BIN/firstlight-train
model=$FIRSTLIGHT_DATA/grok-1-tokenizer.model
[ -r "$model" ] || { echo "skipped: no grok-1-tokenizer.model"; exit 77; }
command -v gzip >/dev/null || { echo "skipped: no gzip"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() { echo "data_build: $*" >&2; exit 1; }
build() { "$train" data build --tokenizer "$model" --shard-tokens 20000 --held-out 0.1 "$@"; }

mkdir -p corpus/deep
cat "$FIRSTLIGHT_SOURCE"/docs/design/*.md >corpus/docs.txt
for i in 1 2 3; do printf '{"text":"line %d: let there be light"}\n' $i; done | gzip >corpus/deep/lines.jsonl.gz

build -o one --threads 1 corpus >one.txt
build -o two --threads 2 corpus >two.txt
diff -r one two || fail "two threads wrote other bytes than one"
grep -q 'held out: [1-9]' one.txt || fail "nothing is held out"
"$train" data info one --json | grep -q '"vocabulary": 131072' || fail "info does not tell the vocabulary"
build -o one corpus | grep -q 'were there from an earlier build' || fail "a second call builds again"

build -o killed corpus >/dev/null &
kill -9 $! || true
wait $! 2>/dev/null || true
build -o killed corpus >/dev/null
diff -r one killed || fail "killed and called again, it wrote other bytes"

"$train" data check one >/dev/null || fail "what was built is not whole"
printf 'x' | dd of=two/train-00000.tokens bs=1 seek=77 conv=notrunc status=none
code=0; "$train" data check two >out.txt || code=$?
[ $code -eq 1 ] && grep -q 'train-00000.tokens: its checksum is wrong' out.txt || fail "damage: exit $code"

printf 'good \377' >bad.txt
code=0; build -o bad bad.txt 2>err.txt || code=$?
[ $code -eq 2 ] && grep -q 'bad.txt: byte 5 is not UTF-8' err.txt || fail "bad text: exit $code"
