#!/usr/bin/env bash
# One wrong setting is one row, however few the nodes: the IOMMU on two of 24 nodes moves hundreds of
# facts and makes two rules speak; a GPU that is gone is gone in lspci, nvidia-smi and its topology.
set -eu
PATH=$PATH:/usr/sbin:/sbin
command -v lspci >/dev/null || { echo "skipped: lspci is not installed"; exit 77; }
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# plant MUTATION BAD NODES SEED: fleet.MUTATION.BAD and its answer
plant() {
    "$FIRSTLIGHT_BIN/fleetgen" --model hgx-h100 --lean --nodes "$3" --seed "$4" --bad "$2" --mutation "$1" -o "fleet.$1.$2"
    "$FIRSTLIGHT_BIN/firstlight" explain --json --metric "fleet.$1.$2/bw.csv" "fleet.$1.$2" >"answer.$1.$2" || [ $? = 1 ]
}
plant IOMMU_ON 2 24 3
plant IOMMU_ON 3 24 3
for mutation in MISSING_GPU MISSING_NIC NPS4 SMT_OFF ACS_PARTIAL ECAM_MISSING; do
    plant $mutation 2 16 5
done
python3 - <<'EOF'
import json

ROWS = [  # mutation, bad nodes; its cause, title, what else finds fault, facts at least
    ("IOMMU_ON", 2, "IOMMU_TRANSLATING", "the IOMMU translates DMA", ["ACS_REDIRECT_ON_P2P_PATH"], 50),
    ("IOMMU_ON", 3, "IOMMU_TRANSLATING", "the IOMMU translates DMA", ["ACS_REDIRECT_ON_P2P_PATH"], 50),
    ("MISSING_GPU", 2, "DEVICE_MISSING", "gpu7 is missing", [], 20),
    ("MISSING_NIC", 2, "NIC_MISSING", "nic10 is missing", [], 20),
    ("NPS4", 2, "NUMA_PER_SOCKET_DIFFERS", "NUMA nodes per socket (NPS, SNC) are set differently", [], 50),
    ("SMT_OFF", 2, "SMT_DIFFERS", "hyper-threading (SMT) is set differently", [], 10),
    ("ACS_PARTIAL", 2, "ACS_REDIRECT_ON_P2P_PATH", None, ["ACS_MIXED_ON_P2P_PATH"], 4),
    ("ECAM_MISSING", 2, "EXTENDED_CONFIG_UNREACHABLE", None, [], 500),
]
failed = False
for mutation, bad, cause, title, also, facts in ROWS:
    name = f"{mutation}.{bad}"
    truth = json.load(open(f"fleet.{name}/truth.json"))["bad"]
    answer = json.load(open(f"answer.{name}"))
    same = [row for row in answer["differences"] if sorted(row["nodes"]) == sorted(truth)]
    first = answer["explanation"][0]
    said = [(row["cause"], row["title"], row["also"], row["changed_facts"]) for row in same]
    if [row["cause"] for row in same] != [cause] or title not in (None, same[0]["title"]) or \
       same[0]["also"] != also or same[0]["changed_facts"] < facts:
        print(f"FAILED: {name}: said {said}")
        failed = True
    elif answer["test"]["slow"] and (first["cause"] != cause or sorted(first["nodes"]) != sorted(truth) or first["counter_examples"]):
        print(f"FAILED: {name}: explained by {first}")
        failed = True
raise SystemExit(failed)
EOF
