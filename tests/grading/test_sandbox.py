"""Programs in the sandbox: what crosses and what does not, how each end is told apart, and what is forbidden."""

import errno
import fcntl
import math
import os
import shutil
import time
from dataclasses import asdict

import pytest

from assay.errors import RunError
from assay.grading import nursery, sandbox
from assay.grading.inside import LONGEST_INTEGER
from assay.grading.sandbox import Failed, Limits, NotPlain, Program, run_script, why_not
from assay.grading.seccomp import NEWEST, forbidden_calls
from assay.tasks.code import judge
from assay.tasks.code.grade import Run, grade_programs
from assay.tasks.code.grade import Tests as Checks
from assay.types import Verdict

QUICK = Limits(cpu_seconds=1, wall_seconds=1.2, memory_mib=256)
TWICE = Checks("f", "def check(candidate):\n    assert candidate(2) == 4\n")

needs_sandbox = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def grade(source, tests=TWICE, **options):
    return grade_programs([(source, tests)], Run(QUICK, **options))[0]


@needs_sandbox
def test_plain_values_cross_both_ways_with_their_types():
    values = [None, True, 1, -7, 2.5, float("inf"), 1e-300, 3 - 2j, 'it\'s \\ "so" (\n', "\ud800", b"'\xff", (), (1,)]
    values += [
        [],
        [[1], {"a": (2, -3)}],
        {1: "x", (1, 2): None},
        set(),
        {1, 2},
        frozenset({-3}),
        range(3, 9, 2),
        "(" * 999,
    ]
    with Program("def same(value): return value\ndef kind(value): return type(value).__name__", QUICK) as program:
        for value in values:
            assert program.call("same", (value,)) == value
            assert program.call("kind", (value,)) == type(value).__name__
        nan = program.call("same", (float("nan"),))
        assert nan != nan
        assert program.call("same", (), {"value": True}) is True


@needs_sandbox
def test_arguments_that_are_not_plain_are_refused_before_they_cross():
    """And of the tests that use them nothing is known, for that is their fault."""
    with Program("def f(n): return n", QUICK) as program, pytest.raises(NotPlain, match="function"):
        program.call("f", (len,))
    score = grade("def f(n): return 4", Checks("f", "def check(candidate):\n    assert candidate(len) == 4"))
    assert score.verdict is Verdict.UNKNOWN and "builtin_function" in score.reason


@needs_sandbox
@pytest.mark.parametrize(
    ("outcome", "source"),
    [
        ("wrong", "def f(n): return n"),
        ("exception", "def f(n): return n / 0"),
        ("exception", "def g(n): return n"),
        ("exception", "def f(n) return n"),
        ("timeout", "import time\ndef f(n): time.sleep(9)"),
        ("memory", "def f(n): return len(bytearray(1 << 40))"),
        ("killed", "import os\ndef f(n): os._exit(1)"),
        ("killed", "import ctypes\ndef f(n): ctypes.string_at(0)"),
    ],
)
def test_how_a_program_fails_is_told_apart(outcome, source):
    score = grade(source)
    assert score.verdict is Verdict.WRONG and score.reason.startswith(f"{outcome}: ") and score.tier == "tests"


@needs_sandbox
@pytest.mark.parametrize(
    ("outcome", "source"),
    [
        ("wrong", "print(5)"),
        ("exception", "print(int(input()) * 2, flush=True); 1 / 0"),
        ("exception", "import sys; sys.exit(3)"),
        ("timeout", "while True: pass"),
        ("timeout", "import os, time; os.close(1); time.sleep(9)"),
        ("memory", "kept = []\nwhile True: kept.append(bytearray(10 ** 6))"),
        ("killed", "while True: print('x' * 10 ** 5)"),
        ("killed", "import ctypes; ctypes.string_at(0)"),
    ],
)
def test_how_a_script_fails_is_told_apart(outcome, source):
    assert grade(source, Checks(cases=(("2\n", "4\n"),))).reason.startswith(f"{outcome}: ")


@needs_sandbox
def test_processor_time_is_limited_apart_from_wall_time():
    """And asleep, a program uses none."""
    run = Run(Limits(cpu_seconds=1, wall_seconds=9))
    sources = ["def f(n):\n    while True: pass", "import time\ndef f(n): return time.sleep(1.2) or 2 * n"]
    busy, idle = grade_programs([(source, TWICE) for source in sources], run)
    assert busy.reason == "timeout: more than 1 s of processor time" and idle.verdict is Verdict.RIGHT


