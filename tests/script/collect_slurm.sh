#!/usr/bin/env bash
# firstlight collect --slurm through a srun that behaves as Slurm's does: one stdin for all tasks, their
# stdouts merged line by line, their stderrs too.
set -u
firstlight=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
mkdir "$work/bin" "$work/run"
cat >"$work/bin/srun" <<'END'
#!/usr/bin/env bash
echo "$@" >"$FAKE/words"
while [ $# -gt 0 ] && [ "$1" != /bin/sh ]; do
    case $1 in --nodelist=*) list=${1#*=} ;; esac
    shift
done
[ "$list" = "n[1-5]" ] || { echo "srun: error: nodelist $list" >&2; exit 1; }
[ -z "${FAKE_ERROR-}" ] || { echo "srun: error: $FAKE_ERROR" >&2; exit 1; }
cat >"$FAKE/stdin"
echo "slurm prolog: hello"
for node in 1 2 3 4 5; do
    case $node in
    3) limit=200 ;;
    *) limit=unlimited ;;
    esac
    case $node in
    4) change='$d = 1 if $. > 3; s/^\@n4 .*/\@n4 !!!!/ if $d' ;;
    5) change='exit if $. > 2' ;;
    *) change='' ;;
    esac
    (ulimit -f $limit; SLURMD_NODENAME=n$node exec "$@") <"$FAKE/stdin" |
        perl -pe "BEGIN { \$| = 1 } $change" &
done
wait
END
chmod +x "$work/bin/srun"
command -v perl >/dev/null || { echo "skipped: perl is not installed"; exit 77; }
export FAKE=$work XDG_RUNTIME_DIR=$work/run PATH=$work/bin:$PATH

"$firstlight" collect --slurm >"$work/out" 2>&1
[ $? = 2 ] && grep -q "SLURM_JOB_ID is not set" "$work/out" || wrong "no allocation: $(cat "$work/out")"

export SLURM_JOB_ID=7 SLURM_JOB_NODELIST='n[1-5]'
"$firstlight" collect --slurm -o "$work/fleet" >"$work/out" 2>"$work/err"
[ $? = 1 ] || wrong "exit code is not 1: $(cat "$work/out" "$work/err")"
cat "$work/out"
[ "$(ls "$work/fleet" | tr '\n' ' ')" = "n1.snap n2.snap " ] || wrong "arrived: $(ls "$work/fleet")"
if command -v zstd >/dev/null; then
    zstd -tq "$work"/fleet/*.snap || wrong "a snapshot is torn"
fi
grep -q "^n3: no space on this host" "$work/out" || wrong "n3 is not named"
grep -q "^n4: its output came through srun garbled" "$work/out" || wrong "n4 is not named"
grep -q "^n5: it ended in the middle: 960 bytes came" "$work/out" || wrong "n5 is not named"
grep -q "^2 of 5 hosts" "$work/out" || wrong "no summary"
[ -z "$(ls -A "$work/run")" ] || wrong "left behind: $(ls -A "$work/run")"

FAKE_ERROR="Unable to create step for job 7: Requested nodes are busy" \
    "$firstlight" collect --slurm -q -o "$work/none" >"$work/out" 2>&1
[ $? = 1 ] && grep -q "^n\[1-5\]: srun: error: Unable to create step" "$work/out" ||
    wrong "srun's own error: $(cat "$work/out")"
exit $failed
