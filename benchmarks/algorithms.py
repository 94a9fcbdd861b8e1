"""Every algorithm from the same base on the same problems: what it learns, and what that does to the boundary.

    python benchmarks/algorithms.py --out runs/algorithms --time --page docs/algorithms_measured.md

Trains each recipe `recipes/compose-*.toml`, samples base and tuned models on held-out problems of the rung that was
trained on, and audits each against the base. Six arms have three seeds, the others one. Arms run side by side, one
thread each. Stopped, it continues where it was, in the middle of a run too: other settings need another --out.
"""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from arms import RECIPES, finish, sample, side_by_side

from assay import __version__
from assay.audits.compare import compare
from assay.files import write_text
from assay.recipe import Recipe, RunRecipe, load_any
from assay.stats import t_interval
from assay.store import Run

PREFIX = "compose-"
LONGEST = 96
"""New tokens of a sample in the audit."""
VARIANTS = {
    "grpo-kl": ("grpo", ["algorithm.kl_coef=0.05", "algorithm.kl_estimator=k3+"]),
    "grpo-entropy": ("grpo", ["algorithm.entropy_coef=0.01"]),
    "ppo-lam-1": ("ppo", ["algorithm.lam=1.0"]),
    "ppo-no-bootstrap": ("ppo", ["algorithm.bootstrap=false"]),
}
"""Arms that are another one's recipe with an option."""
REPEATED = ("grpo", "dapo", "pass-at-k", "nsr", "w-reinforce", "unlikeliness", "cispo")
"""Arms with several seeds: the reference, the usual one, and four that are said to widen the boundary."""
TIMED = 6
"""Steps that are timed; the first two are not counted."""
LAST = 10
"""Steps at the end that reward, entropy and length are means of."""


@dataclass(frozen=True)
class Row:
    """What one run came to. `gain` and `change` are of pass@1 and pass@K against the base, with 95 % intervals."""

    arm: str
    seed: int
    reward: float
    entropy: float
    length: float
    samples: int
    pass_1: float
    gain: tuple[float, float, float]
    pass_k: float
    change: tuple[float, float, float]
    verdict: str


def is_on_edge(recipe: RunRecipe) -> bool:
    """Whether a recipe is of reinforcement learning on the edge, at an organism's usual rate."""
    return isinstance(recipe, Recipe) and recipe.task.get("rung") == "edge" and recipe.model.storage == "auto"


def arms(chosen: Sequence[str] | None) -> list[str]:
    """Names of the recipes on the edge and of the variants, in the order of the alphabet, but the reference first."""
    recipes = {path: load_any(path) for path in RECIPES.glob(f"{PREFIX}*.toml")}
    on_edge = [path for path, each in recipes.items() if is_on_edge(each)]
    found = sorted([*VARIANTS, *(path.stem.removeprefix(PREFIX) for path in on_edge)])
    found.sort(key=lambda name: name != "grpo")
    return [name for name in found if chosen is None or name in chosen]


def recipe_of(arm: str) -> tuple[str, list[str]]:
    """The recipe of an arm, and what it overrides."""
    recipe, options = VARIANTS.get(arm, (arm, []))
    return f"{PREFIX}{recipe}", options


def train_and_sample(arm: str, seed: int, out: Path, options: argparse.Namespace) -> None:
    """Trains an arm and samples its model, each only as far as that is not done."""
    overrides = [f"seed={seed}", "evaluation.every=0", "checkpoint.rollouts_every=0", "checkpoint.every=5"]
    overrides += [f"steps={options.steps}"] if options.steps else []
    recipe, more = recipe_of(arm)
    run = finish(out / f"{arm}-{seed}", recipe, [*more, *overrides])
    sample(str(run.model), out / f"{arm}-{seed}.parquet", options.task, options.problems, options.n, LONGEST)


def time_arms(names: Sequence[str], out: Path) -> dict[str, float]:
    """Median seconds of a step of each arm, one after another with nothing beside them; kept in OUT/seconds.json."""
    torch.set_num_threads(1)
    kept = out / "seconds.json"
    found: dict[str, float] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for arm in names:
        if arm not in found:
            with TemporaryDirectory() as folder:
                overrides = [f"steps={TIMED}", "evaluation.every=0", "checkpoint.rollouts_every=0"]
                recipe, more = recipe_of(arm)
                run = finish(Path(folder) / "run", recipe, [*more, *overrides])
                found[arm] = median([row["step_time"] for row in run.read_metrics() if "step_time" in row][2:])
            write_text(kept, json.dumps(found, indent=1))
            print(f"timed: {arm}, {found[arm]:.2f} s a step", flush=True)
    return found


def row_of(arm: str, seed: int, out: Path) -> Row:
    """What the metrics and the audit of a finished run say."""
    metrics = Run.open(out / f"{arm}-{seed}").read_metrics()
    last = [row for row in metrics if "reward" in row][-LAST:]
    findings = compare([out / "base.parquet", out / f"{arm}-{seed}.parquet"], ["base", "tuned"])
    evidence = findings["comparisons"]["tuned"]["evidence"]
    one, k = evidence["pass_at_1"], evidence["pass_at_K"]
    trained = [row for row in metrics if "step_time" in row]
    recipe = Run.open(out / f"{arm}-{seed}").recipe.rollout
    extra = sum(row.get("refill/extra_prompts", 0) * recipe.group + row.get("credit/samples", 0) for row in trained)
    return Row(
        arm=arm,
        seed=seed,
        reward=fmean(row["reward"] for row in last),
        entropy=fmean(row["entropy"] for row in last if "entropy" in row),
        length=fmean(row["completions/mean_length"] for row in last),
        samples=len(trained) * recipe.prompts * recipe.group + extra,
        pass_1=one["tuned"],
        gain=(one["estimate"], one["low"], one["high"]),
        pass_k=k["tuned"],
        change=(k["estimate"], k["low"], k["high"]),
        verdict=findings["verdict"],
    )


