#!/usr/bin/env bash
# The demo: this host; a fleet of 512 eight-GPU nodes with one wrong BIOS option on three; a training
# job on four nodes of this machine, one of whose ranks is killed.
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
    local word line=
    for word in "$@"; do
        [[ $word != *[*^]* ]] || word="'$word'"
        line+=" $word"
    done
    printf '%s$%s%s\n' "$bold" "$line" "$plain"
    local code=0
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

# Local nodes are agents on this machine. The text to learn is this project's license.
text=../../LICENSE
cd "$out"
run=(firstlight run --state runs --nodes 4 --nproc-per-node 2)
train=(firstlight-example --steps 300 --step-ms 10)
ask() { firstlight query --state runs --csv "$1" 2>/dev/null | sed 1d; }
kill_rank() { # RANK STEP: of the newest run, when a checkpoint of that step or a later one is there
    local saved="SELECT count(*) FROM checkpoints WHERE what = 'saved' AND step >= $2 AND run LIKE 'disturbed-%'"
    for _ in $(seq 600); do
        [ "$(ask "$saved")" = 0 ] || break
        sleep 0.05
    done
    for environ in /proc/[0-9]*/environ; do
        if tr '\0' '\n' <"$environ" | grep -cxE "RANK=$1|FIRSTLIGHT_RUN_ID=disturbed-.*" | grep -qx 2; then
            local pid=${environ#/proc/}
            kill -9 "${pid%/environ}"
        fi
    done 2>/dev/null
}

say "A training job, 8 ranks on 4 nodes (here: 4 agents on this machine)"
show "${run[@]}" --name calm --show none -- "${train[@]}" "$text"

say "The same; after 100 steps rank 5 is killed with SIGKILL"
kill_rank 5 100 &
show "${run[@]}" --name disturbed --checkpoint 'ckpt/step_*' -- \
    "${train[@]}" --checkpoint-dir ckpt --checkpoint-every 50 "$text"
wait

say "Did the weights of both runs come out with the same bits?"
show firstlight logs calm --state runs --rank 0 --grep '^done'
show firstlight logs disturbed --state runs --rank 0 --grep '^done'
calm=$(firstlight logs calm --state runs --rank 0 --grep '^done')
[ -n "$calm" ] && [ "$calm" = "$(firstlight logs disturbed --state runs --rank 0 --grep '^done')" ] ||
    { echo "demo: they differ" >&2; exit 1; }
[ "$(ask "SELECT max(attempt) FROM attempts WHERE run LIKE 'disturbed-%'")" -ge 2 ] ||
    { echo "demo: no rank was killed" >&2; exit 1; }

say "What happened?"
show firstlight show last --state runs
show firstlight logs last --state runs --attempt 1 --tail 3

say "What would a policy of checkpoints and spares give on 1,000 nodes of 8 GPUs?"
show firstlight simulate --nodes 1000 --mtbf-node 47d --hours 24
