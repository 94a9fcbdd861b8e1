"""Reinforcement learning: sample, judge, update, and again. The loop of `train` is the whole story."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from assay.batch import collate
from assay.files import ignore, say_nothing
from assay.policies.load import Policy
from assay.policies.reward_model import check_tokenizer
from assay.recipe import Recipe
from assay.rewards import MODEL, label_files
from assay.rewards.scoring import Rewards
from assay.rollout.engine import Engine
from assay.rollout.rows import write_groups
from assay.store import Run, annotators_of
from assay.tasks import Task, make_task
from assay.tasks.drawing import chosen_prompts
from assay.training import judging
from assay.training.alarm import killed_alarm
from assay.training.checkpoint import load_checkpoint, save_checkpoint
from assay.training.choice import make_algorithm
from assay.training.clock import Clock
from assay.training.evaluation import evaluate
from assay.training.experience import Experience
from assay.training.learner import Learner, check_mismatch
from assay.training.mask import keep_mask
from assay.training.weights import load_trained, restore_saved, save_trained


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
    restore_saved(run)
    task = make_task(recipe.task, data)
    algorithm = make_algorithm(recipe.algorithm)
    policy = load_trained(recipe.model, recipe.seed)
    learner = Learner(recipe, algorithm, policy)
    engine = Engine(policy, slots=recipe.rollout.slots)

    keep_mask(run)
    run.keep_files(data_files(recipe))
    start = load_checkpoint(run, learner)
    run.keep_metrics_before(start)
    run.update_manifest(status="running")
    with (
        reporting(run, note) as report,
        rewards_of(recipe, task, report, algorithm.needs_reward) as rewards,
    ):
        check_reward_models(run, policy, rewards)
        rows = chosen_prompts(task, recipe.rollout.problems, rewards.scorable)
        experience = Experience(recipe, algorithm, task, engine, rewards, teacher_engine(run, learner), rows)
        for step in range(start, recipe.steps):
            clock = Clock()
            policy.version = f"step-{step}"
            metrics: dict[str, Any] = {"step": step}
            if is_due(step, recipe.evaluation.every):
                with clock("time/evaluation"):
                    metrics |= evaluate(engine, task, recipe, data)
            learner.begin(step)
            gathered = experience.gather(step, clock)
            metrics |= gathered.numbers
            with clock("time/train"):
                if samples := judging.trained_on(gathered.groups, algorithm.truncated, algorithm.needs_reward):
                    batch = learner.fix(collate(samples, policy.device), step)
                    metrics |= check_mismatch(batch, step, policy)
                    metrics |= learner.update(batch, step)
            metrics |= clock.seconds | {"step_time": clock.total}
            every = recipe.checkpoint.rollouts_every
            if is_due(step, every) or (every and step + 1 == recipe.steps):
                write_groups(run.rollout_file(step), [*gathered.groups, *gathered.replaced], task)
            record(run, note, metrics)
            if (step + 1) % recipe.checkpoint.every == 0 and step + 1 < recipe.steps:
                save_checkpoint(run, learner, step + 1, recipe.checkpoint.keep)
            advance(1)
    return finish(run, learner, engine, data)


def rewards_of(recipe: Recipe, task: Task, report: Callable[[str], None], needed: bool) -> Rewards:
    """The rewards that a recipe trains on."""
    device, dtype = recipe.model.device, recipe.model.dtype
    return Rewards(recipe.reward, task, recipe.seed, recipe.steps, report, needed, device, dtype)


def data_files(recipe: Recipe) -> list[Path | None]:
    """The sample files that say which problems are trained on, and with which labels."""
    problems = recipe.rollout.problems
    labels = [path for name in recipe.reward.functions for path in label_files(name)]
    return [None if problems is None else Path(problems), *labels]


def check_reward_models(run: Run, policy: Policy, rewards: Rewards) -> None:
    """Notes hashes and simulated annotators of reward models in the manifest.

    Raises where one cannot judge this policy, or has changed.
    """
    for reward_model in rewards.models.values():
        check_tokenizer(reward_model, policy)
    run.keep_same("reward_models", {name: each.version for name, each in rewards.models.items()})
    run.update_manifest(reward_annotators={name: annotators_of(name.removeprefix(MODEL)) for name in rewards.models})


def teacher_engine(run: Run, learner: Learner) -> Engine | None:
    """What the teacher answers prompts with, where it answers some; notes its hash in the manifest."""
    if learner.teacher is None:
        return None
    run.keep_same("teacher", {"model.teacher": learner.teacher.version})
    return Engine(learner.teacher, slots=run.recipe.rollout.slots) if learner.algorithm.taught_share else None


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


def finish(run: Run, learner: Learner, engine: Engine, data: str | None) -> Policy:
    """The last evaluation, the last checkpoint and the trained model."""
    recipe, policy = run.recipe, learner.policy
    policy.version = f"step-{recipe.steps}"
    run.keep_metrics_before(recipe.steps)
    if recipe.evaluation.every:
        run.append_metrics({"step": recipe.steps} | evaluate(engine, make_task(recipe.task, data), recipe, data))
    save_checkpoint(run, learner, recipe.steps, recipe.checkpoint.keep)
    save_trained(run, policy, learner.optimizer, recipe.model)
    run.update_manifest(status="finished")
    return policy


def is_due(step: int, every: int) -> bool:
    """Whether something done every so many steps is due before `step`; never where `every` is 0."""
    return every > 0 and step % every == 0