def signed(values: tuple[float, float, float]) -> str:
    """'+.020 (-.010 to +.050)'."""
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(*values)


def table(rows: Sequence[Row], k: int, seconds: dict[str, float]) -> list[str]:
    """One line a run."""
    lines = [
        f"| arm | seed | reward | pass@1 | pass@{k} | change of pass@{k} | verdict | entropy | length | samples "
        "| s a step |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row.arm, str(row.seed), f"{row.reward:.3f}", f"{row.pass_1:.3f}", f"{row.pass_k:.3f}"]
        cells += [signed(row.change), row.verdict, f"{row.entropy:.3f}", f"{row.length:.1f}"]
        time = f"{seconds[row.arm]:.2f}" if row.arm in seconds else "-"
        lines.append(f"| {' | '.join([*cells, f'{row.samples:,}', time])} |")
    return lines


def over_seeds(rows: Sequence[Row], k: int) -> list[str]:
    """Arms with several seeds: means with Student's 95 % interval, and the paired difference from GRPO."""
    reference = {row.seed: row for row in rows if row.arm == "grpo"}
    lines = [
        f"| arm | seeds | pass@1 | pass@{k} | pass@1 less GRPO's | pass@{k} less GRPO's |",
        "|---|---|---|---|---|---|",
    ]
    for arm in dict.fromkeys(row.arm for row in rows):
        mine = [row for row in rows if row.arm == arm and row.seed in reference]
        if len(mine) < 2:
            continue
        cells = [arm, str(len(mine))]
        cells += [f"{fmean(row.pass_1 for row in mine):.3f}", f"{fmean(row.pass_k for row in mine):.3f}"]
        for name in ("pass_1", "pass_k"):
            differences = np.array([getattr(row, name) - getattr(reference[row.seed], name) for row in mine])
            found = t_interval(differences)
            assert found is not None and found.low is not None and found.high is not None
            cells.append("-" if arm == "grpo" else signed((found.estimate, found.low, found.high)))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def page(rows: Sequence[Row], base: tuple[float, float], seconds: dict[str, float], options: argparse.Namespace) -> str:
    """The tables with what they were measured with."""
    k = options.n // 2
    variants = "; ".join(f"{arm}: {recipe} with {', '.join(more)}" for arm, (recipe, more) in VARIANTS.items())
    cpu = f"{platform.machine()}, {os.cpu_count()} cores, {options.processes} runs side by side of one thread each"
    lines = [
        "# Every algorithm, measured",
        "",
        f"Written by `python benchmarks/algorithms.py --time --page docs/algorithms_measured.md`; Assay {__version__}, "
        f"torch {torch.__version__}, {cpu}.",
        "",
        f"Each arm is the recipe `recipes/{PREFIX}ARM.toml`, or a variant of one ({variants}), "
        f"from `organism:code-base` on `{options.task}`, audited on "
        f"{options.problems} held-out problems x {options.n} samples. The base: pass@1 {base[0]:.3f}, pass@{k} "
        f"{base[1]:.3f}. Reward, entropy (nats a token) and length (tokens) are means over the last {LAST} steps; "
        "samples are all that were drawn for training; seconds a step are medians of one thread with nothing beside. "
        "Intervals are 95 %, over problems in the first table and over seeds in the second.",
        "",
        *table(rows, k, seconds),
        "",
        "## Over seeds",
        "",
        *over_seeds(rows, k),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Runs what is missing, then prints the tables; with --page also into that file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/algorithms"))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--arms", nargs="+", choices=arms(None))
    parser.add_argument("--task", default="compose:edge")
    for name, default in (("seeds", 3), ("problems", 256), ("n", 128), ("processes", 2), ("steps", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--time", action="store_true", help="time a few steps of each arm, alone on the machine")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    jobs = [(arm, seed) for seed in range(options.seeds) for arm in arms(options.arms) if seed == 0 or arm in REPEATED]
    base = ("organism:code-base", options.out / "base.parquet", options.task, options.problems, options.n, LONGEST)
    work = [(f"{arm}, seed {seed}", train_and_sample, (arm, seed, options.out, options)) for arm, seed in jobs]
    side_by_side([("base", sample, base), *work], options.processes)
    rows = [row_of(arm, seed, options.out) for arm, seed in sorted(jobs, key=lambda job: arms(None).index(job[0]))]
    base = (rows[0].pass_1 - rows[0].gain[0], rows[0].pass_k - rows[0].change[0])
    seconds = time_arms(arms(options.arms), options.out) if options.time else {}
    text = page(rows, base, seconds, options)
    print(text)
    if options.page:
        options.page.write_text(text, encoding="utf-8")
    return [asdict(row) for row in rows]


if __name__ == "__main__":
    main()
