#!/usr/bin/env bash
# What is wrong with a request is one clear sentence and exit 2; what is wrong with one file of many is
# named, and the rest is still processed.
set -eu
bin=$FIRSTLIGHT_BIN/firstlight
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
failed=0

lspci_text() {
    printf '00:00.0 Host bridge: Intel Corporation Device 09a2 (rev 20)\n'
    printf '\tControl: I/O- Mem- BusMaster- SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-\n'
}

# expect CODE TEXT COMMAND...: the exit code, one line on stderr, and that text in stdout or stderr
expect() {
    local code=$1 text=$2 got=0
    shift 2
    "$@" >out 2>err || got=$?
    if [ "$got" != "$code" ] || ! grep -qF -- "$text" out err; then
        echo "FAILED: $*: exit $got (want $code), looking for: $text"
        sed 's/^/    /' err out | head -8
        failed=1
    elif [ "$code" = 2 ] && [ "$(wc -l <err)" -gt 1 ]; then
        echo "FAILED: $*: more than one sentence on stderr"
        failed=1
    fi
}

expect 2 "there is no command 'inspekt'" "$bin" inspekt
expect 2 "there is no option --jason" "$bin" inspect --jason
expect 2 "/nonexistent: No such file or directory" "$bin" inspect /nonexistent
expect 2 "--policy is bare-metal, vm-ats or gb200" "$bin" inspect --policy cloud /dev/null
expect 2 "say who is slow" "$bin" explain .
expect 2 "which nodes?" "$bin" compare
expect 2 "there is no rule 'NO_SUCH'" "$bin" rules show NO_SUCH

lspci_text >one.txt
expect 2 "one node has nothing to be compared with" "$bin" compare one.txt
head -c 3000 /dev/urandom >noise.bin
expect 2 "noise.bin: nothing in it that firstlight knows" "$bin" inspect noise.bin
: >empty.txt
expect 2 "empty.txt" "$bin" inspect empty.txt
mkdir empty
expect 2 "no node in this folder" "$bin" inspect empty

# a 10 GB line
truncate -s 10G long.txt
expect 2 "long.txt: larger than the 512 MiB" "$bin" inspect long.txt
rm long.txt

# a torn and a flipped snapshot
printf '\x28\xb5\x2f\xfdtorn' >torn.snap
expect 2 "torn.snap" "$bin" inspect torn.snap

# one bad node among good ones: named, the others are judged
mkdir -p fleet/n1 fleet/n2 fleet/n3
lspci_text >fleet/n1/lspci.txt
lspci_text >fleet/n2/lspci.txt
cp torn.snap fleet/n4.snap
ln -s /nonexistent fleet/n3/lspci.txt
code=0
"$bin" inspect --json fleet >out 2>err || code=$?
[ "$code" -le 1 ] || { echo "FAILED: one torn snapshot among good nodes: exit $code"; cat err; failed=1; }
python3 - <<'EOF' || failed=1
import json
answer = json.load(open("out"))
names = {node["name"]: node for node in answer["nodes"]}
assert "n1" in names and "n2" in names, names.keys()
assert "n4" in names and "error" in names["n4"], names.get("n4")
assert any("n4" in str(entry) for entry in answer["unknown"]), answer["unknown"]
assert any("n3/lspci.txt" in str(entry) for entry in answer["unknown"]), answer["unknown"]
EOF

# what lies in a folder and cannot be read as a file
mkdir odd
lspci_text >odd/lspci.txt
mkfifo odd/dmesg.txt
ln -s /proc/self/mem odd/dmidecode.txt
expect 0 "odd" timeout 20 "$bin" inspect odd

# 100,000 files in a folder, one of them a node
mkdir many
(cd many && seq -f 'file%06g.dat' 100000 | xargs touch)
lspci_text >many/n7.lspci.txt
expect 0 "n7" timeout 60 "$bin" inspect many

# CSV
lspci_text >fleet/n3.lspci.txt
rm -rf fleet/n3 fleet/n4.snap
printf 'node,bw\nn1,10\nn2,fast\n' >bw.csv
expect 2 "bw.csv: line 3: 'fast' is not a number" "$bin" explain --metric bw.csv fleet
printf 'n1,10\nn2\n' >bw.csv
expect 2 "bw.csv: line 2: expected node,value" "$bin" explain --metric bw.csv fleet
printf 'n1,10\nn1,11\n' >bw.csv
expect 2 "bw.csv: line 2: a second value for node n1" "$bin" explain --metric bw.csv fleet
printf 'x1,10\nx2,11\n' >bw.csv
expect 2 "bw.csv: none of its nodes is among those that were read" "$bin" explain --metric bw.csv fleet
printf 'n1,n1,11\n' >pairs.csv
expect 2 "pairs.csv: line 1: a pair of n1 with itself" "$bin" explain --pairs pairs.csv fleet
expect 2 "--slow" "$bin" explain --slow 'n[1-' fleet
expect 2 "nobody.csv: No such file or directory" "$bin" explain --metric nobody.csv fleet

# an answer that cannot be written
if [ -e /dev/full ]; then
    code=0
    "$bin" rules >/dev/full 2>err || code=$?
    [ "$code" = 2 ] && grep -q "could not be written" err || { echo "FAILED: a full disk at standard output: exit $code"; failed=1; }
fi
expect 2 "cannot write" "$bin" inspect --html /nonexistent/x.html one.txt
exit $failed
