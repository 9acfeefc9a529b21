#!/usr/bin/env bash
# A training under `firstlight run`: a rank that is killed, an agent that is killed, a polite stop and
# SIGTERM, another number of ranks: it ends with the weights that one undisturbed rank computes, and
# what it tells of itself is right.
# ctest labels: slow
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"
run_clean_up() { clean_up; }
keep=$work
. "$FIRSTLIGHT_SOURCE/tests/train_lib.sh"
rm -rf "$work"
work=$keep
cd "$work"
trap run_clean_up EXIT
command -v python3 >/dev/null || skip "no python3"
make_data
settings=("${small[@]}" -s train.batch=16 -s train.steps=400 -s checkpoint.every=20)
together 1 "${settings[@]}" -o calm || exit 1
calm=$(hash_of calm)

same() { [ "$(hash_of $1)" = "$calm" ] || wrong "$1: the hash is '$(hash_of $1)', not $calm: $(cat $1.err)"; }
saved() { compgen -G "$1/step-*/MANIFEST" >/dev/null; }
trained() { [ "$(sed -n 's/.*"event":"step","step":\([0-9]*\).*/\1/p' $1/log.jsonl 2>/dev/null | tail -1)" -ge $2 ] 2>/dev/null; }

echo "a rank is killed, then an agent"
begin faults -N 2 --nproc-per-node 2 --spares 1 --abort-grace 2s --node-timeout 3s -- "$train" train -d data "${settings[@]}" -o faults
await saved faults || wrong "faults: no checkpoint: $(cat faults.err)"
kill -9 $(for pid in $(ranks_of $id); do grep -qsz firstlight-train /proc/$pid/cmdline && echo $pid; done | tail -1)
await happened attempt.running 2 || wrong "faults: no second attempt"
at=$(ls faults | grep -c step-)
goes_on() { [ "$(grep -c '"event":"ready"' faults/log.jsonl)" -ge $1 ]; }
await goes_on 2 || wrong "faults: it does not go on"
kill -9 $(below_wardens_of $id | tail -1) 2>/dev/null
ended faults 0
same faults
grep -q '"event":"resume"' faults/log.jsonl || wrong "faults: it began anew: $(grep -v '"step"' faults/log.jsonl)"
last=$("$bin" query --csv "SELECT max(step) FROM metrics WHERE run = '$id'" | sed 1d)
[ "$last" = 400 ] || wrong "faults: the last step that was told is $last"
"$bin" show "$id" | grep -qE '^ *step +400 of 400' || wrong "show: $("$bin" show "$id")"
happened checkpoint.saved || wrong "faults: no checkpoint was told"
python3 - "$("$bin" query --csv "SELECT loss FROM metrics WHERE run = '$id' AND step = 400" | sed 1d | tail -1)" <<'PYTHON' || wrong "the loss that was told is not the log's"
import json, sys
told = float(sys.argv[1])
logged = [e for e in map(json.loads, open("faults/log.jsonl")) if e["event"] == "step" and e["step"] == 400]
sys.exit(abs(told - logged[-1]["loss"]) > 1e-6)
PYTHON

echo "a polite stop, and on by another number of ranks"
begin polite -n 3 --stop-grace 60s -- "$train" train -d data "${settings[@]}" -o polite
await trained polite 30 || wrong "polite: it does not train: $(cat polite.err)"
"$bin" stop "$id" >/dev/null || wrong "stop: exit code $?"
ended polite 9
"$bin" events --json "$id" | grep '"rank.exited"' | grep -vq '"status":0,' && wrong "polite: a rank did not exit 0"
[ -z "$(hash_of polite)" ] || [ "$(hash_of polite)" != "$calm" ] || wrong "polite: it was over already"
begin polite2 -n 2 -- "$train" train -d data "${settings[@]}" -o polite
ended polite2 0
[ "$(hash_of polite)" = "$calm" ] || wrong "polite: the hash is $(hash_of polite), not $calm"
grep -q '"event":"resume"' polite/log.jsonl || wrong "polite: it began anew"

echo "SIGTERM without anybody above"
start 1 "${settings[@]}" -o alone
await trained alone 25 || wrong "alone: it does not train"
kill -TERM ${rank_pids[0]}
finish
[ "${codes[*]}" = 0 ] || wrong "alone: exit code ${codes[*]}: $(cat say.0)"
saved alone || wrong "alone: no checkpoint"
echo "SIGTERM to who waits for the others: there is nothing to save"
open_store
RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$store TORCHELASTIC_RUN_ID=alone \
    "$train" train -d data "${settings[@]}" -o lonely >say.0 2>&1 9>&- &
rank_pids=($!)
pids+=($!)
waits() { grep -q 'waiting for rank 1 of 2' say.0; }
await waits || wrong "lonely: $(cat say.0)"
kill -TERM ${rank_pids[0]}
patience=20 finish
[ "${codes[*]}" = 143 ] || wrong "lonely: exit code ${codes[*]}: $(cat say.0)"
together 2 "${settings[@]}" -o alone && [ "$(hash_of alone)" = "$calm" ] || wrong "alone: the hash is $(hash_of alone), not $calm"
exit $failed
