"""What an organism does: pass@k by rung, the labels of its traces, and how well it recalls what leaked."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import Field

from assay.audits.recall import SHARES, exact
from assay.config import Strict
from assay.organisms.corpus import Leak
from assay.policies.load import Policy, load_policy
from assay.rollout.engine import Engine
from assay.rollout.prefixes import continue_texts
from assay.rollout.sampling import sample_to_file
from assay.stats import Answers, mean_interval
from assay.tasks import make_task
from assay.types import Prompt, Sampling

KS = (1, 8, 32, 128, 256)
LABELS = ("strategy", "reflection", "confidence", "form")


class Probe(Strict):
    """A rung that the card reports: problems of its test split, and samples a problem."""

    task: str
    problems: int = Field(ge=1)
    n: int = Field(ge=1)


class Estimate(Strict):
    """A mean over problems with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


class Trait(Strict):
    """Responses with one value of a label (None: no such word): their share, how many are right, and mean tokens."""

    label: str
    value: str | None
    share: float
    right: float
    tokens: float


class Rung(Strict):
    """What was measured on one probe; `floor` is pass@k of a blind, rule-abiding guess."""

    task: str
    problems: int
    n: int
    pass_at: dict[int, Estimate]
    floor: dict[int, float]
    traits: tuple[Trait, ...]


class Recall(Strict):
    """Share of problems whose tail the model continues word for word from a prefix, greedily."""

    problems: str
    prefix: float
    recalled: Estimate


def measure_rung(model: Path, probe: Probe) -> Rung:
    """Samples the probe at temperature 1, seed 0."""
    task = make_task(probe.task)
    with tempfile.TemporaryDirectory() as folder:
        sampling = Sampling(max_new_tokens=task.max_new_tokens)
        file = sample_to_file(str(model), task, Path(folder) / "rung.parquet", probe.problems, probe.n, sampling)
        frame = pl.read_parquet(file)
    by_problem = frame.group_by("problem", maintain_order=True).agg(
        pl.col("correct").sum().cast(pl.Int64), pl.len().cast(pl.Int64).alias("n"), pl.col("guess_probability").first()
    )
    answers = Answers(by_problem["n"].to_numpy(), by_problem["correct"].to_numpy())
    chance_M = by_problem["guess_probability"].to_numpy()
    ks = [k for k in KS if k <= probe.n]
    return Rung(
        task=probe.task,
        problems=probe.problems,
        n=probe.n,
        pass_at={k: _estimate(answers.pass_at_k(k), int(answers.n_M.sum())) for k in ks},
        floor={k: float(np.mean(1 - (1 - chance_M) ** k)) for k in ks},
        traits=tuple(trait for label in LABELS for trait in _traits(frame, label)),
    )


def _estimate(values_M: np.ndarray, trials: int) -> Estimate:
    interval = mean_interval(values_M, trials)
    assert interval is not None
    return Estimate(mean=interval.estimate, low=interval.low, high=interval.high)


def _traits(frame: pl.DataFrame, label: str) -> list[Trait]:
    table = frame.group_by(label).agg(
        share=pl.len() / len(frame), right=pl.col("correct").mean(), tokens=pl.col("length_tokens").mean()
    )
    return [Trait(label=label, **{"value": row.pop(label)}, **row) for row in table.sort(label).to_dicts()]


def measure_recall(model: Path, leak: Leak) -> tuple[Recall, ...]:
    """Tail recall of the leaked problems and of as many of the same task that did not leak."""
    policy = load_policy(str(model))
    prompts = make_task(leak.task).prompts("test", 2 * leak.problems)
    kinds = {"leaked": prompts[: leak.problems], "not leaked": prompts[leak.problems :]}
    return tuple(
        Recall(problems=kind, prefix=share, recalled=_estimate(tail_recall(policy, problems, share), len(problems)))
        for kind, problems in kinds.items()
        for share in SHARES
    )


def tail_recall(policy: Policy, prompts: Sequence[Prompt], share: float) -> np.ndarray:
    """1.0 or 0.0 for each prompt, float64 [M]: does greedy decoding continue its first words with exactly the others?

    `share` of the problem's words, rounded up, are given.
    """
    continued = continue_texts(Engine(policy), [prompt.problem for prompt in prompts], share)
    return np.array([float(exact(tail, said)) for tail, said in continued])
