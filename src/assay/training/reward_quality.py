"""How good a reward model is on held-out comparisons, and what else than quality its reward goes with."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from assay.policies.reward_model import RewardModel
from assay.stats import mean_interval
from assay.tasks.forms import FORMS
from assay.training.preference_data import Tokenized, by_token_budget

BINS = 5
"""Of predicted chances from 1/2 to 1."""


@torch.no_grad()
def quality(reward_model: RewardModel, data: Sequence[Tokenized], tokens: int) -> dict[str, Any]:
    """Accuracy with a 95 % interval over prompts, calibration, and the correlation of the reward with length and forms.

    `accuracy` is the share of a prompt's pairs, of all its rows, whose preferred response has the higher reward (an
    equal one counts half), each prompt of the same weight. Correlations are Pearson's, within prompts: of reward and
    variable less their prompt's mean, over all responses; None where a variable does not vary within any prompt.
    """
    of_rows = scores(reward_model, data, tokens)
    scored = by_prompt(data, of_rows)
    gaps = by_prompt(
        data, [[found[a] - found[b] for a, b in each.pairs] for each, found in zip(data, of_rows, strict=True)]
    )
    shares = np.array([np.mean(list(map(outcome, each))) for each in gaps])
    everything = [gap for each in gaps for gap in each]
    interval = mean_interval(shares, trials=len(everything))
    texts = [each.comparison.responses for each in data]
    columns = {"length": by_prompt(data, [[float(len(row)) for row in each.rows] for each in data])}
    for name, has in FORMS.items():
        columns[name] = by_prompt(data, [[float(has(text)) for text in each] for each in texts])
    return {
        "accuracy": float(shares.mean()),
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "prompts": len(gaps),
        "pairs": len(everything),
        **calibration(everything),
        "reward_mean": float(np.mean([value for each in scored for value in each])),
        "correlations": {name: correlation(scored, column) for name, column in columns.items()},
    }


def by_prompt(data: Sequence[Tokenized], values: Sequence[Sequence[float]]) -> list[list[float]]:
    """Values of rows, one list a row, as one list a prompt: a prompt may have several rows."""
    found: dict[str, list[float]] = {}
    for each, own in zip(data, values, strict=True):
        found.setdefault(each.comparison.prompt.problem, []).extend(own)
    return list(found.values())


def outcome(gap: float) -> float:
    """What a pair counts: 1 where the preferred response has the higher reward, half where both have the same."""
    return 1.0 if gap > 0 else 0.5 if gap == 0 else 0.0


def scores(reward_model: RewardModel, data: Sequence[Tokenized], tokens: int) -> list[list[float]]:
    """The reward of each response of each comparison, in their order."""
    found: dict[int, list[float]] = {}
    for part in by_token_budget(data, tokens):
        values = reward_model.scores([row for each in part for row in each.rows])
        for each, own in zip(part, values.split([len(each.rows) for each in part]), strict=True):
            found[id(each)] = own.tolist()
    return [found[id(each)] for each in data]


def calibration(gaps: Sequence[float]) -> dict[str, Any]:
    """How often the response with the higher reward is the preferred one, by how sure sigmoid(|gap|) is of it.

    `calibration_error` is the mean over pairs of |share preferred - mean chance| of the pair's bin; `brier` the mean of
    (chance - outcome)^2.
    """
    chances = np.array([1 / (1 + math.exp(-min(abs(gap), 50))) for gap in gaps])
    outcomes = np.array(list(map(outcome, gaps)))
    places = np.minimum(((chances - 0.5) * 2 * BINS).astype(int), BINS - 1)
    table = [
        {"from": 0.5 + place / (2 * BINS), "pairs": int(here.sum()), "chance": float(chances[here].mean()),
         "preferred": float(outcomes[here].mean())}
        for place in range(BINS)
        if (here := places == place).any()
    ]  # fmt: skip
    error = sum(row["pairs"] * abs(row["preferred"] - row["chance"]) for row in table) / len(gaps)
    return {"calibration": table, "calibration_error": error, "brier": float(np.mean((chances - outcomes) ** 2))}


def correlation(rewards: Sequence[Sequence[float]], values: Sequence[Sequence[float]]) -> float | None:
    """Pearson's, of both less the mean of their prompt."""
    x, y = (np.concatenate([np.array(each) - np.mean(each) for each in column]) for column in (rewards, values))
    spread = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / spread if spread > 1e-12 else None
