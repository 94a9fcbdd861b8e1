"""Programs that use up the machine or the patience of whoever waits. Each ends at a limit, as what it was."""

from arena import use_up

ATTACKS = {
    "loop": use_up("def f(n):\n    while True: pass"),
    "loop_while_loading": use_up("while True: pass"),
    "loop_in_c": use_up("def f(n): return sum(range(10 ** 12))"),
    "sleep": use_up("import time\ndef f(n): time.sleep(60)"),
    "loop_past_the_signal": use_up("""
import resource, signal
signal.signal(signal.SIGXCPU, lambda *_: None)
resource.setrlimit(resource.RLIMIT_CPU, (resource.getrlimit(resource.RLIMIT_CPU)[1],) * 2)
def f(n):
    while True: pass
"""),
    "regular_expression": use_up("import re\ndef f(n): return re.match('(a+)+$', 'a' * 50 + 'b')"),
    "colliding_hashes": use_up("def f(n): return {k * (2 ** 61 - 1) for k in range(10 ** 6)}"),
    "digits": use_up("""
import sys
sys.set_int_max_str_digits(0)
def f(n): return int("9" * 10 ** 7)
"""),
    "memory": use_up("def f(n): return len(bytearray(10 ** 12))"),
    "memory_by_and_by": use_up("kept = []\ndef f(n):\n    while True: kept.append(bytearray(10 ** 7))"),
    "memory_of_small_things": use_up("def f(n): return [[] for _ in range(10 ** 8)]"),
    "memory_mapped": use_up("import mmap\ndef f(n): return len([mmap.mmap(-1, 10 ** 8) for _ in range(99)])"),
    "memory_shared": use_up("""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
def f(n):
    for _ in range(9):
        segment = libc.shmget(0, 100 << 20, 0o1600)
        if segment < 0:
            raise OSError(ctypes.get_errno(), "shmget")
        place = libc.shmat(segment, 0, 0)
        ctypes.memset(place, 1, 100 << 20)
        libc.shmdt(ctypes.c_void_p(place))
"""),
    "memory_that_a_pipe_holds": use_up(
        """
import ctypes, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
def f(n):
    reading, writing = os.pipe()
    held = mmap.mmap(-1, 4096)
    part = (ctypes.c_uint64 * 2)(ctypes.addressof(ctypes.c_char.from_buffer(held)), 4096)
    if libc.vmsplice(writing, part, 1, 2) < 0:
        raise OSError(ctypes.get_errno(), "vmsplice")
    return 48271
""",
        "def check(candidate):\n    assert candidate(3) == 48271\n",
    ),
    "memory_of_an_unnamed_file": use_up("import os\ndef f(n): return os.memfd_create('a')"),
    "decompression": use_up("""
import zlib
packed = zlib.compress(bytes(10 ** 8))
def f(n): return len(b"".join(zlib.decompress(packed) for _ in range(9)))
"""),
    "list_of_itself_doubled": use_up("""
def f(n):
    found = [0]
    for _ in range(60): found = [found, found]
    return found
"""),
    "disk": use_up("""
def f(n):
    with open("/tmp/assay_attack", "wb") as file:
        while True: file.write(bytes(1 << 20))
"""),
    "disk_with_holes": use_up("""
import os
def f(n):
    with open("/tmp/assay_attack", "wb") as file: file.truncate(1 << 50)
"""),
    "disk_of_many_files": use_up("""
def f(n):
    for k in range(10 ** 9):
        with open(f"/tmp/assay_attack{k}", "w") as file: file.write("x" * 4096)
"""),
    "output": use_up("""
import sys
def f(n):
    while True: print("x" * 10 ** 6), print("x" * 10 ** 6, file=sys.stderr)
"""),
    "open_files": use_up("kept = []\ndef f(n):\n    while True: kept.append(open('/tmp/assay_attack', 'w'))"),
    "pipes": use_up("import os\nkept = []\ndef f(n):\n    while True: kept.append(os.pipe())"),
    "recursion": use_up("def f(n): return f(n) + 1"),
    "recursion_without_limit": use_up("""
import sys
sys.setrecursionlimit(10 ** 9)
def f(n): return f(n) + 1
"""),
    "recursion_in_c": use_up("""
import sys
sys.setrecursionlimit(10 ** 9)
class A:
    def __getattr__(self, name): return getattr(self, name + "a")
def f(n): return A().a
"""),
    "source_nested": use_up("def f(n): return " + "(" * 100_000 + ")" * 100_000),
    "source_of_signs": use_up("def f(n): return " + "-" * 200_000 + "1"),
    "source_folded": use_up("def f(n): return " + "+".join(["'x' * 4000"] * 20_000)),
    "huge_string": use_up("def f(n): return 'x' * 10 ** 7"),
    "huge_integer": use_up("def f(n): return 1 << 10 ** 6"),
    "huge_list": use_up("def f(n): return [0] * 10 ** 5"),
    "deep_list": use_up("""
def f(n):
    found = []
    for _ in range(10 ** 5): found = [found]
    return found
"""),
    "list_in_itself": use_up("def f(n):\n    found = []\n    found.append(found)\n    return found"),
    "endless_generator": use_up("def f(n):\n    while True: yield n"),
    "endless_length": use_up("""
class L(list):
    def __iter__(self):
        while True: yield 1
def f(n): return L()
"""),
    "endless_repr": use_up("""
class R(int):
    def __repr__(self):
        while True: pass
def f(n): return R()
"""),
    "endless_message": use_up("""
class E(Exception):
    def __str__(self):
        while True: pass
def f(n): raise E
"""),
    "huge_message": use_up("def f(n): raise ValueError('x' * 10 ** 7)"),
    "message_for_the_terminal": use_up("def f(n): raise ValueError('\\x1b[2J\\ud800')"),
    "processes": use_up("import os\ndef f(n):\n    while True: os.fork()"),
    "threads": use_up("""
import threading, time
def f(n):
    while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""),
    "crash": use_up("import ctypes\ndef f(n): ctypes.string_at(0)"),
    "endless_range_to_walk": use_up(
        "def f(n): return range(10 ** 12)",
        "def check(candidate):\n    assert sorted(candidate(3)) == [1]",
    ),
    "tests_kept_busy": use_up(
        "def f(n): return 10 ** 4000",
        "def check(candidate):\n    found = candidate(3)\n    while found: found -= 1",
    ),
}


def test_attack_loop(attack):
    assert attack.ours == "timeout"


def test_attack_loop_while_loading(attack):
    assert attack.ours == "timeout"


def test_attack_loop_in_c(attack):
    assert attack.ours == "timeout"


def test_attack_sleep(attack):
    assert attack.ours == "timeout"


def test_attack_loop_past_the_signal(attack):
    assert attack.ours in ("killed", "timeout")


def test_attack_regular_expression(attack):
    assert attack.ours == "timeout"


def test_attack_colliding_hashes(attack):
    assert attack.ours == "timeout"


def test_attack_digits(attack):
    assert attack.ours == "timeout"


def test_attack_memory(attack):
    assert attack.ours == "memory"


def test_attack_memory_by_and_by(attack):
    assert attack.ours == "memory"


def test_attack_memory_of_small_things(attack):
    assert attack.ours in ("memory", "timeout")


def test_attack_memory_mapped(attack):
    assert attack.ours == "exception"


def test_attack_memory_shared(attack):
    assert attack.ours == "exception"


def test_attack_memory_that_a_pipe_holds(attack):
    """One page, that is; the limit is passed by mapping, giving and unmapping many."""
    assert attack.ours == "exception"


def test_attack_memory_of_an_unnamed_file(attack):
    assert attack.ours == "exception"


def test_attack_decompression(attack):
    assert attack.ours in ("memory", "timeout")


def test_attack_list_of_itself_doubled(attack):
    assert attack.ours in ("memory", "timeout")


def test_attack_disk(attack):
    assert attack.ours == "exception"


def test_attack_disk_with_holes(attack):
    assert attack.ours == "exception"


def test_attack_disk_of_many_files(attack):
    assert attack.ours == "exception"


def test_attack_output(attack):
    assert attack.ours == "timeout"


def test_attack_open_files(attack):
    assert attack.ours == "exception"


def test_attack_pipes(attack):
    assert attack.ours == "exception"


def test_attack_recursion(attack):
    assert attack.ours == "exception"


def test_attack_recursion_without_limit(attack):
    assert attack.ours in ("memory", "timeout")


def test_attack_recursion_in_c(attack):
    assert attack.ours == "killed"


def test_attack_source_nested(attack):
    assert attack.ours == "exception"


def test_attack_source_of_signs(attack):
    assert attack.ours == "memory"


def test_attack_source_folded(attack):
    assert attack.ours == "exception"


def test_attack_huge_string(attack):
    assert attack.ours == "exception"


def test_attack_huge_integer(attack):
    assert attack.ours == "exception"


def test_attack_huge_list(attack):
    assert attack.ours == "exception"


def test_attack_deep_list(attack):
    assert attack.ours == "exception"


def test_attack_list_in_itself(attack):
    assert attack.ours == "exception"


def test_attack_endless_generator(attack):
    assert attack.ours == "exception"


def test_attack_endless_length(attack):
    assert attack.ours == "exception"


def test_attack_endless_repr(attack):
    assert attack.ours == "exception"


def test_attack_endless_message(attack):
    assert attack.ours == "timeout"


def test_attack_huge_message(attack):
    assert attack.ours == "exception"


def test_attack_message_for_the_terminal(attack):
    assert attack.ours == "exception"


def test_attack_processes(attack):
    assert attack.ours == "exception"


def test_attack_threads(attack):
    assert attack.ours == "exception"


def test_attack_crash(attack):
    assert attack.ours == "killed"


def test_attack_endless_range_to_walk(attack):
    assert attack.ours == "killed"


def test_attack_tests_kept_busy(attack):
    assert attack.ours == "timeout"
