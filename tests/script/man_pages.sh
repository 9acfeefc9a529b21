#!/usr/bin/env bash
# Every command has a man page without lint, and the page knows every option that --help knows.
set -eu
command -v mandoc >/dev/null || { echo "skipped: mandoc is not installed"; exit 77; }
bin=$FIRSTLIGHT_BIN/firstlight
man=$FIRSTLIGHT_SOURCE/man
failed=0
for page in "$man"/*.1; do
    mandoc -T lint -W warning "$page" || failed=1
done
commands=$("$bin" help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
[ -n "$commands" ] || { echo "firstlight help lists no commands"; exit 1; }
for name in $commands; do
    page=$man/firstlight-$name.1
    [ -f "$page" ] || page=$man/firstlight.1
    grep -q "Cm $name\|firstlight $name" "$page" || { echo "$page does not mention $name"; failed=1; }
    for option in $("$bin" help "$name" | grep -o '^  .*--[a-z-]*' | grep -o -- '--[a-z-]*' || true); do
        grep -q "Fl Fl ${option#--}\( \|$\)" "$page" || { echo "$page does not describe $option of $name"; failed=1; }
    done
done
# How a run can end, word by word.
page=$(mandoc -T ascii "$man/firstlight-run.1" | sed 's/.\x08//g' | tr -s ' \n' ' ')
codes=$("$bin" help exit-codes | sed -n 's/^  *\([0-9]\)/\1/p' | tr -s ' ')
[ "$(wc -l <<<"$codes")" -gt 10 ] || { echo "help exit-codes says: $codes"; failed=1; }
while read -r line; do
    [[ $page == *" $line. "* ]] || { echo "firstlight-run.1 does not say: $line."; failed=1; }
done <<<"$codes"
# --help fits a terminal of 80 columns.
for name in "" $commands exit-codes; do
    long=$("$bin" help $name | grep -E '^.{80}' || true)
    [ -z "$long" ] || { echo "help $name is wider than 79 columns: $long"; failed=1; }
done
exit $failed
