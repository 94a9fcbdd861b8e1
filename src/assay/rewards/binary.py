"""Rewards of 1 or 0: the task's verdict, and controls that do not ask whether a response is right (decision 0016).

The controls are those of Shao et al. 2025 (arXiv 2506.10947, section 2.2): what a policy gains from them, it does not
owe to the true reward. What they say never depends on whether an answer is right.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random

from assay.errors import RecipeError
from assay.recipe import derive_seed
from assay.rewards.calls import Failure
from assay.rewards.signatures import Value
from assay.tasks import Task
from assay.types import Group, Sample, Score, Verdict

CHANCE = 0.5
"""Of a random reward, where the recipe gives none: the paper's."""


class Binary(ABC):
    """A reward that is 1 or 0; None or a Failure where that is unknown.

    `name` is what the recipe calls it and `argument` what stands behind the colon; `seed` is the run's.
    """

    def __init__(self, name: str, argument: str, task: Task, seed: int) -> None:
        self.name, self.argument, self.task, self.seed = name, argument, task, seed
        self.read_argument()

    def read_argument(self) -> None:
        """Raises RecipeError or DataError where the argument cannot be meant; most take none."""
        if self.argument:
            own = self.name.partition(":")[0]
            raise RecipeError(f"reward {self.name}: takes nothing behind a colon; write {own}")

    def __call__(self, groups: Sequence[Group], step: int) -> list[Value]:
        """A value for each sample, in order."""
        return [value for group in groups for value in self.of(group, step)]

    @abstractmethod
    def of(self, group: Group, step: int) -> list[Value]:
        """A value for each sample of a group, drawn in `step` of the run."""

    def problems(self) -> frozenset[str] | None:
        """The problems that it can score; None for all."""
        return None

    def logged(self, groups: Sequence[Group]) -> list[tuple[str, float | None]]:
        """Names and numbers to log beside the values, of which the mean is taken; None where one is unknown."""
        return []


def worth(score: Score) -> float | None:
    """What a verdict is worth in training: right 1, wrong 0; unknown is not scored."""
    return {Verdict.RIGHT: 1.0, Verdict.WRONG: 0.0, Verdict.UNKNOWN: None}[score.verdict]


class GroundTruth(Binary):
    """The task's own verdict: right 1, wrong 0; a Failure with its reason where that is unknown."""

    def of(self, group: Group, step: int) -> list[Value]:
        """What each sample's verdict is worth."""
        scores = [sample.scores["true"] for sample in group.samples]
        return [_unknown(score) if score.correct is None else worth(score) for score in scores]


def _unknown(score: Score) -> Failure:
    return Failure(f"could not judge a response: {score.reason}", "unknown")


def answer_of(sample: Sample) -> str | Failure | None:
    """The answer that the task's verifier read; None where there was none, a Failure where it does not say."""
    score = sample.scores["true"]
    if score.answer is not None or score.verdict is Verdict.WRONG:
        return score.answer
    if score.verdict is Verdict.UNKNOWN:
        return _unknown(score)
    return Failure("the task's verifier does not say which answer it reads, so there is none to go by", "no answers")


class Format(Binary):
    """1 where the response has a readable answer, right or wrong."""

    def of(self, group: Group, step: int) -> list[Value]:
        """Of each sample, whether the verifier read an answer."""
        answers = [answer_of(sample) for sample in group.samples]
        return [answer if isinstance(answer, Failure) else float(answer is not None) for answer in answers]


class Chance(Binary):
    """1 with a fixed chance, whatever the response: a function of the run's seed, step, problem and member."""

    def read_argument(self) -> None:
        """The chance. Raises RecipeError."""
        try:
            self.chance = float(self.argument or CHANCE)
        except ValueError:
            self.chance = -1.0
        if not 0 <= self.chance <= 1:
            raise RecipeError(f"reward {self.name}: expected a chance from 0 to 1 behind the colon, as in random:0.3")

    def of(self, group: Group, step: int) -> list[Value]:
        """A draw for each sample."""
        places = [(self.seed, "random reward", step, group.prompt.problem, each.member) for each in group.samples]
        return [float(Random(derive_seed(*place)).random() < self.chance) for place in places]


class Nothing(Binary):
    """0 for every response, so that nothing is learned from it."""

    def of(self, group: Group, step: int) -> list[Value]:
        """0 for each sample."""
        return [0.0 for _ in group.samples]


class Strategy(Binary):
    """1 where the response goes about it in the way named, by the task's own labels; None where these do not say."""

    def read_argument(self) -> None:
        """The strategy's name. Raises RecipeError where there is none."""
        if not self.argument:
            raise RecipeError(f"reward {self.name}: names no strategy; write strategy:NAME, as in strategy:code")

    def of(self, group: Group, step: int) -> list[Value]:
        """Of each sample, whether its strategy is the one named."""
        found = [self.task.labels(group.prompt, sample.text).strategy for sample in group.samples]
        return [None if strategy is None else float(strategy == self.argument) for strategy in found]
