#!/usr/bin/env bash
# firstlight-probe by itself: what it prints, and one sentence for each thing that it can't do.
set -eu
probe=$FIRSTLIGHT_BIN/firstlight-probe
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
unset RANK MASTER_ADDR MASTER_PORT

# refuses SENTENCE COMMAND...: exit 2, nothing on stdout, and this on stderr
refuses() {
    local want=$1 out code=0
    shift
    out=$("$@" 2>&1 >/dev/null) || code=$?
    [ "$code" = 2 ] || wrong "$*: exit code $code"
    [[ $out == "firstlight-probe: "$want ]] || wrong "$*: $out"
    [ -z "$("$@" 2>/dev/null)" ] || wrong "$*: prints an answer"
}
refuses "there is no test 'cpus'; tests of one machine are *" "$probe" cpus
refuses "one machine alone can't make the test 'pairs'; *" "$probe" pairs
refuses "--ms takes 1 to 600000" "$probe" --ms 0 cpu
refuses "--ms takes 1 to 600000" "$probe" --ms 601000
refuses "*--msec*" "$probe" --msec 5
refuses "RANK is set, as in a run, but MASTER_ADDR or MASTER_PORT is not" env RANK=0 "$probe"
refuses "RANK is 'x', not a number below 1000000" env RANK=x MASTER_ADDR=127.0.0.1 MASTER_PORT=1 "$probe"
refuses "the answer could not be written to standard output" bash -c '"$0" --help >/dev/full' "$probe"

[[ $("$probe" --version) == "firstlight-probe "[0-9]* ]] || wrong "--version"
"$probe" --help | grep -q '^  disk ' || wrong "--help does not list the tests"
[ -z "$("$probe" --help | grep -E '^.{80}')" ] || wrong "--help is wider than 79 columns"
for test in $("$probe" --help | sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p'); do
    grep -q "^.It Cm $test$" "$FIRSTLIGHT_SOURCE/man/firstlight-probe.1" || wrong "the man page lacks $test"
done

"$probe" --ms 1 cpu >"$work/out" || wrong "cpu: exit code $?"
grep -Eq '^cpu.matrix +cpu[0-9]+ +[0-9.]+ [kMGT]?FLOP/s ' "$work/out" || wrong "cpu: $(cat "$work/out")"
"$probe" --ms 1 --json cpu | grep -q '^{"card":{"host":.*,"answer":{.*"metric":"cpu.matrix"' || wrong "cpu --json"
exit $failed
