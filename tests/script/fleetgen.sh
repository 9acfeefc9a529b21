#!/usr/bin/env bash
# The program fleetgen: what it writes, and one sentence with exit code 2 for what it can't do.
set -u
fleetgen=$FIRSTLIGHT_BIN/fleetgen
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
PATH=$PATH:/usr/sbin:/sbin command -v lspci >/dev/null || { echo "skipped: lspci is not there (pciutils)"; exit 77; }

make() { "$fleetgen" --model gb200 --nodes 20 --seed 5 --mutation MRRS_512 --bad 2 --pairs 30 "$@" || wrong "exit $? for $*"; }
make -o "$work/a"
make -o "$work/b"
diff -r "$work/a" "$work/b" >/dev/null || wrong "the same seed gave other bytes"
[ "$(find "$work/a" -mindepth 1 -maxdepth 1 -type d | wc -l)" = 20 ] || wrong "not 20 nodes"
[ "$(wc -l <"$work/a/bw.csv")" = 21 ] || wrong "bw.csv has not a row for each node"
[ "$(wc -l <"$work/a/pairs.csv")" = 31 ] || wrong "pairs.csv has not the rows asked for"
[ "$(wc -l <"$work/a/slow.txt")" = 2 ] || wrong "slow.txt does not name the bad nodes"
grep -q '"mutation": "MRRS_512"' "$work/a/truth.json" || wrong "truth.json: $(cat "$work/a/truth.json")"
while read -r node; do
    grep -q "\"$node\"" "$work/a/truth.json" || wrong "$node is slow and not bad"
    grep -q 'MaxReadReq 512' "$work/a/$node/lspci.txt" || wrong "$node does not carry the setting"
done <"$work/a/slow.txt"
[ "$(grep -l 'MaxPayload 256 bytes, MaxReadReq 512' "$work"/a/*/lspci.txt | wc -l)" = 2 ] || wrong "healthy nodes carry the setting"

make -o "$work/c" --only lspci,dmesg
[ "$(ls "$work/c/n001" | tr '\n' ' ')" = "dmesg.txt lspci.txt " ] || wrong "--only: $(ls "$work/c/n001")"
make -o "$work/d" --format bytes
[ "$(stat -c %s "$work/d/n001/sys/bus/pci/devices/0008:00:00.0/config")" = 4096 ] || wrong "--format bytes gave no config"
[ ! -e "$work/d/n001/lspci.txt" ] || wrong "--format bytes left lspci.txt"
make -o "$work/e" --format hex
PATH=$PATH:/usr/sbin:/sbin lspci -F "$work/e/n001/lspci-hex.txt" 2>/dev/null | grep -q NVIDIA || wrong "lspci can't read the hex"

refuse() { # WORDS ARGS...
    local words=$1 said
    shift
    said=$("$fleetgen" "$@" 2>&1 >/dev/null)
    [ $? = 2 ] || wrong "not exit code 2: $*"
    [ "$(grep -c . <<<"$said")" = 1 ] && grep -q "$words" <<<"$said" || wrong "$* said: $said"
}
refuse 'say where to' --nodes 3
refuse "no model is called 'cray'" --model cray -o "$work/x"
refuse "no mutation is called 'X'" --mutation X -o "$work/x"
refuse 'has no setting NPS4' --model gb200 --mutation NPS4 -o "$work/x"
refuse "'many': expected a number" --nodes many -o "$work/x"
refuse 'expected 1 to' --nodes 0 -o "$work/x"
refuse '3 bad nodes: expected 1 to 2' --nodes 3 --bad 3 --mutation MRRS_512 -o "$work/x"
refuse "'tea': no output is called so" --only tea -o "$work/x"
refuse 'expected a share' --wrong-labels most -o "$work/x"
refuse "'yaml': expected text" --format yaml -o "$work/x"
refuse 'what shall be wrong' --bad 3 -o "$work/x"
refuse "'here' is no option" -o "$work/x" here
refuse "can't make this folder" --model gb200 --nodes 1 -o "$work/a/bw.csv/x"
[ ! -e "$work/x" ] || wrong "a refused request left a folder"

"$fleetgen" --help | grep -q '^usage: fleetgen' || wrong "--help"
[ "$("$fleetgen" --list-models | wc -l)" = 4 ] || wrong "--list-models"
[ "$("$fleetgen" --list-mutations | wc -l)" -ge 40 ] || wrong "--list-mutations"
exit $failed
