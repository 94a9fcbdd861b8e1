import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

MAIN: Callable[[list[str]], int] = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "weights_diff.py"))[
    "main"
]
SECONDS, MEGABYTES = 15, 500


def numbers(line: str) -> tuple[float, float]:
    """Seconds and megabytes of a printed line."""
    seconds, megabytes = line.split(": ")[1].split(", ")
    return float(seconds.split()[0]), float(megabytes.split()[0])


def test_the_benchmark_runs_and_memory_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    assert MAIN(["--gigabytes", "0.03"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("assay diff: ") and numbers(line)[1] < 50


@pytest.mark.slow
def test_two_checkpoints_of_a_gigabyte(capsys: pytest.CaptureFixture[str]) -> None:
    """The limits hold on two cores that nothing else uses; the better of two, since something may."""
    found = []
    for _ in range(2):
        assert MAIN(["--gigabytes", "1"]) == 0
        found.append(numbers(capsys.readouterr().out.splitlines()[-1]))
    assert min(seconds for seconds, _ in found) < SECONDS
    assert max(megabytes for _, megabytes in found) < MEGABYTES
