#!/usr/bin/env bash
# Snapshots that came to harm, through the program: cut off at any byte or with a flipped bit they are
# named in one sentence, never crash it, and those beside them are still read.
set -eu
bin=$FIRSTLIGHT_BIN
PATH=$PATH:/usr/sbin:/sbin command -v lspci >/dev/null || { echo "skipped: lspci is not there (pciutils)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$bin/fleetgen" --model hgx-h100 --nodes 4 --seed 7 --only lspci,dmesg --lean --format snap -o good
ls good/n001.snap good/n004.snap >/dev/null
export firstlight=$bin/firstlight
python3 - <<'PYTHON'
import json, os, random, shutil, subprocess, sys

good = open("good/n001.snap", "rb").read()
rng = random.Random(1)
failed = False


def wrong(text):
    global failed
    failed = True
    print("WRONG:", text)


# All harmed snapshots lie in one folder, so one process reads them all.
harmed = {}
for i in range(24):
    harmed[f"torn{i:02d}"] = good[:rng.randrange(1, len(good))]
for i, size in enumerate((1, 4, 17, len(good) - 1, len(good) - 4)):
    harmed[f"torn9{i}"] = good[:size]
for i in range(48):
    at, flipped = rng.randrange(len(good)), bytearray(good)
    flipped[at] ^= 1 << rng.randrange(8)
    harmed[f"flip{i:02d}"] = bytes(flipped)
harmed["tail"] = good + b"more"
harmed["twice"] = good + good
os.mkdir("harmed")
for name in ("n002", "n003"):
    shutil.copy(f"good/{name}.snap", f"harmed/{name}.snap")
for name, content in harmed.items():
    open(f"harmed/{name}.snap", "wb").write(content)


def inspect(path):
    run = subprocess.run([os.environ["firstlight"], "inspect", "-q", "--json", path], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    if run.returncode not in (0, 1, 2):
        wrong(f"{path}: exit {run.returncode}: {run.stderr[-2000:]}")
    return run.returncode, json.loads(run.stdout)


code, answer = inspect("harmed")
nodes = {node["name"]: node for node in answer["nodes"]}
if code == 2:
    wrong("good nodes among harmed ones: exit 2")
for name in "n002", "n003":
    if "error" in nodes.get(name, {"error": "missing"}):
        wrong(f"{name} is whole, but: {nodes.get(name)}")
quiet = 0
for name in harmed:
    if name not in nodes:
        wrong(f"{name} is not among the nodes")
        continue
    said = [unknown for unknown in answer["unknown"] if unknown["node"] == name or name in str(unknown["what"])]
    if name.startswith("torn") and "error" not in nodes[name] and not said:
        wrong(f"{name}: {len(harmed[name])} of {len(good)} bytes were taken for the whole")
    if "\n" in nodes[name].get("error", ""):
        wrong(f"{name}: not one sentence: {nodes[name]['error']}")
    if name.startswith("flip") and "error" not in nodes[name]:
        quiet += 1
if quiet:
    wrong(f"{quiet} of 48 flipped bits were not noticed")

# One alone is trouble with the request: exit 2 and a sentence that names the file.
for name in ("torn00", "flip00"):
    run = subprocess.run([os.environ["firstlight"], "inspect", f"harmed/{name}.snap"], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if run.returncode != 2 or f"{name}.snap" not in (run.stdout + run.stderr).decode():
        wrong(f"{name} alone: exit {run.returncode}: {run.stdout[-500:]} {run.stderr[-500:]}")
sys.exit(failed)
PYTHON
