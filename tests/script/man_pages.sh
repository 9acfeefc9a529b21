#!/usr/bin/env bash
# Every command has a man page without lint, and the page knows every option that --help knows; the page
# of settings knows every key.
set -eu
command -v mandoc >/dev/null || { echo "skipped: mandoc is not installed"; exit 77; }
man=$FIRSTLIGHT_SOURCE/man
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
for page in "$man"/*.1; do
    mandoc -T lint -W warning "$page" || failed=1
done
for program in firstlight firstlight-train; do
    bin=$FIRSTLIGHT_BIN/$program
    commands=$("$bin" help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
    [ "$(wc -w <<<"$commands")" -gt 10 ] || wrong "$program help lists too few commands: $commands"
    for name in $commands; do
        page=$man/$program-$name.1
        case $name in
        completion | version | help) page=$man/$program.1 ;;
        esac
        [ -f "$page" ] || { wrong "$program $name has no man page"; continue; }
        grep -q "Cm $name\|$program $name" "$page" || wrong "$page does not mention $name"
        grep -q "Cm $name" "$man/$program.1" || wrong "$program.1 does not mention $name"
        for option in $("$bin" help "$name" | sed -nE 's/^  (-., |    )--([a-z-]+).*/\2/p'); do
            grep -q "Fl Fl $option\( \|$\)" "$page" || wrong "$page does not describe --$option of $name"
        done
    done
    # --help fits a terminal of 80 columns.
    for name in "" $commands; do
        long=$("$bin" help $name | grep -E '^.{80}' || true)
        [ -z "$long" ] || wrong "$program help $name is wider than 79 columns: $long"
    done
done
# How a run can end, word by word.
bin=$FIRSTLIGHT_BIN/firstlight
page=$(mandoc -T ascii "$man/firstlight-run.1" | sed 's/.\x08//g' | tr -s ' \n' ' ')
codes=$("$bin" help exit-codes | sed -n 's/^  *\([0-9]\)/\1/p' | tr -s ' ')
[ "$(wc -l <<<"$codes")" -gt 10 ] || wrong "help exit-codes says: $codes"
while read -r line; do
    [[ $page == *" $line. "* ]] || wrong "firstlight-run.1 does not say: $line."
done <<<"$codes"
[ -z "$("$bin" help exit-codes | grep -E '^.{80}')" ] || wrong "help exit-codes is wider than 79 columns"
# What a training can be told, in the program's order.
diff <("$FIRSTLIGHT_BIN/firstlight-train" settings | cut -d ' ' -f 1) \
    <(sed -n 's/^\.It Ic \(.*\)/\1/p' "$man/firstlight-train-settings.1") || wrong "firstlight-train-settings.1 has other keys"
exit $failed
