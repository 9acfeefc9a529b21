#!/usr/bin/env bash
# "-" is standard input: a text or a snapshot, judged as the same from a file.
set -eu
bin=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
printf '00:00.0 Host bridge: Intel Corporation Device 09a2 (rev 20)\n\tControl: I/O- Mem- BusMaster-\n' >stdin.txt
same() { # same FILE: the answer about the stream is that about the file, but for the name
    "$bin" inspect "$1" >file.out || [ $? = 1 ]
    "$bin" inspect - <"$1" >stream.raw || [ $? = 1 ]
    sed "s|standard input:|$1:|" stream.raw >stream.out # where a line was read
    [ -s file.out ] && diff file.out stream.out || { echo "WRONG: $1 and a stream of it"; failed=1; }
}
same stdin.txt
"$bin" collect --no-commands -o stdin.snap 2>/dev/null
same stdin.snap
code=0
"$bin" inspect - </dev/null >out 2>&1 || code=$?
[ "$code" = 2 ] && grep -q "standard input: nothing in it" out || { echo "WRONG: an empty stream: exit $code"; failed=1; }
exit $failed
