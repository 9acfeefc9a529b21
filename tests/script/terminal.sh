#!/usr/bin/env bash
# Colours are for terminals: none in a file or pipe, none with NO_COLOR or TERM=dumb; and what stands in
# somebody's dump never reaches a terminal as a control sequence. The status of a run stays below what its
# ranks print.
set -eu
command -v script >/dev/null || { echo "skipped: script is not installed (bsdutils)"; exit 77; }
script -qec true /dev/null </dev/null >/dev/null 2>&1 || { echo "skipped: no pseudo-terminal can be had here"; exit 77; }
bin=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
unset NO_COLOR
export TERM=xterm

mkdir -p fleet/n1 fleet/n2
for node in n1 n2; do
    {
        printf '00:01.0 PCI bridge: Some \033[31mRED\033[0m\007 bridge (prog-if 00 [Normal decode])\n'
        printf '\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n'
        printf '\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n'
        printf '\t\tLnkCap:\tPort #1, Speed 16GT/s, Width x16, ASPM L1\n\t\tLnkSta:\tSpeed 16GT/s, Width x8\n'
        printf '01:00.0 Infiniband controller: Mellanox \033]0;title\007 MT2910 [15b3:1021]\n'
        printf '\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n'
        printf '\t\tDevCtl:\tCorrErr+ NonFatalErr+ FatalErr+ UnsupReq+\n'
        printf '\t\t\tMaxPayload 256 bytes, MaxReadReq %s bytes\n' "$([ $node = n1 ] && echo 4096 || echo 512)"
        printf '\t\tLnkCap:\tPort #0, Speed 16GT/s, Width x16, ASPM L1\n'
        printf '\t\tLnkSta:\tSpeed 16GT/s, Width \033[5mx8\033[0m (downgraded)\n'
        printf '\tKernel driver in use: mlx5\033[7m_core %s\n' $node
    } >fleet/$node/lspci.txt
done

# What the program itself prints in colour begins with ESC [ and ends with m; nothing else is a control.
escapes() { grep -c $'\033' "$1" || :; }
foreign() { sed $'s/\033\\[[0-9;]*m//g' "$1" | tr -d '\n\t\r' | LC_ALL=C grep -c '[[:cntrl:]]' || :; }
on_terminal() { script -qec "$*" /dev/null </dev/null >out || :; }

for words in "inspect fleet" "compare fleet" "explain --slow n1 fleet" rules; do
    for color in "" "NO_COLOR=1" "NO_COLOR="; do
        env $color "$bin" $words >out 2>err || [ $? = 1 ] || wrong "$words: exit code"
        [ -s out ] || wrong "$words: says nothing"
        [ "$(escapes out)$(escapes err)" = 00 ] || wrong "$words $color: escape codes in a file"
    done
    on_terminal "$bin" $words
    [ "$(escapes out)" -gt 0 ] || wrong "$words: no colour on a terminal"
    [ "$(foreign out)" = 0 ] || wrong "$words: a control character of the dump on a terminal: $(cat -v out | grep -a '\^' | head -3)"
    ! grep -qF $'\033[31mRED' out || wrong "$words: an escape code of the dump on a terminal"
    on_terminal NO_COLOR= "$bin" $words
    [ "$(escapes out)" -gt 0 ] || wrong "$words: an empty NO_COLOR took the colour"
    for plain in "NO_COLOR=1" "TERM=dumb"; do
        on_terminal $plain "$bin" $words
        [ -s out ] && [ "$(escapes out)" = 0 ] || wrong "$words: escape codes on a terminal with $plain"
    done
done
"$bin" inspect --json fleet >out || :
[ "$(escapes out)" = 0 ] || wrong "escape codes in JSON"
on_terminal "$bin" inspect --json fleet
[ "$(escapes out)" = 0 ] || wrong "escape codes in JSON on a terminal"

on_terminal "$bin" run -n 2 --state s --name status -- sh -c "'[ \$RANK = 1 ] || for i in 1 2 3 4 5 6 7 8; do echo line \$i; sleep 0.2; done'"
grep -q 'line 8' out || wrong "no output of ranks on a terminal: $(cat -v out)"
# The status is first drawn within a second; from then on each line has it below again.
tr -d '\r' <out | awk '/line [0-9]/ { if (seen && !below) { print "no status below: " before; exit 1 }; before = $0; below = 0 }
    /[12]\/2 ranks/ { seen = below = 1 } END { exit !seen }' || wrong "the status of a run: $(cat -v out)"
exit $failed
