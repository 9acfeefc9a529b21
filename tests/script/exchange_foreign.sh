#!/usr/bin/env bash
# safetensors by a writer that shares nothing with ours: the same model however it is written, and one
# sentence for what is wrong. Then a larger one: what comes out says the same, in bounded memory.
set -u
train=$FIRSTLIGHT_BIN/firstlight-train
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 "$FIRSTLIGHT_SOURCE/tests/safetensors_writer.py" "$train"
