"""Reinforcement learning: sample, judge, update, and again. The loop of `train` is the whole story."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any

import torch

from assay.algorithms import ALGORITHMS, aggregate
from assay.algorithms.grpo import Grpo
from assay.batch import Batch, collate, padding_waste
from assay.errors import RunError
from assay.files import ignore, restore_directory
from assay.policies.load import Policy, load_policy
from assay.policies.save import save_policy
from assay.policies.stats import token_stats
from assay.recipe import AlgorithmTable, Recipe, derive_seed, training_sampling
from assay.registry import resolve
from assay.rewards.scoring import Rewards
from assay.rollout.engine import Engine
from assay.rollout.rows import write_groups
from assay.rollout.under_file import say_nothing
from assay.store import Run
from assay.tasks import make_task, stop_of
from assay.tasks.drawing import PromptDeck
from assay.training import judging
from assay.training.alarm import killed_alarm
from assay.training.checkpoint import load_checkpoint, save_checkpoint
from assay.training.evaluation import evaluate
from assay.training.optimizer import MasterOptimizer

MISMATCH_LIMIT = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Largest mean difference, in nats a token, between engine's and policy's log-probabilities of a step's samples."""


def train(
    run: Run,
    data: str | None = None,
    advance: Callable[[int], None] = ignore,
    note: Callable[[str], None] = say_nothing,
) -> Policy:
    """Trains a run from its start or its last checkpoint to its last step, and writes RUN/model.

    Everything random depends on the recipe's seed and the step alone. `advance` is called after each step, `note` with
    what a user's code raised.
    """
    recipe = run.recipe
    restore_directory(run.model)
    task = make_task(recipe.task, data)
    deck = PromptDeck(task, recipe.seed)
    policy = load_policy(recipe.model.base, recipe.model.device, recipe.model.dtype)
    reference = (
        load_policy(recipe.model.base, recipe.model.device, recipe.model.dtype) if needs_reference(recipe) else None
    )
    algorithm = make_algorithm(recipe.algorithm)
    engine = Engine(policy, slots=recipe.rollout.slots)
    optimizer = MasterOptimizer(policy.model, recipe.optimizer)

    start = load_checkpoint(run, optimizer)
    run.keep_metrics_before(start)
    run.update_manifest(status="running")
    with reporting(run, note) as report, Rewards(recipe.reward, recipe.steps, report) as rewards:
        for step in range(start, recipe.steps):
            clock = Clock()
            policy.version = f"step-{step}"
            metrics: dict[str, Any] = {"step": step}
            if is_due(step, recipe.evaluation.every):
                with clock("time/evaluation"):
                    metrics |= evaluate(engine, task, recipe, data)
            with clock("time/rollout"):
                prompts = deck.draw(step, recipe.rollout.prompts)
                sampling = training_sampling(recipe, step, stop_of(task))
                groups = engine.generate(prompts, recipe.rollout.group, sampling, recipe.model.template)
            with clock("time/reward"):
                with clock("time/grading"):
                    groups = judging.verify(groups, task)
                groups, numbers = rewards(groups, step)
                groups = judging.advantage(groups, algorithm, recipe.algorithm.truncated)
                metrics |= judging.batch_metrics(groups, clock.seconds["time/grading"]) | numbers
            with clock("time/train"):
                samples = judging.trained_on(groups, recipe.algorithm.truncated)
                if samples:
                    several = recipe.algorithm.updates > 1
                    batch = collate(samples, policy.device)
                    batch = with_fixed_logprobs(batch, policy if several or step == 0 else None, reference, recipe)
                    metrics |= check_mismatch(batch, step, policy.dtype)
                    metrics |= update_phase(policy, optimizer, algorithm, batch, recipe, step)
            metrics |= clock.seconds | {"step_time": clock.total}
            if is_due(step, recipe.checkpoint.rollouts_every):
                write_groups(run.rollout_file(step), groups, task)
            record(run, note, metrics)
            if (step + 1) % recipe.checkpoint.every == 0 and step + 1 < recipe.steps:
                save_checkpoint(run, optimizer, step + 1, recipe.checkpoint.keep)
            advance(1)
    return finish(run, policy, optimizer, engine, data)


def record(run: Run, note: Callable[[str], None], metrics: dict[str, Any]) -> None:
    """Keeps a step's numbers, and tells where they are alarming."""
    if alarm := killed_alarm(run.read_metrics(), metrics):
        report_failure(run, note, alarm)
    run.append_metrics(metrics)


def report_failure(run: Run, note: Callable[[str], None], text: str) -> None:
    """Keeps in the run, and tells, what is wrong with its rewards."""
    run.append_error(text)
    note(text)


