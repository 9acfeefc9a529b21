#!/usr/bin/env bash
# The whole story: this host; a fleet of 512 eight-GPU nodes with one wrong BIOS option on three; and a
# language model that is trained on real text while one of its ranks is killed. demo.sh [TEXT]
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=build/release/bin
out=build/demo
rm -rf "$out"
mkdir -p "$out"
bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true)
[ -t 1 ] || bold='' plain=''

say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
show() { # run a command, shown as typed; findings (exit 1) are what it is for
    local word line= code=0
    for word in "$@"; do
        [[ $word != *[*^\ ]* ]] || word="'$word'"
        line+=" $word"
    done
    printf '%s$%s%s\n' "$bold" "$line" "$plain"
    "$@" || code=$?
    [ "$code" -le 1 ] || exit "$code"
}

say "This host, judged now"
PATH=$PWD/$bin:$PATH
show firstlight inspect --html "$out/host.html"

say "512 nodes of 8 GPUs (synthetic): config space as bytes, text by the real lspci"
show fleetgen --model hgx-h100 --nodes 512 --seed 20261121 --bad 3 --mutation IOMMU_ON -o "$out/fleet"
ls "$out/fleet" | head -3
du -sh "$out/fleet" | cut -f1

say "Which nodes are not like the others?"
show firstlight compare "$out/fleet"

say "The bandwidth test was slow somewhere: which difference explains it?"
head -4 "$out/fleet/bw.csv"
show firstlight explain --metric "$out/fleet/bw.csv" --html "$out/night.html" "$out/fleet"

say "The same story as a page: file://$PWD/$out/night.html"

say "What would a policy of checkpoints and spares give on 1,000 nodes of 8 GPUs?"
show firstlight simulate --nodes 1000 --mtbf-node 47d --hours 24

# The text to learn from: the user's own, or one that every Debian machine can have by apt.
text=${1-}
cd "$out"
if [ -n "$text" ]; then
    say "A text to learn from"
else
    say "A text to learn from: the King James Bible, from Debian's package bible-kjv"
    text=bible.txt
    printf '%s$ %s%s\n' "$bold" "bible -f gen1:1-rev22:21 | sed 's/^[^ ]* //' >$text" "$plain"
    bible -f gen1:1-rev22:21 | sed 's/^[^ ]* //' >$text
fi
bytes=$(stat -Lc %s "$text")
vocab=2048
[ "$bytes" -ge 500000 ] || vocab=512
show firstlight-train tokenizer train --vocab $vocab -o tok.model "$text"
show firstlight-train data build --tokenizer tok.model -o data "$text"
[ -e data/index.json ] || exit 1

# Rank 2 is killed when a checkpoint is there and half of the steps are done. The run is found by its id in
# the environment of its ranks.
steps=1000
train=(firstlight-train train -p grok-nano -d data -s train.steps=$steps
    -s checkpoint.every=$((steps / 5)) --log-every $((steps / 5)))
ask() { firstlight query --state runs --csv "$1" 2>/dev/null | sed 1d; }
kill_rank() {
    local progress="SELECT (SELECT count(*) FROM checkpoints WHERE what = 'saved') > 0 AND max(step) >= $steps / 2 FROM metrics"
    until [ "$(ask "$progress")" = 1 ]; do
        sleep 0.1
    done
    local id
    id=$(ask "SELECT id FROM runs")
    for environ in /proc/[0-9]*/environ; do
        if tr '\0' '\n' <"$environ" | grep -cxE "RANK=2|FIRSTLIGHT_RUN_ID=$id" | grep -qx 2; then
            local pid=${environ#/proc/}
            kill -9 "${pid%/environ}"
        fi
    done 2>/dev/null
}

say "Four ranks on two nodes (here: two agents on this machine) learn it; rank 2 is killed on the way"
kill_rank &
killer=$!
trap 'kill $killer 2>/dev/null || true' EXIT
show firstlight run --state runs --name killed --nodes 2 -n 4 -- "${train[@]}" -s train.threads=1 -o killed
kill $killer 2>/dev/null && { echo "demo: the run ended before a rank could be killed" >&2; exit 1; }

say "The same training on one rank with two threads, and nobody disturbs it"
show "${train[@]}" -s train.threads=2 -o calm

say "Did both come out with the same bits?"
hash_of() { sed -n "s/.*\"event\":\"hash\".*\"hash\":\"\([0-9a-f]*\)\".*/\1/p" "$1/log.jsonl" | tail -1; }
printf 'killed  %s\ncalm    %s\n' "$(hash_of killed)" "$(hash_of calm)"
[ -n "$(hash_of calm)" ] && [ "$(hash_of calm)" = "$(hash_of killed)" ] || { echo "demo: the weights differ" >&2; exit 1; }
[ "$(ask "SELECT max(attempt) FROM attempts")" = 2 ] || { echo "demo: it was not restarted once" >&2; exit 1; }

say "What does the model say?"
show firstlight-train sample killed -n 80 -p "$(grep -m 1 . "$text" | cut -d ' ' -f 1-3)"

say "What happened, and what did it cost?"
show firstlight show last --state runs
IFS=, read -r reached resumed known started again twice all < <(ask "WITH
    took AS (SELECT phase, seconds FROM phases WHERE attempt = 2 OR
        attempt = 1 AND phase IN ('detect', 'abort', 'drain', 'check', 'swap')),
    pace AS (SELECT (max(at_ns) - min(at_ns)) / 1e9 / (max(step) - min(step)) AS seconds FROM metrics WHERE attempt = 1)
    SELECT dead.best_step, next.resume_step,
        (SELECT sum(seconds) FROM took WHERE phase = 'detect'),
        (SELECT sum(seconds) FROM took WHERE phase NOT IN ('rendezvous', 'load', 'first step')),
        (SELECT sum(seconds) FROM took),
        (SELECT (dead.best_step - next.resume_step) * seconds FROM pace),
        (SELECT (ended_ns - created_ns) / 1e9 FROM runs)
    FROM attempts AS dead, attempts AS next WHERE dead.attempt = 1 AND next.attempt = 2")
echo
printf '%-36s %6.2f s\n' "from the kill until it was known" "$known" "until four new ranks ran" "$started" \
    "until they trained from step $resumed" "$again" "steps $((resumed + 1))-$reached done twice" "$twice" \
    "lost in all, of $(printf %.0f "$all") s" "$(awk "BEGIN { print $again + $twice }")"
