#!/usr/bin/env bash
# The demo: this host, then a fleet of 512 eight-GPU nodes with one wrong BIOS option on three.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=build/release/bin
out=build/demo
rm -rf "$out"
mkdir -p "$out"
bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true)
[ -t 1 ] || bold='' plain=''

say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
show() { # run a command, shown as typed; findings (exit 1) are what it is for
    printf '%s$ %s%s\n' "$bold" "$*" "$plain"
    local code=0
    "$@" || code=$?
    [ "$code" -le 1 ] || exit "$code"
}

say "This host, judged now"
PATH=$PWD/$bin:$PATH
show firstlight inspect --html "$out/host.html"

say "512 nodes of 8 GPUs (synthetic): config space as bytes, text by the real lspci"
show fleetgen --model hgx-h100 --nodes 512 --seed 20261121 --bad 3 --mutation IOMMU_ON -o "$out/fleet"
ls "$out/fleet" | head -3
du -sh "$out/fleet" | cut -f1

say "Which nodes are not like the others?"
show firstlight compare "$out/fleet"

say "The bandwidth test was slow somewhere: which difference explains it?"
head -4 "$out/fleet/bw.csv"
show firstlight explain --metric "$out/fleet/bw.csv" --html "$out/night.html" "$out/fleet"

say "The same story as a page: file://$PWD/$out/night.html"
