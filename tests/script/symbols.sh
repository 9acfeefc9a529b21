#!/usr/bin/env bash
# A global name is defined once in all rooms: of two in archives the linker takes the first, in silence.
set -euo pipefail
command -v nm >/dev/null || { echo "skipped: nm is not installed"; exit 77; }
twice=$(nm -g --defined-only "$FIRSTLIGHT_BIN"/../libfl_*.a | awk '$2 ~ /^[A-Z]$/ && $2 != "C" {print $3}' |
    grep -v '^__' | sort | uniq -d)
[ -z "$twice" ] || { echo "defined in more than one file:"; echo "$twice"; exit 1; }