@contextmanager
def reporting(run: Run, note: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Yields what reports a failure; inside, what a verifier raised, which is logged, is reported too."""
    report = partial(report_failure, run, note)
    handler, log = logging.Handler(logging.ERROR), logging.getLogger("assay")
    handler.emit = lambda record: report(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    try:
        yield report
    finally:
        log.removeHandler(handler)


def finish(run: Run, policy: Policy, optimizer: MasterOptimizer, engine: Engine, data: str | None) -> Policy:
    """The last evaluation, the last checkpoint and the trained model."""
    recipe = run.recipe
    policy.version = f"step-{recipe.steps}"
    run.keep_metrics_before(recipe.steps)
    if recipe.evaluation.every:
        run.append_metrics({"step": recipe.steps} | evaluate(engine, make_task(recipe.task, data), recipe, data))
    save_checkpoint(run, optimizer, recipe.steps, recipe.checkpoint.keep)
    save_policy(policy, run.model)
    run.update_manifest(status="finished")
    return policy


def make_algorithm(options: AlgorithmTable) -> Grpo:
    """The algorithm that a recipe names, with its options."""
    chosen = options.model_dump(exclude={"name", "updates", "truncated"})
    algorithm: Grpo = resolve(ALGORITHMS[options.name])(**chosen)
    return algorithm


def needs_reference(recipe: Recipe) -> bool:
    """Whether the loss compares with the base."""
    return recipe.algorithm.kl_coef > 0


def is_due(step: int, every: int) -> bool:
    """Whether something done every so many steps is due before `step`; never where `every` is 0."""
    return every > 0 and step % every == 0


def with_fixed_logprobs(batch: Batch, old: Policy | None, reference: Policy | None, recipe: Recipe) -> Batch:
    """The batch with old and reference log-probabilities: once, without gradient, before the first update.

    With one update a batch the old policy is the policy itself and need not be asked, except to check the engine.
    """
    return batch.with_logprobs(
        old_BT=fixed_logprobs(batch, old, recipe) if old else None,
        reference_BT=fixed_logprobs(batch, reference, recipe) if reference else None,
    )


@torch.no_grad()
def fixed_logprobs(batch: Batch, policy: Policy, recipe: Recipe) -> torch.Tensor:
    """What a policy says of the whole batch, [B, T], in micro-batches."""
    found_BT = torch.zeros_like(batch.behaviour_BT)
    for rows in batch.rows_by_token_budget(recipe.optimizer.micro_batch_tokens):
        micro = batch.select(rows)
        stats = token_stats(policy, micro, recipe.rollout.temperature)
        found_BT[rows, : micro.mask_BT.shape[1]] = stats.logprobs_BT
    return found_BT


def check_mismatch(batch: Batch, step: int, dtype: torch.dtype) -> dict[str, float]:
    """Engine against policy on the same tokens; raises RunError where they are not the same model.

    Catches stale weights, a wrong temperature and unmerged adapters at the first step. Only known where the old
    log-probabilities were computed anew.
    """
    if batch.old_BT is None:
        return {}
    difference = (batch.old_BT - batch.behaviour_BT).abs()[batch.mask_BT]
    found = {
        "sampling/sampling_logp_difference/mean": float(difference.mean()),
        "sampling/sampling_logp_difference/max": float(difference.max()),
    }
    limit = MISMATCH_LIMIT.get(dtype, 0.1)
    if found["sampling/sampling_logp_difference/mean"] > limit:
        raise RunError(
            f"step {step}: the engine's log-probabilities differ from the policy's by "
            f"{difference.mean():.3g} nats a token on average (limit {limit}); the engine does not serve this model "
            "as it is trained: check the model's dtype and adapters"
        )
    return found


def update_phase(
    policy: Policy, optimizer: MasterOptimizer, algorithm: Grpo, batch: Batch, recipe: Recipe, step: int
) -> dict[str, Any]:
    """The updates of one step, and their diagnostics averaged over all tokens seen."""
    generator = torch.Generator().manual_seed(derive_seed(recipe.seed, "minibatches", step))
    budget, aggregation = recipe.optimizer.micro_batch_tokens, recipe.algorithm.aggregation
    sums: dict[str, float] = {}
    tokens, loss, norms, wastes = 0, 0.0, [], []
    learning_rate = optimizer.learning_rate
    for minibatch in batch.minibatches(recipe.algorithm.updates, generator):
        norm = aggregate.denominator(aggregation, minibatch, recipe.rollout.max_new_tokens)
        for rows in minibatch.rows_by_token_budget(budget):
            micro = minibatch.select(rows)
            stats = token_stats(policy, micro, recipe.rollout.temperature, entropy=True)
            term = algorithm.loss(stats, micro)
            part = aggregate.reduce(aggregation, term.value_BT, micro, norm)
            part.backward()
            loss += part.item()
            assert stats.entropy_BT is not None
            for name, value_BT in (term.diagnostics_BT | {"entropy": stats.entropy_BT}).items():
                sums[name] = sums.get(name, 0.0) + float((value_BT * micro.mask_BT).sum())
            tokens += int(micro.mask_BT.sum())
        wastes.append(padding_waste(minibatch.lengths_B.tolist(), budget))
        norms.append(optimizer.update())
    return {name: value / tokens for name, value in sums.items()} | {
        "loss": loss / len(norms),
        "grad_norm": sum(norms) / len(norms),
        "learning_rate": learning_rate,
        "num_tokens": int(batch.lengths_B.sum()),
        "padding_waste": sum(wastes) / len(wastes),
    }


class Clock:
    """Seconds by part of a step."""

    def __init__(self) -> None:
        self.began = perf_counter()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to `name`."""
        start = perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start

    @property
    def total(self) -> float:
        """Seconds since the step began."""
        return perf_counter() - self.began
