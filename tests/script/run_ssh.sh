#!/usr/bin/env bash
# firstlight run --hosts against a real sshd on loopback with a port for each kind of host: ranks run on
# those that work, each host that is dead, hangs or has another key is named with its sentence, the agent
# is copied once, and it outlives its ssh.
set -u
sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || { echo "skipped: sshd is not installed"; exit 77; }
command -v ssh >/dev/null || { echo "skipped: ssh is not installed"; exit 77; }
firstlight=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
# Not the agent of any other test's: no folder that these hosts share has a copy of it.
{ cat "$FIRSTLIGHT_BIN/firstlight-agent"; echo "$work"; } >"$work/firstlight-agent"
chmod 755 "$work/firstlight-agent"
export FIRSTLIGHT_AGENT=$work/firstlight-agent
sshd_pid=
fallback=/var/tmp/.firstlight-$(id -u) # of hosts whose user has no home
finish() {
    [ ! -f "$work/pids" ] || kill $(cat "$work/pids") 2>/dev/null
    [ -z "$sshd_pid" ] || kill "$sshd_pid" 2>/dev/null
    rm -rf "$work" "$fallback/agent-${hash:-none}" "$fallback/runs/odd"-*
}
trap finish EXIT
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
nap() { read -r -t 0.05 <> <(:) || :; }

mkdir -m 700 "$work/ssh"
ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/host" && ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/id" &&
    ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/other" ||
    { echo "skipped: no ssh keys can be made here"; exit 77; }
cp "$work/ssh/id.pub" "$work/ssh/authorized"
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd

# Each host is a port of one sshd, with a cache folder of its own.
cat >"$work/enter" <<'END'
host=$1
export XDG_CACHE_HOME=$(dirname "$0")/cache-$host XDG_STATE_HOME=$(dirname "$0")/state-$host
echo "$host" >>"$(dirname "$0")/logins"
echo "Welcome to $host! Unauthorized access is prohibited."
shell=/bin/sh
[ ! -f "$(dirname "$0")/odd-$host" ] || . "$(dirname "$0")/odd-$host"
exec $shell -c "$SSH_ORIGINAL_COMMAND"
END
# $$ stays the same: the test ends those that hang
cat >"$work/hang" <<'END'
echo $$ >>"$(dirname "$0")/pids"
exec sleep 600
END
kinds="n1 n2 n3 hang stranger tree"
tree=36

# More hosts than come one by one, told apart by the key of each. Those of nodes.none have no key for one another.
for i in $(seq $tree); do
    ssh-keygen -q -t ed25519 -N '' -f "$work/ssh/t$i"
    echo "command=\"bash $work/enter_tree t$i\" $(cat "$work/ssh/t$i.pub")"
done >"$work/ssh/tree_keys"
cat >"$work/enter_tree" <<'END'
host=$1 work=$(dirname "$0")
export XDG_CACHE_HOME=$work/cache-t XDG_STATE_HOME=$work/state-$host
export FIRSTLIGHT_SSH="ssh -F $work/nodes_config -o SetEnv=FROM=$host"
echo "$host from $FROM" >>"$work/logins"
echo "Welcome to $host!"
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
END

