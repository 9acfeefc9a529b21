#!/usr/bin/env bash
# The completion scripts parse in their shells (quotes and brackets in the help of an option end nothing
# early), and bash completes commands, options and rules by it.
set -eu
bin=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
for shell in bash zsh fish; do
    "$bin" completion $shell >$shell.script || wrong "completion $shell: exit $?"
    [ -s $shell.script ] || wrong "completion $shell is empty"
    if command -v $shell >/dev/null; then
        $shell -n $shell.script || wrong "$shell does not parse its script"
    else
        echo "$shell is not installed: its script is not parsed"
    fi
    for word in inspect compare explain collect rules policy html; do
        grep -q -- "$word" $shell.script || wrong "$shell: no '$word'"
    done
done
grep -qF "'--hosts[Collect these hosts over ssh\\: n\\[001-512\\],login1]:value:_files'" zsh.script || wrong "zsh: --hosts is not escaped"
grep '^complete' fish.script | grep -vE "^complete -c firstlight (-n '[a-z _]+'|-n [a-z_]+) (-a [a-z]+|-l [a-z-]+)( -r)? -d '([^'\\\\]|\\\\.)*'\$" &&
    wrong "fish: the lines above are not whole"
for command in collect inspect compare explain rules completion version help; do
    "$bin" "$command" --help | grep -q "^Usage: firstlight $command" || wrong "$command --help"
done
"$bin" completion tcsh >out 2>err && wrong "tcsh: exit 0"
[ "$(wc -l <err)" = 1 ] || wrong "tcsh: not one sentence: $(cat err)"

. ./bash.script
completes() { # completes WANT WORD...: the last word is completed; WANT is among the answers
    local want=$1
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
    _firstlight firstlight "${@: -1}" "${@: -2:1}" || :
    printf '%s\n' "${COMPREPLY[@]}" | grep -qx -- "$want" || wrong "'$*' does not offer $want, but: ${COMPREPLY[*]}"
}
completes inspect firstlight ins
completes explain firstlight ''
completes --json firstlight inspect --j
completes --slow firstlight explain --s
completes show firstlight rules s
completes ACS_REDIRECT_ON_P2P_PATH firstlight rules show ACS_RE
touch n001.snap
complete -p firstlight | grep -q _firstlight || wrong "bash does not know the function"
exit $failed
