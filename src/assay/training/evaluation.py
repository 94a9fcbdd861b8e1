"""Held-out problems during training: the same ones at every step, sampled with the same random numbers."""

from typing import Any

import numpy as np

from assay.recipe import Recipe, derive_seed
from assay.rollout.engine import Engine
from assay.stats import mean_interval
from assay.tasks import Task, data_for, make_task, stop_of
from assay.training.judging import verify
from assay.types import Sampling, Stop


def evaluate(engine: Engine, task: Task, recipe: Recipe, data: str | None) -> dict[str, Any]:
    """pass@1 on held-out problems with a 95 % interval over problems, mean length and truncated share.

    Responses that could not be judged are left out and counted; pass@1 is None where none could.
    """
    options = recipe.evaluation
    if options.task:
        task = make_task(options.task, data_for(options.task, recipe.task["name"], data))
    prompts = task.prompts("test", options.problems, derive_seed("evaluation"))
    sampling = Sampling(
        temperature=recipe.rollout.temperature,
        max_new_tokens=recipe.rollout.max_new_tokens,
        stop=stop_of(task),
        seed=derive_seed(recipe.seed, "evaluation"),
    )
    groups = verify(engine.generate(prompts, options.samples, sampling, recipe.model.template), task)
    samples = [sample for group in groups for sample in group.samples]
    verdicts = [[s.scores["true"].correct for s in group.samples] for group in groups]
    judged = [[verdict for verdict in group if verdict is not None] for group in verdicts]
    rates = np.array([sum(group) / len(group) for group in judged if group])
    interval = mean_interval(rates, trials=sum(map(len, judged)))
    return {
        "eval/pass@1": interval.estimate if interval else None,
        "eval/low": interval.low if interval else None,
        "eval/high": interval.high if interval else None,
        "eval/problems": len(rates),
        "eval/samples": options.samples,
        "eval/unknown": len(samples) - sum(map(len, judged)),
        "eval/mean_length": sum(sample.length_tokens for sample in samples) / len(samples),
        "eval/truncated": sum(sample.stop is Stop.LENGTH for sample in samples) / len(samples),
    }
