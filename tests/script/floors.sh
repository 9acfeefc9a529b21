#!/usr/bin/env bash
# Every #include of a room's file is an edge that src/FLOORS allows, rooms stand in the order of their
# floors, and every room has a README and a row in the design's table.
set -eu
cd "$FIRSTLIGHT_SOURCE/src"
awk '
    FNR == NR {
        if ($1 == "" || $1 ~ /^#/) next
        for (i = 2; i <= NF; i++) {
            if (!($i in floor)) { print "FLOORS: " $1 " uses " $i ", which is not below it"; bad = 1 }
            allowed[$1, $i] = 1
        }
        floor[$1] = ++floors
        next
    }
    FNR == 1 { split(FILENAME, part, "/"); room = part[1]; seen[room] = 1 }
    /^#include "[^"]*\// { # a header without a room is lib/ alone
        split($2, target, /["\/]/)
        if (target[2] != room && !((room, target[2]) in allowed)) {
            print FILENAME ":" FNR ": room " room " may not include " $2; bad = 1
        }
        edges++
    }
    END {
        for (room in seen) if (!(room in floor)) { print "room " room " is not in src/FLOORS"; bad = 1 }
        print edges " includes checked"
        exit bad || !edges
    }' FLOORS $(find . -mindepth 2 -name '*.[ch]' -printf '%P\n')
for room in */; do
    [ -s "$room/README.md" ] || { echo "src/$room has no README.md"; exit 1; }
    grep -q "^| ${room%/} |" ../docs/design/README.md || { echo "docs/design/README.md has no row for src/$room"; exit 1; }
done