@needs_sandbox
def test_a_script_reads_its_input_and_writes_its_output():
    ended = run_script("import sys\nprint(sum(map(int, sys.stdin)))\nprint('x', file=sys.stderr)", "1\n2\n", QUICK)
    assert ended == sandbox.Ended("3\n", None)


@needs_sandbox
def test_each_case_has_its_own_time():
    run = Run(Limits(wall_seconds=0.5))
    (score,) = grade_programs([("import time; time.sleep(0.2); print(4)", Checks(cases=(("", "4"),) * 9))], run)
    assert score.verdict is Verdict.RIGHT


@needs_sandbox
def test_cases_that_together_take_too_long_are_not_left_unjudged(monkeypatch):
    monkeypatch.setattr(judge, "LONGEST_CASES", 2)
    item = {"source": "import time; time.sleep(0.4); print(4)", "cases": [("", "4")] * 9, "confined": True}
    found = judge.judge({**item, "limits": asdict(Limits(wall_seconds=0.6))})
    assert found == {"outcome": "timeout", "detail": "program and tests took more than 1.2 s"}


@needs_sandbox
def test_forbidden_calls_fail_inside():
    """Each of the table, with arguments of 0; clone3 as if the kernel had none, so that clone is tried."""
    source = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def errors(numbers):
    found = []
    for number in numbers:
        ctypes.set_errno(0)
        found.append((libc.syscall(number, 0, 0, 0, 0, 0, 0), ctypes.get_errno()))
    return found
"""
    table = forbidden_calls()
    with Program(source, QUICK) as program:
        found = dict(zip(table, program.call("errors", (list(table.values()),)), strict=True))
        assert program.call("errors", ([39 if os.uname().machine == "x86_64" else 172],))[0][0] > 0  # getpid
    assert found.pop("clone3") == (-1, errno.ENOSYS)
    assert found == dict.fromkeys(found, (-1, errno.EPERM)) and len(found) > 80


@needs_sandbox
def test_calls_that_are_newer_than_the_table_are_not_there():
    source = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def error(number):
    ctypes.set_errno(0)
    return libc.syscall(number, 0, 0, 0, 0, 0, 0), ctypes.get_errno()
"""
    with Program(source, QUICK) as program:
        for number in (NEWEST + 1, 999, (1 << 30) - 1):
            assert program.call("error", (number,)) == (-1, errno.ENOSYS)
    assert max(forbidden_calls().values()) == NEWEST


@needs_sandbox
def test_descriptors_are_copied_and_flagged_but_not_locked_leased_or_watched():
    source = """
import fcntl, os
file = open(os.__file__)
def error(command, argument):
    try:
        fcntl.fcntl(file, command, argument)
    except OSError as error:
        return error.errno
"""
    lock = bytes(32)
    forbidden = dict.fromkeys((fcntl.F_GETLK, fcntl.F_SETLK, fcntl.F_SETLKW, 36, 37, 38), lock)
    forbidden |= {fcntl.F_SETOWN: 1, 10: 29, 15: lock, fcntl.F_SETLEASE: fcntl.F_RDLCK, fcntl.F_NOTIFY: 1, 1031: 4096}
    allowed = {fcntl.F_GETFD: 0, fcntl.F_SETFD: 1, fcntl.F_GETFL: 0, fcntl.F_SETFL: 0, fcntl.F_DUPFD: 9}
    allowed |= {fcntl.F_DUPFD_CLOEXEC: 9}
    with Program(source, QUICK) as program:
        for command, argument in {**forbidden, **allowed}.items():
            expected = errno.EPERM if command in forbidden else None
            assert program.call("error", (command, argument)) == expected, command


@needs_sandbox
def test_what_programs_commonly_import_works():
    modules = (
        "array bisect collections copy csv dataclasses datetime decimal enum fractions functools hashlib heapq io "
    )
    modules += "itertools json math operator random re statistics string struct sys time typing unicodedata zlib"
    with Program(f"import {', '.join(modules.split())}\ndef f(n): return 2 * n", Limits()) as program:
        assert program.call("f", (2,)) == 4


