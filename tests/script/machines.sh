#!/usr/bin/env bash
# Every file of real machine output goes through the whole program: no crash, a known exit code, valid
# JSON, and one sentence where nothing in it is known. What is known of two whole machines is said.
set -eu
data=$FIRSTLIGHT_DATA/machines
[ -d "$data" ] || { echo "skipped: no real machine output at $FIRSTLIGHT_DATA"; exit 77; }
export firstlight=$FIRSTLIGHT_BIN/firstlight data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export work
python3 - <<'PYTHON'
import collections, json, os, shutil, subprocess, sys

data, work = os.environ["data"], os.environ["work"]
failed = []


def wrong(text):
    print("WRONG:", text)
    failed.append(text)


def inspect(path):
    run = subprocess.run([os.environ["firstlight"], "inspect", "-q", "--json", path], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    errors = run.stderr.decode("utf-8", "replace")
    try:
        answer = json.loads(run.stdout)
    except ValueError as error:
        wrong(f"{path}: exit {run.returncode}, no JSON: {error}; {errors[-2000:]}")
        return None
    if run.returncode not in (0, 1, 2):
        wrong(f"{path}: exit {run.returncode}: {errors[-2000:]}")
    if errors:
        wrong(f"{path}: words on standard error: {errors[-2000:]}")
    faults = [f for f in answer["findings"] if f["severity"] != "info"]
    if run.returncode == 2:
        said = [node["error"] for node in answer["nodes"]]
        if len(said) != 1 or not said[0] or "\n" in said[0]:
            wrong(f"{path}: not one sentence: {said}")
    elif run.returncode != (1 if faults else 0):
        wrong(f"{path}: exit {run.returncode} with {len(faults)} findings above info")
    return answer


codes = collections.Counter()
for name in sorted(os.listdir(data)):
    answer = inspect(os.path.join(data, name))
    codes["unknown" if answer and "error" in answer["nodes"][0] else "read"] += 1
print(f"{codes['read']} files read, {codes['unknown']} with nothing known in them")
if codes["read"] < 130:
    wrong("most of the files should be known")


def rules_above_info(answer, *beginnings):
    return [f["rule"] for f in answer["findings"] if f["severity"] != "info" and f["rule"].startswith(beginnings)]


# A healthy eight-GPU node: 16 lines say "(downgraded)" and 6 ports have SrcValid+; none is a fault.
dell = inspect(os.path.join(data, "dell-h100-hgx-pex890xx.lspci-vvv.txt"))
faults = [f["rule"] for f in dell["findings"] if f["severity"] != "info"]
if faults:
    wrong(f"the healthy dell-h100 has findings: {faults}")
if any(f["rule"].startswith(("LINK_", "ACS_")) for f in dell["findings"]):
    wrong(f"the healthy dell-h100 has link or ACS notes: {[f['rule'] for f in dell['findings']]}")

# A whole machine from all its files: 8 idle GPUs are 8 notes, and the lost CPU is found.
folder = os.path.join(work, "asus")
os.mkdir(folder)
for name in os.listdir(data):
    if name.startswith("asus-esc8000a-e13p."):
        shutil.copy(os.path.join(data, name), folder)
asus = inspect(folder)
if len(asus["nodes"]) != 1:
    wrong(f"the asus folder is {len(asus['nodes'])} nodes")
if rules_above_info(asus, "LINK_", "IDLE_"):
    wrong(f"the idle asus has link findings: {rules_above_info(asus, 'LINK_', 'IDLE_')}")
idle = [f for f in asus["findings"] if f["rule"] == "IDLE_GPU_LINK_SPEED"]
gpus = [e for f in idle for e in f["evidence"] if e["where"].startswith("gpu")]
if [f["places"] for f in idle] != [8] or len({e["where"] for e in gpus}) != 8:
    wrong(f"not 8 notes on idle GPUs: {idle}")
lost = [f for f in asus["findings"] if f["rule"] == "IOMMU_OFF_LOSES_CPUS"]
if len(lost) != 1 or "239" not in lost[0]["detail"]:
    wrong(f"the lost CPU 239 is not found: {lost}")
elif not any("CPU 239 has invalid APIC ID" in e["text"] and e["line"] for e in lost[0]["evidence"]):
    wrong(f"no line says that CPU 239 is lost: {lost[0]['evidence']}")
sys.exit(1 if failed else 0)
PYTHON
