"""One step's groups: prompts drawn, sampled, judged, rewarded, refilled, and credited."""

from dataclasses import replace
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
from assay.types import Group


class Experience:
    """Gathers what each step trains on. Everything random depends on the recipe's seed and the step alone."""

    def __init__(self, recipe: Recipe, algorithm: Algorithm, task: Task, engine: Engine, rewards: Rewards) -> None:
        self.recipe, self.algorithm, self.task, self.engine, self.rewards = recipe, algorithm, task, engine, rewards
        self.deck = PromptDeck(task, recipe.seed)
        self.empty_steps = 0

    def gather(self, step: int, clock: Clock) -> tuple[list[Group], dict[str, Any]]:
        """The groups of a step with their advantages, and its numbers: those of the first draw of prompts.

        With `refill`, groups whose rewards are all the same are replaced by further draws.
        """
        wanted = self.recipe.rollout.prompts
        groups, numbers = self.draw(step, 0, wanted, 0, clock)
        numbers = judging.batch_metrics(groups, clock.seconds["time/grading"]) | numbers
        if self.algorithm.refill:
            groups, counts = self.refill(groups, step, clock)
            numbers |= counts
        with clock("time/credit"):
            groups, counts = self.credit(groups, step)
            return judging.advantage(groups, self.algorithm), numbers | counts

    def draw(
        self, step: int, turn: int, prompts: int, first_id: int, clock: Clock
    ) -> tuple[list[Group], dict[str, Any]]:
        """Samples of new prompts with their rewards; `turn` counts the draws of a step from 0."""
        rollout = self.recipe.rollout
        with clock("time/rollout"):
            posed = self.deck.draw(step, prompts, turn)
            sampling = training_sampling(self.recipe, step, stop_of(self.task), turn)
            ids = range(first_id, first_id + len(posed))
            groups = self.engine.generate(posed, rollout.group, sampling, self.recipe.model.template, group_ids=ids)
        with clock("time/reward"):
            with clock("time/grading"):
                groups = judging.verify(groups, self.task)
            groups, numbers = self.rewards(groups, step)
            return judging.shape(groups, self.algorithm, rollout.max_new_tokens), numbers

    def refill(self, groups: list[Group], step: int, clock: Clock) -> tuple[list[Group], dict[str, Any]]:
        """Groups with spread, as many as there are prompts a step where the bound on draws allows, and the count.

        Raises RecipeError after some steps in a row without any.
        """
        wanted, drawn, turn = self.recipe.rollout.prompts, len(groups), 0
        kept = [group for group in groups if has_spread(group)]
        while len(kept) < wanted and turn < self.algorithm.refill:
            turn += 1
            more, _ = self.draw(step, turn, wanted - len(kept), drawn, clock)
            drawn += len(more)
            kept += [group for group in more if has_spread(group)]
        self.empty_steps = 0 if kept else self.empty_steps + 1
        if self.empty_steps >= BAD_STEPS:
            raise RecipeError(
                f"no group of the {BAD_STEPS} steps up to step {step} has rewards that differ, after {turn + 1} draws "
                "of prompts each, so dynamic sampling cannot fill a batch; take an easier or a harder rung, more "
                "samples a group (rollout.group), or algorithm.refill = 0"
            )
        return kept, {"refill/groups": len(kept), "refill/extra_prompts": drawn - wanted, "refill/draws": turn}

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
            lambda each: self.rewards(judging.verify(each, self.task), step)[0] if each else [],
            self.algorithm.value_rollouts,
            replace(sampling, seed=derive_seed(self.recipe.seed, "values", step)),
            self.recipe.model.template,
        )
        return groups, {"credit/samples": count}


def has_spread(group: Group) -> bool:
    """Whether a group's rewards differ."""
    return not advantages.are_constant([sample.reward for sample in group.samples])
