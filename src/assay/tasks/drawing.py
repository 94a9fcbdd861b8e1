"""Which prompts a training step takes: a function of the run's seed and the step alone, so nothing has to be saved."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from assay.errors import DataError
from assay.recipe import derive_seed
from assay.samples import read_samples
from assay.tasks import Task
from assay.types import Prompt


class PromptDeck:
    """Prompts of a task's train split, step by step; of these `rows` alone, where some are given.

    Generated tasks make new prompts for each step. Rows are dealt epoch by epoch, each epoch in an order of its own; a
    step may span two epochs.
    """

    def __init__(self, task: Task, seed: int, rows: Sequence[Prompt] | None = None) -> None:
        self.task, self.seed = task, seed
        is_endless = rows is None and task.size("train") is None
        self.rows = None if is_endless else task.prompts("train") if rows is None else rows
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


def chosen_prompts(task: Task, file: str | None, scorable: Iterable[frozenset[str] | None]) -> list[Prompt] | None:
    """The prompts that training is confined to, by problem; None where it is not.

    They are those that a sample file names and that every reward can score (None: all). Raises DataError where none is
    left, or where one is not of the train split.
    """
    sets = [each for each in scorable if each is not None]
    if file is not None:
        named = read_samples(Path(file), ()).frame["problem"].unique().to_list()
        sets.append(frozenset(training_prompt(task, problem, Path(file)).problem for problem in named))
    if not sets:
        return None
    problems = frozenset.intersection(*sets)
    if not problems:
        where = "reward.functions" if file is None else f"rollout.problems {file}"
        raise DataError(
            f"{where}: no problem is left that has a label for every reward; name files of the same problems"
        )
    return [task.prompt_of(problem) for problem in sorted(problems)]


def training_prompt(task: Task, problem: str, file: Path) -> Prompt:
    """The task's prompt with this identity. Raises DataError, naming the file, where it is not of the train split."""
    try:
        prompt = task.prompt_of(problem)
    except DataError as error:
        raise DataError(f"{file}: {error}") from None
    if prompt.split != "train":
        raise DataError(
            f"{file}: its problem {problem!r} is of the {prompt.split} split of {task.spec}, and training takes train "
            "problems only; sample some with: assay sample --split train"
        )
    return prompt
