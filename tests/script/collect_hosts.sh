#!/usr/bin/env bash
# firstlight collect --hosts against a real sshd on loopback with many ports as hosts: those that work
# arrive, and each of those that hang, refuse, have no room, die in the middle or say nothing is named
# with its sentence. Nothing is left behind on a host. What is waited for is an event, never a time that
# a busy machine may need longer for.
set -u
sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || { echo "skipped: sshd is not installed"; exit 77; }
command -v ssh >/dev/null || { echo "skipped: ssh is not installed"; exit 77; }
firstlight=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
sshd_pid=
finish() {
    [ ! -f "$work/pids" ] || kill $(cat "$work/pids") 2>/dev/null
    [ -z "$sshd_pid" ] || kill "$sshd_pid" 2>/dev/null
    umount "$work/noexec" "$work/small" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
failed=0
wrong() { echo "WRONG: $*"; failed=1; }

mkdir -m 700 "$work/run" "$work/ssh"
ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/host" && ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/id" ||
    { echo "skipped: no ssh keys can be made here"; exit 77; }
cp "$work/ssh/id.pub" "$work/ssh/authorized"
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd

# Each kind of host is a port of one sshd.
cat >"$work/full" <<'END'
ulimit -f 200
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
END
cat >"$work/torn" <<'END'
/bin/sh -c "$SSH_ORIGINAL_COMMAND" | head -c 5000
END
cat >"$work/chatty" <<'END'
echo "Welcome to $(uname -n)! Unauthorized access is prohibited."
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
END
cat >"$work/middle" <<'END'
/bin/sh -c "$SSH_ORIGINAL_COMMAND" | { head -c 3000; sh "$(dirname "$0")/hang"; }
END
# $$ stays the same: the test ends those that hang
cat >"$work/hang" <<'END'
echo $$ >>"$(dirname "$0")/pids"
exec sleep 120
END
# The first folder lets no programs run and the second has no room, so a third must do.
mkdir "$work/noexec" "$work/small"
mount -t tmpfs -o noexec,size=64m none "$work/noexec" 2>/dev/null &&
    mount -t tmpfs -o size=200k none "$work/small" 2>/dev/null || chmod 500 "$work/noexec" "$work/small"
cat >"$work/cramped" <<'END'
here=$(dirname "$0")
XDG_RUNTIME_DIR=$here/noexec TMPDIR=$here/small exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
END
kinds="good cramped hang full torn chatty middle mute"
nap() { read -r -t 0.05 <> <(:) || :; }

start_sshd() {
    base=$((20000 + RANDOM % 30000))
    port=$base
    {
        echo "HostKey $work/ssh/host"
        echo "AuthorizedKeysFile $work/ssh/authorized"
        echo "PidFile $work/sshd.pid"
        echo "StrictModes no"
        echo "UsePAM no"
        echo "PasswordAuthentication no"
        echo "PermitRootLogin yes"
        echo "MaxStartups 500:1:500"
        echo "SetEnv XDG_RUNTIME_DIR=$work/run"
        for kind in $kinds; do
            echo "ListenAddress 127.0.0.1:$port"
            port=$((port + 1))
        done
        port=$base
        for kind in $kinds; do
            case $kind in
            good) ;;
            mute) printf 'Match LocalPort %d\n ForceCommand exit 3\n' $port ;;
            *) printf 'Match LocalPort %d\n ForceCommand exec bash %s/%s\n' $port "$work" $kind ;;
            esac
            port=$((port + 1))
        done
    } >"$work/sshd_config"
    {
        port=$base
        for kind in $kinds; do
            echo "Host $kind*"
            echo " Port $port"
            port=$((port + 1))
        done
        echo "Host refuse"
        echo " Port 1"
        echo "Host *"
        echo " HostName 127.0.0.1"
        echo " IdentityFile $work/ssh/id"
        echo " IdentitiesOnly yes"
        echo " UserKnownHostsFile $work/ssh/known"
        echo " StrictHostKeyChecking no"
    } >"$work/ssh_config"
    : >"$work/sshd.log"
    "$sshd" -D -e -f "$work/sshd_config" 2>"$work/sshd.log" &
    sshd_pid=$!
    while [ "$(grep -c 'Server listening' "$work/sshd.log")" != "$(echo $kinds | wc -w)" ]; do
        if ! kill -0 "$sshd_pid" 2>/dev/null || grep -q 'Bind to port .* failed' "$work/sshd.log"; then
            kill "$sshd_pid" 2>/dev/null
            return 1
        fi
        nap
    done
}
started=
for _ in 1 2 3 4 5; do
    start_sshd && { started=yes; break; }
done
[ -n "$started" ] || { cat "$work/sshd.log"; echo "skipped: sshd does not start here"; exit 77; }
export FIRSTLIGHT_SSH="ssh -F $work/ssh_config"
ssh -F "$work/ssh_config" -o BatchMode=yes good true ||
    { cat "$work/sshd.log"; echo "skipped: one can't log in to the test's sshd here"; exit 77; }

