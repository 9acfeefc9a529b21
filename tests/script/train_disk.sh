#!/usr/bin/env bash
# A disk that is full while a checkpoint is written: the training goes on, says so, and fails at its
# end alone when the last one could not be saved; with room again it goes on from the one before. A log
# that can't grow costs nothing but the log.
set -u
if [ -z "${FIRSTLIGHT_UNSHARED:-}" ] && [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
    FIRSTLIGHT_UNSHARED=1 exec unshare -m --propagation private bash "$0"
fi
. "$FIRSTLIGHT_SOURCE/tests/train_lib.sh"
make_data
settings=("${small[@]}" -s train.steps=20 -s checkpoint.every=5)
together 1 "${settings[@]}" -o calm || exit 1
calm=$(hash_of calm)
part=step-00000020/part-00000-of-00001

# no_room WHAT: the run in out/ with the exit code ${codes[0]} has met the end of its disk.
no_room() {
    [[ ${codes[*]} =~ ^[1\ ]*$ ]] || wrong "$1: exit codes ${codes[*]}: $(cat say.*)"
    grep -q 'the last checkpoint, step 20, was not saved' say.0 || wrong "$1: it does not say what is lost: $(cat say.0)"
    [ "$(grep -c '"event":"step"' out/log.jsonl)" = 20 ] || wrong "$1: it did not train to its end"
    grep -q '"event":"checkpoint_failed"' out/log.jsonl || wrong "$1: the log does not say it: $(cat out/log.jsonl)"
    [ "$(grep -o 'step [0-9]* was not saved' out/log.jsonl | sort | uniq -d | wc -l)" = 0 ] || wrong "$1: the log says it twice"
    ! grep 'step 20 was not saved' out/log.jsonl | grep -q 'goes on' || wrong "$1: training goes on behind its last step"
    [ -z "$(ls -d out/*.partial out/*/*.tmp* 2>/dev/null)" ] || wrong "$1: left behind: $(ls -R out)"
}

echo "files may not grow"
(pids=() && ulimit -f 256 && start 1 "${settings[@]}" -o out && finish && echo "${codes[*]}" >codes)
read -r -a codes <codes
no_room "a limit"
[ -z "$(ls -d out/step-* 2>/dev/null)" ] || wrong "a limit: it saved something: $(ls out)"
together 2 "${settings[@]}" -o out && [ "$(hash_of out)" = "$calm" ] || wrong "after a limit: the hash is $(hash_of out), not $calm"

if [ -z "${FIRSTLIGHT_UNSHARED:-}" ]; then
    [ $failed = 0 ] && skip "the rest: mounts need root"
    exit 1
fi
rm -rf out
mkdir out
mount -t tmpfs -o size=2700k tmpfs out || skip "the rest: no tmpfs can be mounted here"
trap 'umount "$work/out" "$work/log" 2>/dev/null; clean_up' EXIT

echo "room for one checkpoint"
start 2 "${settings[@]}" -o out
finish
no_room "a full disk"
[ -e out/step-00000005/MANIFEST ] || wrong "a full disk: the first one is not there: $(ls -R out)"
mount -o remount,size=20m out
together 1 "${settings[@]}" -o out || wrong "with room again: $(cat say.0)"
grep -q '"event":"resume".*step 5"' out/log.jsonl || wrong "with room again: not from step 5"
[ "$(hash_of out)" = "$calm" ] || wrong "with room again: the hash is $(hash_of out), not $calm"

echo "no room for the log"
umount out
mkdir log
mount -t tmpfs -o size=4k tmpfs log
together 1 "${settings[@]}" -o out --log log/log.jsonl || wrong "a full log: $(cat say.0)"
grep -q "log can't be written" say.0 || wrong "a full log: nobody says so: $(cat say.0)"
cmp out/$part calm/$part || wrong "a full log: other weights"
mount -o remount,size=1m log
rm -rf out
together 1 "${settings[@]}" -o out --log log/log.jsonl || wrong "a log with room: $(cat say.0)"
python3 - log/log.jsonl <<'PYTHON' || wrong "the log is more torn than by one line"
import json, sys
torn = 0
for line in open(sys.argv[1]):
    try:
        json.loads(line)
    except ValueError:
        torn += 1
sys.exit(torn > 1)
PYTHON
exit $failed
