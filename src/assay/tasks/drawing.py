"""Which prompts a training step takes: a function of the run's seed and the step alone, so nothing has to be saved."""

from random import Random

from assay.errors import DataError
from assay.recipe import derive_seed
from assay.tasks import Task
from assay.types import Prompt


class PromptDeck:
    """Prompts of a task's train split, step by step.

    Generated tasks make new prompts for each step. Rows are dealt epoch by epoch, each epoch in an order of its own; a
    step may span two epochs.
    """

    def __init__(self, task: Task, seed: int) -> None:
        self.task, self.seed = task, seed
        self.rows = None if task.size("train") is None else task.prompts("train")
        if self.rows is not None and not self.rows:
            raise DataError(f"task {task.spec}: has no rows to train on")

    def draw(self, step: int, count: int, turn: int = 0) -> list[Prompt]:
        """The `count` prompts of `step` (from 0). Later turns of a step give others, of rows at random."""
        place = ("prompts", step, turn) if turn else ("prompts", step)
        if self.rows is None:
            return self.task.prompts("train", count, derive_seed(self.seed, *place))
        if turn:
            return Random(derive_seed(self.seed, *place)).choices(self.rows, k=count)
        places = range(step * count, (step + 1) * count)
        return [self.rows[self._order(place // len(self.rows))[place % len(self.rows)]] for place in places]

    def _order(self, epoch: int) -> list[int]:
        assert self.rows is not None
        order = list(range(len(self.rows)))
        Random(derive_seed(self.seed, "epoch", epoch)).shuffle(order)
        return order
