"""Time and memory of `assay audit` on a million rows of responses from Parquet, without charts.

    python benchmarks/audit_speed.py

Two models, 500 problems, 1,000 responses each to every problem, with what `assay sample` writes of a response: text,
answer, verdict, solution, strategy, length, log-probabilities. So every audit runs, intervals included. Memory is that
of the whole process, its imports too.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from floors import measure_rates
from measured import Row, finish, parser, run_assay, seconds, take_turns

from assay.samples import write_samples

WORDS = (
    "first", "we", "add", "both", "and", "take", "it", "from", "the", "last", "so", "wait", "let", "me", "check",
    "that", "again", "is", "right", "answer",
)  # fmt: skip
TEXTS, TEXT_WORDS = 20_000, 40


def write_responses(path: Path, problems: int, responses: int, seed: int) -> Path:
    """A sample file of made responses; the second model is right more often, on fewer problems."""
    rng = np.random.default_rng(seed)
    rows = problems * responses
    problem = np.repeat(np.arange(problems), responses)
    right = rng.random(rows) < rng.beta(0.5 + seed / 5, 1.0 - seed / 5, problems)[problem]
    texts = pl.Series([" ".join(rng.choice(WORDS, TEXT_WORDS)) for _ in range(min(TEXTS, rows))])
    questions = pl.Series([f"What is number {each} of the made ones, and why?" for each in range(problems)])
    frame = pl.DataFrame(
        {
            "problem": problem.astype(str), "member": np.tile(np.arange(responses), problems),
            "prompt": questions.gather(problem), "response": texts.gather(rng.integers(0, len(texts), rows)),
            "answer": np.where(right, problem, rng.integers(0, 1000, rows)).astype(str), "correct": right,
            "verdict": np.where(right, "right", "wrong"), "solution": rng.integers(0, 12, rows).astype(str),
            "strategy": rng.choice(["code", "prose", "both"], rows), "length_tokens": rng.integers(20, 60, rows),
            "stop": rng.choice(["eos", "length"], rows, p=[0.98, 0.02]), "logprob": -rng.gamma(10, 1, rows),
            "logprob_under": -rng.gamma(12, 1, rows),
        }
    )  # fmt: skip
    alike = {
        "task": "made", "judge": "made@1", "guess_probability": 1e-5, "temperature": 1.0, "top_p": 1.0, "top_k": 0,
        "max_new_tokens": 60, "seed": seed, "under": "base@0", "model": path.stem, "template_hash": "made",
    }  # fmt: skip
    return write_samples(path, frame.with_columns(**{name: pl.lit(value) for name, value in alike.items()}))


def measure(options: argparse.Namespace, folder: Path) -> list[Row]:
    """The row of time and the row of memory."""
    responses = options.samples // options.problems // 2
    files = [
        write_responses(folder / f"{name}.parquet", options.problems, responses, seed)
        for seed, name in enumerate(("base", "tuned"))
    ]
    command = ["audit", *map(str, files), "--out", str(folder / "audit"), "--no-report"]
    laps = take_turns({"assay": lambda _: run_assay(command)}, options.rounds)["assay"]
    rates = measure_rates(options.threads)
    moved = float(sum(pl.read_parquet(file).estimated_size() for file in files))
    work = f"{2 * options.problems * responses:,} rows, {options.problems} problems, 2 models, Parquet, without charts"
    rows = [
        Row(
            "audit, time", work, "-", seconds(laps), "s", at_most=5.0, seconds=statistics.median(seconds(laps)),
            floor_seconds=rates.seconds(moved_bytes=moved), floor=rates.text(moved_bytes=moved),
        )
    ]  # fmt: skip
    peaks = [lap.result for lap in laps]
    if None not in peaks:
        rows.append(Row("audit, memory", work, "-", peaks, "MiB", at_most=1024.0, memory={"assay": max(peaks)}))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    found = parser(__doc__)
    found.add_argument("--samples", type=int, default=1_000_000, help="rows of both models")
    found.add_argument("--problems", type=int, default=500)
    options = found.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return finish(options, measure(options, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
