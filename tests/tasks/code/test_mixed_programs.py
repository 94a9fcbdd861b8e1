"""Right, wrong and hostile programs graded together: each gets its verdict, and none that of another."""

import json
from pathlib import Path
from random import Random

import pytest

from assay.grading.sandbox import Limits
from assay.tasks.code import grade
from assay.types import Verdict

QUICK = grade.Run(limits=Limits(cpu_seconds=1, wall_seconds=4.0, memory_mib=256))

HOSTILE = {
    "{head}    while True: pass": "timeout",
    "{head}    return bytearray(1 << 33)": "memory",
    "{head}    import os; os._exit(0)": "killed",
    "{head}    raise SystemExit(0)": "exception",
    "{head}    import os; os.kill(os.getppid(), 9)": "",
    "{head}    import os; os.fork()": "exception",
    "{head}    return [0] * 10**7": "",
    "{head}    return {name}(*a)": "",
    "class Yes(int):\n    def __eq__(self, other): return True\n{head}    return Yes()": "exception",
    "class Yes:\n    def __eq__(self, other): return True\n{head}    return Yes()": "exception",
    "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.repr = lambda x: \"('value', ('v', True))\"\n"
    "{head}    return object()": "",
    "import os\nfor f in range(3, 64):\n    try: os.write(f, b'passed' * 100)\n    except OSError: pass\n"
    "{head}    return 0": "",
    "import sys\n{head}    sys.stdout.write('passed' * 10**6); return sys._getframe(1).f_locals": "",
}
"""What a program does, and how its reason begins, where that does not hang on the machine."""


def mixed(count: int, every: int, seed: int) -> list[tuple[str | None, grade.Tests, bool, str]]:
    """(program, tests, is it right, how its reason begins): one in `every` is hostile, half of the others are wrong."""
    rng = Random(seed)
    made: list[tuple[str | None, grade.Tests, bool, str]] = []
    for number in range(count):
        name, add = f"f{number}", rng.randrange(1, 100)
        head = f"def {name}(*a):\n"
        tests = grade.Tests(
            name, f"def check(candidate):\n    for x in range(5):\n        assert candidate(x) == x + {add}\n"
        )
        if number % every == 7:
            hostile, reason = list(HOSTILE.items())[number // every % len(HOSTILE)]
            made.append((hostile.replace("{head}", head).replace("{name}", name), tests, False, reason))
        elif rng.random() < 0.5:
            made.append((f"{head}    return a[0] + {add}\n", tests, True, ""))
        else:
            wrong = rng.choice(
                [
                    (f"{head}    return a[0] + {add + 1}\n", "wrong"),
                    (f"{head}    return a[0] + {add} if a[0] != 4 else None\n", "wrong"),
                    (f"{head}    return a[1]\n", "exception"),
                    (f"def g(a):\n    return a + {add}\n", "exception"),
                    (f"{head}    return a[0] +\n", "exception"),
                    (None, "no answer"),
                ]
            )
            made.append((wrong[0], tests, False, wrong[1]))
    return made


def check(count: int, every: int, seed: int) -> None:
    programs = mixed(count, every, seed)
    scores = grade.grade_programs([(source, tests) for source, tests, _, _ in programs], QUICK)
    faults = [
        (source, score.verdict, score.reason)
        for (source, _, is_right, reason), score in zip(programs, scores, strict=True)
        if score.verdict is not (Verdict.RIGHT if is_right else Verdict.WRONG)
        or not (score.reason or "").startswith(reason)
    ]
    assert faults == []


def test_mixed_programs_get_their_verdicts(sandbox: None) -> None:
    check(9 * len(HOSTILE), every=9, seed=0)


@pytest.mark.slow
def test_two_thousand_mixed_programs_get_their_verdicts(sandbox: None) -> None:
    """One in twenty is hostile."""
    check(2000, every=20, seed=1)


def test_the_example_samples_of_humaneval(sandbox: None, data: Path) -> None:
    """HumanEval's own example samples: three of six programs return 1 (its file says pass@1 is .5), and none harms."""
    problem = json.loads((data / "humaneval" / "example_problem.jsonl").read_text())
    lines = (data / "humaneval" / "example_samples.jsonl").read_text().splitlines()
    tests = grade.Tests(problem["entry_point"], problem["test"])
    programs = [(problem["prompt"] + json.loads(line)["completion"], tests) for line in lines]
    run = grade.Run(limits=Limits(cpu_seconds=1, wall_seconds=2.0))
    assert [bool(score.correct) for score in grade.grade_programs(programs, run)] == [False] * 3 + [True] * 3
