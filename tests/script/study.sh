#!/usr/bin/env bash
# ctest labels: slow
# A slice of the study (bench/study.c): 8 fleets of 512 nodes with 3 bad ones and wrong labels; the planted
# cause is ranked first in each, and healthy nodes have no findings. `./dev bench study` runs all of it.
set -eu
PATH=$PATH:/usr/sbin:/sbin command -v lspci >/dev/null || { echo "skipped: lspci is not there (pciutils)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
code=0
"$FIRSTLIGHT_BIN/study" 8 1 2 >"$work/table" || code=$?
cat "$work/table"
[ "$code" = 0 ] || { echo "WRONG: study: exit $code"; exit 1; }
grep -q '^planted cause first: 100.00 % of 8 fleets' "$work/table"
grep -q '^false findings: 0.000 per 1,000 of 4' "$work/table"
