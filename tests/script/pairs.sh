#!/usr/bin/env bash
# ctest labels: threads
# Two dumps of one machine each, of which it is known what was changed between them: `compare --json`
# has the known cause among its first three differences, on the right node and with lines.
set -eu
data=$FIRSTLIGHT_DATA/machines
[ -d "$data" ] || { echo "skipped: no real machine output at $FIRSTLIGHT_DATA"; exit 77; }
export firstlight=$FIRSTLIGHT_BIN/firstlight data
python3 - <<'PYTHON'
import json, os, subprocess, sys

PAIRS = [  # one, the other, a rule that is the cause, a fact of it, who carries it
    # Kernel 5.10 with the IOMMU on, 5.0 without: the poster listed what differs.
    ("ml-cometlake-aer-corrected.debian.lspci-vv.txt", "ml-cometlake-aer-corrected.ubuntu.lspci-vv.txt",
     "IOMMU_TRANSLATING", "ACS.ACSCtl.ReqRedir", "debian"),
    # pcie_aspm's policy, found by bisecting.
    ("ml-asus-pn51.aspm-default.lspci-vvv.txt", "ml-asus-pn51.aspm-performance.lspci-vvv.txt",
     "ASPM_ENABLED", "Express.LnkCtl.ASPM", "aspm-default"),
    # Kernel 6.13 turns link bandwidth interrupts on: what is left to see is LnkSta BWMgmt+ ABWMgmt+.
    ("ml-core2-rv-regression-6.13.a.lspci-vv.txt", "ml-core2-rv-regression-6.13.b.lspci-vv.txt",
     "LINK_RETRAINED", None, "6.13.a"),
    # Link registers that hibernation does not restore.
    ("ml-icelake-l1ss.4257f7e-pre-hibernate.lspci-vvnn.txt", "ml-icelake-l1ss.4257f7e-post-hibernate.lspci-vvnn.txt",
     "ASPM_ENABLED", "Express.LnkCtl.ClockPM", "post-hibernate"),
    ("ml-icelake-l1ss.patch-before-hibernate.lspci-vvnn.txt",
     "ml-icelake-l1ss.patch-after-hibernate-1.lspci-vvnn.txt",
     "CLOCK_PM_ON", "Express.LnkCtl.ClockPM", "after-hibernate-1"),
]
# Nothing but an interrupt's place changed between these two, if anything.
ALIKE = ("ml-icelake-l1ss.patch-after-hibernate-1.lspci-vvnn.txt", "ml-icelake-l1ss.patched-after-hibernate.lspci-vvnn.txt")
failed = False


def compare(one, other):
    run = subprocess.run([os.environ["firstlight"], "compare", "-q", "--json", "--threads", "2"] +
                         [os.path.join(os.environ["data"], name) for name in (one, other)],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120)
    return run.returncode, json.loads(run.stdout)


for one, other, cause, path, carrier in PAIRS:
    code, answer = compare(one, other)
    first = sorted(answer["differences"], key=lambda d: d["rank"])[:3]
    said = [(d["cause"], d["nodes"]) for d in first]
    hits = [d for d in first if d["cause"] == cause]
    if code != 1 or not hits:
        print(f"WRONG: {one}: exit {code}, {cause} is not among the first three: {said}")
        failed = True
        continue
    hit = hits[0]
    if len(hit["nodes"]) != 1 or carrier not in hit["nodes"][0]:
        print(f"WRONG: {one}: {cause} is said of {hit['nodes']}, not of {carrier}")
        failed = True
    if path and path not in [field["path"] for field in hit["fields"]]:
        print(f"WRONG: {one}: {path} is not a part of {cause}: {hit['fields']}")
        failed = True
    if not any(e["line"] and e["text"] for e in hit["evidence"]):
        print(f"WRONG: {one}: {cause} without a line")
        failed = True
code, answer = compare(*ALIKE)
if answer["differences"]:
    print(f"WRONG: {ALIKE}: {answer['differences']}")
    failed = True
sys.exit(failed)
PYTHON
