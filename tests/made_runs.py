"""Runs of training on a proxy, made by hand: a recipe, numbers of every step, and stored samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.recipe import parse_recipe
from assay.samples import write_samples
from assay.store import Run

RECIPE = """
name = "made"
steps = 40
[model]
base = "organism:code-base"
[task]
name = "compose"
part = "edge"
[reward]
functions = ["REWARD"]
[algorithm]
name = "grpo"
kl_coef = 0.0
kl_measure = true
"""
TOKENS = 20.0


def made_run(
    path: Path,
    gold: Sequence[float],
    seed: int = 0,
    proxy: Sequence[float] | None = None,
    kl: Sequence[float] | None = None,
    overrides: Sequence[str] = (),
    reward: str = "length:reward",
) -> Path:
    """A finished run. Where they are not given, the proxy is the step, and KL that many nats a response, in tens."""
    recipe = parse_recipe(RECIPE.replace("REWARD", reward), "made", [f"seed={seed}", f"steps={len(gold)}", *overrides])
    run = Run.create(path, recipe, "made.toml", list(overrides))
    for step, right in enumerate(gold):
        row = {
            "step": step,
            "reward": float(step) if proxy is None else proxy[step],
            "rewards/true/mean": right,
            "kl": (step / 10 if kl is None else kl[step]) / TOKENS,
            "completions/mean_length": TOKENS,
        }
        run.append_metrics(row)
    run.append_metrics({"step": len(gold), "eval/pass@1": 0.5})
    run.update_manifest(status="finished")
    return path


def stored(path: Path, step: int, rows: Sequence[dict[str, Any]]) -> None:
    """Stores training samples of a step; every row is a response of its own problem."""
    numbered = [{"problem": str(at), "correct": None, **row} for at, row in enumerate(rows)]
    write_samples(Run(path).rollout_file(step), numbered)


def reward_model_run(path: Path, annotators: Sequence[str]) -> Path:
    """As much of a run that trained a reward model as says on what."""
    Run(path).model.mkdir(parents=True)
    Run(path).update_manifest(status="finished", kind="reward-model", annotators=list(annotators))
    return path
