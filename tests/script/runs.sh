#!/usr/bin/env bash
# The commands that look at runs, on a state folder that a small program has filled: what they say, in
# words and in JSON, and what they say when there is nothing or the wrong thing.
set -eu
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
bin=$FIRSTLIGHT_BIN/firstlight
fake=$FIRSTLIGHT_BIN/fakerun
work=$(mktemp -d)
holder=
trap '[ -z "$holder" ] || kill "$holder" 2>/dev/null || :; rm -rf "$work"' EXIT
cd "$work"
unset XDG_STATE_HOME
export HOME=$work
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
says() { # says CODE PATTERN COMMAND...: its exit code, and a line of what it prints
    local code=$1 pattern=$2 got=0
    shift 2
    "$bin" "$@" >out 2>err || got=$?
    [ "$got" = "$code" ] || wrong "$*: exit code $got: $(cat err)"
    grep -qE -- "$pattern" out err || wrong "$*: no '$pattern' in: $(cat out err)"
    [ "$code" != 2 ] || [ "$(wc -l <err)" = 1 ] || wrong "$*: not one sentence: $(cat err)"
}
json() { # json EXPRESSION COMMAND...: of its answer, d
    local expression=$1
    shift
    "$bin" "$@" >out || wrong "$*: exit code $?"
    python3 -c "import json,sys; d=json.load(open('out')); sys.exit(0 if ($expression) else 1)" ||
        wrong "$*: not $expression: $(cat out)"
}
lines() { [ "$(cat out)" = "$1" ] || wrong "not '$1' but: $(cat out)"; }

# Nothing was run yet: no command makes anything.
says 0 '^RUN +STATE' ps
json 'd == []' ps --json
says 2 'nothing was run yet' show last
says 2 'nothing was run yet' query "SELECT 1"
[ ! -e .local ] || wrong "a command that looks has made a folder"

state=$work/s
old=$("$fake" s train ended)
mkfifo gate
exec 3<>gate
"$fake" s train running <gate >id 3>&- &
holder=$!
for _ in $(seq 600); do [ -s id ] && break; sleep 0.05; done
run=$(cat id)
[ -n "$run" ] || { echo "fakerun did not say its run"; exit 1; }

says 0 "^$run +running +2 +2 +4 +30/100 +0.1333 .*step 30 of 100" ps --state s
! grep -q "$old" out || wrong "ps lists a run that has ended"
says 0 "^$old +ended .*ago" ps --all --state s
json "len(d) == 2 and d[0]['run'] == '$run' and d[0]['alive'] and d[1]['exit_code'] == 1" ps --json -a --state s

says 0 "^$run +running" show last --state s
for text in 'train --lr 1' '30 of 100' 'rank 3 on n002 exited 1; certain' 'ranks 2-3: n002 -> n003' \
    'rank 3 died first twice' '/ckpt/step_20' '^ *2  .*22:13:3[0-9.]* .* 20 ' 'attach' '▁'; do
    grep -q -- "$text" out || wrong "show: no '$text' in: $(cat out)"
done
json "[a['attempt'] for a in d['attempts']] == [2, 1] and d['attempts'][1]['first_cause'].startswith('rank 3') and
d['restarts'][0]['drain'] == 0.04 and d['restarts'][0]['total'] == 0.66 and len(d['curve']) == 30 and
d['excluded'][0]['host'] == 'n002'" show "$run" --json --state s
says 0 "^$old +ended, exit code 1" show "${old%?}" --state s

says 0 'attempt 1 .*rank 3 exited 1: ValueError: .\[31mboom' events train --state s
! grep -q $'\033' out || wrong "an escape code of a program came through"
[ "$(wc -l <out)" = 18 ] || wrong "events: $(wc -l <out) lines"
says 0 . events last --kind 'node.* failed' --state s
[ "$(wc -l <out)" = 5 ] || wrong "events --kind: $(cat out)"
says 0 . events last --since 14 --json --state s
python3 -c "
import json
rows=[json.loads(l) for l in open('out')]
assert [r['seq'] for r in rows] == [15, 16, 17, 18] and rows[0]['fields']['resume_step'] == 20, rows" || wrong "events --json"
says 0 . events last --attempt 1 --rank 3 --state s
[ "$(wc -l <out)" = 2 ] || wrong "events --rank: $(cat out)"

says 0 . logs last --state s
lines 'ranks 0-3: attempt 2
rank 0: I am rank 0
rank 1: I am rank 1
rank 2: I am rank 2
rank 3: I am rank 3
rank 0: loss 2.5
ranks 0-3: done'
says 0 . logs last --rank 1,3 --attempt 1 --state s
lines 'ranks 1,3: attempt 1
rank 1: I am rank 1
rank 3: I am rank 3
ranks 1,3: done'
says 0 . logs last --rank 2 --state s
lines 'attempt 2
I am rank 2
done'
says 0 . logs last --tail 1 --stream --state s
lines 'rank 0: done
rank 1: done
rank 2: done
rank 3: done'
says 0 . logs last --grep 'loss|rank 3' --state s
lines 'rank 3: I am rank 3
rank 0: loss 2.5'
says 0 . logs last --grep done --json --state s
lines '{"attempt":2,"ranks":[0,1,2,3],"text":"done"}'
says 2 "has had 2 attempts, no attempt 9" logs last --attempt 9 --state s
says 2 "not 'x'" logs last --rank x --state s
says 2 "--grep '\('" logs last --grep '(' --state s

says 0 '^runs +' query --schema
says 0 '^seq  kind$' query "SELECT seq, kind FROM events WHERE run = '$run' ORDER BY seq" --state s
[ "$(sed -n 2p out)" = '  1  run.created' ] || wrong "query: $(cat out)"
json "d == [{'n': 4, 'x': None, 't': '0a'}]" query "SELECT 4 AS n, NULL AS x, '0a' AS t" --json --state s
json 'd == []' query "SELECT 1 WHERE 0" --json --state s
says 0 . query "SELECT 'a,b' AS x, 'q\"' AS y" --csv --state s
lines 'x,y
"a,b","q"""'
says 2 'only reads' query "DELETE FROM runs" --state s
says 2 'no such column: nope' query "SELECT nope FROM runs" --state s
says 2 'one query in quotes' query --state s

says 1 'it had ended already' stop "$old" --state s
says 2 'no controller that could stop it' stop "$run" --state s
says 2 "there is no run 'trian'; the nearest: train-" show trian --state s
says 2 'name one run' show --state s
says 2 'not both' stop last --now --save --state s

# -f goes on over a restart and ends with the run.
"$bin" events last -f --state s >events.out 2>events.err &
events=$!
"$bin" logs last -f --state s >logs.out 2>logs.err &
logs=$!
for _ in $(seq 600); do grep -q done logs.out && [ "$(wc -l <events.out)" = 18 ] && break; sleep 0.05; done
"$fake" s train more "$run"
wait $events || wrong "events -f: exit code $?"
exec 3>&-
wait $holder || wrong "fakerun: exit code $?"
holder=
wait $logs || wrong "logs -f: exit code $?"
tail -1 events.out | grep -q 'ended with exit code 0' || wrong "events -f: $(tail -1 events.out)"
grep -q '^ranks 0-3: attempt 3$' logs.out || wrong "logs -f did not follow the restart: $(cat logs.out logs.err)"

# Nobody holds it and it has not ended: that is said.
left=$("$fake" s left running </dev/null)
says 0 "^$left +unattended" ps --state s
says 0 'firstlight resume' show "$left" --state s
says 2 'firstlight resume' stop "$left" --state s
exit $failed
