"""Supervised fine-tuning: batches of demonstrations, the mean negative log-likelihood of a token, an update, and again.

Legend: B rows, T tokens.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from assay.algorithms import aggregate
from assay.batch import collate, padding_waste
from assay.demonstrations import read_demonstrations
from assay.files import ignore, say_nothing
from assay.policies.load import Policy
from assay.policies.stats import CHUNK_LOGITS, Wanted, check_packing, states_of, token_stats
from assay.sft_recipe import SftRecipe
from assay.store import Run
from assay.training.epochs import batches
from assay.training.on_rows import check_unchanged, finish, train_on_rows
from assay.training.optimizer import MasterOptimizer
from assay.training.sft_data import tokenize, with_unknown_tokens
from assay.training.weights import load_trained, restore_saved, save_trained
from assay.types import Sample


class Learner:
    """What a step changes: the policy's weights."""

    def __init__(self, policy: Policy, recipe: SftRecipe) -> None:
        self.policy, self.recipe = policy, recipe
        self.optimizer = MasterOptimizer(policy.model, recipe.optimizer, recipe.model.storage)

    def update(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """One update on these rows: the sum of -log p over their response tokens / the number of them."""
        options = self.recipe.optimizer
        batch = collate(samples, self.policy.device)
        norm = aggregate.denominator("token", batch, 0)
        loss, rate = 0.0, self.optimizer.learning_rate
        for rows in batch.rows_by_token_budget(options.micro_batch_tokens):
            micro = batch.select(rows)
            stats = token_stats(self.policy, micro, 1.0, Wanted(layout="packed" if options.packed else "padded"))
            part = aggregate.reduce("token", -stats.logprobs_BT, micro, norm)
            part.backward()
            loss += part.item()
        lengths = batch.lengths_B.tolist()
        return {
            "loss": loss,
            "grad_norm": self.optimizer.update(),
            "learning_rate": rate,
            "num_tokens": sum(lengths),
            "response_tokens": int(norm),
            "padding_waste": padding_waste(lengths, options.micro_batch_tokens),
        }


def train(
    run: Run,
    data: str | None = None,
    advance: Callable[[int], None] = ignore,
    note: Callable[[str], None] = say_nothing,
) -> Policy:
    """Trains a run from its start or its last checkpoint to its last update, and writes RUN/model.

    `data` belongs to the task of an audit and is not read. Raises DataError for rows that cannot be learned, RunError
    where the rows have changed since the run began.
    """
    recipe = run.any_recipe
    assert isinstance(recipe, SftRecipe) and recipe.steps is not None
    restore_saved(run)
    check_unchanged(run, recipe.data)
    policy = load_trained(recipe.model, recipe.seed)
    trained, tested, left_out = _read(recipe, policy, note)
    learner = Learner(policy, recipe)
    budget = recipe.optimizer.micro_batch_tokens
    plan, counts = planned(trained, recipe)
    if recipe.token_budget is not None and len(plan) < recipe.steps and counts[-1] >= recipe.token_budget:
        note(f"the token budget is spent after {len(plan):,} of at most {recipe.steps:,} steps")
    if recipe.optimizer.packed:
        check_packing(policy, collate(trained[:4], policy.device))
    run.update_manifest(left_out=left_out, trained_on=len(trained))

    def update(step: int) -> dict[str, Any]:
        return learner.update([trained[place] for place in plan[step]]) | {"trained_tokens": counts[step]}

    def look() -> dict[str, Any]:
        return evaluate(policy, tested, budget) if tested else {}

    train_on_rows(run, recipe, learner.optimizer, len(plan), update, look, advance)
    finish(run, recipe, learner.optimizer, len(plan), look())
    policy.version = f"step-{len(plan)}"
    save_trained(run, policy, learner.optimizer, recipe.model)
    run.update_manifest(status="finished")
    return policy


def planned(samples: Sequence[Sample], recipe: SftRecipe) -> tuple[list[list[int]], list[int]]:
    """The rows of each update, and the response tokens trained on after each.

    There are as many updates as the recipe says, fewer where rows were too long, or up to the one with which the token
    budget is reached.
    """
    assert recipe.steps is not None
    plan: list[list[int]] = []
    counts: list[int] = []
    for rows in batches(samples, recipe.batch, recipe.epochs, recipe.seed)[: recipe.steps]:
        if recipe.token_budget is not None and counts and counts[-1] >= recipe.token_budget:
            break
        plan.append(rows)
        counts.append((counts[-1] if counts else 0) + sum(samples[row].length_tokens for row in rows))
    return plan, counts


@torch.no_grad()
def evaluate(policy: Policy, samples: Sequence[Sample], micro_batch_tokens: int) -> dict[str, Any]:
    """Loss, perplexity and accuracy over the response tokens of held-out rows, every token of the same weight.

    A token is right where it is the likeliest.
    """
    batch = collate(samples, policy.device)
    loss, right = 0.0, 0
    for rows in batch.rows_by_token_budget(micro_batch_tokens):
        micro = batch.select(rows)
        states_ND = states_of(policy, micro, "padded").flatten(0, 1).index_select(0, micro.predicting_index_N)
        targets_N = micro.token_ids_BT[micro.chosen]
        size = max(1, CHUNK_LOGITS // policy.vocabulary_size)
        for states_CD, targets_C in zip(states_ND.split(size), targets_N.split(size), strict=True):
            logits_CV = policy.logits(states_CD).float()
            loss += float(torch.nn.functional.cross_entropy(logits_CV, targets_C, reduction="sum"))
            right += int((logits_CV.argmax(dim=-1) == targets_C).sum())
    tokens = int(batch.mask_BT.sum())
    mean = loss / tokens
    return {
        "eval/loss": mean,
        "eval/perplexity": math.exp(mean) if mean < 700 else None,
        "eval/token_accuracy": right / tokens,
        "eval/tokens": tokens,
        "eval/rows": len(samples),
    }


def _read(
    recipe: SftRecipe, policy: Policy, note: Callable[[str], None]
) -> tuple[list[Sample], list[Sample], dict[str, int]]:
    """Rows to train on and held-out ones, and how many were left out."""
    train, test = recipe.data.files
    rows = read_demonstrations(train, test)
    options = (policy, recipe.model.template, recipe.data.max_tokens)
    trained, too_long = tokenize(rows.train, train, *options)
    tested, more = tokenize(rows.test, test or train, *options)
    if too_long + more:
        note(f"left out: {too_long + more:,} rows for their length")
    if rows.in_both:
        note(f"left out: {rows.in_both:,} rows of {test}, whose prompts are trained on")
    if unknown := with_unknown_tokens([*trained, *tested], policy):
        note(f"{unknown:,} rows hold text that {policy.name}'s tokenizer does not know and reads as one unknown token")
    return trained, tested, {"too_long": too_long + more, "in_both": rows.in_both}
