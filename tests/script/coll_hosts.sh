#!/usr/bin/env bash
# Two network namespaces stand for two hosts: ranks in them reach each other by UCX over TCP alone,
# and know within seconds when one is killed or its host is gone.
set -eu
PATH=$PATH:/usr/sbin:/sbin
skip() { echo "skipped: $*"; exit 77; }
command -v unshare >/dev/null && command -v ip >/dev/null && command -v ss >/dev/null || skip "no unshare, ip or ss"
command -v python3 >/dev/null || skip "no python3"
[ -x "$FIRSTLIGHT_BIN/coll-rank" ] || skip "no coll-rank"
ldconfig -p 2>/dev/null | grep -q 'libucp\.so\.0' || skip "no libucp.so.0 (package libucx0)"
if [ -z "${COLL_HOSTS_INSIDE:-}" ]; then
    unshare -rnm true 2>/dev/null || skip "no network namespaces for this user"
    COLL_HOSTS_INSIDE=1 exec unshare -rnm bash "$0"
fi
# UCX looks for devices in /sys, which shows the namespace it was mounted in.
mount -t sysfs sysfs /sys 2>/dev/null || skip "no sysfs of one's own"
work=$(mktemp -d)
other=
trap 'kill -9 $other $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
wrong() { echo "WRONG: $*"; exit 1; }

unshare -nm sh -c "mount -t sysfs sysfs /sys && exec sleep 600" &
other=$!
for _ in $(seq 100); do
    [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/self/ns/net)" ] || break
    sleep 0.02
done
there() { nsenter -t "$other" -n -m "$@"; }
ip link add here type veth peer name there 2>/dev/null || skip "no veth devices"
ip link set there netns "$other"
ip addr add 10.77.0.1/24 dev here
ip link set here up
ip link set lo up
there ip addr add 10.77.0.2/24 dev there
there ip link set there up
there ip link set lo up

# The smallest store there is, of torch 2.2's dialect.
cat >"$work/store.py" <<'END'
import socket, struct, threading
keys, changed = {}, threading.Condition()

def serve(sock):
    def take(n):
        data = b""
        while len(data) < n:
            more = sock.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def text():
        return take(struct.unpack("<Q", take(8))[0])
    try:
        while True:
            verb = take(1)[0]
            if verb == 0:
                take(4)
            elif verb == 1:
                key, value = text(), text()
                with changed:
                    keys[key] = value
                    changed.notify_all()
            elif verb == 3:
                value = keys[text()]
                sock.sendall(struct.pack("<Q", len(value)) + value)
            elif verb == 6:
                take(8)
                key = text()
                with changed:
                    changed.wait_for(lambda: key in keys)
                sock.sendall(b"\0")
    except (EOFError, OSError):
        pass

listener = socket.create_server(("10.77.0.1", 29777))
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
END
python3 "$work/store.py" >"$work/ready" &
for _ in $(seq 500); do [ -s "$work/ready" ] && break; sleep 0.02; done
export MASTER_ADDR=10.77.0.1 MASTER_PORT=29777 WORLD_SIZE=3
export UCX_NET_DEVICES=here,there
rank() { # RUN RANK WHERE ARGS
    local run=$1 number=$2 where=$3
    shift 3
    TORCHELASTIC_RUN_ID=$run RANK=$number $where "$FIRSTLIGHT_BIN/coll-rank" ucx "$@"
}

start_three() { # RUN ARGS
    local run=$1
    shift
    rank "$run" 0 "" "$@" >"$work/out" 2>"$work/err0" &
    a=$!
    rank "$run" 1 "" "$@" 2>"$work/err1" &
    b=$!
    TORCHELASTIC_RUN_ID=$run RANK=2 nsenter -t "$other" -n -m "$FIRSTLIGHT_BIN/coll-rank" ucx "$@" 2>"$work/err2" &
    c=$!
}
names_rank_2() { # SECONDS SENTENCE: ranks 0 and 1 both end with it by then
    local begin rank
    begin=$(date +%s)
    for pid in $a $b; do if wait "$pid"; then wrong "rank ended well"; fi; done
    [ $(($(date +%s) - begin)) -le "$1" ] || wrong "it took $(($(date +%s) - begin)) s"
    for rank in 0 1; do
        grep -q "^coll-rank: rank $rank: rank 2 has died$2" "$work/err$rank" || wrong "$(cat "$work"/err*)"
    done
}
running() {
    for _ in $(seq 500); do grep -q '^3 ranks: ucx over tcp$' "$work/out" && return; sleep 0.02; done
    wrong "they don't meet: $(cat "$work"/err*)"
}

start_three one rounds 60
for pid in $a $b $c; do wait "$pid" || wrong "$(cat "$work"/err*)"; done
running

echo "one is killed on the other host"
start_three two for-ever
running
kill -9 "$c"
names_rank_2 5 '$'

# While data to it are unacknowledged TCP tries for a quarter of an hour, and its keepalive is silent.
echo "the other host is gone without a word, with data on the way to it"
start_three three for-ever
running
there ip link set there down
names_rank_2 15 " or can't be reached"
kill -9 "$c" 2>/dev/null || true # it may have found the others dead
wait "$c" || true
there ip link set there up

echo "one is killed while it waits for the others"
rank waits 0 "" for-ever >"$work/out" 2>"$work/err0" &
a=$!
TORCHELASTIC_RUN_ID=waits RANK=2 nsenter -t "$other" -n -m "$FIRSTLIGHT_BIN/coll-rank" ucx for-ever 2>"$work/err2" &
c=$!
for _ in $(seq 500); do [ -n "$(ss -Htn state established src 10.77.0.1 dst 10.77.0.2 sport != 29777)" ] && break; sleep 0.02; done
kill -9 "$c"
rank waits 1 "" for-ever 2>"$work/err1" &
b=$!
names_rank_2 5 '$'

echo "UCX is not installed"
library=$(ldconfig -p | sed -n 's/.*libucp\.so\.0 .*=> //p' | head -1)
mount --bind /dev/null "$library"
start_three four rounds 1
for pid in $a $b; do if wait "$pid"; then wrong "it runs without UCX"; fi; done
grep -q 'ranks on several hosts need UCX: install the package libucx0' "$work/err0" || wrong "$(cat "$work/err0")"
