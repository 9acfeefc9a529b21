"""A TCPStore client on plain sockets, in each dialect, and a walk through every verb with it.

Usage: tcpstore_client.py PORT [PORT]   (two ports: the second client speaks with another node)
"""
import socket
import struct
import sys
import threading
import time

MAGIC = struct.pack("<I", 0x3C85F7CE)
NAMES_113 = "SET COMPARE_SET GET ADD CHECK WAIT GETNUMKEYS WATCH_KEY DELETE_KEY APPEND MULTI_GET MULTI_SET CANCEL_WAIT"
NAMES_21 = "SET COMPARE_SET GET ADD CHECK WAIT GETNUMKEYS DELETE_KEY APPEND MULTI_GET MULTI_SET CANCEL_WAIT"
NAMES_22 = ("VALIDATE SET COMPARE_SET GET ADD CHECK WAIT GETNUMKEYS DELETE_KEY APPEND MULTI_GET MULTI_SET "
            "CANCEL_WAIT PING QUEUE_PUSH QUEUE_POP QUEUE_LEN LIST_KEYS BARRIER")
CODES = {name: {verb: code for code, verb in enumerate(names.split())}
         for name, names in {"1.13": NAMES_113, "2.1": NAMES_21, "2.2": NAMES_22}.items()}


def text(value):
    return struct.pack("<Q", len(value)) + value


