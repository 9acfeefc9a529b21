#!/usr/bin/env bash
# A fleet of which some was not collected as it should: what is not there is said, and is no difference
# between the nodes.
set -eu
PATH=$PATH:/usr/sbin:/sbin
command -v lspci >/dev/null || { echo "skipped: lspci is not installed"; exit 77; }
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
bin=$FIRSTLIGHT_BIN
failed=0

# answers CODE COMMAND...: the exit code; stdout in out, stderr in err
answers() {
    local code=$1 got=0
    shift
    "$@" >out 2>err || got=$?
    [ "$got" = "$code" ] || { echo "FAILED: $*: exit $got, not $code"; head -5 err out; failed=1; }
}
says() {
    grep -qF -- "$1" out err || { echo "FAILED: not said: $1"; head -20 out err; failed=1; }
}
says_not() {
    ! grep -qF -- "$1" out || { echo "FAILED: said: $1"; head -20 out; failed=1; }
}

"$bin/fleetgen" --lean --plain --nodes 8 --seed 1 -o fleet
answers 0 "$bin/firstlight" compare fleet
says "No differences between nodes that should be alike."

# a source that is empty or missing
: >fleet/n002/dmesg.txt
rm fleet/n003/lscpu.txt fleet/n004/dmidecode.txt fleet/n005/nvidia-smi.txt fleet/n006/meminfo
answers 0 "$bin/firstlight" compare fleet
says "No differences between nodes that should be alike."
says "kernel log (dmesg): not among the inputs"

# a folder without anything: named, and the answer is not that all is well
mkdir fleet/n009
answers 1 "$bin/firstlight" compare fleet
says "fleet/n009: the folder is empty"
rmdir fleet/n009

# a text that was cut off: most of the machine is missing, which is one row, and the cut is told
head -c 60000 fleet/n007/lspci.txt >cut
mv cut fleet/n007/lspci.txt
answers 1 "$bin/firstlight" compare fleet
says "1 fatal  gpu"
says "more devices are missing  DEVICE_MISSING"
says "n007 (1 of 8)"
says "the end of the text of lspci: it stops in the middle of a line"
[ "$(grep -c DEVICE_MISSING out)" = 1 ] || { echo "FAILED: several rows for what was cut off"; grep '^ *[0-9]' out; failed=1; }
says_not "NUMA_NODE_UNKNOWN"

# machines that have nothing in common are not called alike; one that is like no other is named
"$bin/fleetgen" --lean --plain --nodes 1 --seed 9 --model a100 -o other
mkdir two && cp -r fleet/n001 other/n001 two && mv two/n001 two/a && cp -r other/n001 two/b
rm -r two/a && cp -r fleet/n001 two/a
answers 0 "$bin/firstlight" compare two
says "Nothing was compared: no two nodes should be alike."
rm fleet/n007/lspci.txt && cp -r other/n001 fleet/odd
rm -r fleet/n007
answers 0 "$bin/firstlight" compare fleet
says "differences from other nodes: no other node is of this kind  (odd (1 of 8))"

# a serial number that occurs twice: with the line that has it
serial=$(sed -n 's/^\tSerial Number: //p' fleet/n001/dmidecode.txt | head -1)
sed -i "0,/^\tSerial Number: .*/s//\tSerial Number: $serial/" fleet/n002/dmidecode.txt
answers 1 "$bin/firstlight" compare fleet
says "DUPLICATE_IDENTITIES"
line=$(grep -n "Serial Number: $serial" fleet/n001/dmidecode.txt | head -1 | cut -d: -f1)
says "fleet/n001/dmidecode.txt:$line"

# nothing could be read at all
mkdir torn && printf '\x28\xb5\x2f\xfdtorn' >torn/n1.snap && cp torn/n1.snap torn/n2.snap
answers 2 "$bin/firstlight" inspect torn
says "No node could be read."

# who is slow: names that are not there are told; numbers come from a pipe as well; all alike; all slow
answers 1 "$bin/firstlight" explain --slow n001,x1,x2,x3,x4 fleet
says "4 names left out, of nodes that were not read: x1, x2, x3 ..."
answers 1 "$bin/firstlight" explain --metric <(printf 'n001,300\nn002,300\nq1,1\n') fleet
says "1 row left out, of nodes that were not read: q1"
says "No node is slow by these numbers."
answers 2 "$bin/firstlight" explain --metric - fleet < <(printf 'n001,300\nn002,bad\n')
says "standard input: line 2: 'bad' is not a number"
exit $failed
