"""Processes cloned for programs: what one leaves for the next, what rights it has, nurseries that end or are lost."""

import os
import signal
import threading
import time

import pytest

from assay.grading import nursery
from assay.grading.sandbox import Limits, Program, run_script, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

QUICK = Limits(cpu_seconds=1, wall_seconds=5, file_mib=1)
LEAVES = """
import builtins, math, os, random
found = [os.path.exists("/tmp/left"), hasattr(math, "left"), hasattr(builtins, "left"), os.getpid(), random.random()]
open("/tmp/left", "w").close()
math.left = builtins.left = True
def look(): return found
"""
RIGHTS = """
import ctypes, struct
libc = ctypes.CDLL(None)
def rights():
    sets = ctypes.create_string_buffer(24)
    assert libc.capget(struct.pack("Ii", 0x20080522, 0), sets) == 0
    ambient = [libc.prctl(47, 1, number, 0, 0) for number in range(40)]
    return sets.raw, max(ambient), libc.prctl(39, 0, 0, 0, 0), libc.prctl(21, 0, 0, 0, 0)
"""


def look(source=LEAVES, limits=QUICK):
    """What the program found, and the nursery that it was cloned from."""
    with Program(source, limits) as program:
        return program.call("look", ()), program.process.nursery


def test_programs_of_one_nursery_share_nothing():
    """Neither files nor modules nor process ids nor the state of `random`."""
    (first, one), (second, other) = look(), look()
    assert one is other
    assert first[:4] == second[:4] == [False, False, False, 1] and first[4] != second[4]


def test_a_program_has_no_right_left_and_its_calls_are_filtered():
    """No capability in any set; no new privileges; the filter's mode is 2."""
    with Program(RIGHTS, QUICK) as program:
        assert program.call("rights", ()) == (bytes(24), 0, 1, 2)


def test_programs_at_the_same_time_have_a_nursery_each():
    with Program(LEAVES, QUICK) as one, Program(LEAVES, QUICK) as other:
        assert one.process.nursery is not other.process.nursery
        assert one.call("look", ())[0] is other.call("look", ())[0] is False


def test_a_nursery_outlives_the_thread_that_asked_for_it():
    """bubblewrap ends with the thread that started it, which must not be one that comes and goes."""
    found = []
    for _ in range(6):
        asker = threading.Thread(target=lambda: found.append(look()))
        asker.start()
        asker.join()
        time.sleep(0.02)
    assert len({id(used) for _, used in found}) == 1 and all(seen[:3] == [False] * 3 for seen, _ in found)


def test_a_nursery_that_is_gone_is_replaced():
    _, lost = look()
    lost.process.send_signal(signal.SIGKILL)
    lost.process.wait()
    found, other = look()
    assert found[:3] == [False] * 3 and other is not lost


def test_where_namespaces_are_refused_a_sandbox_serves_one_program(monkeypatch):
    """As where a system lets bubblewrap keep no capability: the programs are apart all the same, also in files."""
    walls = nursery._walls
    refused = ("--cap-add", "CAP_SYS_ADMIN")
    monkeypatch.setattr(nursery, "_walls", lambda size: tuple(each for each in walls(size) if each not in refused))
    nursery.close_idle()
    (first, one), (second, other) = look(), look()
    assert one is not other and one.process.poll() is not None
    assert first[:3] == second[:3] == [False] * 3 and first[3] > 1
    ended = run_script("while True: pass", "", QUICK)
    assert ended.failed is not None and ended.failed.detail == "more than 1 s of processor time"
    with Program(RIGHTS, QUICK) as program:
        assert program.call("rights", ()) == (bytes(24), 0, 1, 2)


class Interrupted:
    """A control socket on which Ctrl-C is pressed."""

    def sendall(self, data):
        raise KeyboardInterrupt


def test_a_nursery_whose_answer_was_not_heard_runs_nothing_more():
    """Or the next program would be given the end of this one."""
    with pytest.raises(KeyboardInterrupt), Program(LEAVES, QUICK) as program:
        lost = program.process.nursery
        lost.control = Interrupted()
    assert lost.process.poll() is not None
    assert look()[1] is not lost


def test_nurseries_end_with_their_process(tmp_path):
    """Idle ones too, also when it is killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(look()[1].process.pid).encode())
        signal.pause()
    pid = int(os.read(reading, 20))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    deadline = time.monotonic() + 2
    while os.path.exists(f"/proc/{pid}/exe") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{pid}/exe")
    os.close(reading)
    os.close(writing)
