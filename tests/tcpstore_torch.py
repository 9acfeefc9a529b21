"""PyTorch's own TCPStore client through every verb it has, then a process group over the same store.

Usage: tcpstore_torch.py verbs PORT PORT | tcpstore_torch.py group PORT   (the latter with RANK and WORLD_SIZE)
"""
import os
import sys
import threading
from datetime import timedelta

import torch
import torch.distributed as dist


def connect(port):
    return dist.TCPStore("127.0.0.1", port, 2, False, timeout=timedelta(seconds=60), wait_for_workers=False)


def verbs(ports):
    a, b = map(connect, ports)
    a.set("x", "1")
    assert b.get("x") == b"1"
    a.set("x", "")
    assert a.get("x") == b""
    assert a.add("n", 3) == 3 and b.add("n", -1) == 2 and a.get("n") == b"2"
    assert a.compare_set("cas", "", "one") == b"one"
    assert b.compare_set("cas", "bad", "two") == b"one"
    assert b.compare_set("cas", "one", "two") == b"two"
    assert a.compare_set("not there", "x", "y") == b"x"
    assert a.num_keys() == b.num_keys() == 3
    assert a.delete_key("x") and not b.delete_key("x") and b.num_keys() == 2
    try:
        connect(ports[0]).wait(["never"], timedelta(milliseconds=200))
        raise AssertionError("a wait for nothing came back")
    except RuntimeError as error:
        assert "Timeout" in str(error), error
    threading.Timer(0.1, lambda: a.set("late", b"\0\1")).start()
    b.wait(["late", "n"], timedelta(seconds=60))
    assert b.get("late") == b"\0\1"
    prefixed = dist.PrefixStore("p", b)
    prefixed.set("k", "v")
    assert a.get("p/k") == b"v"
    threads(ports)


def threads(ports, count=8, rounds=100):
    sums = []

    def work(index):
        store = connect(ports[index % 2])
        sums.extend(store.add("many", 1) for _ in range(rounds))

    pool = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    assert sorted(sums) == list(range(1, count * rounds + 1))


def group(port):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), TORCHELASTIC_USE_AGENT_STORE="True",
                      TORCHELASTIC_RESTART_COUNT="0", GLOO_SOCKET_IFNAME="lo")
    dist.init_process_group("gloo", timeout=timedelta(seconds=120))
    rank, world = dist.get_rank(), dist.get_world_size()
    value = torch.tensor([float(rank)])
    dist.all_reduce(value)
    assert value.item() == world * (world - 1) / 2
    half = dist.new_group(list(range(world // 2)))
    if rank < world // 2:
        dist.all_reduce(value, group=half)
        assert value.item() == world * (world - 1) / 2 * (world // 2)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    if sys.argv[1] == "verbs":
        verbs([int(word) for word in sys.argv[2:]])
    else:
        group(int(sys.argv[2]))
