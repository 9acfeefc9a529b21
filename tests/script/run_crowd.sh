#!/usr/bin/env bash
# Very many connections ask one node's store at once, as 10,000 ranks of a job do: each is answered, and
# with its own answer. Connections are as many as the limit on files allows.
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"
ulimit -n "$(ulimit -Hn)"

cat >crowd.py <<'PYTHON'
import collections, os, resource, selectors, socket, struct, sys
askers = int(os.environ.get("FIRSTLIGHT_ASKERS", 10000))
count = min(askers, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100) // 2)
address = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))


def text(value):
    return struct.pack("<Q", len(value)) + value


# torch 1.13's dialect, one request at a time. Each asker sets its own key, adds 1 to one counter of all,
# waits for the key of another asker, and gets it.
SET, GET, ADD, WAIT = b"\0", b"\2", b"\3", b"\5"
sums = collections.Counter()


def talk(mine):
    """What to send, then how long the answer is."""
    for asker in mine:
        yield SET + text(b"init/key%d" % asker) + text(b"value %d" % asker), 0
    for asker in mine:
        other = (asker * 7 + 1) % askers
        key, value = text(b"init/key%d" % other), text(b"value %d" % other)
        answer = yield ADD + text(b"init/count") + struct.pack("<q", 1), 8
        sums[struct.unpack("<q", answer)[0]] += 1
        if (yield WAIT + struct.pack("<Q", 1) + key, 1) != b"\0":
            sys.exit(f"asker {asker} waits and is answered strangely")
        answer = yield GET + key, len(value)
        if answer != value:
            sys.exit(f"asker {asker} got {answer}")


waiting = selectors.DefaultSelector()


def go_on(sock, talker, answer):
    try:
        out, want = talker.send(answer)
        while not want:
            sock.sendall(out)
            out, want = talker.send(b"")
    except StopIteration:
        waiting.unregister(sock)
        return None
    sock.sendall(out)
    return [talker, want, b""]


socks = [socket.create_connection(address, timeout=120) for _ in range(count)]
for i, sock in enumerate(socks):
    waiting.register(sock, selectors.EVENT_READ)
    state = go_on(sock, talk(range(i, askers, count)), None)
    waiting.modify(sock, selectors.EVENT_READ, state)
while waiting.get_map():
    ready = waiting.select(50)
    if not ready:
        sys.exit(f"{len(waiting.get_map())} of {count} connections are not answered")
    for entry, _ in ready:
        talker, want, got = entry.data
        part = entry.fileobj.recv(want - len(got))
        if not part:
            sys.exit("a connection was closed")
        entry.data[2] += part
        if len(entry.data[2]) == want:
            state = go_on(entry.fileobj, talker, entry.data[2])
            if state:
                waiting.modify(entry.fileobj, selectors.EVENT_READ, state)
if sums != collections.Counter(range(1, askers + 1)):
    sys.exit(f"{len(sums)} sums, not {askers}")
print(f"{askers} askers over {count} connections")
PYTHON
begin crowd -n 1 --attempts-max 1 -- python3 crowd.py
ended crowd 0
grep "askers over" crowd.out || wrong "$(cat crowd.out crowd.err)"
happened node.down && wrong "the node lost its link: $("$bin" events "$id")"
exit $failed
