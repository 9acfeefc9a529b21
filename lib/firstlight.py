"""A training program tells `firstlight run` where it is, and learns where to resume and when to stop.

One file, standard library only, Python 3.6 or newer; copy it beside your program. Apache-2.0.

    import firstlight
    start = load(firstlight.resume_path())        # None: from the beginning
    for i in range(start, total):
        loss = train_step()
        firstlight.step(i + 1, total, loss=loss, tokens=tokens)
        stop = firstlight.should_stop()           # SAVE_AND_LEAVE, SAVE_AND_GO_ON or 0
        if stop or time_to_save(i):
            firstlight.phase("checkpoint")
            save(path)
            firstlight.checkpoint_saved(path, i + 1)
            if stop == firstlight.SAVE_AND_LEAVE:
                break
    firstlight.phase("done")

Outside firstlight, and when the page is unusable, calls do nothing. They may come from several
threads. The first process of a rank that tells something is the one that tells: those it forks or
starts (data loaders) are silent while it lives. firstlight.h says more; the bytes of the page are
those of src/progress/page.h.
"""

import mmap
import os
import stat
import threading
import time

__all__ = ["phase", "step", "checkpoint_saved", "resume_path", "should_stop",
           "SAVE_AND_LEAVE", "SAVE_AND_GO_ON"]

SAVE_AND_LEAVE = 1
SAVE_AND_GO_ON = 2  # is told once

PHASES = {"init": 1, "step": 2, "checkpoint": 3, "eval": 4, "done": 5}

_MAGIC = 0x3154474C54535246
_PAGE_BYTES = 4096
_PATH_OFFSET, _PATH_BYTES = 256, 2048

# Indices of 32-bit fields, then of 64-bit fields.
_VERSION, _PID, _SHOULD_STOP, _STOP_SEEN, _SEQUENCE, _PHASE = 2, 3, 4, 5, 16, 17
_PHASE_AT, _STEP, _TOTAL, _TOKENS, _LOSS, _STEP_AT, _STEP_CALLS = 9, 10, 11, 12, 13, 14, 15
_CHECKPOINT_STEP, _CHECKPOINT_AT, _CHECKPOINT_COUNT = 16, 17, 18

_STEP_PHASE = PHASES["step"]

if hasattr(time, "monotonic_ns"):
    _now_ns = time.monotonic_ns
else:  # Python 3.6
    def _now_ns():
        return int(time.monotonic() * 1e9)


class _Page:
    """The mapped page. Items of a memoryview are stored whole, by one machine instruction.

    On x86-64 the stores are seen in their order; on aarch64 a reader may, very rarely, take a copy
    in which two updates are mixed."""

    def __init__(self, mapping):
        self.mapping = mapping
        view = memoryview(mapping)
        self.u32, self.i64, self.f64 = view.cast("I"), view.cast("q"), view.cast("d")
        # Of this process, and one that a signal's handler may take again.
        self.lock = threading.RLock()

    def __enter__(self):
        """Begin an update: the sequence is odd until its end. One left odd by a dead writer stays."""
        self.lock.acquire()
        self.u32[_SEQUENCE] |= 1
        return self

    def __exit__(self, *_):
        self.u32[_SEQUENCE] = ((self.u32[_SEQUENCE] | 1) + 1) & 0xFFFFFFFF
        self.lock.release()

    def set_phase(self, number, now):
        if self.u32[_PHASE] != number:
            self.u32[_PHASE] = number
            self.i64[_PHASE_AT] = now

    def begin_anew(self):
        self.u32[_PHASE] = 0
        self.mapping[_PHASE_AT * 8:_PATH_OFFSET + _PATH_BYTES] = bytes(
            _PATH_OFFSET + _PATH_BYTES - _PHASE_AT * 8)
        for field in (_STEP, _TOTAL, _TOKENS, _CHECKPOINT_STEP):
            self.i64[field] = -1
        self.f64[_LOSS] = float("nan")


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _open_page():
    path = os.environ.get("FIRSTLIGHT_PAGE")
    if not path:
        return None
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size < _PAGE_BYTES:
            return None
        page = _Page(mmap.mmap(fd, _PAGE_BYTES))
    except (OSError, ValueError):
        return None
    finally:
        os.close(fd)
    writer = page.u32[_PID]
    if page.i64[0] != _MAGIC or page.u32[_VERSION] != 1:
        return None
    if writer not in (0, os.getpid()) and _lives(writer):
        return None
    page.u32[_PID] = os.getpid()
    with page:
        page.begin_anew()
    return page


