#!/usr/bin/env bash
# The programs in docs/libfirstlight.md do what the page says: they train alone and under firstlight, go on
# from a checkpoint with the same result, and save and leave when they are asked to.
set -eu
page=$FIRSTLIGHT_SOURCE/docs/libfirstlight.md
firstlight=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
runner=
trap '[ -z "$runner" ] || kill -9 "$runner" 2>/dev/null || :; rm -rf "$work"' EXIT
cp "$FIRSTLIGHT_SOURCE"/lib/firstlight.[ch] "$FIRSTLIGHT_SOURCE"/lib/firstlight.py "$work"
cd "$work"
unset FIRSTLIGHT_PAGE FIRSTLIGHT_RESUME
wrong() { echo "WRONG: $*"; exit 1; }
block() { awk -v open="\`\`\`$1" '$0 == "```" { on = 0 } on { print } $0 == open { on = 1 }' "$page"; }

try() { # NAME COMMAND...
    local name=$1 alone resumed
    shift
    alone=$("$@")
    [[ $alone == "weight 2.9999"* ]] || wrong "$name alone: $alone"
    cp model_40 from_40
    resumed=$(FIRSTLIGHT_RESUME=from_40 "$@")
    [ "$resumed" = "$alone" ] || wrong "$name from step 40: $resumed, not $alone"
    rm model_*
    [ "$("$firstlight" run --state s --name "$name" --quiet -- "$@")" = "$alone" ] || wrong "$name under firstlight"
    "$firstlight" events "$name" --state s | grep -q "saved step 100: $work/model_100" ||
        wrong "$name: $("$firstlight" events "$name" --state s)"

    # The same, slowly: it is asked to leave in the middle.
    sed 's/\(.*\)weight += .* training.*/&\n\1'"$pause"'/' "$source" >"slow_$source"
    build "slow_$source"
    "$firstlight" run --state s --name "slow-$name" -- $slow >out 2>&1 &
    runner=$!
    for _ in $(seq 1200); do
        if "$firstlight" events "slow-$name" --state s 2>/dev/null | grep -q 'saved step 20'; then break; fi
        sleep 0.05
    done
    "$firstlight" stop "slow-$name" --state s >/dev/null
    local code=0
    wait $runner || code=$?
    runner=
    [ $code = 9 ] || wrong "slow $name ended with $code: $(cat out)"
    step=$("$firstlight" query --state s --csv "SELECT max(step) FROM checkpoints WHERE run LIKE 'slow-$name-%'" | tail -1)
    [ "$step" -ge 20 ] && [ "$step" -lt 100 ] && [ -s "model_$step" ] || wrong "slow $name saved step $step: $(cat out)"
    rm model_*
}

tried=0
for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    build() { $cc -std=c99 -Wall -Wextra -Werror -D_DEFAULT_SOURCE "$1" firstlight.c -o "${1%.c}" -include unistd.h; }
    block c >program.c
    build program.c
    source=program.c pause='usleep(50000);' slow=./slow_program
    try c-$cc ./program
    tried=1
    break
done
if command -v python3 >/dev/null; then
    build() { :; }
    block python >program.py
    source=program.py pause='__import__("time").sleep(0.05)' slow="python3 slow_program.py"
    try python python3 program.py
    tried=1
fi
[ $tried = 1 ] || { echo "skipped: no compiler and no python3"; exit 77; }
