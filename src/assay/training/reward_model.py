"""Training a reward model on preferences: batches of prompts, the Bradley-Terry loss, an update, and again."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import torch

from assay.algorithms.preference import bradley_terry, differences
from assay.files import ignore, restore_directory, say_nothing, write_text
from assay.policies.reward_model import RewardModel, new_reward_model
from assay.policies.save import save_policy
from assay.preferences import read_preferences
from assay.recipe import derive_seed
from assay.reward_recipe import RewardModelRecipe
from assay.store import Run
from assay.training.epochs import batches
from assay.training.on_rows import check_unchanged, finish, train_on_rows
from assay.training.optimizer import MasterOptimizer
from assay.training.preference_data import Tokenized, by_token_budget, tokenize
from assay.training.reward_quality import quality

CENTRED = 256
"""Comparisons whose rewards have the mean 0 in the end."""


class Learner:
    """What a step changes: the reward model's weights."""

    def __init__(self, reward_model: RewardModel, recipe: RewardModelRecipe) -> None:
        self.reward_model, self.recipe = reward_model, recipe
        self.optimizer = MasterOptimizer(reward_model.model, recipe.optimizer)

    def update(self, data: Sequence[Tokenized]) -> dict[str, Any]:
        """One update on these comparisons, each of the same weight."""
        loss, right, gap = 0.0, 0.0, 0.0
        rate = self.optimizer.learning_rate
        parts = by_token_budget(data, self.recipe.optimizer.micro_batch_tokens)
        tokens = sum(len(row) for each in data for row in each.rows)
        computed = sum(part[0].longest * sum(len(each.rows) for each in part) for part in parts)
        for part in parts:
            scores = self.reward_model.scores([row for each in part for row in each.rows])
            found = zip(part, scores.split([len(each.rows) for each in part]), strict=True)
            terms = []
            for each, scores_K in found:
                pairs = torch.tensor(each.pairs, device=scores_K.device)
                terms.append(bradley_terry(scores_K, pairs, each.margin))
                ahead_P = differences(scores_K.detach(), pairs)
                right += float(ahead_P.sign().mean() + 1) / 2  # a tie counts half
                gap += float(ahead_P.mean())
            total = torch.stack(terms).sum() / len(data)
            total.backward()
            loss += total.item()
        norm = self.optimizer.update()
        return {
            "loss": loss, "accuracy": right / len(data), "margin": gap / len(data), "grad_norm": norm,
            "learning_rate": rate, "num_tokens": tokens, "padding_waste": 1 - tokens / computed,
        }  # fmt: skip


def train(
    run: Run,
    data: str | None = None,
    advance: Callable[[int], None] = ignore,
    note: Callable[[str], None] = say_nothing,
) -> RewardModel:
    """Trains a run from its start or its last checkpoint to its last update; writes RUN/model and RUN/quality.json."""
    recipe = run.any_recipe
    assert isinstance(recipe, RewardModelRecipe) and recipe.steps is not None
    restore_directory(run.model)
    check_unchanged(run, recipe.preferences)
    train, test = recipe.preferences.files
    rows = read_preferences(train, test)
    reward_model = new_reward_model(
        recipe.model.base, recipe.model.device, recipe.model.dtype, derive_seed(recipe.seed, "head")
    )
    options = (reward_model, recipe.model.template, recipe.preferences.max_tokens)
    trained, too_long = tokenize(rows.train, train, *options)
    tested, more = tokenize(rows.test, test or train, *options)
    left_out = {
        "too_long": too_long + more, "without_preference": rows.without_preference, "in_both": rows.in_both
    }  # fmt: skip
    if any(left_out.values()):
        note(
            f"left out: {left_out['too_long']:,} comparisons for their length, {rows.without_preference:,} ties, "
            f"{rows.in_both:,} to test on whose prompts are trained on"
        )
    learner = Learner(reward_model, recipe)
    order = batches(trained, recipe.batch, recipe.epochs, recipe.seed)
    steps = min(recipe.steps, len(order))  # fewer where comparisons were too long
    run.update_manifest(annotators=rows.annotators, left_out=left_out)

    def update(step: int) -> dict[str, Any]:
        return learner.update([trained[place] for place in order[step]])

    def look() -> dict[str, Any]:
        return quality(reward_model, tested, recipe.optimizer.micro_batch_tokens) if tested else {}

    train_on_rows(run, recipe, learner.optimizer, steps, update, lambda: short(look()), advance)
    found = look()
    document = {"annotators": rows.annotators, "trained_on": len(trained), **left_out, **found}
    write_text(run.quality, json.dumps(document, indent=1, allow_nan=False) + "\n")
    finish(run, recipe, learner.optimizer, steps, short(found))
    reward_model.centre([row for each in trained[:CENTRED] for row in each.rows])
    reward_model.model.config.annotators = rows.annotators  # a copy of the directory says on whom it rests
    save_policy(reward_model, run.model)
    run.update_manifest(status="finished")
    return reward_model


def short(found: dict[str, Any]) -> dict[str, Any]:
    """What of the quality goes into the metrics."""
    names = ("accuracy", "low", "high", "pairs", "calibration_error")
    return {f"eval/{name}": found[name] for name in names if name in found}
