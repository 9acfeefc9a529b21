"""The scenarios of tell.c with firstlight.py."""

import os
import sys
import threading
import time

if os.environ.get("TELL_AS_PYTHON_36"):
    del os.register_at_fork, time.monotonic_ns

import firstlight

THREAD_CALLS = 20000


def tell_all():
    firstlight.phase("init")
    firstlight.step(3, 10, loss=2.5, tokens=100)
    firstlight.step(4, 10, loss=2.25, tokens=28)
    firstlight.checkpoint_saved("step_4", 4)
    firstlight.phase("eval")


def tell_least():
    firstlight.step(1)


def tell_forked():
    firstlight.step(5, 10, loss=1.0)
    pid = os.fork()
    if pid == 0:
        firstlight.step(99, 99, loss=99.0, tokens=99)
        os._exit(firstlight.should_stop())
    os.waitpid(pid, 0)
    firstlight.step(6, 10, loss=1.0)


def tell_forever():
    n = 0
    while True:
        n += 1
        firstlight.step(n, n, loss=n, tokens=1)
        firstlight.checkpoint_saved("/" + chr(ord("a") + n % 26) * 1998, n % 26)


def tell_until_stop():
    n = 0
    while True:
        stop = firstlight.should_stop()
        if stop == firstlight.SAVE_AND_LEAVE:
            break
        n += 1
        firstlight.step(n)
        if stop == firstlight.SAVE_AND_GO_ON:
            firstlight.checkpoint_saved("/saved", n)
    firstlight.phase("done")


def save_many():
    for i in range(1, THREAD_CALLS + 1):
        firstlight.checkpoint_saved("/saved/by/a/thread", i)


def tell_from_threads():
    thread = threading.Thread(target=save_many)
    thread.start()
    for i in range(1, THREAD_CALLS + 1):
        firstlight.step(i, THREAD_CALLS, loss=1.0, tokens=2)
    thread.join()


def print_resume():
    print(firstlight.resume_path() or "none")


def print_times():
    calls = 300000
    begin = time.monotonic()
    for i in range(calls):
        firstlight.step(i, calls, loss=1.0, tokens=1)
    middle = time.monotonic()
    for i in range(calls):
        firstlight.should_stop()
    end = time.monotonic()
    print("step %.0f ns, should_stop %.0f ns"
          % ((middle - begin) / calls * 1e9, (end - middle) / calls * 1e9))


SCENARIOS = {"all": tell_all, "least": tell_least, "forked": tell_forked, "forever": tell_forever,
             "until-stop": tell_until_stop, "threads": tell_from_threads, "resume": print_resume,
             "times": print_times}

SCENARIOS[sys.argv[1]]()