start_sshd() {
    base=$((20000 + RANDOM % 12000)) # below those that the kernel gives to others
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
        echo "SetEnv SHLVL=2" # bash as a login shell reads no .bashrc then, which may take a while
        for kind in $kinds; do
            echo "ListenAddress 127.0.0.1:$port"
            port=$((port + 1))
        done
        port=$base
        for kind in $kinds; do
            case $kind in
            tree) printf 'Match LocalPort %d\n AuthorizedKeysFile %s/ssh/tree_keys\n AcceptEnv FROM\n' $port "$work" ;;
            hang) printf 'Match LocalPort %d\n ForceCommand exec bash %s/hang\n' $port "$work" ;;
            *) printf 'Match LocalPort %d\n ForceCommand exec bash %s/enter %s\n' $port "$work" $kind ;;
            esac
            port=$((port + 1))
        done
    } >"$work/sshd_config"
    : >"$work/ssh/known"
    {
        port=$base
        for kind in $kinds; do
            key=host
            [ $kind != stranger ] || key=other
            echo "[127.0.0.1]:$port $(cut -d ' ' -f 1-2 "$work/ssh/$key.pub")" >>"$work/ssh/known"
            if [ $kind = tree ]; then
                for i in $(seq $tree); do
                    printf 'Host t%d\n Port %d\n IdentityFile %s/ssh/t%d\n' $i $port "$work" $i
                done
            fi
            echo "Host $kind"
            echo " Port $port"
            port=$((port + 1))
        done
        echo "Host dead"
        echo " Port 1"
        echo "Host *"
        echo " HostName 127.0.0.1"
        echo "Host n? dead hang stranger"
        echo " IdentityFile $work/ssh/id"
        echo "Host *"
        echo " IdentitiesOnly yes"
        echo " UserKnownHostsFile $work/ssh/known"
        echo " StrictHostKeyChecking yes"
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
for _ in $(seq 20); do
    start_sshd && { started=yes; break; }
done
[ -n "$started" ] || { cat "$work/sshd.log"; echo "skipped: sshd does not start here"; exit 77; }
export FIRSTLIGHT_SSH="ssh -F $work/ssh_config"
ssh -F "$work/ssh_config" -o BatchMode=yes n1 true >/dev/null ||
    { cat "$work/sshd.log"; echo "skipped: one can't log in to the test's sshd here"; exit 77; }
export XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache
run() { "$firstlight" run --listen 127.0.0.1 "$@" >"$work/out" 2>"$work/err"; }

# 1. Three hosts with two ranks each; each has its copy then.
run --hosts 'n[1-3]' --nproc-per-node 2 -- sh -c 'echo "rank $RANK of $WORLD_SIZE on $SLURMD_NODENAME"' ||
    wrong "three hosts: exit code $?: $(cat "$work/err")"
for rank in 0 1 2 3 4 5; do
    grep -q "rank $rank of 6 on n$((rank / 2 + 1))$" "$work/out" || wrong "no rank $rank: $(cat "$work/out")"
done
for host in n1 n2 n3; do
    [ "$(ls "$work/cache-$host/firstlight" | wc -l)" = 1 ] || wrong "$host has $(ls "$work/cache-$host/firstlight")"
done

# 2. Again: one login a host and nothing new in the caches.
copies() { ls -i "$work"/cache-n?/firstlight; }
before=$(copies)
: >"$work/logins"
run --hosts 'n[1-3]' -- true || wrong "again: exit code $?: $(cat "$work/err")"
[ "$(copies)" = "$before" ] || wrong "copied again: $before, then $(copies)"
[ "$(sort "$work/logins" | tr '\n' ' ')" = "n1 n2 n3 " ] || wrong "logins: $(cat "$work/logins")"

# 3. A host that is dead, one of another key, one that hangs: each is named, no rank starts.
run --hosts 'n1,dead,stranger,hang' --start-timeout 5s --attempts-without-progress 0 -- \
    sh -c "echo started >>$work/started"
[ $? != 0 ] || wrong "bad hosts: exit code 0"
says() { grep -q "$1" "$work/err" || wrong "no word of '$1': $(cat "$work/err")"; }
says "dead.*Connection refused"
says "stranger.*Host key verification failed"
says "hang"
[ ! -f "$work/started" ] || wrong "ranks were started"

# 4. A user without a home, one whose home can't be written, and another login shell.
hash=$(ls "$work/cache-n1/firstlight" | sed -n 's/^agent-//p')
echo "unset HOME XDG_STATE_HOME XDG_CACHE_HOME" >"$work/odd-n1"
echo "export HOME=/proc/none; unset XDG_STATE_HOME XDG_CACHE_HOME" >"$work/odd-n2"
! command -v fish >/dev/null || echo "shell=fish" >"$work/odd-n3"
run --name odd --hosts 'n[1-3]' -- sh -c 'echo "rank $RANK"' || wrong "odd hosts: exit code $?: $(cat "$work/err")"
[ "$(sort "$work/out" | tr '\n' ' ')" = "rank 0 rank 1 rank 2 " ] || wrong "odd hosts: $(cat "$work/out" "$work/err")"
[ -e "$fallback/agent-$hash" ] || wrong "no copy where there is no home"
ls "$fallback"/runs/odd-*/nodes/0/attempt-1/rank-0.log >/dev/null || wrong "no log where there is no home"
rm "$work"/odd-*

# 5. More than 32 hosts: some of them start the others, where their keys let them...
export FIRSTLIGHT_SSH="ssh -F $work/ssh_config -o SetEnv=FROM=head"
many() {
    : >"$work/logins"
    run --hosts "t[1-$tree]" --nproc-per-node 1 -- sh -c 'echo "rank $RANK on $SLURMD_NODENAME"' ||
        wrong "$1: exit code $?: $(cat "$work/err")"
    [ "$(grep -c "^rank [0-9]* on t[0-9]*$" "$work/out")" = $tree ] || wrong "$1: $(cat "$work/out" "$work/err")"
    for rank in 0 17 $((tree - 1)); do
        grep -q "^rank $rank on t$((rank + 1))$" "$work/out" || wrong "$1: no rank $rank: $(cat "$work/out")"
    done
}
from_head() { grep -c "from head" "$work/logins"; }
cp "$work/ssh_config" "$work/nodes_config"
many "with keys"
[ "$(from_head)" = 6 ] && [ "$(wc -l <"$work/logins")" = $tree ] || wrong "with keys: $(cat "$work/logins")"
# ... and else none is lost.
sed '/IdentityFile/d' "$work/ssh_config" >"$work/nodes_config"
many "without keys"
[ "$(from_head)" = $tree ] && [ "$(wc -l <"$work/logins")" = $tree ] || wrong "without keys: $(cat "$work/logins")"
agents() { grep -slzF -e "$work/state-t" /proc/[0-9]*/environ; }
for _ in $(seq 200); do
    [ -n "$(agents)" ] || break
    nap
done
[ -z "$(agents)" ] || wrong "left: $(agents)"
exit $failed
