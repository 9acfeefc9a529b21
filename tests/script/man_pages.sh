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
commands=$("$bin" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$commands" ] || { echo "firstlight help lists no commands"; exit 1; }
for name in $commands; do
    page=$man/firstlight-$name.1
    [ -f "$page" ] || page=$man/firstlight.1
    grep -q "Cm $name\|firstlight $name" "$page" || { echo "$page does not mention $name"; failed=1; }
    for option in $("$bin" help "$name" | grep -o '^  .*--[a-z-]*' | grep -o -- '--[a-z-]*' || true); do
        grep -q "Fl Fl ${option#--}\( \|$\)" "$page" || { echo "$page does not describe $option of $name"; failed=1; }
    done
done
exit $failed
