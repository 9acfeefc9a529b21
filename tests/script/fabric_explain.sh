#!/usr/bin/env bash
# `firstlight explain --fabric`: a fleet in which one setting is wrong on some nodes, and a fabric test in
# which these are slow: the setting is named, with since when; a leaf that is slow is no node's setting.
set -u
bin=$FIRSTLIGHT_BIN
PATH=$PATH:/usr/sbin:/sbin command -v lspci >/dev/null || { echo "skipped: lspci is not there (pciutils)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME=$work/state
cd "$work" || exit 1
make() { python3 "$FIRSTLIGHT_SOURCE/tests/support/fabric_results.py" "$@"; }
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
explain() { # CODE ARGS...: into out
    local code=$1 got
    shift
    "$bin/firstlight" explain -q "$@" >out 2>err
    got=$?
    [ "$got" = "$code" ] || wrong "explain $*: exit $got, not $code: $(head -c 500 err)"
}
says() { for word in "$@"; do grep -qF -- "$word" out || wrong "it does not say '$word': $(head -40 out)"; done; }

fleet() { "$bin/fleetgen" --model hgx-h100 --nodes 32 --only lspci,dmesg,ibstat --lean "$@" || wrong "fleetgen"; }
fleet --seed 11 --bad 1 --mutation IOMMU_ON -o one
fleet --seed 12 --bad 4 --mutation MRRS_512 -o four
slow1=$(cat one/slow.txt)
slow4=$(sed 's/$/:0.6/' four/slow.txt | paste -s -d ,)

# One node: it alone carries it, a rule knows its harm, and chance is not ruled out.
make now.json nodes=32 id=fabric-new began=1764000000 slow="$slow1:0.5"
explain 1 --fabric now.json one
says "$slow1: 50 % slower by pair.bandwidth. The likely cause: The IOMMU translates DMA." "All 32 nodes of the test were read." \
    "no older test of it is kept" "likely: 'the IOMMU translates DMA' is on the slow node alone" "IOMMU_TRANSLATING" \
    "$slow1's other numbers: well: pair.latency.p50, memory.read" "What else was considered" \
    "asked by pairs of nodes the same difference comes first"

# Since when: well, then slow twice, and slow now.
make a.json nodes=32 id=fabric-a began=1763000000
make b.json nodes=32 id=fabric-b began=1763100000 slow="$slow1:0.5" seed=2
make c.json nodes=32 id=fabric-c began=1763200000 slow="$slow1:0.5" seed=3
make --store "$bin/firstlight" "$work/state/firstlight" a.json b.json c.json now.json
explain 1 --fabric LAST one
tr -s ' \n' ' ' <out >flat
grep -Eq 'since well in fabric-a of 2025-11-13 02:13 UTC \(11\.[0-9] GB/s\); slow in the 2 tests between that and this' flat ||
    wrong "since when: $(grep -A2 since out)"
explain 1 --fabric fabric-b one
tr -s ' \n' ' ' <out >flat
grep -q 'well in fabric-a of 2025-11-13 02:13 UTC (11.[0-9] GB/s), the last test before this' flat || wrong "since when: $(grep -A2 since out)"
explain 0 --fabric fabric-a one
says "Nothing was slow in this test: there is nothing to explain."

# Four nodes: that is beyond chance. Their names have a domain in the test.
make four.json nodes=32 slow="$slow4"
sed -i 's/"\(n0[0-9][0-9]\)"/"\1.cluster"/g' four.json
explain 1 --fabric four.json --html page.html four
says "What explains it: An RDMA NIC asks for small reads." "MAX_READ_REQUEST_SMALL" "explains it beyond chance" "All 32 nodes of the test were read."
explain 1 --fabric four.json --json four
python3 - four/slow.txt <<'PYTHON' || failed=1
import json, sys
slow = sorted(open(sys.argv[1]).read().split())
answer = json.load(open("out"))
chapter = answer["chapters"][0]
assert len(answer["chapters"]) == 1 and len(chapter["suspects"]) == 4, chapter["suspects"]
assert sorted(s["nodes"][0] for s in chapter["suspects"]) == [name + ".cluster" for name in slow]
assert chapter["cause"]["cause"] == "MAX_READ_REQUEST_SMALL" and sorted(chapter["cause"]["nodes"]) == slow, chapter["cause"]
assert chapter["cause"]["p_corrected"] <= 0.05 and not chapter["likely"], chapter["cause"]
assert sorted(chapter["test"]["slow"]) == slow, chapter["test"]
assert chapter["pairs"]["explanation"][0]["cause"] == chapter["cause"]["cause"]
PYTHON
for words in "What is slow, and why" "What explains it" "<svg" "asked by pairs of nodes the same"; do
    grep -q "$words" page.html || wrong "the page does not say: $words"
done

# Eight nodes, of which two are slow: one has a setting that does harm, the other nothing but a firmware that two well
# nodes have too. That one of these is last among the well ones, as by these seeds, makes no cause of it.
fleet --nodes 8 --seed 12 --bad 1 --mutation MRRS_512 -o eight
harmed=$(cat eight/slow.txt)
other=$(ls eight | grep '^n' | grep -vx "$harmed" | head -1)
for node in "$other" $(ls eight | grep '^n' | grep -vx "$harmed" | sed -n '3p;6p'); do
    sed -i 's/28\.39\.1002/28.43.2566/' eight/"$node"/*.txt
done
for seed in 1 2 3 4 5 6 7 8; do
    make eight.json nodes=8 slow="$harmed:0.5,$other:0.6" seed=$seed
    explain 1 --fabric eight.json eight
    tr -s ' \n' ' ' <out >flat
    grep -qF "cause likely for $harmed: 'an RDMA NIC asks for small reads'; nothing visible for $other. What is named" flat ||
        wrong "seed $seed: $(grep -A5 cause out)"
done
explain 1 --fabric eight.json --json eight
python3 - "$harmed" "$other" <<'PYTHON' || failed=1
import json, sys
chapter = json.load(open("out"))["chapters"][0]
assert [cause["nodes"] for cause in chapter["likely"]] == [[sys.argv[1]]], chapter["likely"]
assert chapter["unexplained"] == [sys.argv[2]] and chapter["cause"] == chapter["likely"][0]
PYTHON

# A leaf is no node's setting; a node in it that has one too is still explained.
make leaf.json nodes=32 groups=8 leaf=leaf2:0.6
explain 1 --fabric leaf.json one
says "leaf2 (8 nodes): 40 % slower" "That is no node's setting." "no node's setting: its nodes are slow together"
grep -q IOMMU_TRANSLATING out && wrong "a leaf is explained by a node's setting"
make both.json nodes=32 groups=8 leaf=leaf1:0.6 slow="$slow1:0.4"
explain 1 --fabric both.json one
says "$slow1: 60 % slower" "likely: 'the IOMMU translates DMA'" "leaf1 (8 nodes): 40 % slower"

# Half of the nodes were read; none of them was.
mkdir half
cp -r one/n00* "one/$slow1" half/
explain 1 --fabric now.json half
says "of the 32 nodes of the test were read; not among them: n010 ..."
explain 2 --fabric now.json "$FIRSTLIGHT_SOURCE/README.md" 2>/dev/null
sed 's/"n0/"m0/g' now.json >strangers.json
explain 2 --fabric strangers.json one
grep -qx 'firstlight explain: none of the 32 nodes of the fabric test is among the 32 that were read' err || wrong "strangers: $(cat err)"
explain 2 --fabric now.json --slow n1 one
grep -q 'by one of --fabric, --slow, --metric and --pairs' err || wrong "two symptoms: $(cat err)"
explain 2 --fabric fabric-x one
grep -qx "firstlight explain: there is no fabric test 'fabric-x'; the nearest: .*" err || wrong "unknown id: $(cat err)"
exit $failed
