"""How long the command line takes to start: `assay --help`, and `assay audit` of two small files of counts.

    python benchmarks/start.py

Each lap is a new process; beside it stands what Python takes to do nothing. Charts are left out (`--no-report`).
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from measured import Row, finish, parser, run_assay, seconds, take_turns

from assay.samples import write_samples

PROBLEMS, RESPONSES = 500, 64


def write_counts(path: Path, seed: int) -> Path:
    """A file of counts: of each problem, how many of its responses were right."""
    rng = np.random.default_rng(seed)
    right = rng.binomial(RESPONSES, rng.beta(0.5, 1.0 - seed / 4, PROBLEMS))
    rows = pl.DataFrame({"problem": np.arange(PROBLEMS).astype(str), "n": [RESPONSES] * PROBLEMS, "correct": right})
    return write_samples(path, rows)


def measure(options: argparse.Namespace, folder: Path) -> list[Row]:
    """A row for each of the two commands."""
    files = [str(write_counts(folder / f"{name}.parquet", seed)) for seed, name in enumerate(("base", "tuned"))]
    audit = ["audit", *files, "--out", str(folder / "audit"), "--no-report"]
    sides = {
        "python": lambda _: subprocess.run([sys.executable, "-c", "pass"], check=True),
        "help": lambda _: run_assay(["--help"]),
        "audit": lambda _: run_assay(audit),
    }
    laps = take_turns(sides, options.rounds)
    least = statistics.median(seconds(laps["python"]))
    return [
        Row(
            f"start, {name}", work, "-", seconds(laps[side]), "s", at_most=goal,
            seconds=statistics.median(seconds(laps[side])), floor_seconds=least, floor="Python's own start",
            memory={"assay": laps[side][-1].result},
        )
        for name, side, work, goal in (
            ("help", "help", "`assay --help`", 0.3),
            ("audit", "audit", f"`assay audit` of counts, {PROBLEMS} problems, 2 models, without charts", 1.5),
        )
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    options = parser(__doc__, rounds=11).parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return finish(options, measure(options, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
