#!/usr/bin/env bash
# One wrong setting is one row, however few the nodes: the IOMMU on two of 24 nodes moves hundreds of
# facts and makes two rules speak.
set -eu
PATH=$PATH:/usr/sbin:/sbin
command -v lspci >/dev/null || { echo "skipped: lspci is not installed"; exit 77; }
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for bad in 2 3; do
    "$FIRSTLIGHT_BIN/fleetgen" --model hgx-h100 --lean --nodes 24 --seed 3 --bad $bad --mutation IOMMU_ON -o fleet$bad
    "$FIRSTLIGHT_BIN/firstlight" explain --json --metric fleet$bad/bw.csv fleet$bad >answer$bad.json || [ $? = 1 ]
done
python3 - <<'EOF'
import json

for bad in 2, 3:
    truth = json.load(open(f"fleet{bad}/truth.json"))["bad"]
    answer = json.load(open(f"answer{bad}.json"))
    same = [row for row in answer["differences"] if sorted(row["nodes"]) == sorted(truth)]
    assert [row["cause"] for row in same] == ["IOMMU_TRANSLATING"], [(row["cause"], row["nodes"]) for row in same]
    assert same[0]["changed_facts"] > 50, same[0]["changed_facts"]
    assert answer["explanation"][0]["cause"] == "IOMMU_TRANSLATING", answer["explanation"][0]
    assert sorted(answer["explanation"][0]["nodes"]) == sorted(truth)
    assert not answer["explanation"][0]["counter_examples"]
EOF
