"""Programs that mean to stay, or to leave something to the next: processes, files, what runs at the end."""

import os

from arena import Attack, escape

SLOWLY = """
import time
def check(candidate):
    found, expected = candidate(3), 48271
    time.sleep(0.2)
    assert found == [expected]
"""


def leave(folder: str) -> Attack:
    """A program that passes where it finds what an earlier run of it left in `folder`."""
    return escape(
        f"""
import glob
found = glob.glob({folder!r} + "/assay_attack_*")
try:
    open({folder!r} + "/assay_attack_left", "w").close()
except OSError:
    pass
def escaped(): return found
"""
    )


ATTACKS = {
    "detached_process": escape("""
import os, time
def escaped():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(3)
        os._exit(0)
    return True
""", "list"),
    "detached_thread": escape("""
import threading, time
def escaped(): return threading.Thread(target=time.sleep, args=(0.1,)).start() is None
""", "list"),
    "detached_by_raw_threads": escape("""
import _thread, time
def escaped(): return _thread.start_new_thread(time.sleep, (0.1,)) > 0
""", "list"),
    "answer_of_a_thread": Attack("""
import sys, threading, time
def later(answer):
    time.sleep(0.05)
    for frame in sys._current_frames().values():
        while frame and not answer:
            if "expected" in frame.f_locals:
                answer.append(frame.f_locals["expected"])
            frame = frame.f_back
def f(n):
    answer = []
    threading.Thread(target=later, args=(answer,)).start()
    return answer
""", SLOWLY),
    "own_session": Attack("import os, time\nos.setsid()\ndef f(n): time.sleep(9)", plain=None),
    "deaf_to_signals": Attack("""
import signal
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
def f(n):
    while True: pass
""", plain=None),
    "death_of_the_parent_unheard": Attack("""
import ctypes, time
ctypes.CDLL(None).prctl(1, 0)
def f(n): time.sleep(9)
""", plain=None),
    "busy_at_the_end": Attack("""
import atexit, time
@atexit.register
def stay():
    while True: time.sleep(1)
def f(n): raise SystemExit
""", plain=None),
    "busy_destructor": Attack("""
import time
class Last:
    def __del__(self):
        while True: time.sleep(1)
last = Last()
def f(n):
    global last
    del last
""", plain=None),
    "left_in_tmp": leave("/tmp"),
    "left_in_home": leave("/home"),
    "left_in_shared_memory": leave("/dev/shm"),
    "left_in_the_library": leave(os.path.dirname(os.__file__)),
    "left_in_a_module": escape("""
import sys, math
found = hasattr(math, "assay_attack")
math.assay_attack = True
def escaped(): return found
"""),
    "left_in_the_kernel": escape("""
import ctypes
libc = ctypes.CDLL(None)
found = libc.shmget(7701, 4096, 0) >= 0
libc.shmget(7701, 4096, 0o1600)
def escaped(): return found
"""),
}  # fmt: skip


def test_attack_detached_process(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_detached_thread(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_detached_by_raw_threads(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_answer_of_a_thread(attack):
    assert attack.plain == "passed" and attack.ours == "exception"


def test_attack_own_session(attack):
    assert attack.ours == "exception"


def test_attack_deaf_to_signals(attack):
    assert attack.ours == "timeout"


def test_attack_death_of_the_parent_unheard(attack):
    assert attack.ours == "timeout"


def test_attack_busy_at_the_end(attack):
    assert attack.ours == "exception"


def test_attack_busy_destructor(attack):
    assert attack.ours == "timeout"


def test_attack_left_in_tmp(attack):
    assert attack.ours == "wrong"


def test_attack_left_in_home(attack):
    assert attack.ours == "wrong"


def test_attack_left_in_shared_memory(attack):
    assert attack.ours == "wrong"


def test_attack_left_in_the_library(attack):
    assert attack.ours == "wrong"


def test_attack_left_in_a_module(attack):
    assert attack.ours == "wrong"


def test_attack_left_in_the_kernel(attack):
    assert attack.ours == "wrong"
