"""One step's groups: prompts drawn, sampled, judged, rewarded, refilled, and credited."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

from assay.algorithms import advantages
from assay.algorithms.base import Algorithm
from assay.errors import RecipeError
from assay.recipe import Recipe, derive_seed, training_sampling
from assay.rewards.scoring import BAD_STEPS, Rewards
from assay.rollout.engine import Engine
from assay.tasks import Task, stop_of
from assay.tasks.drawing import PromptDeck
from assay.training import credit, judging
from assay.training.clock import Clock
from assay.types import Group, Prompt


@dataclass(frozen=True, slots=True)
class Gathered:
    """A step's groups to train on, those that were drawn and replaced, and numbers: of the first draw of prompts."""

    groups: list[Group]
    replaced: list[Group]
    numbers: dict[str, Any]


class Experience:
    """Gathers what each step trains on. Everything random depends on the recipe's seed and the step alone.

    `teacher` is the engine of the model that answers a share of the prompts, where the algorithm has one;
    `rows` are the only prompts that are drawn, where some are given.
    """

    def __init__(
        self,
        recipe: Recipe,
        algorithm: Algorithm,
        task: Task,
        engine: Engine,
        rewards: Rewards,
        teacher: Engine | None = None,
        rows: Sequence[Prompt] | None = None,
    ) -> None:
        self.recipe, self.algorithm, self.task, self.engine, self.rewards = recipe, algorithm, task, engine, rewards
        self.teacher = teacher
        self.deck = PromptDeck(task, recipe.seed, rows)
        self.empty_steps = 0

    def gather(self, step: int, clock: Clock) -> Gathered:
        """The groups of a step with their advantages.

        With `refill`, groups whose rewards are all the same are replaced by further draws.
        """
        groups, numbers = self.draw(step, 0, self.recipe.rollout.prompts, 0, clock)
        if own := [group for group in groups if not self.is_taught(group)]:
            numbers = judging.batch_metrics(own, clock.seconds["time/grading"]) | numbers
        if self.teacher is not None:
            numbers["distill/teacher_groups"] = len(groups) - len(own)
        replaced: list[Group] = []
        if self.algorithm.refill:
            groups, replaced, counts = self.refill(groups, step, clock)
            numbers |= counts
        with clock("time/credit"):
            groups, counts = self.credit(groups, step)
            return Gathered(judging.advantage(groups, self.algorithm), replaced, numbers | counts)

    def draw(
        self, step: int, turn: int, prompts: int, first_id: int, clock: Clock
    ) -> tuple[list[Group], dict[str, Any]]:
        """Samples of new prompts with their rewards; `turn` counts the draws of a step from 0."""
        rollout = self.recipe.rollout
        with clock("time/rollout"):
            posed = self.deck.draw(step, prompts, turn)
            numbered = dict(enumerate(posed, first_id))
            taught = {number: prompt for number, prompt in numbered.items() if self.is_left_to_teacher(prompt, step)}
            own = {number: prompt for number, prompt in numbered.items() if number not in taught}
            groups, lessons = self.sample(self.engine, own, step, turn), self.sample(self.teacher, taught, step, turn)
        numbers: dict[str, Any] = {}
        with clock("time/reward"):
            with clock("time/grading"):
                groups = judging.verify(groups, self.task)
            if groups:
                groups, numbers = self.rewards(groups, step)
            groups += judging.verify(lessons, self.task)
            return judging.shape(groups, self.algorithm, rollout.max_new_tokens), numbers

    def sample(self, engine: Engine | None, numbered: dict[int, Prompt], step: int, turn: int) -> list[Group]:
        """A group of each prompt, under its number."""
        if engine is None or not numbered:
            return []
        sampling = training_sampling(self.recipe, step, stop_of(self.task), turn)
        members, template = self.recipe.rollout.group, self.recipe.model.template
        return engine.generate(list(numbered.values()), members, sampling, template, group_ids=list(numbered))

    def is_left_to_teacher(self, prompt: Prompt, step: int) -> bool:
        """Whether the teacher answers this prompt of a step, by a chance of its own."""
        seed = derive_seed(self.recipe.seed, "teacher", step, prompt.problem)
        return self.teacher is not None and Random(seed).random() < self.algorithm.taught_share

    def is_taught(self, group: Group) -> bool:
        """Whether the teacher wrote it."""
        return self.teacher is not None and group.samples[0].policy == self.teacher.policy.version

    def refill(self, groups: list[Group], step: int, clock: Clock) -> tuple[list[Group], list[Group], dict[str, Any]]:
        """Groups to learn from, as many as a step has prompts where the bound on draws allows; the others; counts.

        Raises RecipeError after some steps in a row without any.
        """
        wanted, drawn, turn = self.recipe.rollout.prompts, list(groups), 0
        while (missing := wanted - sum(map(self.teaches, drawn))) > 0 and turn < self.algorithm.refill:
            turn += 1
            drawn += self.draw(step, turn, missing, len(drawn), clock)[0]
        kept = [group for group in drawn if self.teaches(group)]
        self.empty_steps = 0 if kept else self.empty_steps + 1
        if self.empty_steps >= BAD_STEPS:
            raise RecipeError(
                f"no group of the {BAD_STEPS} steps up to step {step} has rewards that differ, after {turn + 1} draws "
                "of prompts each, so dynamic sampling cannot fill a batch; take an easier or a harder rung, more "
                "samples a group (rollout.group), or algorithm.refill = 0"
            )
        counts = {"refill/groups": len(kept), "refill/extra_prompts": len(drawn) - wanted, "refill/draws": turn}
        return kept, [group for group in drawn if not self.teaches(group)], counts

    def teaches(self, group: Group) -> bool:
        """Whether a group's rewards differ, before the penalty for length, and something follows from that."""
        rewards = [sample.reward if sample.shaped_reward is not None else None for sample in group.samples]
        return not advantages.are_constant(rewards) and any(self.algorithm.group_advantages(group.samples))

    def credit(self, groups: list[Group], step: int) -> tuple[list[Group], dict[str, Any]]:
        """The groups with steps, where the algorithm credits steps apart; how many samples that took."""
        if self.algorithm.needs_step_verdicts:
            return credit.judged_steps(groups, self.task, self.engine.policy), {}
        if not self.algorithm.value_rollouts:
            return groups, {}
        sampling = training_sampling(self.recipe, step, stop_of(self.task))
        groups, count = credit.valued_steps(
            groups,
            self.task,
            self.engine,
            partial(self.judge, step),
            self.algorithm.value_rollouts,
            replace(sampling, seed=derive_seed(self.recipe.seed, "values", step)),
            self.recipe.model.template,
        )
        return groups, {"credit/samples": count}

    def judge(self, step: int, groups: Sequence[Group]) -> Sequence[Group]:
        """The groups with their rewards, shaped ones too."""
        if not groups:
            return groups
        rewarded, _ = self.rewards(judging.verify(groups, self.task), step)
        return judging.shape(rewarded, self.algorithm, self.recipe.rollout.max_new_tokens)