class Client:
    """`piece`: send short requests so many bytes at a time, as if the network cut them."""

    def __init__(self, port, dialect, piece=0):
        self.dialect, self.piece = dialect, piece
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.settimeout(60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if dialect == "2.2":
            self.send(bytes([0]) + MAGIC)

    def send(self, data):
        step = self.piece if self.piece and len(data) < 4096 else len(data)
        for at in range(0, len(data), step):
            self.sock.sendall(data[at:at + step])

    def ask(self, verb, body=b""):
        code = bytes([CODES[self.dialect][verb]])
        self.send((MAGIC if self.dialect == "2.1" else b"") + code + body)

    def take(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise EOFError("the store hung up")
            data += more
        return data

    def number(self):
        return struct.unpack("<q", self.take(8))[0]

    def value(self):
        return self.take(self.number())

    def set(self, key, value):
        self.ask("SET", text(key) + text(value))

    def get(self, key):
        self.ask("GET", text(key))
        return self.value()

    def add(self, key, amount):
        self.ask("ADD", text(key) + struct.pack("<q", amount))
        return self.number()

    def compare_set(self, key, expected, desired):
        self.ask("COMPARE_SET", text(key) + text(expected) + text(desired))
        return self.value()

    def keys(self, verb, keys):
        self.ask(verb, struct.pack("<Q", len(keys)) + b"".join(map(text, keys)))

    def check(self, *keys):
        self.keys("CHECK", keys)
        return self.take(1)[0] == 0

    def wait(self, *keys):
        self.keys("WAIT", keys)
        assert self.take(1) == b"\0"

    def cancel(self):
        self.ask("CANCEL_WAIT")
        return self.take(1)[0]

    def num_keys(self):
        self.ask("GETNUMKEYS")
        return self.number()

    def delete(self, key):
        self.ask("DELETE_KEY", text(key))
        return self.number()

    def append(self, key, value):
        self.ask("APPEND", text(key) + text(value))

    def multi_get(self, *keys):
        self.keys("MULTI_GET", keys)
        return [self.value() for _ in keys]

    def multi_set(self, **pairs):
        self.ask("MULTI_SET", struct.pack("<Q", len(pairs)) +
                 b"".join(text(k.encode()) + text(v) for k, v in pairs.items()))

    def push(self, key, value):
        self.ask("QUEUE_PUSH", text(key) + text(value))

    def pop(self, key):
        self.ask("QUEUE_POP", text(key))
        count = self.number()
        return (count, self.value()) if count else (0, None)

    def length(self, key):
        self.ask("QUEUE_LEN", text(key))
        return self.number()

    def silent(self, seconds=0.05):
        """Nothing has come so far; the one place where a time is waited for."""
        self.sock.settimeout(seconds)
        try:
            got = self.sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(60)
        raise AssertionError("an answer that should not come: %r" % got)


def is_hung_up(client):
    try:
        return client.sock.recv(1) == b""
    except ConnectionError:
        return True


def same(got, want):
    assert got == want, "got %r, want %r" % (got, want)


def eventually(what, want):
    """A node that holds a copy learns of another node's change before it learns of what came after it by the
    store; this client knows of it beside the store, a moment earlier."""
    end = time.monotonic() + 60
    while what() != want:
        assert time.monotonic() < end, "%r is not %r" % (what(), want)


def every_verb(ports, dialect, piece, prefix):
    a, b = Client(ports[0], dialect, piece), Client(ports[-1], dialect, piece)
    key = lambda name: prefix + name
    before = a.num_keys()
    same(a.check(key(b"k")), False)
    a.set(key(b"k"), b"v1")
    same(a.get(key(b"k")), b"v1")
    b.wait(key(b"k"))
    same(b.get(key(b"k")), b"v1")
    same(b.check(key(b"k")), True)
    same(b.check(key(b"k"), key(b"absent")), False)
    a.set(key(b"k"), b"v2")
    same(a.get(key(b"k")), b"v2")
    eventually(lambda: b.get(key(b"k")), b"v2")
    same(a.get(key(b"absent")), b"")
    same(a.num_keys(), before + 1)

    same(a.add(key(b"n"), 5), 5)
    same(b.add(key(b"n"), -7), -2)
    same(a.get(key(b"n")), b"-2")
    same(a.add(key(b"n"), 0), -2)
    same(b.add(key(b"n"), 9), 7)
    same(b.add(key(b"n"), 0), 7)
    eventually(lambda: a.add(key(b"n"), 0), 7)
    same(a.add(key(b"zero"), 0), 0)
    same(a.get(key(b"zero")), b"0")

    same(a.compare_set(key(b"c"), b"old", b"new"), b"old")  # not there: it pretends
    same(a.check(key(b"c")), False)
    same(a.compare_set(key(b"c"), b"", b"one"), b"one")
    same(b.compare_set(key(b"c"), b"", b"two"), b"one")
    same(b.compare_set(key(b"c"), b"one", b"two"), b"two")
    eventually(lambda: a.get(key(b"c")), b"two")

    same(a.delete(key(b"c")), 1)
    same(a.delete(key(b"c")), 0)
    same(a.get(key(b"c")), b"")

    a.keys("WAIT", [key(b"late1"), key(b"late2")])
    b.set(key(b"late1"), b"")
    a.silent()
    same(a.add(key(b"beside"), 1), 1)  # a WAIT does not keep a client from asking other things
    b.set(key(b"late2"), b"there")
    same(a.take(1), b"\0")
    same(a.get(key(b"late1")), b"")
    same(a.get(key(b"late2")), b"there")
    a.wait()

    big = bytes(range(256)) * 4096
    a.set(key(b"big"), big)
    b.wait(key(b"big"))
    same(b.get(key(b"big")), big)

    if "WATCH_KEY" in CODES[dialect]:
        a.ask("WATCH_KEY", text(key(b"w")))
        same(a.take(1), b"\3")
    a.append(key(b"log"), b"one ")
    a.append(key(b"log"), b"two")
    same(a.get(key(b"log")), b"one two")
    a.multi_set(**{(prefix + b"m1").decode(): b"1", (prefix + b"m2").decode(): b""})
    b.wait(key(b"m1"), key(b"m2"))
    same(b.multi_get(key(b"m1"), key(b"m2"), key(b"m1")), [b"1", b"", b"1"])
    a.keys("WAIT", [key(b"never")])
    a.silent()
    same(a.cancel(), 1)
    same(a.cancel(), 1)
    a.set(key(b"never"), b"")
    same(a.get(key(b"never")), b"")

    if dialect == "2.2":
        newer_verbs(a, b, key)
    # ADD to a text, a request that is no request: hung up, and nobody else suffers.
    b.set(key(b"text"), b"words")
    b.ask("ADD", text(key(b"text")) + struct.pack("<q", 1))
    assert is_hung_up(b)
    other = Client(ports[-1], dialect)
    other.ask("SET", struct.pack("<Q", 1 << 40))
    assert is_hung_up(other)
    same(a.get(key(b"k")), b"v2")


def newer_verbs(a, b, key):
    a.ask("PING", struct.pack("<I", 0xDEADBEEF))
    same(a.take(4), struct.pack("<I", 0xDEADBEEF))
    same(a.length(key(b"q")), 0)
    same(a.pop(key(b"q")), (0, None))
    a.push(key(b"q"), b"first")
    a.push(key(b"q"), b"second")
    same(a.length(key(b"q")), 2)
    same(a.check(key(b"q")), True)
    a.wait(key(b"q"))
    same(b.pop(key(b"q")), (2, b"first"))
    same(a.pop(key(b"q")), (1, b"second"))
    same(a.pop(key(b"q")), (0, None))
    same(a.check(key(b"q")), False)
    # One push lets one waiter go on, the one that came first.
    a.keys("WAIT", [key(b"q")])
    same(a.length(key(b"q")), 0)
    b.keys("WAIT", [key(b"q")])
    same(b.length(key(b"q")), 0)
    b.push(key(b"q"), b"x")
    same(a.take(1), b"\0")
    b.silent()
    same(a.pop(key(b"q")), (1, b"x"))
    a.push(key(b"q"), b"y")
    same(b.take(1), b"\0")
    same(b.pop(key(b"q")), (1, b"y"))
    a.ask("LIST_KEYS")
    names = [a.value() for _ in range(a.number())]
    assert key(b"k") in names and key(b"q") not in names and key(b"c") not in names
    same(len(names), a.num_keys())
    a.ask("BARRIER", text(key(b"bar")) + struct.pack("<q", 2))
    a.silent()
    b.ask("BARRIER", text(key(b"bar")) + struct.pack("<q", 2))
    same(a.take(1), b"\0")
    same(b.take(1), b"\0")
    a.ask("BARRIER", text(key(b"alone")) + struct.pack("<q", 2))
    same(a.cancel(), 1)


def counters(ports, dialect, clients=16, rounds=50):
    """Each ADD has a sum of its own, without holes."""
    sums, lock = [], threading.Lock()

    def work(index):
        client = Client(ports[index % len(ports)], dialect)
        mine = [client.add(b"many", 1) for _ in range(rounds)]
        assert mine == sorted(mine)
        client.set(b"done%d" % index, b"")
        client.wait(*[b"done%d" % i for i in range(clients)])
        same(int(client.get(b"many")), clients * rounds)
        with lock:
            sums.extend(mine)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    same(sorted(sums), list(range(1, clients * rounds + 1)))
    Client(ports[0], dialect).delete(b"many")
    for i in range(clients):
        same(Client(ports[0], dialect).delete(b"done%d" % i), 1)


def main():
    ports = [int(word) for word in sys.argv[1:]]
    for dialect in CODES:
        every_verb(ports, dialect, 0, dialect.encode() + b"/whole/")
        every_verb(ports, dialect, 1, dialect.encode() + b"/bytes/")
        every_verb(ports, dialect, 7, dialect.encode() + b"/cut/")
        counters(ports, dialect)
        print("dialect %s: every verb answered as documented" % dialect)


if __name__ == "__main__":
    main()