whole() { zstd -tq "$1" 2>/dev/null || { command -v zstd >/dev/null && return 1; [ -s "$1" ]; }; }

# 1. All kinds at once. On a busy machine those that work may take as long as those that hang are
# given; then all are given more.
for patience in 6 25 100; do
    rm -rf "$work/fleet"
    "$firstlight" collect --hosts 'good[01-12],chatty,cramped,hang,refuse,full,torn,middle,mute' \
        --timeout $patience -o "$work/fleet" >"$work/out" 2>"$work/err"
    code=$?
    grep -v '^hang' "$work/out" | grep -q "no answer within" || break
done
cat "$work/out"
[ $code = 1 ] || wrong "exit code $code, not 1"
for host in good01 good02 good03 good04 good05 good06 good07 good08 good09 good10 good11 good12 chatty cramped; do
    whole "$work/fleet/$host.snap" || wrong "$host did not arrive whole"
done
[ "$(find "$work/fleet" -type f | wc -l)" = 14 ] || wrong "other files: $(ls "$work/fleet")"
says() { grep -q "^$1: .*$2" "$work/out" || wrong "no line '$1: ... $2 ...'"; }
says hang "no answer within $patience s"
says refuse "Connection refused"
says full "no space on this host for the agent .*/tmp is full"
says torn "its snapshot: cut off after"
says middle "it stopped in the middle: 3000 bytes came within $patience s"
says mute "it ended with exit status 3 and without a word"
grep -q "^14 of 20 hosts collected into .*; 6 failed$" "$work/out" || wrong "no summary"
grep -q "collected 14 of 20, 6 failed" "$work/err" || wrong "no progress"
# An agent whose ssh is gone notices when it writes: it may clean up a moment after the head's end.
is_left_clean() {
    local left
    for _ in $(seq 600); do
        left=$(ls -A "$@")
        [ -z "$(grep -v '^/.*:$\|^$' <<<"$left")" ] && return
        nap
    done
    wrong "left behind: $left"
}
is_left_clean "$work/run" "$work/noexec" "$work/small"

# 2. All well is exit code 0; one at a time works too.
"$firstlight" collect --hosts 'good[1-3]' --fanout 1 -q -o "$work/three" >"$work/out" 2>"$work/err" ||
    wrong "three good hosts: exit code $?: $(cat "$work/out" "$work/err")"
[ -s "$work/err" ] && wrong "--quiet is not quiet: $(cat "$work/err")"
[ "$(ls "$work/three" | wc -l)" = 3 ] || wrong "three hosts gave $(ls "$work/three")"

# 3. The head's disk is full (files end at 2 KiB): each host is named, no torn file stays.
(ulimit -f 2; trap '' XFSZ; "$firstlight" collect --hosts 'good[1-2]' -q -o "$work/nospace") >"$work/out" 2>&1
[ $? = 1 ] || wrong "a full disk: exit code is not 1"
grep -q "good1.snap: cannot write: File too large" "$work/out" || wrong "a full disk: $(cat "$work/out")"
[ -z "$(ls "$work/nospace")" ] || wrong "a full disk left $(ls "$work/nospace")"

# 4. The head is killed in the middle: what stands under a final name is whole.
hanging() { if [ -f "$work/pids" ]; then wc -l <"$work/pids"; else echo 0; fi; }
before=$(hanging)
"$firstlight" collect --hosts 'good[1-3],middle[1-3]' -q -o "$work/killed" >/dev/null 2>&1 &
head=$!
while kill -0 $head && [ "$(find "$work/killed" -name '*.snap' | wc -l)/$(hanging)" != 3/$((before + 3)) ]; do
    nap
done 2>/dev/null
kill -9 $head
wait $head 2>/dev/null
[ "$(cd "$work/killed" && echo *.snap)" = "good1.snap good2.snap good3.snap" ] ||
    wrong "a killed head left $(ls "$work/killed")"
for snap in "$work"/killed/*.snap; do
    whole "$snap" || wrong "$snap is torn"
done

# 5. Interrupted: it ends soon and says so.
before=$(hanging)
"$firstlight" collect --hosts 'hang[1-3]' -q -o "$work/interrupted" >"$work/out" 2>&1 &
head=$!
while kill -0 $head 2>/dev/null && [ "$(hanging)" -lt $((before + 3)) ]; do
    nap
done
kill -TERM $head
wait $head
[ $? = 143 ] || wrong "interrupted: exit code"
grep -q "^hang\[1-3\]: not collected: interrupted" "$work/out" || wrong "interrupted: $(cat "$work/out")"

# 6. Wrong requests.
"$firstlight" collect --hosts 'n[1-' >"$work/out" 2>&1
[ $? = 2 ] && grep -q "without its ']'" "$work/out" || wrong "a wrong list: $(cat "$work/out")"
"$firstlight" collect --hosts a --agent /nonexistent >"$work/out" 2>&1
[ $? = 2 ] && grep -q "/nonexistent" "$work/out" || wrong "no agent: $(cat "$work/out")"
is_left_clean "$work/run"
exit $failed