def test_a_sandbox_that_does_not_start_is_no_fault_of_the_program(monkeypatch, tmp_path):
    """It says why; with standard output closed, or nothing done, before the program was read."""
    bwrap = tmp_path / "bwrap"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(nursery, "START_SECONDS", 0.3)
    nursery.close_idle()
    for script, said in (
        ("echo no room >&2; exit 1", "ended: no room"),
        ("exec sleep 9", "did not start within 0.3 s"),
    ):
        bwrap.write_text(f"#!/bin/sh\n{script}\n")
        bwrap.chmod(0o755)
        common = {"source": "def f(n): return 2 * n", "limits": asdict(QUICK), "confined": True}
        for item in (
            {"entry_point": "f", "setup": "", "tests": TWICE.tests, "calls_check": True},
            {"cases": [("", "")]},
        ):
            assert judge.judge({**common, **item}) == {"outcome": "fault", "detail": f"the sandbox {said}"}


@needs_sandbox
def test_what_came_back_can_be_passed_on():
    """Or a program could make the tests ask for what cannot cross, and go unjudged."""
    source = (
        "def deep():\n    found = 0\n    for _ in range(64): found = [found]\n    return found\ndef same(x): return x"
    )
    with Program(source, QUICK) as program:
        deep = program.call("deep", ())
        assert program.call("same", (deep,)) == deep


@needs_sandbox
def test_integers_of_any_reasonable_length_come_back():
    source = "import math\ndef f(n): return [-math.factorial(n), {math.factorial(n): 1}]\n"
    source += "def g(n): return 1 << n\ndef h(n): return n"
    with Program(source, QUICK) as program:
        assert program.call("f", (2000,)) == [-math.factorial(2000), {math.factorial(2000): 1}]
        assert program.call("h", (-math.factorial(2000),)) == -math.factorial(2000)
        for bits in (13_999, 14_000, LONGEST_INTEGER - 1):
            assert program.call("g", (bits,)) == 1 << bits
        with pytest.raises(Failed, match="an integer of more than"):
            program.call("g", (LONGEST_INTEGER,))


@needs_sandbox
def test_a_program_has_nowhere_to_write_unless_that_is_asked_for():
    source = "def write():\n    with open('/tmp/a', 'w') as file: return file.write('x')"
    with Program(source, QUICK) as program, pytest.raises(Failed, match="FileNotFoundError"):
        program.call("write", ())
    with Program(source, Limits(file_mib=1)) as program:
        assert program.call("write", ()) == 1


@needs_sandbox
def test_reasons_hold_nothing_that_a_terminal_obeys_or_a_file_cannot_hold():
    score = grade("def f(n): raise ValueError('\\x1b[2J\\ud800\\n' + 'x' * 9999)")
    assert score.reason.isprintable() and len(score.reason) <= 300


@needs_sandbox
def test_tests_that_a_value_keeps_busy_are_the_programs_fault():
    score = grade("def f(n): return 10 ** 4000", Checks("f", "def check(c):\n    n = c(1)\n    while n: n -= 1"))
    assert score.verdict is Verdict.WRONG and score.reason.startswith("timeout: program and tests")


def without_bubblewrap(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sandbox, "why_not", sandbox.why_not.__wrapped__)


def test_without_a_sandbox_code_is_not_run(monkeypatch, tmp_path):
    without_bubblewrap(monkeypatch)
    with pytest.raises(
        RunError, match=r"cannot be run safely: bubblewrap \(bwrap\) is not installed: on Debian, apt install"
    ):
        grade(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef f(n): return 2 * n")
    assert not (tmp_path / "ran").exists()


def test_without_a_sandbox_code_is_run_by_who_accepts_the_danger(monkeypatch):
    """Lies are refused as ever, limits hold, and what a program forks ends with it."""
    without_bubblewrap(monkeypatch)
    assert grade("def f(n): return 2 * n", confined=False).verdict is Verdict.RIGHT
    lie = "class Yes(int):\n    def __eq__(self, other): return True\ndef f(n): return Yes()"
    assert grade(lie, confined=False).reason.startswith("exception: TypeError")
    assert grade("def f(n):\n    while True: pass", confined=False).reason.startswith("timeout")
    forks = "import os, time\ndef f(n):\n    child = os.fork()\n    if not child: time.sleep(60)\n    return child"
    with Program(forks, QUICK, confined=False) as program:
        child = program.call("f", (1,))
    deadline = time.monotonic() + 2
    while os.path.exists(f"/proc/{child}/exe") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not os.path.exists(f"/proc/{child}/exe")