_page = None     # None: this process does not tell
_asked = False   # whether it tells has been found out
_find_lock = threading.Lock()


def _mine():
    """The page when this process is the one that tells, else None. A forked child asks anew."""
    global _page, _asked
    if not _asked:
        with _find_lock:
            if not _asked:
                _page = _open_page()
                _asked = True
    return _page


def _forked():
    global _asked, _find_lock
    _find_lock = threading.Lock()  # another thread of the parent may have held it
    _asked = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
else:  # Python 3.6 does not say: look each time
    _mine_of_this_process, _pid = _mine, os.getpid()

    def _mine():
        global _pid
        if _pid != os.getpid():
            _pid = os.getpid()
            _forked()
        return _mine_of_this_process()


def _count(value):
    return -1 if value is None else int(value)


def phase(name):
    """"init", "step", "checkpoint", "eval" or "done": what the program does from now on."""
    number = PHASES.get(name)
    if number is None:
        raise ValueError("firstlight.phase(%r): it is one of %s" % (name, ", ".join(PHASES)))
    page = _mine()
    if page is not None:
        with page:
            page.set_phase(number, _now_ns())


def step(i, total=None, loss=None, tokens=None):
    """Step `i` of `total` is done. `tokens` are those of this step (in this rank); they are summed.

    Numbers may be of any type that int() and float() take; a tensor on a GPU makes them wait for it,
    so hand in a loss only when you have it anyway."""
    page = _mine()
    if page is None:
        return
    i, total, tokens = int(i), _count(total), _count(tokens)
    loss = float("nan") if loss is None else float(loss)
    now = _now_ns()
    with page:
        i64 = page.i64
        page.set_phase(_STEP_PHASE, now)
        i64[_STEP] = i
        i64[_TOTAL] = total
        page.f64[_LOSS] = loss
        if tokens >= 0:
            i64[_TOKENS] = max(i64[_TOKENS], 0) + tokens
        i64[_STEP_AT] = now
        i64[_STEP_CALLS] += 1


def checkpoint_saved(path, step):
    """The checkpoint at `path` is complete and on disk."""
    page = _mine()
    if page is None:
        return
    name = os.fsencode(os.path.join(os.getcwd(), os.fspath(path)))
    if len(name) >= _PATH_BYTES:
        name = b""  # half a path is a wrong one
    step = int(step)
    with page:
        page.i64[_CHECKPOINT_STEP] = step
        page.i64[_CHECKPOINT_AT] = _now_ns()
        page.i64[_CHECKPOINT_COUNT] += 1
        page.mapping[_PATH_OFFSET:_PATH_OFFSET + len(name) + 1] = name + b"\0"


def resume_path():
    """Where to resume, or None: from the beginning."""
    return os.environ.get("FIRSTLIGHT_RESUME") or None


def should_stop():
    """0: go on. SAVE_AND_LEAVE: save now and leave. SAVE_AND_GO_ON: save now and go on; told once.

    Ranks learn of it within a few milliseconds of each other, so perhaps in different steps: a
    program whose ranks save together agrees on it first (an all-reduce of the maximum)."""
    page = _mine()
    if page is None:
        return 0
    stop = page.u32[_SHOULD_STOP]
    if stop not in (SAVE_AND_LEAVE, SAVE_AND_GO_ON):
        return 0
    if stop == SAVE_AND_GO_ON and page.u32[_STOP_SEEN] == stop:
        return 0
    page.u32[_STOP_SEEN] = stop
    return stop
