"""Does GRPO move each family towards the style that serves it better? One recipe, two bases, several seeds.

    python benchmarks/style_shift.py --out runs/style-shift

Trains every base by the recipe of `assay demo`, samples base and tuned models on the rung that was trained on
(held-out problems), and prints shares of code style and right answers by style. Stopped, it continues where it
was: other settings need another --out.
"""

import argparse
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import polars as pl

from assay.cli.train import run_training
from assay.rollout.sampling import sample_to_file
from assay.stats import t_interval
from assay.store import Run
from assay.tasks import make_task
from assay.training.start import start
from assay.types import Sampling

TASK = "compose:seen"
STYLES = ("code", "prose")


def train_one(base: str, seed: int, steps: int, out: Path) -> Path:
    """The model of a run, trained now where that is not done."""
    path = out / f"{base}-{seed}"
    with as_file(files("assay.cli") / "demo.toml") as recipe:
        overrides = [f"model.base=organism:{base}", f"seed={seed}", f"steps={steps}", "evaluation.every=0"]
        run = Run.open(path) if Run.is_run(path) else start(recipe, path, overrides, None)
    run_training(run, None)
    return run.model


def measure(model: str, out: Path, problems: int, n: int) -> tuple[float, dict[str, tuple[float, float]]]:
    """Right answers, and for each style its share and how many of its responses are right."""
    if not out.exists():
        task = make_task(TASK)
        sample_to_file(model, task, out, problems, n, Sampling(max_new_tokens=task.max_new_tokens))
    rows = pl.read_parquet(out, columns=["strategy", "correct"])
    by_style = {style: rows.filter(pl.col("strategy") == style)["correct"] for style in STYLES}
    shares = {
        style: (len(found) / len(rows), float("nan") if found.is_empty() else float(found.mean()))
        for style, found in by_style.items()
    }
    return float(rows["correct"].mean() or 0.0), shares


def mean_change(values: np.ndarray) -> str:
    """Mean over seeds with Student's 95 % interval."""
    interval = t_interval(values)
    assert interval is not None
    if interval.low is None or interval.high is None:
        return f"{interval.estimate:+.3f} (one seed: no interval)"
    return f"{interval.estimate:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


def main() -> None:
    """Trains, samples, prints a row a run and a row a base."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/style-shift"))
    parser.add_argument("--bases", nargs="+", default=["code-base", "prose-base"])
    for name, default in (("seeds", 3), ("steps", 60), ("problems", 128), ("n", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print("| base | seed | right | code style | right in code | right in prose |\n|---|---|---|---|---|---|")
    for base in options.bases:
        sampled = (options.out / f"{base}.parquet", options.problems, options.n)
        right, styles = measure(f"organism:{base}", *sampled)
        changes = []
        for seed in range(options.seeds):
            model = train_one(base, seed, options.steps, options.out)
            sampled = (options.out / f"{base}-{seed}.parquet", options.problems, options.n)
            right_after, after = measure(str(model), *sampled)
            cells = [f"{right:.3f} -> {right_after:.3f}", f"{styles['code'][0]:.3f} -> {after['code'][0]:.3f}"]
            cells += [f"{styles[style][1]:.3f} -> {after[style][1]:.3f}" for style in STYLES]
            print(f"| {base} | {seed} | {' | '.join(cells)} |", flush=True)
            changes.append((right_after - right, after["code"][0] - styles["code"][0]))
        told = [mean_change(np.array(column)) for column in zip(*changes, strict=True)]
        print(f"| {base} | change, mean over {options.seeds} seeds | {told[0]} | {told[1]} | | |", flush=True)


if __name__ == "__main__":
    main()
