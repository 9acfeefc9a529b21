#!/usr/bin/env bash
# Ranks of `firstlight run` find each other by what it gives them; when one is killed the others say
# which, and the next attempt's ranks meet among themselves.
set -eu
[ -x "$FIRSTLIGHT_BIN/coll-rank" ] || { echo "skipped: no coll-rank"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export XDG_STATE_HOME=$work/state
rank=$FIRSTLIGHT_BIN/coll-rank
wrong() { echo "WRONG: $*"; exit 1; }

"$FIRSTLIGHT_BIN/firstlight" run -n 3 -- "$rank" auto rounds 200 >out 2>&1 || wrong "$(cat out)"
grep -q '3 ranks: shm' out || wrong "not by shared memory: $(cat out)"

echo "one is killed in the first attempt"
cat >body.sh <<END
#!/bin/sh
[ "\$FIRSTLIGHT_ATTEMPT" = 1 ] || exec "$rank" auto rounds 50
case \$RANK in
0) "$rank" auto for-ever | { read -r line; echo "\$line"; touch "$work/met"; cat; exit 1; } ;;
1) (until [ -e "$work/met" ]; do sleep 0.02; done; kill -9 \$\$) & exec "$rank" auto for-ever ;;
*) exec "$rank" auto for-ever ;;
esac
END
chmod +x body.sh
"$FIRSTLIGHT_BIN/firstlight" run --attempts-without-progress 3 -n 3 -- ./body.sh >out 2>&1 || wrong "it does not come back: $(cat out)"
[ "$(grep -c '3 ranks: shm' out)" -ge 2 ] || wrong "two attempts are wanted: $(cat out)"
