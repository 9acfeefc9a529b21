#!/usr/bin/env bash
# Strangers at the ports of the controller and of a node's store: garbage, half frames, an older protocol,
# a wrong key, connections that say nothing. Nothing breaks, memory is bounded, the run ends well.
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"

cat >job.sh <<'SH'
echo $MASTER_PORT >port.$RANK
until [ -e enough ]; do sleep 0.05; done
SH
both_ready() { [ -s port.0 ] && [ -s port.1 ]; }
begin strangers -N 2 --nproc-per-node 1 -- sh job.sh
await happened attempt.running && await both_ready || wrong "it does not run"
control_port=$(tr ',' '\n' <"$state/runs/$id/controller.json" | sed -n 's/.*"port": *\([0-9]*\).*/\1/p')
before=$(awk '/VmRSS/ { print $2 }' /proc/$run/status)

python3 - "$control_port" "$(cat port.0)" "$(cat port.1)" <<'PYTHON' || wrong "a stranger was heard"
import os, random, socket, struct, sys, time
random.seed(1)
control, *stores = map(int, sys.argv[1:])


def talk(port, data, pieces=1, wait=0.0, half_close=False):
    """What it answers to data, at most 1 MiB; b'' when it is closed or says nothing."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        try:
            size = max(1, len(data) // pieces)
            for at in range(0, len(data), size):
                sock.sendall(data[at:at + size])
                time.sleep(wait)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            sock.settimeout(0.2)
            while len(got) < 1 << 20:
                more = sock.recv(65536)
                if not more:
                    break
                got += more
        except OSError:
            pass
    return got


texts = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x03\x01" + bytes(200),
         bytes(1000), b"\xff" * 1000, b"\n", b"PING\r\n", struct.pack("<I", 0xffffffff) * 4,
         struct.pack(">I", 0x7fffffff) + b"x", struct.pack("<Q", 1 << 62) * 8, os.urandom(1 << 20)]
for port in (control, *stores):
    for text in texts:
        talk(port, text)
        talk(port, text[:len(text) // 2], half_close=True)
    for _ in range(20):
        talk(port, random.randbytes(random.randrange(1, 4096)), pieces=random.randrange(1, 5))

# Nothing that they said was worth more than a few bytes to the controller.
for text in texts:
    if len(talk(control, text)) > 256:
        sys.exit("the controller tells strangers much")

# Hundreds that connect and are silent; then one more is served at once by each store.
silent = []
for port in (control, *stores):
    for _ in range(300):
        try:
            silent.append(socket.create_connection(("127.0.0.1", port), timeout=20))
        except OSError:
            break


def key(text):
    return struct.pack("<Q", len(text)) + text


# TCPStore as torch 1.13 speaks it: SET, then GET of the same key.
for port in stores:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(b"\0" + key(b"init/after") + key(b"strangers"))
        sock.sendall(b"\2" + key(b"init/after"))
        sock.settimeout(20)
        got = b""
        while len(got) < 8 + 9:
            more = sock.recv(100)
            if not more:
                sys.exit(f"the store on port {port} serves nobody any more: {got}")
            got += more
        if got != key(b"strangers"):
            sys.exit(f"the store on port {port} answers {got}")

# Lengths that nobody has: keys and values without end.
for port in stores:
    for op in range(16):
        talk(port, bytes([op]) + struct.pack("<Q", 1 << 40) + b"x" * 100000)
        talk(port, bytes([op]) + key(b"k") + struct.pack("<Q", (1 << 64) - 1) + b"x" * 100000)
PYTHON

# An agent with another run's key, and one that says it is an older program.
head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=' >wrong.key
timeout 2 "$agent" run --controller 127.0.0.1:$control_port --node 0 --run other --folder "$work/other" <wrong.key >agent.out 2>&1
[ $? != 0 ] || wrong "an agent with a wrong key was taken in: $(cat agent.out)"

after=$(awk '/VmRSS/ { print $2 }' /proc/$run/status)
[ "${after:-0}" -le $((before + 64 * 1024)) ] || wrong "the controller has grown from $before to $after KiB"
for pid in $(agents_of "$id"); do
    rss=$(awk '/VmRSS/ { print $2 }' /proc/$pid/status)
    [ "${rss:-0}" -le 131072 ] || wrong "an agent has grown to $rss KiB"
done
kill -0 $run || wrong "the controller went: $(cat strangers.err)"
touch enough
ended strangers 0
events_fit strangers --ended --attempts 1
happened node.down && wrong "a node lost its link: $("$bin" events "$id")"
exit $failed
